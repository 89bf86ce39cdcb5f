/** What commands do with the values of weights, and so what every quantised format has to have a decision about. */
export const QUANTISED_OPERATIONS = {
  copy: 'be copied',
  cast: 'be cast to another type',
  relayout: 'be given the names and shapes of another layout',
  replace: 'have their values replaced by others',
  diff: 'be compared with weights stored in another way',
  'extract lora': 'be taken from each other for a LoRA',
  merge: 'be blended',
  'merge-lora': 'have LoRAs merged into them',
  'bake-vae': 'be baked in as a VAE',
  lora: 'be worked on as factors of a LoRA',
  embeddings: 'be read as token vectors',
  render: 'be drawn with',
} as const

export type QuantisedOperation = keyof typeof QUANTISED_OPERATIONS

/**
 * `values`: the stored numbers are the weights. `carried`: the bytes mean the same wherever they go, and no value is
 * looked at. `refused`: the result would be wrong, as nothing decodes the format yet.
 */
export type Decision = 'values' | 'carried' | 'refused'

export type Decisions = Readonly<Record<QuantisedOperation, Decision>>

/** Formats whose numbers are the weights. */
export const NUMBERS: Decisions = {
  copy: 'carried',
  cast: 'values',
  relayout: 'values',
  replace: 'values',
  diff: 'values',
  'extract lora': 'values',
  merge: 'values',
  'merge-lora': 'values',
  'bake-vae': 'values',
  lora: 'values',
  embeddings: 'values',
  render: 'values',
}

/** Formats whose codes, scales and descriptions are tensors, and can go together wherever tensors go. */
export const CODES: Decisions = {
  copy: 'carried',
  cast: 'refused',
  relayout: 'refused',
  replace: 'refused',
  diff: 'refused',
  'extract lora': 'refused',
  merge: 'refused',
  'merge-lora': 'refused',
  'bake-vae': 'refused',
  lora: 'refused',
  embeddings: 'refused',
  render: 'refused',
}

/** Formats that are types of their container, which no other container has. */
export const BLOCKS: Decisions = { ...CODES, copy: 'refused' }
