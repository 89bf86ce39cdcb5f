/** What commands do with the values of weights: every quantised format needs a decision about each. */
export const QUANTISED_OPERATIONS = [
  'copy',
  'cast',
  'relayout',
  'replace',
  'diff',
  'extract lora',
  'merge',
  'merge-lora',
  'bake-vae',
  'lora',
  'embeddings',
  'render',
] as const

export type QuantisedOperation = (typeof QUANTISED_OPERATIONS)[number]

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
