import type { Modifier } from './algorithm.ts'

/**
 * Weight-decomposed adaptation: the changed weight is scaled to a stored norm. `dora_scale` of shape
 * (1, I[, 1, 1]) is one norm for each input, (O, 1[, 1, 1]) or PEFT's (O,) one for each output.
 */
export const dora: Modifier = {
  id: 'dora',
  title: 'DoRA',
  spellings: [
    { suffix: 'dora_scale', role: 'dora_scale' },
    { suffix: 'lora_magnitude_vector', role: 'dora_scale' },
    { suffix: 'lora_magnitude_vector.weight', role: 'dora_scale' },
  ],
  shownBy: ['dora_scale'],
  of: ['lora', 'loha', 'lokr', 'glora', 'oft', 'boft'],
}
