/** The singular values and vectors of what a module adds, by way of its factors where there are such. */

import type { Product, Whole } from '../../model/adapters/algorithm.ts'
import { sumOfSquares } from '../../model/lora/difference.ts'
import { matrixSize } from '../../model/lora/factors.ts'
import { changeOf, type PlacedLora, structureOf } from '../../model/lora/modules.ts'
import { refuse } from '../../system/errors.ts'
import { hadamardProduct, type LowRank, svdOfKron } from '../../tensor/algebra/structured-svd.ts'
import { allSingularValues, leadingSvd, type Svd, svdOfProduct } from '../../tensor/algebra/svd.ts'
import { type Evaluation, matrixValues } from '../../tensor/values/expr.ts'
import type { Matrix } from '../../tensor/values/table.ts'
import type { RankRule } from '../lora/rank-rule.ts'
import { messages } from './messages.ts'

export interface Spectral {
  /** As many of the values as the rule can ask for, or all that are not 0. */
  readonly svd: Svd
  /** How many there are, zeros and all. */
  readonly count: number
  /** Sum of all values; only where the rule asks for it. */
  readonly sum?: number
  /** Sum of all squares. */
  readonly squares: number
  /** Strength that is not in the singular values: alpha / rank of the file. */
  readonly scale: number
}

/** What a decomposition needs to know. */
export interface SpectralWork {
  /** Of the module, for messages. */
  readonly name: string
  readonly rule: RankRule
  readonly seed: number
  readonly evaluation: Evaluation
}

/**
 * Products of a higher rank are put together and sketched instead: an exact decomposition of two matrices of that
 * size takes longer.
 */
const MAX_EXACT_RANK = 64

/**
 * @param shape (O, I) or (O, I, kh, kw) of the layer
 * @throws NOT_FINITE (exit 3)
 */
export async function spectralOf(
  one: PlacedLora,
  shape: readonly number[],
  work: SpectralWork,
): Promise<Spectral> {
  const count = Math.min(...matrixSize(shape))
  const { scale, of } = structureOf(one) ?? { scale: 1, of: undefined }
  if (of?.form === 'product') return { ...(await ofProduct(await lowRank(of, work), work)), count, scale }
  if (of?.form === 'kron') return { ...(await ofKron(of.a, of.b, work)), count, scale }
  if (of?.form === 'hadamard' && of.of[0].up.columns * of.of[1].up.columns <= MAX_EXACT_RANK) {
    const [a, b] = [await lowRank(of.of[0], work), await lowRank(of.of[1], work)]
    return { ...(await ofProduct(hadamardProduct(a, b), work)), count, scale }
  }
  return { ...(await ofWhole(changeOf(one, shape), work)), count, scale: 1 }
}

/** Of a part of a change. */
type Part = Pick<Spectral, 'svd' | 'sum' | 'squares'>

/** A decomposition of NaN would not end. */
async function finiteValues(
  of: Matrix,
  { name, evaluation }: SpectralWork,
): Promise<Float32Array<ArrayBuffer>> {
  const values = await matrixValues(of, evaluation)
  if (Number.isFinite(sumOfSquares(values))) return values
  throw refuse('NOT_FINITE', messages.notFinite(name), messages.seeLoraCheck)
}

async function lowRank({ up, down }: Product, work: SpectralWork): Promise<LowRank> {
  const doubles = async (of: Matrix) => Float64Array.from(await finiteValues(of, work))
  return { up: await doubles(up), down: await doubles(down), size: [up.rows, up.columns, down.columns] }
}

async function ofProduct({ up, down, size }: LowRank, { evaluation }: SpectralWork): Promise<Part> {
  const svd = await svdOfProduct(up, down, size, evaluation.matmul)
  const squares = svd.values.reduce((total, value) => total + value * value, 0)
  return { svd, squares, sum: total(svd.values) }
}

async function ofWhole(of: Matrix, work: SpectralWork): Promise<Part> {
  const { rule, seed } = work
  const { matmul } = work.evaluation
  const size = [of.rows, of.columns] as const
  const values = await finiteValues(of, work)
  const svd = await leadingSvd(values, size, rule.limit, { matmul, seed })
  const squares = sumOfSquares(values)
  if (rule.method !== 'sv_cumulative') return { svd, squares }
  return { svd, squares, sum: total(await allSingularValues(values, size, matmul)) }
}

async function ofKron(a: Whole, b: Whole, work: SpectralWork): Promise<Part> {
  const [first, second] = [await ofFactor(a, work), await ofFactor(b, work)]
  const svd = svdOfKron(first.svd, factorSize(a), second.svd, factorSize(b), work.rule.limit)
  const squares = first.squares * second.squares
  if (first.sum === undefined || second.sum === undefined) return { svd, squares }
  return { svd, squares, sum: first.sum * second.sum }
}

async function ofFactor(factor: Whole, work: SpectralWork): Promise<Part> {
  return 'whole' in factor ? ofWhole(factor.whole, work) : ofProduct(await lowRank(factor, work), work)
}

function factorSize(factor: Whole): readonly [number, number] {
  return 'whole' in factor ? [factor.whole.rows, factor.whole.columns] : [factor.up.rows, factor.down.columns]
}

function total(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0)
}
