import { type Algorithm, dim, flatColumns, kernelOf, type Parts, targetShape, times } from './algorithm.ts'

/**
 * dW = alpha/r * up @ down. LoCon is the same on convolutions, with the kernel in `lora_down` or, in the Tucker
 * form, in `lora_mid`. PEFT's embedding layers hold the transposed product and keep roles of their own.
 *
 * | tensor     | linear | conv            | Tucker          |
 * | lora_down  | (r, I) | (r, I, kh, kw)  | (r2, I, 1, 1)   |
 * | lora_mid   |        |                 | (r1, r2, kh, kw)|
 * | lora_up    | (O, r) | (O, r, 1, 1)    | (O, r1, 1, 1)   |
 */
export const lora: Algorithm = {
  id: 'lora',
  title: 'LoRA',
  spellings: [
    // kohya-ss, A1111, LyCORIS
    { suffix: 'lora_down.weight', role: 'lora_down' },
    { suffix: 'lora_up.weight', role: 'lora_up' },
    { suffix: 'lora_mid.weight', role: 'lora_mid' },
    { suffix: 'reshape_weight', role: 'reshape_weight' },
    // PEFT, newer diffusers; without `.weight` in Mochi and PEFT embedding layers
    { suffix: 'lora_A.weight', role: 'lora_down' },
    { suffix: 'lora_B.weight', role: 'lora_up' },
    { suffix: 'lora_B.bias', role: 'diff_b' },
    { suffix: 'lora_A', role: 'lora_down' },
    { suffix: 'lora_B', role: 'lora_up' },
    { suffix: 'lora_embedding_A', role: 'embedding_down' },
    { suffix: 'lora_embedding_B', role: 'embedding_up' },
    // diffusers 0.2x: UNet, text encoders
    { suffix: 'lora.down.weight', role: 'lora_down' },
    { suffix: 'lora.up.weight', role: 'lora_up' },
    { suffix: 'lora_linear_layer.down.weight', role: 'lora_down' },
    { suffix: 'lora_linear_layer.up.weight', role: 'lora_up' },
    // attention processors (`to_q_lora.down.weight`: see modules.ts), XLabs, USO, SAI control-lora
    { suffix: 'down.weight', role: 'lora_down', trust: 'weak' },
    { suffix: 'up.weight', role: 'lora_up', trust: 'weak' },
    { suffix: 'down', role: 'lora_down', trust: 'weak' },
    { suffix: 'up', role: 'lora_up', trust: 'weak' },
    // A1111-era trainers: replaces alpha/rank
    { suffix: 'scale', role: 'scale', trust: 'companion' },
    // LyCORIS: a residual added before alpha, dense or sparse (COO)
    { suffix: 'bias', role: 'bias', trust: 'companion' },
    { suffix: 'bias_indices', role: 'bias_indices', trust: 'companion' },
    { suffix: 'bias_values', role: 'bias_values', trust: 'companion' },
    { suffix: 'bias_size', role: 'bias_size', trust: 'companion' },
  ],
  required: [
    ['lora_down', 'lora_up'],
    ['embedding_down', 'embedding_up'],
  ],
  optional: [
    'lora_mid',
    'alpha',
    'scale',
    'dora_scale',
    'reshape_weight',
    'diff_b',
    'bias',
    'bias_indices',
    'bias_values',
    'bias_size',
  ],
  rank: (parts) => dim(parts, 'lora_down', 0) ?? dim(parts, 'embedding_down', 0),
  target,
  misfit,
}

function target(parts: Parts) {
  // embedding: A is (r, rows of the table), B is (width, r); the weight is (rows, width)
  if (parts.has('embedding_down')) {
    return targetShape(dim(parts, 'embedding_down', 1), dim(parts, 'embedding_up', 0))
  }
  const kernel = parts.has('lora_mid') ? kernelOf(parts, 'lora_mid') : kernelOf(parts, 'lora_down')
  const columns = parts.has('lora_mid')
    ? times(dim(parts, 'lora_down', 1), kernel?.[0], kernel?.[1])
    : flatColumns(parts, 'lora_down')
  return targetShape(dim(parts, 'lora_up', 0), columns, kernel)
}

function misfit(parts: Parts): string | undefined {
  const prefix = parts.has('embedding_down') ? 'embedding' : 'lora'
  const down = dim(parts, `${prefix}_down`, 0)
  const up = dim(parts, `${prefix}_up`, 1)
  if (up === undefined) return 'its up factor is no matrix'
  if (parts.has('lora_mid')) {
    const [midUp, midDown] = [dim(parts, 'lora_mid', 0), dim(parts, 'lora_mid', 1)]
    return midUp === up && midDown === down
      ? undefined
      : `lora_mid joins ranks ${midUp} and ${midDown}, but up and down have ${up} and ${down}`
  }
  return up === down ? undefined : `up has rank ${up}, down has rank ${down}`
}
