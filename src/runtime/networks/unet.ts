/**
 * UNet of SD 1.x, 2.x, SDXL and their smaller relatives.
 * Source: openaimodel.py and attention.py of CompVis/latent-diffusion and Stability-AI/generative-models.
 */
import { MIDDLE, type UnetConfig } from '../../model/networks/topology/unet.ts'
import type { Operand } from '../onnx/builder.ts'
import { attention } from './attention.ts'
import {
  add,
  concat,
  conv,
  gelu,
  groupNorm,
  type LinearNames,
  layerNorm,
  linear,
  multiply,
  reshape,
  silu,
  transpose,
  upsample,
} from './layers.ts'
import { input, type Net, output } from './net.ts'

/** Heads cannot be read from the shapes: SD 1.x has 8 of any width, all others heads of 64 channels. */
export type Heads = { readonly count: number } | { readonly width: number }

export interface UnetPlan {
  readonly config: UnetConfig
  readonly heads: Heads
}

/** Sizes are those of the latent; tokens are those of all chunks together. */
export interface UnetSize {
  readonly batch: number
  readonly height: number
  readonly width: number
  readonly tokens: number
}

/** Norm of res blocks, and the one of spatial transformers. */
const EPSILON = { res: 1e-5, transformer: 1e-6 } as const

/** What every block is given. */
interface Context {
  readonly net: Net
  readonly plan: UnetPlan
  /** [B, 4 channels], activated. */
  readonly time: Operand
  /** [B * tokens, context] */
  readonly text: Operand
}

/**
 * Inputs `x` [B, C, h, w], `time` [B, channels] (sinusoidal features), `context` [B, tokens, width] and, where the
 * network has it, `y` [B, adm]; output `out` [B, C', h, w].
 */
export function unetGraph(net: Net, plan: UnetPlan, size: UnetSize): void {
  const { config } = plan
  const { batch, tokens } = size
  const x = input(net, 'x', [batch, config.inChannels, size.height, size.width])
  const time = silu(net, embeddings(net, config, batch))
  const context = input(net, 'context', [batch, tokens, config.context])
  const text = reshape(net, context, [batch * tokens, config.context])
  const blocks = { net, plan, time, text }
  const skips = down(blocks, x)
  const made = up(blocks, middle(blocks, skips.at(-1)!), skips)
  output(net, 'out', conv(net, silu(net, groupNorm(net, made, 'out.0', EPSILON.res)), 'out.2'))
}

/** Time, and the vector conditioning of SDXL. [B, 4 channels] */
function embeddings(net: Net, { channels, adm }: UnetConfig, batch: number): Operand {
  const time = perceptron(net, input(net, 'time', [batch, channels]), 'time_embed')
  if (adm === undefined) return time
  return add(net, time, perceptron(net, input(net, 'y', [batch, adm]), 'label_emb.0'))
}

function perceptron(net: Net, x: Operand, name: string): Operand {
  return linear(net, silu(net, linear(net, x, `${name}.0`)), `${name}.2`)
}

/** What each input block gives; all of it skips over to the way up. */
function down(context: Context, x: Operand): Operand[] {
  const { net, plan } = context
  const { widths, resBlocks, depthIn } = plan.config
  const skips = [conv(net, x, 'input_blocks.0.0')]
  for (let level = 0; level < widths.length; level++) {
    for (let j = 0; j < resBlocks; j++) {
      const name = `input_blocks.${skips.length}`
      const h = resBlock(context, skips.at(-1)!, `${name}.0`)
      skips.push(transformer(context, h, `${name}.1`, depthIn[level * resBlocks + j]!))
    }
    if (level < widths.length - 1) {
      skips.push(conv(net, skips.at(-1)!, `input_blocks.${skips.length}.0.op`, { stride: 2 }))
    }
  }
  return skips
}

function middle(context: Context, x: Operand): Operand {
  const { depthMid } = context.plan.config
  if (depthMid === MIDDLE.none) return x
  const h = resBlock(context, x, 'middle_block.0')
  if (depthMid === MIDDLE.resOnly) return h
  return resBlock(context, transformer(context, h, 'middle_block.1', depthMid), 'middle_block.2')
}

