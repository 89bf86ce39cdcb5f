import { describe, expect, it } from 'vitest'
import { uniform } from '../../fixtures/seeded-weights.ts'
import { CPU, sessionOptions } from '../../src/runtime/devices/devices.ts'
import { type AttentionShape, attention } from '../../src/runtime/networks/attention.ts'
import { type AttentionKind, input, output } from '../../src/runtime/networks/net.ts'
import { weightsOf } from '../../src/runtime/networks/weights.ts'
import { graphBuilder } from '../../src/runtime/onnx/builder.ts'
import { encodeModel } from '../../src/runtime/onnx/model.ts'
import { hostSession } from '../../src/runtime/sessions/session-host.ts'
import { relativeError, SLOW } from './networks.ts'

interface Case extends AttentionShape {
  readonly queries: number
  readonly keys: number
  readonly width: number
}

async function run(
  kind: AttentionKind,
  { queries, keys, width, ...shape }: Case,
): Promise<{ y: Float32Array; nodes: number }> {
  const graph = graphBuilder()
  const net = {
    graph,
    weights: weightsOf('', new Map()),
    type: 'float32',
    attention: kind,
    wideScores: false,
  } as const
  const sizes = {
    q: [shape.batch * queries, width],
    k: [shape.batch * keys, width],
    v: [shape.batch * keys, width],
  }
  const [q, k, v] = Object.entries(sizes).map(([name, size]) => input(net, name, size))
  output(net, 'y', attention(net, q!, k!, v!, shape))
  const built = graph.build()
  const model = encodeModel({ ...built, initializers: built.constants })
  const session = await hostSession({ model, options: sessionOptions(CPU, { root: '/' }) })
  const feeds = Object.entries(sizes).map(([name, dims]) => {
    return [name, { data: uniform(name, dims[0]! * dims[1]!).map((value) => 4 * value), dims }] as const
  })
  const { y } = await session.run(Object.fromEntries(feeds))
  await session.close()
  return { y: y!, nodes: built.nodes.filter(({ op }) => op === 'Softmax').length }
}

/** softmax(q k^T / sqrt d) v of one head, written out. */
function byHand({ queries, keys, width, causal }: Case): Float64Array {
  const [q, k, v] = [queries, keys, keys].map((rows, i) =>
    uniform('qkv'[i]!, rows * width).map((value) => 4 * value),
  )
  const out = new Float64Array(queries * width)
  for (let i = 0; i < queries; i++) {
    const seen = causal ? i + 1 : keys
    const scores = Array.from({ length: seen }, (_, j) => {
      let dot = 0
      for (let c = 0; c < width; c++) dot += q![i * width + c]! * k![j * width + c]!
      return Math.exp(dot / Math.sqrt(width))
    })
    const sum = scores.reduce((a, b) => a + b, 0)
    for (const [j, score] of scores.entries())
      for (let c = 0; c < width; c++) out[i * width + c]! += (score / sum) * v![j * width + c]!
  }
  return out
}

describe('attention', SLOW, () => {
  it.each(['fused', 'explicit'] as const)(
    '%s: is what the formula says, and a token sees no later one',
    async (kind) => {
      for (const causal of [{}, { causal: true }] as const) {
        const single = { batch: 1, heads: 1, queries: 9, keys: 9, width: 8, ...causal }
        expect(relativeError((await run(kind, single)).y, byHand(single))).toBeLessThan(1e-5)
      }
    },
  )

  it('is the same by one operator and by products, with several heads and pictures', async () => {
    const shape = { batch: 2, heads: 4, queries: 64, keys: 77, width: 64 }
    expect(relativeError((await run('explicit', shape)).y, (await run('fused', shape)).y)).toBeLessThan(1e-5)
  })

  it('cuts queries into pieces whose scores fit a buffer of any device', async () => {
    const shape = { batch: 1, heads: 8, queries: 2100, keys: 2100, width: 32 }
    const pieces = await run('explicit', shape)
    expect(pieces.nodes).toBe(2) // 8 x 2100 x 2100 x 4 bytes are 141 MB
    expect(relativeError(pieces.y, (await run('fused', shape)).y)).toBeLessThan(1e-5)
  })
})
