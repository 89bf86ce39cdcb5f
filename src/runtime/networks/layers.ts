/** The layers all networks share, in the subset of operators that every device of onnxruntime has. */
import type { Operand } from '../onnx/builder.ts'
import { elementCount, type Net, numbers, type Rows, weight } from './net.ts'

const GROUPS = 32

export function reshape({ graph }: Net, x: Operand, shape: readonly number[]): Operand {
  if (`${x.shape}` === `${shape}`) return x
  const target = graph.constant(BigInt64Array.from(shape, BigInt), [shape.length])
  return graph.node('Reshape', [x, target], shape)
}

export function transpose({ graph }: Net, x: Operand, perm: readonly number[]): Operand {
  const shape = perm.map((axis) => x.shape[axis]!)
  return graph.node('Transpose', [x], shape, { attributes: { perm: { ints: perm } } })
}

/** Of equal shapes, or with one operand that is repeated along its dimensions of 1. */
export function add({ graph }: Net, a: Operand, b: Operand): Operand {
  return graph.node('Add', [a, b], wider(a, b))
}

export function multiply({ graph }: Net, a: Operand, b: Operand): Operand {
  return graph.node('Mul', [a, b], wider(a, b))
}

function wider(a: Operand, b: Operand): readonly number[] {
  return elementCount(a.shape) >= elementCount(b.shape) ? a.shape : b.shape
}

/** x sigmoid(a x): SiLU with a = 1, the GELU of OpenAI's CLIP with a = 1.702. */
export function sigmoidGated({ graph }: Net, x: Operand, alpha: number): Operand {
  const attributes = { alpha: { float: alpha } }
  return graph.node('QuickGelu', [x], x.shape, { attributes, domain: 'com.microsoft' })
}

export function silu(net: Net, x: Operand): Operand {
  return sigmoidGated(net, x, 1)
}

/** x/2 (1 + erf(x / sqrt 2)). */
export function gelu({ graph }: Net, x: Operand): Operand {
  return graph.node('Gelu', [x], x.shape)
}

/** Repeats pixels, each twice along both sides unless the size is another. [B, C, h, w] -> [B, C, height, width] */
export function upsample(
  { graph }: Net,
  x: Operand,
  size: readonly [height: number, width: number] = [2 * x.shape[2]!, 2 * x.shape[3]!],
): Operand {
  const shape = [x.shape[0]!, x.shape[1]!, ...size]
  const doubles = size.every((n, i) => n === 2 * x.shape[2 + i]!)
  // as scales 5/3 is a little less than that, and 3 pixels would become 4
  const target = doubles
    ? [graph.constant(Float32Array.of(1, 1, 2, 2), [4])]
    : [undefined, graph.constant(BigInt64Array.from(shape, BigInt), [4])]
  const attributes = {
    mode: { text: 'nearest' },
    coordinate_transformation_mode: { text: 'asymmetric' },
    nearest_mode: { text: 'floor' },
  }
  return graph.node('Resize', [x, undefined, ...target], shape, { attributes })
}

export interface ConvOptions {
  readonly stride?: number
  /** Top, left, bottom, right; such that the size stays the same if absent. */
  readonly pads?: readonly [number, number, number, number]
}

/** 2-D convolution with or without bias: weight [out, in, side, side]. [B, in, h, w] -> [B, out, h', w'] */
export function conv(net: Net, x: Operand, name: string, { stride = 1, pads }: ConvOptions = {}): Operand {
  const kernel = kernelOf(net, `${name}.weight`)
  const [out, , side] = kernel.shape as [number, number, number]
  const half = Math.floor(side / 2)
  const padding = pads ?? ([half, half, half, half] as const)
  const sized = (n: number, before: number, after: number) =>
    Math.floor((n + before + after - side) / stride) + 1
  const shape = [
    x.shape[0]!,
    out,
    sized(x.shape[2]!, padding[0], padding[2]),
    sized(x.shape[3]!, padding[1], padding[3]),
  ]
  const attributes = {
    kernel_shape: { ints: [side, side] },
    strides: { ints: [stride, stride] },
    pads: { ints: padding },
  }
  const bias = net.weights.has(`${name}.bias`) ? [weight(net, `${name}.bias`)] : []
  return net.graph.node('Conv', [x, kernel, ...bias], shape, { attributes, at: name })
}

