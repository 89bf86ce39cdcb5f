import { defined } from '../../../system/defined.ts'
import type { ShapeOf } from './match.ts'
import { CLIP_POSITIONS, CLIP_VOCABULARY, type ClipConfig } from './text.ts'
import { MIDDLE, type UnetConfig } from './unet.ts'
import type { VaeConfig } from './vae.ts'

/**
 * Configurations read off the shapes of a file, so that narrow and wide relatives of an architecture are
 * understood, too. All names are names of the component without prefix, in ldm layout.
 *
 * Counting stops at the first gap and at `MAX_BLOCKS`: a file with a million invented blocks must not cost more
 * than a large real one.
 */
const MAX_BLOCKS = 256

/** How many consecutive `i` from 0 a key exists for. */
function count(shapeOf: ShapeOf, name: (i: number) => string): number {
  let n = 0
  while (n < MAX_BLOCKS && shapeOf(name(n)) !== undefined) n++
  return n
}

function transformerDepth(shapeOf: ShapeOf, block: string): number {
  return count(shapeOf, (t) => `${block}.1.transformer_blocks.${t}.attn1.to_q.weight`)
}

interface WayDown {
  widths: number[]
  depthIn: number[]
  resBlocks: number
  firstAttention?: string
}

/** Walks `input_blocks` until they end; undefined if the levels are not alike. */
function wayDown(shapeOf: ShapeOf): WayDown | undefined {
  const way: WayDown = { widths: [], depthIn: [], resBlocks: 0 }
  let width: number | undefined
  let blocks = 0
  const closeLevel = () => {
    if (width === undefined) return false
    way.widths.push(width)
    if (way.widths.length === 1) way.resBlocks = blocks
    const isEven = blocks === way.resBlocks
    blocks = 0
    return isEven
  }
  for (let n = 1; n < MAX_BLOCKS; n++) {
    const name = `input_blocks.${n}`
    const res = shapeOf(`${name}.0.in_layers.2.weight`)
    if (res) {
      width = res[0]
      blocks++
      const depth = transformerDepth(shapeOf, name)
      if (depth > 0) way.firstAttention ??= `${name}.1`
      way.depthIn.push(depth)
    } else if (shapeOf(`${name}.0.op.weight`)) {
      if (!closeLevel()) return undefined
    } else break
  }
  return closeLevel() ? way : undefined
}

function middleDepth(shapeOf: ShapeOf): number {
  const depth = transformerDepth(shapeOf, 'middle_block')
  if (depth > 0) return depth
  return shapeOf('middle_block.0.in_layers.2.weight') ? MIDDLE.resOnly : MIDDLE.none
}

/** Configuration of the UNet in a file, undefined if its blocks make no UNet. */
export function deriveUnet(shapeOf: ShapeOf): UnetConfig | undefined {
  const first = shapeOf('input_blocks.0.0.weight')
  const way = wayDown(shapeOf)
  if (first?.length !== 4 || way === undefined) return undefined
  const attention = way.firstAttention ?? 'middle_block.1'
  const outBlocks = way.widths.length * (way.resBlocks + 1)
  const adm = shapeOf('label_emb.0.0.weight')?.[1]
  const classes = shapeOf('label_emb.weight')?.[0]
  return {
    inChannels: first[1]!,
    outChannels: shapeOf('out.2.weight')?.[0] ?? 4,
    channels: first[0]!,
    widths: way.widths,
    resBlocks: way.resBlocks,
    depthIn: way.depthIn,
    depthMid: middleDepth(shapeOf),
    depthOut: Array.from({ length: outBlocks }, (_, n) => transformerDepth(shapeOf, `output_blocks.${n}`)),
    context: shapeOf(`${attention}.transformer_blocks.0.attn2.to_k.weight`)?.[1] ?? 0,
    linear: shapeOf(`${attention}.proj_in.weight`)?.length === 2,
    ...defined({ adm, classes }),
  }
}

/** Configuration of a CLIP text encoder in the layout of transformers. */
export function deriveClip(shapeOf: ShapeOf): ClipConfig | undefined {
  const tokens = shapeOf('text_model.embeddings.token_embedding.weight')
  const layers = count(shapeOf, (i) => `text_model.encoder.layers.${i}.layer_norm1.weight`)
  const width = tokens?.[1] ?? shapeOf('text_model.final_layer_norm.weight')?.[0]
  if (width === undefined || layers === 0) return undefined
  return {
    width,
    layers: fullDepth(width, layers),
    hidden: shapeOf('text_model.encoder.layers.0.mlp.fc1.weight')?.[0] ?? 4 * width,
    vocabulary: tokens?.[0] ?? CLIP_VOCABULARY,
    positions: shapeOf('text_model.embeddings.position_embedding.weight')?.[0] ?? CLIP_POSITIONS,
  }
}

/** Configuration of an OpenCLIP text encoder. */
export function deriveOpenClip(shapeOf: ShapeOf): ClipConfig | undefined {
  const tokens = shapeOf('token_embedding.weight')
  const layers = count(shapeOf, (i) => `transformer.resblocks.${i}.ln_1.weight`)
  const width = tokens?.[1] ?? shapeOf('ln_final.weight')?.[0]
  if (width === undefined || layers === 0) return undefined
  return {
    width,
    layers: fullDepth(width, layers),
    hidden: shapeOf('transformer.resblocks.0.mlp.c_fc.weight')?.[0] ?? 4 * width,
    vocabulary: tokens?.[0] ?? CLIP_VOCABULARY,
    positions: shapeOf('positional_embedding')?.[0] ?? CLIP_POSITIONS,
  }
}

/** Layers of the published CLIPs by width. Some tools leave out the last of CLIP-H, which SD 2.x never uses. */
const CLIP_LAYERS: Readonly<Record<number, readonly number[]>> = { 768: [12], 1024: [24, 23], 1280: [32] }

/** A known encoder that ends early is damaged, an unknown one is as deep as it is. */
function fullDepth(width: number, layers: number): number {
  const known = CLIP_LAYERS[width]
  return known === undefined || known.includes(layers) ? layers : Math.max(layers, known[0]!)
}

/** Configuration of a KL autoencoder. */
export function deriveVae(shapeOf: ShapeOf): VaeConfig | undefined {
  const widths: number[] = []
  const levels = count(shapeOf, (i) => `decoder.up.${i}.block.0.conv2.weight`)
  for (let i = 0; i < levels; i++) widths.push(shapeOf(`decoder.up.${i}.block.0.conv2.weight`)![0]!)
  const latentChannels = shapeOf('decoder.conv_in.weight')?.[1]
  if (latentChannels === undefined || levels === 0) return undefined
  const resBlocks = count(shapeOf, (j) => `decoder.up.0.block.${j}.conv2.weight`) - 1
  const quantConv =
    shapeOf('post_quant_conv.weight') !== undefined || shapeOf('quant_conv.weight') !== undefined
  return { widths, resBlocks, latentChannels, quantConv }
}
