import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { encodeModel } from '../../../src/runtime/onnx/model.ts'
import { matmul } from '../../../src/runtime/sessions/matmul.ts'
import { plainMatMul } from '../../../src/tensor/algebra/matmul.ts'

describe('matmul by onnxruntime', () => {
  it('gives the product of small integers exactly, in both precisions, into the array it is given', async () => {
    for (const type of [Float32Array, Float64Array]) {
      const out = new type(4)
      // [[1, 2, 3], [4, 5, 6]] @ [[1, 0], [2, -1], [0, 3]]
      await matmul(type.of(1, 2, 3, 4, 5, 6), type.of(1, 0, 2, -1, 0, 3), out, [2, 3, 2])
      expect(Array.from(out)).toEqual([5, 7, 14, 13])
      await matmul(type.of(1, 2), type.of(10, -1), out, [2, 1, 2], true)
      expect(Array.from(out)).toEqual([15, 6, 34, 11])
    }
  })

  it('agrees with plain loops on a product of ordinary size', async () => {
    const [m, k, n] = [33, 64, 77]
    const wave = (length: number) => Float64Array.from({ length }, (_, i) => Math.sin(i * i))
    const [a, b] = [wave(m * k), wave(k * n)]
    const [out, plain] = [new Float64Array(m * n), new Float64Array(m * n)]
    await matmul(a, b, out, [m, k, n])
    await plainMatMul(a, b, plain, [m, k, n])
    const worst = out.reduce((most, value, i) => Math.max(most, Math.abs(value - plain[i]!)), 0)
    expect(worst).toBeLessThan(1e-12)
  })

  /** What recipes of extractions rely on: a machine with more cores gives the same file. */
  it.each(['float32', 'float64'] as const)(
    'gives the same bits with any number of threads: %s',
    async (type) => {
      const value = (name: string, ...shape: string[]) => ({ name, type, shape })
      const model = encodeModel({
        inputs: [value('a', 'm', 'k'), value('b', 'k', 'n')],
        outputs: [value('y', 'm', 'n')],
        nodes: [{ op: 'MatMul', inputs: ['a', 'b'], outputs: ['y'] }],
      })
      const wave = (length: number, step: number) => Array.from({ length }, (_, i) => Math.sin(i * step))
      const array = type === 'float32' ? Float32Array : Float64Array
      for (const [m, k, n] of [
        [320, 320, 48],
        [48, 640, 1440],
        [33, 4097, 17],
      ] as const) {
        const feeds = {
          a: new Tensor(type, array.from(wave(m * k, 1.37)) as never, [m, k]),
          b: new Tensor(type, array.from(wave(k * n, 0.77)) as never, [k, n]),
        }
        const products: Buffer[] = []
        for (const intraOpNumThreads of [1, 2, 3, 8]) {
          const session = await InferenceSession.create(model, { intraOpNumThreads, logSeverityLevel: 3 })
          const { y } = await session.run(feeds)
          const { buffer, byteOffset, byteLength } = y!.data as Float32Array
          products.push(Buffer.from(buffer, byteOffset, byteLength))
          await session.release()
        }
        for (const product of products) expect(product.equals(products[0]!)).toBe(true)
      }
    },
  )
})
