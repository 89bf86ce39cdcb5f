import type { MmditConfig } from '../topology/dit.ts'
import { clip } from '../topology/text.ts'
import { VAE_16 } from '../topology/vae.ts'
import { type Architecture, clipText, mmdit, t5Text, vae } from './architecture.ts'

const SD3_MEDIUM: MmditConfig = {
  depth: 24,
  inChannels: 16,
  positions: 36864, // 192 x 192
  context: 4096,
  vector: 2048, // pooled CLIP-L 768 + CLIP-G 1280
  qkNorm: false,
  dualBlocks: 0,
}

function stableDiffusion3(id: string, title: string, config: MmditConfig): Omit<Architecture, 'modelspec'> {
  return {
    id,
    title,
    network: { kind: 'mmdit', config },
    components: [
      mmdit(config),
      clipText('clip_l', 'text_encoders.clip_l.transformer.', clip(768, 12, true)),
      clipText('clip_g', 'text_encoders.clip_g.transformer.', clip(1280, 32, true)),
      t5Text('text_encoders.t5xxl.transformer.'),
      vae(VAE_16),
    ],
    prediction: 'flow',
    resolution: 1024,
    latent: { space: 'sd3', channels: 16, scale: 1.5305, shift: 0.0609 },
    variants: [],
  }
}

export const sd3Medium: Architecture = {
  ...stableDiffusion3('stable-diffusion-v3-medium', 'Stable Diffusion 3 medium', SD3_MEDIUM),
  modelspec: 'stable-diffusion-v3-medium',
}

export const sd35Medium: Architecture = stableDiffusion3(
  'stable-diffusion-v3.5-medium',
  'Stable Diffusion 3.5 medium',
  { ...SD3_MEDIUM, positions: 147456, qkNorm: true, dualBlocks: 13 }, // 384 x 384
)

export const sd35Large: Architecture = stableDiffusion3(
  'stable-diffusion-v3.5-large',
  'Stable Diffusion 3.5 large',
  { ...SD3_MEDIUM, depth: 38, qkNorm: true },
)
