/** Products of matrices by onnxruntime. A module of its own, as worker threads load it by its address. */
import { isMainThread } from 'node:worker_threads'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { Floats, MatMul } from '../tensor/algebra/matmul.ts'
import { type ElementType, encodeModel } from './onnx/model.ts'

const sessions = new Map<ElementType, Promise<InferenceSession>>()

export const matmul: MatMul = async (a, b, out, m, k, n) => {
  const type = a instanceof Float32Array ? 'float32' : 'float64'
  const session = sessions.get(type) ?? createSession(type)
  sessions.set(type, session)
  const feeds = { a: tensor(type, a, [m, k]), b: tensor(type, b, [k, n]) }
  // the result lands in `out` itself
  await (await session).run(feeds, { c: tensor(type, out, [m, n]) })
}

function tensor(type: 'float32' | 'float64', values: Floats, dims: number[]): Tensor {
  return new Tensor(type, values as never, dims)
}

function createSession(type: 'float32' | 'float64'): Promise<InferenceSession> {
  const model = encodeModel({
    inputs: [
      { name: 'a', type, shape: ['m', 'k'] },
      { name: 'b', type, shape: ['k', 'n'] },
    ],
    outputs: [{ name: 'c', type, shape: ['m', 'n'] }],
    nodes: [{ op: 'MatMul', inputs: ['a', 'b'], outputs: ['c'] }],
  })
  return InferenceSession.create(model, {
    executionProviders: ['cpu'],
    // a worker thread is one of several that share the cores
    ...(isMainThread ? {} : { intraOpNumThreads: 1 }),
    interOpNumThreads: 1,
    // sizes differ from weight to weight: an arena would keep the sum of them all
    enableCpuMemArena: false,
    enableMemPattern: false,
    logSeverityLevel: 3,
  })
}
