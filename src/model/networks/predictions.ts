/** What networks predict at each step, with the words for people. */
export const PREDICTIONS = {
  epsilon: 'noise (epsilon)',
  v: 'velocity (v)',
  edm: 'denoised image (EDM)',
  'edm-v': 'velocity with EDM noise levels',
  flow: 'flow',
  x0: 'denoised image (x0)',
} as const

export type PredictionType = keyof typeof PREDICTIONS
