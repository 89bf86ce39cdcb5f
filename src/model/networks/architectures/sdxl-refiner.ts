import { clip } from '../topology/text.ts'
import { evenDepths, type UnetConfig } from '../topology/unet.ts'
import { VAE_KL_F8 } from '../topology/vae.ts'
import { type Architecture, openClipText, unet, vae } from './architecture.ts'
import { SDXL_LATENT } from './sdxl.ts'

/** configs/inference/sd_xl_refiner.yaml of Stability-AI/generative-models. */
const REFINER_UNET: UnetConfig = {
  inChannels: 4,
  outChannels: 4,
  channels: 384,
  widths: [384, 768, 1536, 1536],
  ...evenDepths([0, 4, 4, 0], 2),
  depthMid: 4,
  context: 1280,
  linear: true,
  adm: 2560, // pooled text 1280 + 5 values of 256 features
}

export const refiner: Architecture = {
  id: 'stable-diffusion-xl-v1-refiner',
  title: 'Stable Diffusion XL refiner',
  modelspec: 'stable-diffusion-xl-v1-refiner',
  network: { kind: 'unet', config: REFINER_UNET },
  components: [
    unet(REFINER_UNET),
    openClipText('openclip_g', 'conditioner.embedders.0.model.', clip(1280, 32, true)),
    vae(VAE_KL_F8),
  ],
  prediction: 'epsilon',
  resolution: 1024,
  latent: SDXL_LATENT,
  variants: [],
}
