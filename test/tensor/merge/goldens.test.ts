/** Every method held against numpy float64: fixtures/goldens/merge.py. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Arithmetic } from '../../../src/tensor/algebra/arithmetic.ts'
import { fillRows } from '../../../src/tensor/algebra/evaluate.ts'
import { newFloats, type Precision, plainMatMul } from '../../../src/tensor/algebra/matmul.ts'
import { combined, matrixOf } from '../../../src/tensor/algebra/matrix.ts'
import { walkOf } from '../../../src/tensor/merge/combine.ts'
import { similarityRange } from '../../../src/tensor/merge/cosine.ts'
import type { MergeParameters } from '../../../src/tensor/merge/method.ts'
import { MERGE_METHODS, mergeMethod } from '../../../src/tensor/merge/registry.ts'
import { elementCount } from '../../../src/tensor/values/dtype.ts'
import { decodeInto, newEvaluation } from '../../../src/tensor/values/expr.ts'
import type { Matrix, Tensor } from '../../../src/tensor/values/table.ts'
import { type Contents, contentsOf } from '../../model-files.ts'

const GOLDENS = join(import.meta.dirname, '../../../fixtures/goldens')
const SHAPES = ['linear', 'wide', 'conv3', 'conv1', 'vector', 'scalar']

interface Case extends Partial<MergeParameters> {
  readonly method: string
  readonly models: number
}

const CASES: readonly Case[] = JSON.parse(readFileSync(join(GOLDENS, 'merge.json'), 'utf8'))

let golden: Contents

beforeAll(async () => {
  golden = await contentsOf(join(GOLDENS, 'merge.safetensors'))
})

/** A tensor of the goldens with its bytes. */
function stored(name: string): Tensor {
  const { dtype, shape } = golden.model.tensors.get(name)!
  return { name, dtype, shape, source: { kind: 'bytes', data: golden.bytes.get(name)! } }
}

function expected(index: number, shape: string): Float64Array {
  const bytes = golden.bytes.get(`${index}/${shape}`)!
  return new Float64Array(bytes.slice().buffer)
}

function arithmetic(precision: Precision): Arithmetic {
  const evaluation = newEvaluation(async () => {})
  return {
    precision,
    fill: fillRows,
    matmul: plainMatMul,
    wholeMatrixCache: new Map(),
    decode: (tensor, begin, end, out) => decodeInto(tensor, begin, end, out, evaluation),
  }
}

function matrices(shape: string, models: number): Matrix[] {
  return ['a', 'b', 'c'].slice(0, models).map((letter) => matrixOf(stored(`${letter}/${shape}`)))
}

function parametersOf(one: Case): MergeParameters {
  return { alpha: [], beta: 0, density: 1, seed: 0, range: [0, 1], ...one }
}

/** All values, computed in blocks of so many rows. */
async function computed(one: Case, shape: string, precision: Precision, step: number): Promise<Float64Array> {
  const of = matrices(shape, one.models)
  const m = combined(one.method, of, stored(`a/${shape}`).shape, parametersOf(one))
  const by = arithmetic(precision)
  const all = new Float64Array(m.rows * m.columns)
  for (let begin = 0; begin < m.rows; begin += step) {
    const end = Math.min(begin + step, m.rows)
    const out = newFloats(precision, (end - begin) * m.columns)
    await fillRows(m, begin, end, out, by)
    all.set(out, begin * m.columns)
  }
  return all
}

describe.each(CASES.map((one, index) => ({ index, one })))(
  '$index: $one.method of $one.models',
  ({ index, one }) => {
    it.each(SHAPES)('%s is what numpy computes, to the precision of binary64', async (shape) => {
      const [found, wanted] = [await computed(one, shape, 'F64', 1000), expected(index, shape)]
      expect(found.length).toBe(elementCount(stored(`a/${shape}`).shape))
      const worst = Math.max(...wanted.map((value, i) => Math.abs(found[i]! - value)))
      expect(worst).toBeLessThan(2e-14)
    })

    it.each(SHAPES)('%s is the nearest binary32 for weights of 16 bits', async (shape) => {
      const [found, wanted] = [await computed(one, shape, 'F32', 1000), expected(index, shape)]
      const off = wanted.filter(
        (value, i) => Math.abs(found[i]! - value) > Math.abs(value) * 2 ** -24 + 1e-14,
      )
      expect([...off]).toEqual([])
    })

    it.each(SHAPES)('%s does not depend on the blocks it is computed in', async (shape) => {
      const whole = await computed(one, shape, 'F64', 1000)
      for (const step of [1, 2, 5]) expect(await computed(one, shape, 'F64', step)).toEqual(whole)
    })
  },
)

it('every method of the registry has a golden', () => {
  const tested = new Set(CASES.map(({ method }) => method))
  expect(MERGE_METHODS.map(({ id }) => id).filter((id) => !tested.has(id))).toEqual([])
})

it.each(['cosine-a', 'cosine-b'])(
  '%s takes the range of similarities over all tensors as numpy does',
  async (id) => {
    const all: number[] = []
    for (const shape of SHAPES) {
      const of = matrices(shape, 2)
      const { rows, columns } = of[0]!
      all.push(
        ...(await mergeMethod(id).similarities!(walkOf(of, arithmetic('F64')), { models: 2, rows, columns })),
      )
    }
    const [low, high] = similarityRange(Float64Array.from(all))
    const { range } = CASES.find(({ method }) => method === id)!
    expect(low).toBeCloseTo(range![0], 13)
    expect(high).toBeCloseTo(range![1], 13)
  },
)
