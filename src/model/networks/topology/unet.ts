import { conv, type Keys, linear, norm } from './layers.ts'
import type { Topology } from './match.ts'

/** The middle of a UNet that has no attention there: one res block only (SSD-1B, Vega), or no middle (KOALA-700M). */
export const MIDDLE = { resOnly: -1, none: -2 } as const

/** Everything that decides the keys and shapes of a UNet in ldm layout. */
export interface UnetConfig {
  readonly inChannels: number
  readonly outChannels: number
  /** Width of the first convolution; the time embedding is four times as wide. */
  readonly channels: number
  /** Width of each level. */
  readonly widths: readonly number[]
  /** Res blocks of a level on the way down; there is one more on the way up. */
  readonly resBlocks: number
  /** Transformer blocks behind each res block on the way down (levels x resBlocks), 0: no attention. */
  readonly depthIn: readonly number[]
  /** Transformer blocks in the middle, or one of `MIDDLE`. */
  readonly depthMid: number
  /** As `depthIn`, on the way up: levels x (resBlocks + 1), in the order of `output_blocks`. */
  readonly depthOut: readonly number[]
  /** Width of the text embedding. */
  readonly context: number
  /** `proj_in` and `proj_out` are linear layers, not 1x1 convolutions. */
  readonly linear: boolean
  /** Width of the vector conditioning (`label_emb.0.0`). */
  readonly adm?: number
  /** Rows of a label table (`label_emb.weight`), as the x4 upscaler has it. */
  readonly classes?: number
  /** Levels whose `attn1` looks at the text, too (x4 upscaler). */
  readonly crossOnly?: readonly boolean[]
}

/** Same transformer depth behind every res block of a level, as SD 1.x, 2.x, SDXL and the refiner have it. */
export function evenDepths(
  levels: readonly number[],
  resBlocks: number,
): Pick<UnetConfig, 'depthIn' | 'depthOut' | 'resBlocks'> {
  const repeat = (depths: readonly number[], times: number) =>
    depths.flatMap((depth) => new Array<number>(times).fill(depth))
  return {
    resBlocks,
    depthIn: repeat(levels, resBlocks),
    depthOut: repeat([...levels].reverse(), resBlocks + 1),
  }
}

/**
 * Keys and shapes of a UNet, without prefix.
 * Source: openaimodel.py of CompVis/latent-diffusion and Stability-AI/generative-models.
 */
export function unetTopology(config: UnetConfig): Topology {
  const keys: Keys = new Map()
  embeddings(keys, config)
  const skips = down(keys, config)
  middle(keys, config)
  up(keys, config, skips)
  norm(keys, 'out.0', config.channels)
  conv(keys, 'out.2', config.outChannels, config.channels, 3)
  return keys
}

/**
 * Keys and shapes of a ControlNet: the first half of a UNet, a hint encoder and zero convolutions.
 * Source: cldm.py of lllyasviel/ControlNet.
 */
export function controlnetTopology(config: UnetConfig): Topology {
  const keys: Keys = new Map()
  embeddings(keys, config)
  const skips = down(keys, config)
  middle(keys, config)
  for (const [index, width] of skips.entries()) conv(keys, `zero_convs.${index}.0`, width, width, 1)
  const width = config.widths.at(-1)!
  conv(keys, 'middle_block_out.0', width, width, 1)
  // [out, in] of the hint encoder; SiLU layers take the odd indices
  const hint = [[16, 3], [16, 16], [32, 16], [32, 32], [96, 32], [96, 96], [256, 96], [config.channels, 256]] // biome-ignore format: a table
  for (const [index, [out, input]] of hint.entries())
    conv(keys, `input_hint_block.${2 * index}`, out!, input!, 3)
  return keys
}

function embeddings(keys: Keys, { channels, adm, classes }: UnetConfig): void {
  const time = 4 * channels
  linear(keys, 'time_embed.0', time, channels)
  linear(keys, 'time_embed.2', time, time)
  if (adm !== undefined) {
    linear(keys, 'label_emb.0.0', time, adm)
    linear(keys, 'label_emb.0.2', time, time)
  }
  if (classes !== undefined) keys.set('label_emb.weight', [classes, time])
}

