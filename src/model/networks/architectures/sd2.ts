import type { PredictionType } from '../predictions.ts'
import { clip } from '../topology/text.ts'
import { evenDepths, type UnetConfig } from '../topology/unet.ts'
import { VAE_KL_F4, VAE_KL_F8 } from '../topology/vae.ts'
import { type Architecture, openClipText, unet, type Variant, vae } from './architecture.ts'
import { SD_LATENT, SD1_UNET } from './sd1.ts'

/** configs/stable-diffusion/v2-inference.yaml of Stability-AI/stablediffusion. */
export const SD2_UNET: UnetConfig = { ...SD1_UNET, context: 1024, linear: true }

const OPENCLIP_H = clip(1024, 24, true)

export const sd2: Architecture = {
  id: 'stable-diffusion-v2',
  title: 'Stable Diffusion 2.x',
  network: { kind: 'unet', config: SD2_UNET },
  components: [
    unet(SD2_UNET),
    openClipText('openclip_h', 'cond_stage_model.model.', OPENCLIP_H),
    vae(VAE_KL_F8),
  ],
  prediction: 'epsilon',
  latent: SD_LATENT,
  variants: [
    {
      id: 'inpainting',
      title: 'inpainting',
      modelspec: 'stable-diffusion-v2-inpainting',
      unet: { inChannels: 9 },
      resolution: 512,
    },
    {
      id: 'depth',
      title: 'depth',
      modelspec: 'stable-diffusion-v2-depth',
      unet: { inChannels: 5 },
      resolution: 512,
    },
    { id: 'instruct-pix2pix', title: 'InstructPix2Pix', unet: { inChannels: 8 } },
    {
      id: 'unclip-l',
      title: 'unCLIP-L',
      modelspec: 'stable-diffusion-v2-unclip-l',
      unet: { adm: 1536 },
      prediction: 'v',
      resolution: 768,
    },
    {
      id: 'unclip-h',
      title: 'unCLIP-H',
      modelspec: 'stable-diffusion-v2-unclip-h',
      unet: { adm: 2048 },
      prediction: 'v',
      resolution: 768,
    },
  ],
}

/** The two text-to-image models have the same keys and shapes; they differ in what they predict only. */
export const SD2_BY_PREDICTION: Readonly<Partial<Record<PredictionType, Variant>>> = {
  epsilon: { id: '512', title: 'base', modelspec: 'stable-diffusion-v2-512', resolution: 512 },
  v: { id: '768-v', title: '768-v', modelspec: 'stable-diffusion-v2-768-v', resolution: 768 },
}

/** configs/stable-diffusion/x4-upscaling.yaml: the outer three levels look at the text in both attentions. */
const UPSCALER_UNET: UnetConfig = {
  ...SD2_UNET,
  inChannels: 7,
  channels: 256,
  widths: [256, 512, 512, 1024],
  ...evenDepths([0, 1, 1, 1], 2),
  classes: 1000,
  crossOnly: [true, true, true, false],
}

export const upscaler: Architecture = {
  id: 'stable-diffusion-x4-upscaler',
  title: 'Stable Diffusion x4 upscaler',
  network: { kind: 'unet', config: UPSCALER_UNET },
  components: [
    unet(UPSCALER_UNET),
    openClipText('openclip_h', 'cond_stage_model.model.', OPENCLIP_H),
    vae(VAE_KL_F4),
  ],
  prediction: 'v',
  latent: { space: 'x4', channels: 4, scale: 0.08333, shift: 0 },
  betas: [0.0001, 0.02],
  variants: [],
}
