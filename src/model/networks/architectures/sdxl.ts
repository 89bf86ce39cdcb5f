import { clip } from '../topology/text.ts'
import { evenDepths, MIDDLE, type UnetConfig } from '../topology/unet.ts'
import { VAE_KL_F8 } from '../topology/vae.ts'
import {
  type Architecture,
  type ComponentTemplate,
  clipText,
  type Latents,
  openClipText,
  unet,
  vae,
} from './architecture.ts'

/** configs/inference/sd_xl_base.yaml of Stability-AI/generative-models. */
export const SDXL_UNET: UnetConfig = {
  inChannels: 4,
  outChannels: 4,
  channels: 320,
  widths: [320, 640, 1280],
  ...evenDepths([0, 2, 10], 2),
  depthMid: 10,
  context: 2048, // CLIP-L 768 + bigG 1280
  linear: true,
  adm: 2816, // pooled text 1280 + 6 sizes of 256 features
}

export const SDXL_LATENT: Latents = { space: 'sdxl', channels: 4, scale: 0.13025, shift: 0 }

/** playground-v2.5: model_index.json and the VAE configuration. */
/** The VAE is that of SDXL, only the scales differ. */
const PLAYGROUND_LATENT: Latents = {
  space: 'sdxl',
  channels: 4,
  scale: 0.5,
  shift: 0,
  mean: [-1.6574, 1.886, -1.383, 2.5155],
  std: [8.4927, 5.9022, 6.5498, 5.2299],
}

function components(config: UnetConfig): ComponentTemplate[] {
  return [
    unet(config),
    clipText('clip_l', 'conditioner.embedders.0.transformer.', clip(768, 12)),
    openClipText('openclip_g', 'conditioner.embedders.1.model.', clip(1280, 32, true)),
    vae(VAE_KL_F8),
  ]
}

export const sdxl: Architecture = {
  id: 'stable-diffusion-xl-v1-base',
  title: 'Stable Diffusion XL',
  modelspec: 'stable-diffusion-xl-v1-base',
  network: { kind: 'unet', config: SDXL_UNET },
  components: components(SDXL_UNET),
  prediction: 'epsilon',
  resolution: 1024,
  latent: SDXL_LATENT,
  variants: [
    { id: 'inpainting', title: 'inpainting', unet: { inChannels: 9 } },
    {
      id: 'edit',
      title: 'InstructPix2Pix',
      modelspec: 'stable-diffusion-xl-v1-edit',
      unet: { inChannels: 8 },
    },
    {
      id: 'playground-v2.5',
      title: '(Playground 2.5)',
      marker: 'edm_mean',
      prediction: 'edm',
      latent: PLAYGROUND_LATENT,
    },
    { id: 'cosxl', title: '(CosXL)', marker: 'edm_vpred.sigma_max', prediction: 'edm-v' },
  ],
  // trained so far from SDXL that LoRAs and prompts of one are of little use with another
  names: [
    { id: 'pony', title: 'Pony', words: /pony(?!tail)|(?<![a-z])pdxl/i, of: [''] },
    { id: 'illustrious', title: 'Illustrious', words: /illustrious|(?<![a-z])ilxl(?![a-z])/i, of: [''] },
    { id: 'noobai', title: 'NoobAI', words: /noob[-_. ]?(?:ai|xl|vpred)/i, of: [''] },
    { id: 'animagine', title: 'Animagine', words: /animagine/i, of: [''] },
  ],
}

/** Distilled relatives: the text encoders, VAE and conditioning of SDXL around a smaller UNet. */
function smaller(id: string, title: string, unetConfig: Partial<UnetConfig>): Architecture {
  const config = { ...SDXL_UNET, ...unetConfig }
  return {
    id,
    title,
    network: { kind: 'unet', config },
    components: components(config),
    prediction: 'epsilon',
    resolution: 1024,
    latent: SDXL_LATENT,
    variants: [],
  }
}

/** segmind/SSD-1B: blocks were cut one by one, so the depths follow no rule. */
export const ssd1b = smaller('ssd-1b', 'SSD-1B', {
  depthIn: [0, 0, 2, 2, 4, 4],
  depthMid: MIDDLE.resOnly,
  depthOut: [4, 4, 10, 2, 1, 1, 0, 0, 0],
})

export const vega = smaller('segmind-vega', 'Segmind Vega', {
  depthIn: [0, 0, 1, 1, 2, 2],
  depthMid: MIDDLE.resOnly,
  depthOut: [2, 2, 2, 1, 1, 1, 0, 0, 0],
})

export const koala700m = smaller('koala-700m', 'KOALA-700M', {
  ...evenDepths([0, 2, 5], 1),
  depthMid: MIDDLE.none,
})

export const koala1b = smaller('koala-1b', 'KOALA-1B', { ...evenDepths([0, 2, 6], 1), depthMid: 6 })

const KOLORS_UNET: UnetConfig = { ...SDXL_UNET, adm: 5632 } // pooled text 4096 + 6 sizes of 256 features

/** The blocks of SDXL for the text of ChatGLM3, of width 4096. Source: Kwai-Kolors/Kolors, and ComfyUI `supported_models.py`. */
export const kolors: Architecture = {
  id: 'kolors',
  title: 'Kolors',
  network: { kind: 'unet', config: KOLORS_UNET },
  components: [unet(KOLORS_UNET), vae(VAE_KL_F8)],
  encoders: ['chatglm3_6b'],
  prediction: 'epsilon',
  resolution: 1024,
  latent: SDXL_LATENT,
  variants: [],
}
