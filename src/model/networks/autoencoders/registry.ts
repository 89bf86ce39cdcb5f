import type { Autoencoder } from './autoencoder.ts'
import { PICTURE_AUTOENCODERS } from './pictures.ts'
import { VIDEO_AUTOENCODERS } from './videos.ts'

export type { Autoencoder, AutoencoderLayout } from './autoencoder.ts'

/** Of sound and of space. */
const OTHER_AUTOENCODERS: readonly Autoencoder[] = [
  {
    id: 'stable-audio',
    title: 'Stable Audio',
    names: [{ layout: 'ldm', decoder: { keys: ['decoder.layers.1.layers.0.beta'] } }],
  },
  {
    id: 'ace-step',
    title: 'ACE-Step',
    names: [{ layout: 'ldm', decoder: { keys: ['vocoder.backbone.channel_layers.0.0.bias'] } }],
  },
  {
    id: 'hunyuan-3d',
    title: 'Hunyuan3D 2',
    names: [{ layout: 'ldm', decoder: { keys: ['geo_decoder.cross_attn_decoder.ln_1.bias'] } }],
  },
]

/**
 * Autoencoders that are not the one of Stable Diffusion; the first whose keys a file has is it. Source: ComfyUI, class
 * `VAE` in sd.py, for the names of their authors; `state_dict` of the classes of diffusers for the others.
 */
export const AUTOENCODERS: readonly Autoencoder[] = [
  ...PICTURE_AUTOENCODERS,
  ...VIDEO_AUTOENCODERS,
  ...OTHER_AUTOENCODERS,
]

export function autoencoderById(id: string): Autoencoder | undefined {
  return AUTOENCODERS.find((autoencoder) => autoencoder.id === id)
}
