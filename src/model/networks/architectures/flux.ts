import type { FluxConfig } from '../topology/dit.ts'
import { clip } from '../topology/text.ts'
import { VAE_16 } from '../topology/vae.ts'
import { type Architecture, clipText, flux, t5Text, vae } from './architecture.ts'

/** black-forest-labs/flux, util.py. */
const FLUX_DEV: FluxConfig = {
  hidden: 3072,
  headDim: 128,
  doubleBlocks: 19,
  singleBlocks: 38,
  inChannels: 64, // 16 latent channels x 2x2 patch
  outChannels: 64,
  context: 4096,
  vector: 768,
  guidance: true,
}

/** The all-in-one files of ComfyUI; Flux was published with its parts in files of their own. */
export const fluxDev: Architecture = {
  id: 'flux-1-dev',
  title: 'Flux.1',
  modelspec: 'flux-1-dev',
  network: { kind: 'flux', config: FLUX_DEV },
  components: [
    flux(FLUX_DEV),
    clipText('clip_l', 'text_encoders.clip_l.transformer.', clip(768, 12)),
    t5Text('text_encoders.t5xxl.transformer.'),
    vae(VAE_16, 'vae.'),
  ],
  prediction: 'flow',
  resolution: 1024,
  latent: { space: 'flux', channels: 16, scale: 0.3611, shift: 0.1159 },
  variants: [
    { id: 'schnell', title: 'schnell', modelspec: 'flux-1-schnell', flux: { guidance: false } },
    { id: 'fill', title: 'fill', flux: { inChannels: 384 } },
    { id: 'control', title: 'canny or depth', flux: { inChannels: 128 } },
  ],
}

/** A pruned schnell whose modulation comes from one small network; recognised by name only. */
export const chroma: Architecture = {
  id: 'chroma',
  title: 'Chroma',
  modelspec: 'chroma',
  network: { kind: 'named', component: 'dit', marker: 'distilled_guidance_layer.in_proj.weight' },
  components: [],
  prediction: 'flow',
  latent: fluxDev.latent,
  variants: [],
}
