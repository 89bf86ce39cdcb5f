/** Parts of a model that an adapter changes. A diffusion transformer counts as `unet`, as its LoRA names do. */
export const COMPONENTS = {
  unet: 'UNet',
  te1: 'text encoder 1',
  te2: 'text encoder 2',
  te3: 'text encoder 3',
  other: 'other',
} as const

export type ComponentId = keyof typeof COMPONENTS
