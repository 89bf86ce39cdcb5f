import { conv, type Keys, linear } from './layers.ts'
import type { Topology } from './match.ts'

/** Everything that decides the keys and shapes of a Flux transformer with the names of Black Forest Labs. */
export interface FluxConfig {
  readonly hidden: number
  readonly headDim: number
  readonly doubleBlocks: number
  readonly singleBlocks: number
  /** Latent channels x 4 (patches of 2x2), and what inpainting or control adds. */
  readonly inChannels: number
  readonly outChannels: number
  /** Width of the T5 embedding. */
  readonly context: number
  /** Width of the pooled CLIP embedding. */
  readonly vector: number
  /** Guidance-distilled (dev); schnell is not. */
  readonly guidance: boolean
}

/** Sinusoidal features of timestep and guidance. */
const TIME_FEATURES = 256

/** Keys and shapes of a Flux transformer. Source: black-forest-labs/flux, model.py and modules/layers.py. */
export function fluxTopology(config: FluxConfig): Topology {
  const { hidden: h } = config
  const keys: Keys = new Map()
  linear(keys, 'img_in', h, config.inChannels)
  linear(keys, 'txt_in', h, config.context)
  embedder(keys, 'time_in', TIME_FEATURES, h)
  embedder(keys, 'vector_in', config.vector, h)
  if (config.guidance) embedder(keys, 'guidance_in', TIME_FEATURES, h)
  for (let i = 0; i < config.doubleBlocks; i++) {
    for (const stream of ['img', 'txt']) doubleStream(keys, `double_blocks.${i}.${stream}`, config)
  }
  for (let i = 0; i < config.singleBlocks; i++) {
    const block = `single_blocks.${i}`
    linear(keys, `${block}.linear1`, 7 * h, h) // rows: q, k, v, then 4 h of the MLP
    linear(keys, `${block}.linear2`, h, 5 * h)
    queryKeyNorm(keys, `${block}.norm`, config.headDim)
    linear(keys, `${block}.modulation.lin`, 3 * h, h)
  }
  linear(keys, 'final_layer.linear', config.outChannels, h)
  linear(keys, 'final_layer.adaLN_modulation.1', 2 * h, h)
  return keys
}

function doubleStream(keys: Keys, name: string, { hidden: h, headDim }: FluxConfig): void {
  linear(keys, `${name}_mod.lin`, 6 * h, h)
  linear(keys, `${name}_attn.qkv`, 3 * h, h)
  queryKeyNorm(keys, `${name}_attn.norm`, headDim)
  linear(keys, `${name}_attn.proj`, h, h)
  linear(keys, `${name}_mlp.0`, 4 * h, h)
  linear(keys, `${name}_mlp.2`, h, 4 * h)
}

function queryKeyNorm(keys: Keys, name: string, headDim: number): void {
  for (const part of ['query', 'key']) keys.set(`${name}.${part}_norm.scale`, [headDim])
}

function embedder(keys: Keys, name: string, input: number, out: number): void {
  linear(keys, `${name}.in_layer`, out, input)
  linear(keys, `${name}.out_layer`, out, out)
}

/** Everything that decides the keys and shapes of an SD3 transformer (MMDiT). */
export interface MmditConfig {
  readonly depth: number
  readonly inChannels: number
  /** Entries of the table of positions: side x side. */
  readonly positions: number
  readonly context: number
  readonly vector: number
  /** RMS norms of queries and keys (SD 3.5). */
  readonly qkNorm: boolean
  /** The first blocks with a second attention of the picture to itself (SD 3.5 medium: 13). */
  readonly dualBlocks: number
}

const HEAD_DIM = 64
const PATCH = 2

/** Keys and shapes of an SD3 transformer; its width is 64 x depth. Source: Stability-AI/sd3.5, mmditx.py. */
export function mmditTopology(config: MmditConfig): Topology {
  const h = HEAD_DIM * config.depth
  const keys: Keys = new Map()
  conv(keys, 'x_embedder.proj', h, config.inChannels, PATCH)
  keys.set('pos_embed', [1, config.positions, h])
  linear(keys, 'context_embedder', h, config.context)
  for (const [name, input] of [['t_embedder', TIME_FEATURES], ['y_embedder', config.vector]] as const) {
    linear(keys, `${name}.mlp.0`, h, input)
    linear(keys, `${name}.mlp.2`, h, h)
  } // biome-ignore format: one line a layer
  for (let i = 0; i < config.depth; i++) jointBlock(keys, i, h, config)
  linear(keys, 'final_layer.linear', PATCH * PATCH * config.inChannels, h)
  linear(keys, 'final_layer.adaLN_modulation.1', 2 * h, h)
  return keys
}

function jointBlock(keys: Keys, i: number, h: number, { depth, qkNorm, dualBlocks }: MmditConfig): void {
  const dual = i < dualBlocks
  // The text goes no further than the attention of the last block, so that half of it is left out.
  const last = i === depth - 1
  for (const side of ['context_block', 'x_block'] as const) {
    const name = `joint_blocks.${i}.${side}`
    const isWhole = side === 'x_block' || !last
    const isDual = side === 'x_block' && dual
    linear(keys, `${name}.adaLN_modulation.1`, modulations(isWhole, isDual) * h, h)
    selfAttention(keys, `${name}.attn`, h, qkNorm, isWhole)
    if (isDual) selfAttention(keys, `${name}.attn2`, h, qkNorm, true)
    if (isWhole) {
      linear(keys, `${name}.mlp.fc1`, 4 * h, h)
      linear(keys, `${name}.mlp.fc2`, h, 4 * h)
    }
  }
}

/** Vectors of width h that modulate a block: three for each attention and for the MLP, two where only the attention is left. */
function modulations(isWhole: boolean, isDual: boolean): number {
  if (!isWhole) return 2
  return isDual ? 9 : 6
}

function selfAttention(keys: Keys, name: string, h: number, qkNorm: boolean, project: boolean): void {
  linear(keys, `${name}.qkv`, 3 * h, h)
  if (qkNorm) for (const part of ['q', 'k']) keys.set(`${name}.ln_${part}.weight`, [HEAD_DIM])
  if (project) linear(keys, `${name}.proj`, h, h)
}