/** diffusers stores some 1x1 convolutions as matrices. */
function kernelOf(net: Net, name: string): Operand {
  const { shape } = net.weights.get(name)
  return weight(net, name, shape.length === 2 ? [...shape, 1, 1] : shape)
}

/** Where the rows of a stacked weight, or a weight and a bias of unlike names, make a layer. */
export interface LinearNames {
  readonly weight: string
  /** None if absent. */
  readonly bias?: string
  readonly rows?: Rows
}

/** Names of a layer as torch stores it; without a bias if there is none. */
export function layer({ weights }: Net, name: string): LinearNames {
  const bias = `${name}.bias`
  return { weight: `${name}.weight`, ...(weights.has(bias) && { bias }) }
}

/**
 * x W^T + b with a weight [out, in] or [out, in, 1, 1], whose bytes are the same. `Gemm` takes them as they lie in the
 * file; a transposed copy would cost as much memory again. [n, in] -> [n, out]
 */
export function linear(net: Net, x: Operand, names: string | LinearNames): Operand {
  const { weight: name, bias, rows } = typeof names === 'string' ? layer(net, names) : names
  const { shape } = net.weights.get(name)
  const out = rows?.length ?? shape[0]!
  const matrix = weight(net, name, [out, shape[1]!], rows)
  const added = bias === undefined ? [] : [weight(net, bias, undefined, rows)]
  const attributes = { transB: { int: 1 } }
  return net.graph.node('Gemm', [x, matrix, ...added], [x.shape[0]!, out], { attributes, at: name })
}

/** Of every row. [n, C] */
export function layerNorm(net: Net, x: Operand, name: string, epsilon = 1e-5): Operand {
  const inputs = [x, weight(net, `${name}.weight`), weight(net, `${name}.bias`)]
  const attributes = { axis: { int: -1 }, epsilon: { float: epsilon } }
  return net.graph.node('LayerNormalization', inputs, x.shape, { attributes, at: name })
}

/**
 * Norm over 32 groups of channels, each with its own scale and bias afterwards. As instances of a reshaped tensor:
 * onnxruntime has no GroupNormalization on WebGPU and takes it apart into 25 nodes elsewhere. [B, C, h, w]
 */
export function groupNorm(net: Net, x: Operand, name: string, epsilon: number): Operand {
  const [batch, channels] = x.shape as [number, number]
  const groups = reshape(net, x, [batch, GROUPS, elementCount(x.shape) / batch / GROUPS])
  const [one, zero] = [1, 0].map((n) => numbers(net, new Array<number>(GROUPS).fill(n), [GROUPS]))
  const attributes = { epsilon: { float: epsilon } }
  const normed = net.graph.node('InstanceNormalization', [groups, one, zero], groups.shape, {
    attributes,
    at: name,
  })
  const scaled = multiply(net, reshape(net, normed, x.shape), perChannel(net, `${name}.weight`, channels))
  return add(net, scaled, perChannel(net, `${name}.bias`, channels))
}

function perChannel(net: Net, name: string, channels: number): Operand {
  return weight(net, name, [channels, 1, 1])
}

/** Along the last dimension. */
export function softmax({ graph }: Net, x: Operand): Operand {
  return graph.node('Softmax', [x], x.shape, { attributes: { axis: { int: -1 } } })
}

/** Matrix products of the last two dimensions. [.., n, k] x [.., k, m] -> [.., n, m] */
export function matmul({ graph }: Net, a: Operand, b: Operand): Operand {
  return graph.node('MatMul', [a, b], [...a.shape.slice(0, -1), b.shape.at(-1)!])
}

export function concat({ graph }: Net, parts: readonly Operand[], axis: number): Operand {
  if (parts.length === 1) return parts[0]!
  const shape = [...parts[0]!.shape]
  shape[axis] = parts.reduce((sum, part) => sum + part.shape[axis]!, 0)
  return graph.node('Concat', parts, shape, { attributes: { axis: { int: axis } } })
}

/** Cuts a tensor along an axis into pieces of the lengths given. */
export function split({ graph }: Net, x: Operand, axis: number, lengths: readonly number[]): Operand[] {
  if (lengths.length === 1) return [x]
  const sizes = graph.constant(BigInt64Array.from(lengths, BigInt), [lengths.length])
  const shapes = lengths.map((length) => x.shape.map((n, i) => (i === axis ? length : n)))
  return graph.nodes('Split', [x, sizes], shapes, { axis: { int: axis } })
}
