/** Products of matrices by onnxruntime. */
import { isMainThread } from 'node:worker_threads'
import type { InferenceSession } from 'onnxruntime-node'
import type { MatMul } from '../../tensor/algebra/matmul.ts'
import type { MatMulModule } from '../../tensor/write/executor.ts'
import { encodeModel, type Value } from '../onnx/model.ts'
import type { OnnxRuntime } from './onnxruntime.ts'

type NumberType = 'float32' | 'float64'

/** Which bits products have depends on the engine, not on the number of threads: no sum is shared between two of them. */
export function onnxMatMul({ env, InferenceSession, Tensor }: OnnxRuntime): MatMulModule {
  /** Products of one type, and products that are added to what is there. */
  const sessions = new Map<`${NumberType} ${'MatMul' | 'Gemm'}`, Promise<InferenceSession>>()
  const sessionFor = (type: NumberType, add: boolean): Promise<InferenceSession> => {
    const op = add ? 'Gemm' : 'MatMul'
    const session = sessions.get(`${type} ${op}`) ?? InferenceSession.create(modelOf(type, op), options())
    sessions.set(`${type} ${op}`, session)
    return session
  }
  const matmul: MatMul = async (a, b, out, [m, k, n], add = false) => {
    const type = a instanceof Float32Array ? 'float32' : 'float64'
    const tensor = (values: typeof a, ...dims: number[]) => new Tensor(type, values as never, dims)
    const session = await sessionFor(type, add)
    const result = tensor(out, m, n)
    const feeds = { a: tensor(a, m, k), b: tensor(b, k, n), ...(add && { c: result }) }
    // the result lands in `out` itself
    await session.run(feeds, { y: result })
  }
  return { matmul, engine: `onnxruntime ${env.versions.node ?? env.versions.common} ${process.arch}` }
}

function modelOf(type: NumberType, op: 'MatMul' | 'Gemm'): Uint8Array {
  const value = (name: string, ...shape: string[]): Value => ({ name, type, shape })
  const added = op === 'Gemm' ? [value('c', 'm', 'n')] : []
  const inputs = [value('a', 'm', 'k'), value('b', 'k', 'n'), ...added]
  return encodeModel({
    inputs,
    outputs: [value('y', 'm', 'n')],
    nodes: [{ op, inputs: inputs.map(({ name }) => name), outputs: ['y'] }],
  })
}

function options(): InferenceSession.SessionOptions {
  return {
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
  }
}
