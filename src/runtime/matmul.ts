/** Products of matrices by onnxruntime. A module of its own, as worker threads load it by its address. */
import { isMainThread } from 'node:worker_threads'
import { env, InferenceSession, Tensor } from 'onnxruntime-node'
import type { Floats, MatMul } from '../tensor/algebra/matmul.ts'
import { encodeModel, type Value } from './onnx/model.ts'

/** Which bits products have depends on it, not on the number of threads: no sum is shared between two of them. */
export const engine = `onnxruntime ${env.versions.node ?? env.versions.common} ${process.arch}`

type NumberType = 'float32' | 'float64'

/** Products of one type, and products that are added to what is there. */
const sessions = new Map<`${NumberType} ${'MatMul' | 'Gemm'}`, Promise<InferenceSession>>()

export const matmul: MatMul = async (a, b, out, [m, k, n], add = false) => {
  const type = a instanceof Float32Array ? 'float32' : 'float64'
  const session = await sessionFor(type, add)
  const result = tensor(type, out, [m, n])
  const feeds = { a: tensor(type, a, [m, k]), b: tensor(type, b, [k, n]), ...(add && { c: result }) }
  // the result lands in `out` itself
  await session.run(feeds, { y: result })
}

function tensor(type: NumberType, values: Floats, dims: number[]): Tensor {
  return new Tensor(type, values as never, dims)
}

function sessionFor(type: NumberType, add: boolean): Promise<InferenceSession> {
  const op = add ? 'Gemm' : 'MatMul'
  const session = sessions.get(`${type} ${op}`) ?? createSession(type, op)
  sessions.set(`${type} ${op}`, session)
  return session
}

function createSession(type: NumberType, op: 'MatMul' | 'Gemm'): Promise<InferenceSession> {
  const value = (name: string, ...shape: string[]): Value => ({ name, type, shape })
  const added = op === 'Gemm' ? [value('c', 'm', 'n')] : []
  const inputs = [value('a', 'm', 'k'), value('b', 'k', 'n'), ...added]
  const model = encodeModel({
    inputs,
    outputs: [value('y', 'm', 'n')],
    nodes: [{ op, inputs: inputs.map(({ name }) => name), outputs: ['y'] }],
  })
  return InferenceSession.create(model, {
    executionProviders: ['cpu'],
    // a worker thread is one of several that share the cores
    ...(isMainThread ? {} : { intraOpNumThreads: 1 }),
    interOpNumThreads: 1,
    // between two products there is other work to do: threads that spin until the next one would slow it down
    extra: { session: { intra_op: { allow_spinning: '0' } } },
    // sizes differ from weight to weight: an arena would keep the sum of them all
    enableCpuMemArena: false,
    enableMemPattern: false,
    logSeverityLevel: 3,
  })
}
