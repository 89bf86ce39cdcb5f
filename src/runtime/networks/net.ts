import type { GraphBuilder, Operand } from '../onnx/builder.ts'
import { elementTypeOf, type NetworkWeights, rowSize } from './weights.ts'

/** What the layers of a network are built with. */
export interface Net {
  readonly graph: GraphBuilder
  readonly weights: NetworkWeights
  /** What it computes with. Inputs and outputs of the graph are float32 all the same. */
  readonly type: 'float32' | 'float16'
  readonly attention: AttentionKind
  /** Attention scores stay float32 in a float16 graph: those of SD 2.x overflow otherwise. */
  readonly wideScores: boolean
}

/**
 * `fused`: one operator of onnxruntime that never holds all scores at once. `explicit`: products and softmax, which
 * every device has; the fused one of WebGPU is wrong on some adapters.
 */
export type AttentionKind = 'fused' | 'explicit'

/** Rows [start, start + length) of a weight. */
export interface Rows {
  readonly start: number
  readonly length: number
}

/**
 * A weight as the graph computes with it.
 * @param shape of as many elements as the weight, or its rows, have: 1x1 convolutions are matrices, too
 */
export function weight(net: Net, name: string, shape?: readonly number[], rows?: Rows): Operand {
  const tensor = net.weights.get(name)
  const row = rowSize(tensor.shape)
  const use = {
    name: rows ? `${name}[${rows.start}:${rows.start + rows.length}]` : name,
    type: elementTypeOf(tensor),
    shape: shape ?? (rows ? [rows.length, ...tensor.shape.slice(1)] : tensor.shape),
    tensor,
    begin: (rows?.start ?? 0) * row,
  }
  return cast(net, net.graph.weight(shapedName(use)), net.type)
}

/** The same weight in two shapes is two constants. */
function shapedName<
  T extends { name: string; shape: readonly number[]; tensor: { shape: readonly number[] } },
>(use: T): T {
  return `${use.shape}` === `${use.tensor.shape}` ? use : { ...use, name: `${use.name} as ${use.shape}` }
}

/** Nothing is added where the type is that already. */
export function cast(net: Net, x: Operand, type: Operand['type']): Operand {
  if (x.type === type) return x
  const to = { int: type === 'float32' ? 1 : 10 }
  return net.graph.node('Cast', [x], x.shape, { attributes: { to }, type, at: x.name })
}

/** An input of the graph, float32 outside, in the type of the network inside. */
export function input(net: Net, name: string, shape: readonly number[]): Operand {
  return cast(net, net.graph.input(name, shape), net.type)
}

export function output(net: Net, name: string, x: Operand): void {
  net.graph.output(name, cast(net, x, 'float32'))
}

/** Numbers in the type of the network. */
export function numbers(net: Net, values: readonly number[], shape: readonly number[]): Operand {
  return cast(net, net.graph.constant(Float32Array.from(values), shape), net.type)
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1)
}
