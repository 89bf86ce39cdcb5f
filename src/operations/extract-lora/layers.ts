/** The layers of a model that a LoRA can hold, under the names that trainers write. */

import type { BasePart } from '../../model/adapters/base-parts.ts'
import { flatten, type ModuleTarget } from '../../model/adapters/keymap/target.ts'
import { blocksOfPart } from '../../model/adapters/module-blocks.ts'
import type { Architecture } from '../../model/networks/architectures/architecture.ts'
import type { BlockLabel } from '../../model/networks/blocks.ts'

/**
 * Which layers. `lora`: linear layers and 1x1 convolutions of the transformers and text encoders. `locon`: also the
 * convolutions and embeddings of the res blocks and samplers.
 */
export const LORA_ALGOS = ['lora', 'locon'] as const

export type LoraAlgo = (typeof LORA_ALGOS)[number]

export interface LoraLayer {
  /** Name of the module: `lora_unet_down_blocks_0_attentions_0_proj_in`. */
  readonly module: string
  /** Key of `BasePart.names`. */
  readonly path: string
  readonly part: BasePart
  readonly place: ModuleTarget
  readonly block: BlockLabel
}

/** Layers of a transformer block of a UNet, in both spellings. Source: kohya-ss/sd-scripts `networks/lora.py`. */
const ATTENTION = /_(?:proj_in|proj_out|attn\d_to_(?:q|k|v|out_0)|ff_net_(?:0_proj|2))$/

/** Those of `ResnetBlock2D`, `Downsample2D` and `Upsample2D`: diffusers, then ldm. */
const AROUND =
  /_(?:conv1|conv2|conv_shortcut|time_emb_proj|samplers_0_conv|[a-z]+samplers_0_conv|in_layers_2|out_layers_3|skip_connection|emb_layers_1|op|conv)$/

const UNET_BLOCKS = {
  diffusers: /^(?:down_blocks|mid_block|up_blocks)_/,
  sgm: /^(?:input_blocks|middle_block|output_blocks)_/,
} as const

/** Blocks of transformers that kohya's trainers have names for. Source: kohya-ss/sd-scripts `networks/lora_flux.py`, `lora_sd3.py` */
const KOHYA_BLOCKS = /^(?:double_blocks|single_blocks|joint_blocks)_/

const CLIP_LAYER = /^text_model_encoder_layers_\d+_(?:self_attn_(?:q|k|v|out)_proj|mlp_fc[12])$/
const T5_LAYER = /^encoder_block_\d+_layer_\d_(?:SelfAttention_[qkvo]|DenseReluDense_w(?:i_[01]|o))$/

/** Every layer that the algorithm covers, in the order of the model. */
export function loraLayers(
  parts: readonly BasePart[],
  architecture: Architecture | undefined,
  algo: LoraAlgo,
): LoraLayer[] {
  return parts.flatMap((part) => {
    const blockOf = blocksOfPart(part, architecture)
    const naming = namingOf(part, architecture)
    return [...part.names].flatMap(([path, place]): LoraLayer[] => {
      if (place.shape.length !== 2 && place.shape.length !== 4) return []
      const module = naming(path, place, algo)
      return module === undefined ? [] : [{ module, path, part, place, block: blockOf(place.weight) }]
    })
  })
}

/** The name of the module that a layer gets; undefined for one that the algorithm does not cover. */
type Naming = (path: string, place: ModuleTarget, algo: LoraAlgo) => string | undefined

/** As trainers name the layers of the family; where they have no names of their own, as the file does. */
function namingOf(part: BasePart, architecture: Architecture | undefined): Naming {
  const paths = [...part.names.keys()]
  if (part.component.role === 'text') {
    const layers = [CLIP_LAYER, T5_LAYER].find((pattern) => paths.some((path) => pattern.test(path)))
    if (layers === undefined) return ownNaming(part)
    const prefix = layers === T5_LAYER ? 'lora_te3_' : textPrefix(part, architecture)
    return (path) => (layers.test(path) ? prefix + path : undefined)
  }
  if (part.component.role !== 'unet') return ownNaming(part)
  if (architecture?.network.kind === 'unet') {
    const blocks = UNET_BLOCKS[writtenBy(architecture)]
    return (path, _, algo) =>
      blocks.test(path) && (ATTENTION.test(path) || (algo === 'locon' && AROUND.test(path)))
        ? `lora_unet_${path}`
        : undefined
  }
  if (!isOfKohya(architecture) || !paths.some((path) => KOHYA_BLOCKS.test(path))) return ownNaming(part)
  return (path, place) =>
    KOHYA_BLOCKS.test(path) && isOwnName(path, place, part) ? `lora_unet_${path}` : undefined
}

/** Transformers that its trainers are for. */
const OF_KOHYA: ReadonlySet<string> = new Set([
  'flux-1-dev',
  'chroma',
  'stable-diffusion-v3-medium',
  'stable-diffusion-v3.5-medium',
  'stable-diffusion-v3.5-large',
])

function isOfKohya(architecture: Architecture | undefined): boolean {
  return architecture !== undefined && OF_KOHYA.has(architecture.id)
}

/** Rows for words are no layer that trainers change, and larger than any: 151,936 x 2560 in Qwen3 4B. */
const TOKEN_TABLE = /(?:^|\.)(?:embed_tokens|token_embd|token_embedding|shared|lm_head)\.weight$/

/** A layer has several names; its own is that of its weight. */
function isOwnName(path: string, { weight, rows }: ModuleTarget, { localOf }: BasePart): boolean {
  return rows === undefined && path === flatten(localOf(weight).replace(/\.weight$/, ''))
}

/**
 * The path of the weight, behind the word that ComfyUI takes for the network: `diffusion_model.` for any that denoises,
 * `transformer.` where the names are those of diffusers, none for encoders and whatever else, which stand under their whole
 * names. Source: ComfyUI `comfy/lora.py` (model_lora_keys_unet, model_lora_keys_clip)
 */
function ownNaming(part: BasePart): Naming {
  return (path, place, algo) => {
    const isKernel = place.shape.slice(2).some((side) => side > 1)
    if (!place.weight.endsWith('.weight') || !isOwnName(path, place, part)) return undefined
    if (isKernel && algo !== 'locon') return undefined
    if (part.component.role === 'text' && TOKEN_TABLE.test(place.weight)) return undefined
    const key = place.weight.slice(0, -'.weight'.length)
    const { id, role, layout } = part.component
    if (role !== 'unet' && id !== 'weights' && id !== 'other') return key
    return (layout === 'diffusers' ? 'transformer.' : 'diffusion_model.') + part.localOf(key)
  }
}

/** kohya's trainer for SDXL writes the names of sgm, all others those of diffusers. */
function writtenBy({ network }: Architecture): keyof typeof UNET_BLOCKS {
  return network.kind === 'unet' && network.config.adm !== undefined && network.config.classes === undefined
    ? 'sgm'
    : 'diffusers'
}

/** `lora_te_` where there is one text encoder, `lora_te1_` and so on where there are several. */
function textPrefix({ targets }: BasePart, architecture: Architecture | undefined): string {
  const encoders = architecture?.components.filter(({ prefix }) => /cond|text_enc/.test(prefix)) ?? []
  if (encoders.length === 1) return 'lora_te_'
  return targets[0] === 'other' ? 'lora_te1_' : `lora_${targets[0]}_`
}
