/**
 * CLIP text encoders. Sources: `modeling_clip.py` of transformers, `transformer.py` of open_clip.
 */
import type { Operand } from '../onnx/builder.ts'
import { attention } from './attention.ts'
import { add, gelu, type LinearNames, layer, layerNorm, linear, matmul, sigmoidGated } from './layers.ts'
import { input, type Net, output, weight } from './net.ts'

/** How a layout names the parts of an encoder. */
export interface TextNames {
  readonly tokens: string
  readonly positions: string
  readonly finalNorm: string
  /** `stored`: [out, in] as in a linear layer; `transposed`: [in, out]. */
  readonly projection: { readonly name: string; readonly transposed: boolean }
  layer(net: Net, index: number, width: number): LayerNames
}

interface LayerNames {
  readonly norm1: string
  readonly norm2: string
  readonly q: LinearNames
  readonly k: LinearNames
  readonly v: LinearNames
  readonly out: string
  readonly fc1: string
  readonly fc2: string
}

export const TRANSFORMERS_NAMES: TextNames = {
  tokens: 'text_model.embeddings.token_embedding.weight',
  positions: 'text_model.embeddings.position_embedding.weight',
  finalNorm: 'text_model.final_layer_norm',
  projection: { name: 'text_projection.weight', transposed: false },
  layer(net, index) {
    const name = `text_model.encoder.layers.${index}`
    const part = (letter: string) => layer(net, `${name}.self_attn.${letter}_proj`)
    return {
      norm1: `${name}.layer_norm1`,
      norm2: `${name}.layer_norm2`,
      q: part('q'),
      k: part('k'),
      v: part('v'),
      out: `${name}.self_attn.out_proj`,
      fc1: `${name}.mlp.fc1`,
      fc2: `${name}.mlp.fc2`,
    }
  },
}

export const OPENCLIP_NAMES: TextNames = {
  tokens: 'token_embedding.weight',
  positions: 'positional_embedding',
  finalNorm: 'ln_final',
  projection: { name: 'text_projection', transposed: true },
  layer(_net, index, width) {
    const name = `transformer.resblocks.${index}`
    // rows of the stacked weight: q, k, v
    const part = (n: number): LinearNames => ({
      weight: `${name}.attn.in_proj_weight`,
      bias: `${name}.attn.in_proj_bias`,
      rows: { start: n * width, length: width },
    })
    return {
      norm1: `${name}.ln_1`,
      norm2: `${name}.ln_2`,
      q: part(0),
      k: part(1),
      v: part(2),
      out: `${name}.attn.out_proj`,
      fc1: `${name}.mlp.c_fc`,
      fc2: `${name}.mlp.c_proj`,
    }
  },
}

export interface TextPlan {
  readonly names: TextNames
  readonly width: number
  readonly heads: number
  readonly layers: number
  /** `quick`: x sigmoid(1.702 x), that of OpenAI's CLIP; `exact`: the GELU of OpenCLIP. */
  readonly activation: 'quick' | 'exact'
}

export interface TextGraphOptions {
  /** Layers that run before `hidden` is taken. */
  readonly depth: number
  readonly finalNorm: boolean
  /** Run all layers and give `pooled`, too. */
  readonly pools: boolean
}

const QUICK_GELU = 1.702

/**
 * One chunk at a time. Inputs `embeds` [77, W] (rows of the token table, so that the table itself is never loaded)
 * and, with `pools`, `end` [1, 77], 1 at the end token and 0 elsewhere; outputs `hidden` [77, W], `pooled` [1, E].
 */
export function textGraph(net: Net, plan: TextPlan, tokens: number, options: TextGraphOptions): void {
  const { names, width, layers } = plan
  const embeds = input(net, 'embeds', [tokens, width])
  let x = add(net, embeds, weight(net, names.positions))
  const finalNorm = (h: Operand) => layerNorm(net, h, names.finalNorm)
  for (let index = 0; index <= layers; index++) {
    if (index === options.depth) output(net, 'hidden', options.finalNorm ? finalNorm(x) : x)
    const isNeeded = options.pools ? index < layers : index < options.depth
    if (isNeeded) x = encoderLayer(net, x, plan, index)
  }
  if (options.pools) output(net, 'pooled', pooled(net, finalNorm(x), plan, tokens))
}

/** [77, W] */
function encoderLayer(net: Net, x: Operand, plan: TextPlan, index: number): Operand {
  const { heads, width } = plan
  const names = plan.names.layer(net, index, width)
  const normed = layerNorm(net, x, names.norm1)
  const [q, k, v] = [names.q, names.k, names.v].map((part) => linear(net, normed, part)) as [
    Operand,
    Operand,
    Operand,
  ]
  const attended = attention(net, q, k, v, { batch: 1, heads, causal: true })
  const first = add(net, x, linear(net, attended, names.out))
  const inner = linear(net, layerNorm(net, first, names.norm2), names.fc1)
  const activated = plan.activation === 'quick' ? sigmoidGated(net, inner, QUICK_GELU) : gelu(net, inner)
  return add(net, first, linear(net, activated, names.fc2))
}

function pooled(net: Net, x: Operand, { names }: TextPlan, tokens: number): Operand {
  const row = matmul(net, input(net, 'end', [1, tokens]), x) // [1, W]
  const { name, transposed } = names.projection
  return transposed ? matmul(net, row, weight(net, name)) : linear(net, row, { weight: name })
}
