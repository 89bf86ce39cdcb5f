/** Kinds of model files, with the words for people. */
export const KINDS = {
  checkpoint: 'checkpoint',
  unet: 'UNet',
  dit: 'diffusion transformer',
  vae: 'VAE',
  'text-encoder': 'text encoder',
  'vision-encoder': 'image encoder',
  lora: 'LoRA',
  embedding: 'embedding',
  aesthetic: 'aesthetic gradient embedding',
  controlnet: 'ControlNet',
  taesd: 'tiny autoencoder (TAESD)',
  upscaler: 'upscaler',
  hypernetwork: 'hypernetwork',
  'ip-adapter': 'IP-Adapter',
  't2i-adapter': 'T2I-Adapter',
  training: 'training state',
  unknown: 'unknown',
} as const

export type Kind = keyof typeof KINDS
