import type { Operand } from '../onnx/builder.ts'
import { add, concat, matmul, multiply, reshape, softmax, split, transpose } from './layers.ts'
import { cast, type Net, numbers } from './net.ts'

export interface AttentionShape {
  readonly batch: number
  readonly heads: number
  /** Token i sees tokens 0 to i only. */
  readonly causal?: true
}

/**
 * Multi-head attention, softmax(q k^T / sqrt(width of a head)) v, heads outermost in the channels.
 * @param q [batch * L, C]
 * @param k [batch * K, C]; v likewise
 * @returns [batch * L, C]
 */
export function attention(net: Net, q: Operand, k: Operand, v: Operand, shape: AttentionShape): Operand {
  return net.attention === 'fused' ? fused(net, q, k, v, shape) : explicit(net, q, k, v, shape)
}

function fused(net: Net, q: Operand, k: Operand, v: Operand, shape: AttentionShape): Operand {
  const { batch, heads, causal } = shape
  const sequences = [q, k, v].map((x) => reshape(net, x, [batch, x.shape[0]! / batch, x.shape[1]!]))
  const attributes = { num_heads: { int: heads }, ...(causal && { unidirectional: { int: 1 } }) }
  const domain = 'com.microsoft'
  const attended = net.graph.node('MultiHeadAttention', sequences, sequences[0]!.shape, {
    attributes,
    domain,
  })
  return reshape(net, attended, q.shape)
}

/** Bytes of scores at once: the smallest limit of a buffer that WebGPU promises. */
const MAX_SCORE_BYTES = 128 * 1024 * 1024

function explicit(net: Net, q: Operand, k: Operand, v: Operand, shape: AttentionShape): Operand {
  const { batch, heads } = shape
  const [rows, width] = q.shape as [number, number]
  const [queries, keys] = [rows / batch, k.shape[0]! / batch]
  const scale = numbers(net, [(width / heads) ** -0.5], [1])
  const wanted = net.wideScores ? 'float32' : net.type
  const byHead = (x: Operand, perm: readonly number[]) =>
    transpose(net, reshape(net, x, [batch, x.shape[0]! / batch, heads, width / heads]), perm)
  const qs = cast(net, byHead(multiply(net, q, scale), [0, 2, 1, 3]), wanted) // [B, heads, L, d]
  const kt = cast(net, byHead(k, [0, 2, 3, 1]), wanted) // [B, heads, d, K]
  const vs = byHead(v, [0, 2, 1, 3]) // [B, heads, K, d]
  const pieces = split(net, qs, 2, pieceLengths(queries, 4 * batch * heads * keys))
  let first = 0
  const attended = pieces.map((piece) => {
    const scores = matmul(net, piece, kt)
    const seen = shape.causal ? add(net, scores, mask(net, first, piece.shape[2]!, keys, wanted)) : scores
    first += piece.shape[2]!
    return matmul(net, cast(net, softmax(net, seen), net.type), vs)
  })
  return reshape(net, transpose(net, concat(net, attended, 2), [0, 2, 1, 3]), q.shape)
}

function pieceLengths(queries: number, bytesPerQuery: number): number[] {
  const length = Math.max(1, Math.min(queries, Math.floor(MAX_SCORE_BYTES / bytesPerQuery)))
  const whole = new Array<number>(Math.floor(queries / length)).fill(length)
  return queries % length === 0 ? whole : [...whole, queries % length]
}

/** Far below any score, and within the range of float16. */
const UNSEEN = -30_000

/** What is added to the scores of queries `first` and following, so that none sees a later key. */
function mask(net: Net, first: number, queries: number, keys: number, type: Operand['type']): Operand {
  const values = Float32Array.from({ length: queries * keys }, (_, i) => {
    return (i % keys) - first > Math.floor(i / keys) ? UNSEEN : 0
  })
  return cast(net, net.graph.constant(values, [1, 1, queries, keys]), type)
}