/** Adds the way down and returns the widths that skip over to the way up. */
function down(keys: Keys, config: UnetConfig): number[] {
  const { channels, widths, resBlocks, depthIn } = config
  conv(keys, 'input_blocks.0.0', channels, config.inChannels, 3)
  const skips = [channels]
  let width = channels
  for (const [level, next] of widths.entries()) {
    for (let j = 0; j < resBlocks; j++) {
      const name = `input_blocks.${skips.length}`
      resBlock(keys, `${name}.0`, width, next, channels)
      width = next
      attention(keys, `${name}.1`, width, depthIn[level * resBlocks + j]!, level, config)
      skips.push(width)
    }
    if (level < widths.length - 1) {
      conv(keys, `input_blocks.${skips.length}.0.op`, width, width, 3)
      skips.push(width)
    }
  }
  return skips
}

function middle(keys: Keys, config: UnetConfig): void {
  const { channels, depthMid } = config
  const width = config.widths.at(-1)!
  if (depthMid === MIDDLE.none) return
  resBlock(keys, 'middle_block.0', width, width, channels)
  if (depthMid === MIDDLE.resOnly) return
  attention(keys, 'middle_block.1', width, depthMid, undefined, config)
  resBlock(keys, 'middle_block.2', width, width, channels)
}

function up(keys: Keys, config: UnetConfig, skips: number[]): void {
  const { channels, widths, resBlocks, depthOut } = config
  let width = widths.at(-1)!
  let n = 0
  for (let level = widths.length - 1; level >= 0; level--) {
    const next = widths[level]!
    for (let j = 0; j <= resBlocks; j++, n++) {
      resBlock(keys, `output_blocks.${n}.0`, width + skips.pop()!, next, channels)
      width = next
      const depth = depthOut[n]!
      attention(keys, `output_blocks.${n}.1`, width, depth, level, config)
      const upsampler = depth > 0 ? 2 : 1
      if (level > 0 && j === resBlocks) conv(keys, `output_blocks.${n}.${upsampler}.conv`, width, width, 3)
    }
  }
}

function resBlock(keys: Keys, name: string, input: number, out: number, channels: number): void {
  norm(keys, `${name}.in_layers.0`, input)
  conv(keys, `${name}.in_layers.2`, out, input, 3)
  linear(keys, `${name}.emb_layers.1`, out, 4 * channels)
  norm(keys, `${name}.out_layers.0`, out)
  conv(keys, `${name}.out_layers.3`, out, out, 3)
  if (input !== out) conv(keys, `${name}.skip_connection`, out, input, 1)
}

/** A spatial transformer of `depth` blocks; nothing for depth 0. */
function attention(
  keys: Keys,
  name: string,
  width: number,
  depth: number,
  level: number | undefined,
  config: UnetConfig,
): void {
  if (depth <= 0) return
  const project = config.linear ? linear : (k: Keys, n: string, o: number, i: number) => conv(k, n, o, i, 1)
  norm(keys, `${name}.norm`, width)
  project(keys, `${name}.proj_in`, width, width)
  const crossOnly = level !== undefined && config.crossOnly?.[level] === true
  for (let t = 0; t < depth; t++) {
    const block = `${name}.transformer_blocks.${t}`
    attend(keys, `${block}.attn1`, width, crossOnly ? config.context : width)
    linear(keys, `${block}.ff.net.0.proj`, 8 * width, width) // GEGLU: two halves of 4 x width
    linear(keys, `${block}.ff.net.2`, width, 4 * width)
    attend(keys, `${block}.attn2`, width, config.context)
    for (const i of [1, 2, 3]) norm(keys, `${block}.norm${i}`, width)
  }
  project(keys, `${name}.proj_out`, width, width)
}

/** Attention of `width` channels over tokens of `source` channels. Queries, keys and values have no bias. */
function attend(keys: Keys, name: string, width: number, source: number): void {
  keys.set(`${name}.to_q.weight`, [width, width])
  keys.set(`${name}.to_k.weight`, [width, source])
  keys.set(`${name}.to_v.weight`, [width, source])
  linear(keys, `${name}.to_out.0`, width, width)
}