function up(context: Context, x: Operand, skips: readonly Operand[]): Operand {
  const { net, plan } = context
  const { widths, resBlocks, depthOut } = plan.config
  const left = [...skips]
  let h = x
  for (let n = 0; n < widths.length * (resBlocks + 1); n++) {
    const name = `output_blocks.${n}`
    h = resBlock(context, concat(net, [h, left.pop()!], 1), `${name}.0`)
    h = transformer(context, h, `${name}.1`, depthOut[n]!)
    const endsLevel = n % (resBlocks + 1) === resBlocks
    if (endsLevel && left.length > 0) h = enlarge(net, h, `${name}.${depthOut[n]! > 0 ? 2 : 1}`, left.at(-1)!)
  }
  return h
}

/** To the size of what comes next on the way up: not exactly twice where a side was odd on the way down. */
function enlarge(net: Net, x: Operand, name: string, next: Operand): Operand {
  return conv(net, upsample(net, x, [next.shape[2]!, next.shape[3]!]), `${name}.conv`)
}

function resBlock({ net, time }: Context, x: Operand, name: string): Operand {
  const norm = (h: Operand, part: string) => silu(net, groupNorm(net, h, `${name}.${part}.0`, EPSILON.res))
  const first = conv(net, norm(x, 'in_layers'), `${name}.in_layers.2`)
  const shift = linear(net, time, `${name}.emb_layers.1`) // [B, out]
  const moved = add(net, first, reshape(net, shift, [...shift.shape, 1, 1]))
  const second = conv(net, norm(moved, 'out_layers'), `${name}.out_layers.3`)
  const skip = `${name}.skip_connection`
  return add(net, net.weights.has(`${skip}.weight`) ? conv(net, x, skip) : x, second)
}

/** A spatial transformer of `depth` blocks; nothing for depth 0. [B, C, h, w] */
function transformer(context: Context, x: Operand, name: string, depth: number): Operand {
  if (depth === 0) return x
  const { net } = context
  const [batch, channels, height, width] = x.shape as [number, number, number, number]
  const normed = groupNorm(net, x, `${name}.norm`, EPSILON.transformer)
  const pixels = reshape(net, transpose(net, normed, [0, 2, 3, 1]), [batch * height * width, channels])
  let h = linear(net, pixels, `${name}.proj_in`)
  for (let t = 0; t < depth; t++) h = transformerBlock(context, h, `${name}.transformer_blocks.${t}`, batch)
  const planes = reshape(net, linear(net, h, `${name}.proj_out`), [batch, height, width, channels])
  return add(net, transpose(net, planes, [0, 3, 1, 2]), x)
}

/** [B * pixels, C] */
function transformerBlock(context: Context, x: Operand, name: string, batch: number): Operand {
  const { net, text } = context
  const own = layerNorm(net, x, `${name}.norm1`)
  const first = add(net, attend(context, own, own, `${name}.attn1`, batch), x)
  const seen = layerNorm(net, first, `${name}.norm2`)
  const second = add(net, attend(context, seen, text, `${name}.attn2`, batch), first)
  return add(net, feedForward(net, layerNorm(net, second, `${name}.norm3`), `${name}.ff.net`), second)
}

function attend({ net, plan }: Context, x: Operand, source: Operand, name: string, batch: number): Operand {
  const q = linear(net, x, `${name}.to_q`)
  const k = linear(net, source, `${name}.to_k`)
  const v = linear(net, source, `${name}.to_v`)
  const heads = 'count' in plan.heads ? plan.heads.count : q.shape[1]! / plan.heads.width
  return linear(net, attention(net, q, k, v, { batch, heads }), `${name}.to_out.0`)
}

/** GEGLU. The two halves of its weight are two layers here, so that nothing needs to be split. */
function feedForward(net: Net, x: Operand, name: string): Operand {
  const length = net.weights.get(`${name}.0.proj.weight`).shape[0]! / 2
  const half = (start: number): LinearNames => {
    return { weight: `${name}.0.proj.weight`, bias: `${name}.0.proj.bias`, rows: { start, length } }
  }
  const [values, gate] = [linear(net, x, half(0)), linear(net, x, half(length))]
  return linear(net, multiply(net, values, gelu(net, gate)), `${name}.2`)
}
