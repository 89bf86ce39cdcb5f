import { defined } from '../../system/defined.ts'
import type { DialectId } from './dialects.ts'
import { isLayerOfDit } from './keymap/dit-layers.ts'

/** Parts of a model that an adapter changes. A diffusion transformer counts as `unet`, as its LoRA names do. */
export const TARGETS = {
  unet: 'UNet',
  te1: 'text encoder 1',
  te2: 'text encoder 2',
  te3: 'text encoder 3',
  controlnet: 'ControlNet',
  other: 'other',
} as const

export type TargetId = keyof typeof TARGETS

interface Prefix {
  readonly prefix: string
  readonly target: TargetId
  readonly dialect: DialectId
}

function prefixes(dialect: DialectId, list: Record<string, TargetId>): Prefix[] {
  return Object.entries(list).map(([prefix, target]) => ({ prefix, target, dialect }))
}

/** What module names begin with; the longest match wins. Sources: kohya-ss, LyCORIS, ComfyUI `comfy/lora.py`, diffusers. */
const PREFIXES: readonly Prefix[] = [
  ...prefixes('kohya', {
    lora_unet_: 'unet',
    lora_unet__: 'unet', // of trainers that flatten a path with a dot in front
    lora_te_: 'te1',
    lora_te1_: 'te1',
    lora_te2_: 'te2',
    lora_te3_: 'te3',
  }),
  ...prefixes('kohya-oft', { oft_unet_: 'unet' }),
  ...prefixes('lycoris', { lycoris_: 'unet', lycoris_text_model_: 'te1' }),
  ...prefixes('onetrainer', { lora_transformer_: 'unet' }),
  ...prefixes('cascade', { lora_prior_unet_: 'unet', lora_prior_te_: 'te1' }),
  ...prefixes('peft', {
    'unet.base_model.model.': 'unet',
    'transformer.base_model.model.': 'unet',
    'base_model.model.transformer.': 'unet',
    'base_model.model.diffusion_model.': 'unet',
    'text_encoder.base_model.model.': 'te1',
    'text_encoder_2.base_model.model.': 'te2',
  }),
  ...prefixes('diffusers', {
    'unet.': 'unet',
    'transformer.': 'unet',
    'text_encoder.': 'te1',
    'text_encoder_2.': 'te2',
    'text_encoder_3.': 'te3',
  }),
  ...prefixes('diffusion-model', {
    'diffusion_model.': 'unet',
    'model.diffusion_model.': 'unet',
    'net.': 'unet', // Cosmos, Anima
    'text_encoders.clip_l.transformer.': 'te1',
    'text_encoders.clip_g.transformer.': 'te2',
    'text_encoders.t5xxl.transformer.': 'te3',
  }),
].toSorted((a, b) => b.prefix.length - a.prefix.length)

/** A prefix whose last words belong to the path after it, too. */
const KEEPS_PATH = 'text_model'

/** Names without a prefix: which network has such blocks. First match wins. */
const BARE_PATHS: readonly { pattern: RegExp; target: TargetId; dialect?: DialectId }[] = [
  { pattern: /^(double|single)_blocks\.\d+\.processor\./, target: 'unet', dialect: 'xlabs' },
  {
    pattern: /^(double|single)_blocks\.|^(img_in|txt_in|time_in|vector_in|guidance_in|final_layer)\b/,
    target: 'unet',
    dialect: 'bfl',
  },
  { pattern: /\.processor\.to_(q|k|v|out)$/, target: 'unet', dialect: 'diffusers-attn-processors' },
  { pattern: /^unet:\d+$/, target: 'unet', dialect: 'cloneofsimo' },
  { pattern: /^text_encoder:\d+$/, target: 'te1', dialect: 'cloneofsimo' },
  {
    pattern:
      /^text_model\.|^(encoder\.)?layers\.\d+\.self_attn\.|^encoder\.layers\.\d+\.(mlp|layer_norm)|^(embeddings\.token_embedding|final_layer_norm)$/,
    target: 'te1',
    dialect: 'diffusers',
  },
  {
    pattern: /^(down_blocks|up_blocks|mid_block|conv_in|conv_out|time_embedding|add_embedding)\b/,
    target: 'unet',
    dialect: 'diffusers',
  },
  {
    pattern:
      /^((single_)?transformer_blocks\.\d+\.|(x_embedder|context_embedder|time_text_embed|norm_out|proj_out)\b)/,
    target: 'unet',
    dialect: 'diffusers',
  },
  {
    pattern: /^(input_blocks|middle_block|output_blocks|joint_blocks)\b/,
    target: 'unet',
    dialect: 'diffusion-model',
  },
]

/** T5 names: the same encoder is `lora_te2_` to OneTrainer (Flux) and `lora_te3_` to kohya. */
const T5_BLOCK = /encoder[._]block[._]\d+[._]layer[._]/

/** PEFT's wrapper around any network: what it wraps, the path tells. */
const PEFT_WRAPPER = 'base_model.model.'

export interface ModulePlace {
  readonly target: TargetId
  readonly dialect: DialectId
  readonly prefix: string
  /**
   * The rest of the name: a path in the network, with `_` or `.` between the steps. Without what `wrapper` names, and as
   * transformers 4 names the layers of CLIP.
   */
  readonly path: string
  /** What stood in the name that belongs to no path. */
  readonly wrapper?: WrapperId
}

