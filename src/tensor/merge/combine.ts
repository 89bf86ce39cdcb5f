/** Several matrices into one, by a method of the registry, a block of rows at a time. */
import { type Arithmetic, WALK_VALUES } from '../algebra/arithmetic.ts'
import { acquireFloats, releaseFloats } from '../algebra/float-buffers.ts'
import type { Floats } from '../algebra/matmul.ts'
import type { Matrix } from '../values/table.ts'
import { type BlockWalk, type MergeMethod, NO_FACTS } from './method.ts'
import { mergeMethod } from './registry.ts'

type Combined = Extract<Matrix, { op: 'combine' }>

/** Writes rows [begin, end) of what the method makes of the matrices to `out`. */
export async function fillCombined(
  m: Combined,
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
): Promise<void> {
  const method = mergeMethod(m.method)
  const facts = await factsOf(m, method, by)
  const halo = method.halo ?? 0
  const [first, last] = [Math.max(0, begin - halo), Math.min(m.rows, end + halo)]
  const models = await rowsOf(m.of, first, last, by)
  const { shape, rows, columns, parameters } = m
  method.combine({ models, first, out, begin, end, shape, rows, columns, parameters, facts })
  releaseFloats(...models)
}

/** Two models as a weighted sum, where it is one. */
export interface Blend {
  readonly first: Matrix
  readonly second: Matrix
  readonly shares: readonly [first: number, second: number]
}

/** Undefined for other methods, and for more models. */
export async function blendOf(m: Matrix, by: Arithmetic): Promise<Blend | undefined> {
  if (m.op !== 'combine' || m.of.length !== 2) return undefined
  const method = mergeMethod(m.method)
  if (method.shares === undefined) return undefined
  const shares = method.shares(m.parameters, await factsOf(m, method, by))
  return { first: m.of[0]!, second: m.of[1]!, shares: [shares[0]!, shares[1]!] }
}

async function rowsOf(of: readonly Matrix[], begin: number, end: number, by: Arithmetic): Promise<Floats[]> {
  const models: Floats[] = []
  for (const matrix of of) {
    const values = acquireFloats(by.precision, (end - begin) * matrix.columns)
    await by.fill(matrix, begin, end, values, by)
    models.push(values)
  }
  return models
}

/** Kept with what else the blocks of a tensor share. */
async function factsOf(m: Combined, method: MergeMethod, by: Arithmetic): Promise<Float64Array> {
  if (method.survey === undefined) return NO_FACTS
  const known = by.wholeMatrixCache.get(m)
  if (known !== undefined) return (await known) as Float64Array
  const facts = method.survey(walkOf(m.of, by), { models: m.of.length, ...m }, m.parameters)
  by.wholeMatrixCache.set(m, facts as Promise<Floats>)
  return facts
}

/** All rows of matrices of one size, a few at a time. */
export function walkOf(of: readonly Matrix[], by: Arithmetic): BlockWalk {
  const { rows, columns } = of[0]!
  const step = Math.max(1, Math.floor(WALK_VALUES / Math.max(1, columns)))
  return async (visit) => {
    for (let begin = 0; begin < rows; begin += step) {
      const models = await rowsOf(of, begin, Math.min(begin + step, rows), by)
      visit(models)
      releaseFloats(...models)
    }
  }
}
