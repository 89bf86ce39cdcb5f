export const PREDICTIONS = {
  epsilon: 'noise (epsilon)',
  v: 'velocity (v)',
  edm: 'denoised image (EDM)',
  'edm-v': 'velocity with EDM noise levels',
  flow: 'flow',
  x0: 'denoised image (x0)',
} as const

export type PredictionType = keyof typeof PREDICTIONS

/** What the network predicts, and why we think so. */
export interface Prediction {
  readonly type: PredictionType
  /** In plain words: "marker tensor v_pred". */
  readonly evidence: string
  /** The schedule ends in pure noise (`ztsnr`). */
  readonly zeroTerminalSnr?: true
  /** EDM models that store it (`edm_vpred.sigma_max`). */
  readonly sigmaMax?: number
}