/**
 * What ways to train leave in the names of modules, which no network has. The names without it mean the same layers.
 * A LoRA of kohya for a layer that was named itself, not by its block, ends in the dot to no child.
 */
export const MODULE_WRAPPERS = {
  compiled: { title: 'torch.compile (_orig_mod)', pattern: /(?:(?<=^|\.)_orig_mod\.)|(?:(?<=_)_orig_mod_)/g },
  parallel: {
    title: 'DistributedDataParallel (module.)',
    pattern:
      /^module\.|(?<=^(?:unet|transformer|text_encoder(?:_[23])?)\.)module\.|(?<=^base_model\.model\.)module\.|(?<=^lora_(?:unet|transformer|te[123]?)_)module_/g,
  },
  sharded: {
    title: 'FSDP (_fsdp_wrapped_module)',
    pattern: /(?<=^|\.)_fsdp_wrapped_module\.|(?<=_)_fsdp_wrapped_module_/g,
  },
  checkpointed: {
    title: 'activation checkpointing (_checkpoint_wrapped_module)',
    pattern: /(?<=^|\.)_checkpoint_wrapped_module\.|(?<=_)_checkpoint_wrapped_module_/g,
  },
  trailing: { title: 'a trailing _', pattern: /(?<=\w)_$/g },
} as const satisfies Record<string, { readonly title: string; readonly pattern: RegExp }>

export type WrapperId = keyof typeof MODULE_WRAPPERS

function unwrapped(module: string): { name: string; wrapper?: WrapperId } {
  let name = module
  let wrapper: WrapperId | undefined
  for (const [id, { pattern }] of Object.entries(MODULE_WRAPPERS)) {
    const without = name.replace(pattern, '')
    if (without !== name) wrapper ??= id as WrapperId
    name = without
  }
  return { name, ...defined({ wrapper }) }
}

/** Layers of CLIP as transformers 5 names them: it has no `text_model` around them. */
const FLAT_CLIP =
  /^(?:encoder[._]layers[._]\d+[._]|embeddings[._](?:token|position)_embedding$|final_layer_norm$)/

/**
 * A path of CLIP as transformers 4 has it, which all other programs know.
 * @param isBare nothing stands before it: behind the prefix of a trainer, it is a layer of a language model
 */
function clipPath(path: string, separator: '.' | '_', isBare: boolean): string {
  if (isBare && /^layers\.\d+\.self_attn\./.test(path))
    return `text_model${separator}encoder${separator}${path}`
  return FLAT_CLIP.test(path) ? `text_model${separator}${path}` : path
}

/** Which network a module belongs to and how its trainer names things. */
export function modulePlaceOf(module: string): ModulePlace {
  const { name, wrapper } = unwrapped(module)
  const place = namedPlace(name)
  const separator = place.prefix.endsWith('_') ? '_' : '.'
  // LyCORIS has one prefix for all networks, and CLIP has no word of its own before its layers any more
  const target = place.dialect === 'lycoris' && FLAT_CLIP.test(place.path) ? 'te1' : place.target
  const path = target.startsWith('te') ? clipPath(place.path, separator, place.prefix === '') : place.path
  return { ...place, target, path, ...defined({ wrapper }) }
}

function namedPlace(module: string): ModulePlace {
  const known = PREFIXES.find(({ prefix }) => module.startsWith(prefix))
  if (known === undefined) {
    return module.startsWith(PEFT_WRAPPER)
      ? { ...barePlace(module.slice(PEFT_WRAPPER.length)), prefix: PEFT_WRAPPER, dialect: 'peft' }
      : barePlace(module)
  }
  const prefix = known.prefix.includes(KEEPS_PATH)
    ? known.prefix.slice(0, known.prefix.indexOf(KEEPS_PATH))
    : known.prefix
  const path = module.slice(prefix.length)
  const target = known.target !== 'unet' && T5_BLOCK.test(path) ? 'te3' : known.target
  return { target, dialect: refineDialect(known.dialect, path), prefix, path }
}

function barePlace(module: string): ModulePlace {
  const bare = BARE_PATHS.find(({ pattern }) => pattern.test(module))
  if (bare === undefined && isLayerOfDit(module))
    return { target: 'unet', dialect: 'diffusion-model', prefix: '', path: module }
  return { target: bare?.target ?? 'other', dialect: bare?.dialect ?? 'unknown', prefix: '', path: module }
}

function refineDialect(dialect: DialectId, path: string): DialectId {
  if (dialect === 'diffusers' && /\.processor\.to_(q|k|v|out)$/.test(path)) return 'diffusers-attn-processors'
  if (dialect !== 'kohya') return dialect
  if (/^(input_blocks|middle_block|output_blocks)_/.test(path)) return 'kohya-sgm'
  if (/^(down_blocks|mid_block|up_blocks)_/.test(path)) return 'kohya-diffusers'
  if (/^(double|single|joint)_blocks_/.test(path)) return 'kohya-bfl'
  return 'kohya'
}

/** The prefix a broken tool wrote twice (`lora_unet_lora_unet_...`); undefined for sound names. */
export function doubledPrefix({ prefix, path }: ModulePlace): string | undefined {
  if (prefix !== '' && path.startsWith(prefix)) return prefix
  return /^lora_(unet|te\d?)_/.exec(prefix === '' ? '' : path)?.[0]
}
