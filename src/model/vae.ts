import type { Finding } from '../tensor/table.ts'

export type VaeLayout = 'ldm' | 'diffusers' | 'taesd'

export interface VaeInfo {
  readonly layout: VaeLayout
  readonly title: string
  /** What stands before `encoder.` and `decoder.` in the keys: '', `first_stage_model.`, `vae.`. */
  readonly prefix: string
  readonly encoder: boolean
  readonly decoder: boolean
  readonly latentChannels?: number
  /** Pixels per latent pixel. */
  readonly downscale?: number
  /** Tensors of the VAE itself; training leftovers are not counted. */
  readonly tensors: number
  /** `loss.*` and `model_ema.*` keys of a training file. */
  readonly leftovers: readonly string[]
  /** Architectures that use such a VAE; shapes cannot tell SD 1.x, 2.x and SDXL apart. */
  readonly architectures: readonly string[]
  readonly findings: readonly Finding[]
}
