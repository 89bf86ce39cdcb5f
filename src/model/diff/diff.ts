/** How two model files differ, tensor by tensor. */

import { inParallel } from '../../system/parallel.ts'
import { checkOperation, isRefused } from '../../tensor/quantised/check.ts'
import {
  type CompareInput,
  compareTensors,
  haveSameBytes,
  isNumeric,
  type TensorComparison,
} from '../../tensor/values/compare.ts'
import { tensorBytes } from '../../tensor/values/expr.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import { namedAs } from '../layouts/align.ts'
import { sameShape, weightName } from '../networks/topology/match.ts'
import { type DiffSide, type Pair, pairTensors } from './pairs.ts'
import type { DiffPlace } from './place.ts'

/** `incomparable`: other bytes, but no numbers to compare: codes of a format, or another number of values. */
export type Change = 'same' | 'changed' | 'incomparable' | 'added' | 'removed'

export interface TensorDiff {
  /** In a; in b if it was added. */
  readonly name: string
  readonly place: DiffPlace
  readonly a?: Tensor
  readonly b?: Tensor
  readonly change: Change
  /** Another dtype; the values may be the same. */
  readonly retyped: boolean
  readonly reshaped: boolean
  /** Where both have numbers at the same places. */
  readonly comparison?: TensorComparison
}

/** Nothing at all is different, not even the type. */
export function isSame({ change, retyped, reshaped }: TensorDiff): boolean {
  return change === 'same' && !retyped && !reshaped
}

/** Tensors under way at once: while one is counted, others are read. */
const LANES = 3

export interface DiffInput extends CompareInput {
  onProgress?(doneBytes: number, totalBytes: number): void
}

/**
 * Compares the values of two files. Reads both whole, in blocks; the calling thread counts what other threads read. A
 * transformer that has other names in b is compared under those it has in a.
 * @throws LAYOUT_MISFIT (exit 3); SCALED_FP8, QUANTISED (exit 3) where the same weight is stored in a format that nothing decodes in one of them only
 */
export async function diffTensors(a: DiffSide, other: DiffSide, input: DiffInput): Promise<TensorDiff[]> {
  const b = namedAs(other, a)
  const pairs = pairTensors(a, b)
  checkFormats(pairs, a, b)
  const total = pairs.reduce((sum, pair) => sum + bytesToRead(pair), 0)
  let done = 0
  const onBytes = (bytes: number) => {
    done += bytes
    input.onProgress?.(done, total)
  }
  return inParallel(pairs, LANES, (pair) => diffPair(pair, { ...input, onBytes }))
}

/**
 * The codes of two formats, or codes and numbers, say nothing about each other.
 * @throws SCALED_FP8, QUANTISED (exit 3)
 */
function checkFormats(pairs: readonly Pair[], a: DiffSide, b: DiffSide): void {
  const unlike = pairs.filter(
    (pair) => pair.a && pair.b && pair.a.quantised?.format !== pair.b.quantised?.format,
  )
  // some formats have names of their own for their codes
  const lone = (side: 'a' | 'b', other: DiffSide) =>
    pairs.flatMap(({ [side]: tensor, ...rest }) => {
      const isAlone = (rest as Partial<Pair>)[side === 'a' ? 'b' : 'a'] === undefined
      return tensor && isAlone && other.table.tensors.has(weightName(tensor)) ? [tensor] : []
    })
  checkOperation('diff', [...unlike.map((pair) => pair.a!), ...lone('a', b)], 'a')
  checkOperation('diff', [...unlike.map((pair) => pair.b!), ...lone('b', a)], 'b')
}

function bytesToRead({ a, b }: Pair): number {
  return a && b && comparability(a, b) !== 'none' ? tensorBytes(a) + tensorBytes(b) : 0
}

async function diffPair(pair: Pair, input: CompareInput): Promise<TensorDiff> {
  const { place, a, b } = pair
  const unlike = { retyped: false, reshaped: false }
  if (!b) return { name: a.name, place, a, change: 'removed', ...unlike }
  if (!a) return { name: b.name, place, b, change: 'added', ...unlike }
  const retyped = a.dtype !== b.dtype
  const reshaped = !sameShape(a.shape, b.shape)
  return { name: a.name, place, a, b, retyped, reshaped, ...(await changeOf(a, b, input)) }
}

async function changeOf(
  a: Tensor,
  b: Tensor,
  input: CompareInput,
): Promise<Pick<TensorDiff, 'change' | 'comparison'>> {
  switch (comparability(a, b)) {
    case 'none':
      return { change: 'incomparable' }
    case 'bytes':
      return { change: (await haveSameBytes(a, b, input)) ? 'same' : 'incomparable' }
    case 'numbers': {
      const comparison = await compareTensors(a, b, input)
      return { change: comparison.changed > 0 ? 'changed' : 'same', comparison }
    }
  }
}

function comparability(a: Tensor, b: Tensor): 'numbers' | 'bytes' | 'none' {
  if (!sameShape(withoutOnes(a), withoutOnes(b))) return 'none'
  const isEncoded = isRefused(a, 'diff') || isRefused(b, 'diff')
  if (!isEncoded && isNumeric(a.dtype) && isNumeric(b.dtype)) return 'numbers'
  return a.dtype === b.dtype ? 'bytes' : 'none'
}

/** [C, C, 1, 1] and [C, C] are the same weight, as a convolution and as a linear layer. */
function withoutOnes({ shape }: Tensor): number[] {
  return shape.filter((n) => n !== 1)
}
