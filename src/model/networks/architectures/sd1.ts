import { clip } from '../topology/text.ts'
import { evenDepths, type UnetConfig } from '../topology/unet.ts'
import { VAE_KL_F8 } from '../topology/vae.ts'
import { type Architecture, clipText, type Latents, unet, vae } from './architecture.ts'

/** configs/stable-diffusion/v1-inference.yaml of CompVis/stable-diffusion. */
export const SD1_UNET: UnetConfig = {
  inChannels: 4,
  outChannels: 4,
  channels: 320,
  widths: [320, 640, 1280, 1280],
  ...evenDepths([1, 1, 1, 0], 2),
  depthMid: 1,
  context: 768,
  linear: false,
}

export const SD_LATENT: Latents = { space: 'sd', channels: 4, scale: 0.18215, shift: 0 }

export const sd1: Architecture = {
  id: 'stable-diffusion-v1',
  title: 'Stable Diffusion 1.x',
  modelspec: 'stable-diffusion-v1',
  network: { kind: 'unet', config: SD1_UNET },
  components: [
    unet(SD1_UNET),
    clipText('clip_l', 'cond_stage_model.transformer.', clip(768, 12)),
    vae(VAE_KL_F8),
  ],
  prediction: 'epsilon',
  resolution: 512,
  latent: SD_LATENT,
  variants: [
    {
      id: 'inpainting',
      title: 'inpainting',
      modelspec: 'stable-diffusion-v1-inpainting',
      unet: { inChannels: 9 },
    },
    { id: 'instruct-pix2pix', title: 'InstructPix2Pix', unet: { inChannels: 8 } },
    {
      id: 'altdiffusion',
      title: 'AltDiffusion',
      marker: 'cond_stage_model.roberta.embeddings.word_embeddings.weight',
    },
  ],
}
