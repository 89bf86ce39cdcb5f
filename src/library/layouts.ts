/** What a folder of models is for. */
export type FolderKind =
  | 'checkpoint'
  | 'diffusion-model'
  | 'lora'
  | 'vae'
  | 'embedding'
  | 'text-encoder'
  | 'vision-encoder'
  | 'controlnet'
  | 'hypernetwork'
  | 'upscaler'
  | 'motion-module'

/** Where a program keeps its models. */
export interface FolderLayout {
  readonly id: 'a1111' | 'comfyui'
  readonly title: string
  /** Below the program's folder. New files go into the first one; the others are older or of an extension. */
  readonly folders: Readonly<Record<FolderKind, readonly string[]>>
}

export const LAYOUTS: readonly FolderLayout[] = [
  {
    // AUTOMATIC1111/stable-diffusion-webui: modules/cmd_args.py and modules/sd_models.py, extensions-builtin/Lora;
    // models/LyCORIS is of the extension that loaded such files before 1.5. Forge keeps the places and adds
    // models/text_encoder, models/ControlNet and models/ControlNetPreprocessor (modules_forge/shared.py).
    id: 'a1111',
    title: 'A1111, Forge',
    folders: {
      checkpoint: ['models/Stable-diffusion'],
      'diffusion-model': ['models/Stable-diffusion'],
      lora: ['models/Lora', 'models/LyCORIS'],
      vae: ['models/VAE'],
      embedding: ['embeddings'],
      'text-encoder': ['models/text_encoder'],
      'vision-encoder': ['models/ControlNetPreprocessor'],
      controlnet: ['models/ControlNet', 'extensions/sd-webui-controlnet/models'],
      hypernetwork: ['models/hypernetworks'],
      upscaler: ['models/ESRGAN', 'models/RealESRGAN', 'models/SwinIR', 'models/GFPGAN', 'models/BSRGAN'],
      'motion-module': ['extensions/sd-webui-animatediff/model'],
    },
  },
  {
    // comfyanonymous/ComfyUI: folder_paths.py; clip and unet are the older names of text_encoders and diffusion_models
    id: 'comfyui',
    title: 'ComfyUI',
    folders: {
      checkpoint: ['models/checkpoints'],
      'diffusion-model': ['models/diffusion_models', 'models/unet'],
      lora: ['models/loras'],
      vae: ['models/vae'],
      embedding: ['models/embeddings'],
      'text-encoder': ['models/text_encoders', 'models/clip'],
      'vision-encoder': ['models/clip_vision'],
      controlnet: ['models/controlnet', 'models/t2i_adapter'],
      hypernetwork: ['models/hypernetworks'],
      upscaler: ['models/upscale_models'],
      'motion-module': ['models/animatediff_models'],
    },
  },
]
