import type { Architecture } from './architecture.ts'
import { SD_LATENT } from './sd1.ts'

/** Models that are recognised by one key each, so that `inspect` can name them. Their keys are not checked. */

export const svd: Architecture = {
  id: 'stable-video-diffusion',
  title: 'Stable Video Diffusion',
  network: { kind: 'named', component: 'unet' },
  proofs: [{ layout: 'ldm', keys: ['input_blocks.1.0.time_stack.in_layers.0.weight'] }],
  components: [],
  prediction: 'edm-v',
  latent: SD_LATENT,
  variants: [],
}

/** Latents of 3-bit codes at 1/42 of the size; no VAE in the sense of the others. */
export const cascade: Architecture = {
  id: 'stable-cascade',
  title: 'Stable Cascade stage C',
  network: { kind: 'named', component: 'unet' },
  proofs: [{ layout: 'ldm', keys: ['clip_txt_mapper.weight'] }],
  components: [],
  prediction: 'epsilon',
  latent: { space: 'cascade', channels: 16, scale: 1, shift: 0 },
  variants: [],
}
