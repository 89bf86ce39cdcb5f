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
  readonly id: 'a1111' | 'comfyui' | 'swarmui'
  readonly title: string
  /** Which of them loads diffusion transformers, where not all do. */
  readonly titleForTransformers?: string
  /** Files and folders that only this program has, below its folder. A folder with one of them is surely of it. */
  readonly markers: readonly string[]
  /** What else the program reads from a folder, though new files do not go there. */
  readonly alsoReads?: Readonly<Record<string, readonly FolderKind[]>>
  /** Below the program's folder. New files go into the first one; the others are older or of an extension. */
  readonly folders: Readonly<Record<FolderKind, readonly string[]>>
}

/** `checkpoints` of `models/checkpoints`; undefined for a place that is not below the folder of models. */
export function insideModels(place: string): string | undefined {
  return /^models\/(.*)$/i.exec(place)?.[1]
}

export const LAYOUTS: readonly FolderLayout[] = [
  {
    // AUTOMATIC1111/stable-diffusion-webui: modules/cmd_args.py and modules/sd_models.py, extensions-builtin/Lora;
    // models/LyCORIS is of the extension that loaded such files before 1.5. Forge keeps the places and adds
    // models/text_encoder, models/ControlNet and models/ControlNetPreprocessor (modules_forge/shared.py).
    id: 'a1111',
    title: 'A1111, Forge',
    // A1111 ended at 1.10, which knows UNets and SD 3 medium
    titleForTransformers: 'Forge',
    markers: ['webui.py', 'webui-user.sh', 'webui-user.bat'],
    // Forge has one list of VAEs and text encoders, from both folders (modules_forge/main_entry.py)
    alsoReads: { 'models/VAE': ['text-encoder'], 'models/text_encoder': ['vae'] },
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
    markers: [
      'folder_paths.py',
      'custom_nodes',
      'models/checkpoints/put_checkpoints_here',
      'models/diffusion_models/put_diffusion_model_files_here',
      'models/gligen',
      'models/style_models',
    ],
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
  {
    // mcmonkeyprojects/SwarmUI: src/Core/Settings.cs (PathsData) and src/Core/Program.cs, which adds diffusion_models and
    // unet to the folders of models: what is in them is loaded without text encoders and VAE
    id: 'swarmui',
    title: 'SwarmUI',
    markers: ['src/SwarmUI.csproj', 'SwarmUI.sln', 'Data/Settings.fds'],
    folders: {
      checkpoint: ['Models/Stable-Diffusion'],
      'diffusion-model': ['Models/diffusion_models', 'Models/unet'],
      lora: ['Models/Lora'],
      vae: ['Models/VAE'],
      embedding: ['Models/Embeddings'],
      'text-encoder': ['Models/clip', 'Models/text_encoders'],
      'vision-encoder': ['Models/clip_vision'],
      controlnet: ['Models/controlnet'],
      hypernetwork: [],
      upscaler: ['Models/upscale_models'],
      'motion-module': [],
    },
  },
]
