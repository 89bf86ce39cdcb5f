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

const TRANSFORMER_BLOCKS = /^(?:double_blocks|single_blocks|joint_blocks)_/

const CLIP_LAYER = /^text_model_encoder_layers_\d+_(?:self_attn_(?:q|k|v|out)_proj|mlp_fc[12])$/
const T5_LAYER = /^encoder_block_\d+_layer_\d_(?:SelfAttention_[qkvo]|DenseReluDense_w(?:i_[01]|o))$/

/** Every layer that the algorithm covers, in the order of the model. */
export function loraLayers(
  parts: readonly BasePart[],
  architecture: Architecture | undefined,
  algo: LoraAlgo,
): LoraLayer[] {
  return parts.flatMap((part) => {
    const prefix = prefixOf(part, architecture)
    const blockOf = blocksOfPart(part, architecture)
    return [...part.names]
      .filter(([path, place]) => isCovered(path, place, part, architecture, algo))
      .map(([path, place]) => {
        return { module: prefix + path, path, part, place, block: blockOf(place.weight) }
      })
  })
}

function isCovered(
  path: string,
  { shape, rows, weight }: ModuleTarget,
  { component, localOf }: BasePart,
  architecture: Architecture | undefined,
  algo: LoraAlgo,
): boolean {
  if (shape.length !== 2 && shape.length !== 4) return false
  if (component.role === 'text') return CLIP_LAYER.test(path) || T5_LAYER.test(path)
  if (architecture?.network.kind !== 'unet') {
    // trainers have several names for a layer; kohya's is that of the weight
    const isOwn = path === flatten(localOf(weight).replace(/\.weight$/, ''))
    return isOwn && TRANSFORMER_BLOCKS.test(path) && rows === undefined
  }
  if (!UNET_BLOCKS[writtenBy(architecture)].test(path)) return false
  return ATTENTION.test(path) || (algo === 'locon' && AROUND.test(path))
}

/** kohya's trainer for SDXL writes the names of sgm, all others those of diffusers. */
function writtenBy({ network }: Architecture): keyof typeof UNET_BLOCKS {
  return network.kind === 'unet' && network.config.adm !== undefined && network.config.classes === undefined
    ? 'sgm'
    : 'diffusers'
}

/** `lora_te_` where there is one text encoder, `lora_te1_` and so on where there are several. */
function prefixOf({ targets, component }: BasePart, architecture: Architecture | undefined): string {
  if (component.role === 'unet') return 'lora_unet_'
  const encoders = architecture?.components.filter(({ prefix }) => /cond|text_enc/.test(prefix)) ?? []
  return encoders.length === 1 ? 'lora_te_' : `lora_${targets[0]}_`
}
