/** How two models differ, where a LoRA covers it and where it does not. */
import { matrixOf, rowsOf, sum } from '../../tensor/algebra/matrix.ts'
import { DTYPES, isFloat } from '../../tensor/values/dtype.ts'
import { canCast, cast, type Evaluation, matrixValues } from '../../tensor/values/expr.ts'
import { sameValues } from '../../tensor/values/same.ts'
import type { Tensor, TensorTable } from '../../tensor/values/table.ts'
import { type BasePart, partLike } from '../adapters/base-parts.ts'
import { sameShape } from '../networks/topology/match.ts'

export interface Sides<T> {
  readonly tuned: T
  readonly base: T
}

/** Tensors that differ and are in no layer of the LoRA, and the sum of squares of their difference. */
export interface Outside {
  readonly tensors: readonly string[]
  readonly delta2: number
}

/** A linear layer and a 1x1 convolution are the same. */
export function sameSize(a: readonly number[], b: readonly number[]): boolean {
  return sameShape(a, b) || sameShape(withoutOnes(a), withoutOnes(b))
}

function withoutOnes(shape: readonly number[]): readonly number[] {
  return shape.length === 4 && shape[2] === 1 && shape[3] === 1 ? shape.slice(0, 2) : shape
}

export function sumOfSquares(values: Float32Array): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!
  return sum
}

/** Values become what they are more than `base`; sums of squares of that, and of the base. */
export function subtract(values: Float32Array, base: Float32Array): { delta2: number; base2: number } {
  let [delta2, base2] = [0, 0]
  for (let i = 0; i < values.length; i++) {
    const old = base[i]!
    const delta = Math.fround(values[i]! - old)
    values[i] = delta
    delta2 += delta * delta
    base2 += old * old
  }
  return { delta2, base2 }
}

export function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2
  return sum
}

/** Rows looked at together hold at most so many values: tables of tokens are larger than any layer. */
const WALK_VALUES = 4 * 1024 * 1024

/** What of the components differs and is in no layer of the LoRA: norms, biases, embeddings, other layers. */
export async function outsideOf(
  files: Sides<TensorTable>,
  parts: Sides<readonly BasePart[]>,
  covered: ReadonlySet<string>,
  evaluation: Evaluation,
): Promise<Outside> {
  const tensors: string[] = []
  let delta2 = 0
  for (const [key, baseKey] of sharedKeys(parts)) {
    if (covered.has(key)) continue
    const [a, b] = [files.tuned.tensors.get(key)!, files.base.tensors.get(baseKey)!]
    if (!isFloat(a.dtype) || !isFloat(b.dtype) || !sameSize(a.shape, b.shape)) continue
    const squares = await differenceSquares(a, b, evaluation)
    if (squares > 0) tensors.push(key)
    delta2 += squares
  }
  return { tensors, delta2 }
}

/** Tensors of the same name, and weights and biases of all layers: key in the tuned model -> key in the base. */
function sharedKeys(parts: Sides<readonly BasePart[]>): Map<string, string> {
  const pairs = parts.tuned.flatMap((part) => {
    const other = partLike(parts.base, part)
    return other === undefined ? [] : [...sameNames(part, other), ...sameLayers(part, other)]
  })
  return new Map(pairs)
}

type KeyPair = readonly [key: string, baseKey: string]

/** Parameters that belong to no layer are found by their names alone. */
function sameNames(part: BasePart, other: BasePart): KeyPair[] {
  const byName = new Map(other.component.names.map((key) => [other.localOf(key), key]))
  return part.component.names.flatMap((key): KeyPair[] => {
    const baseKey = byName.get(part.localOf(key))
    return baseKey === undefined ? [] : [[key, baseKey]]
  })
}

function sameLayers(part: BasePart, other: BasePart): KeyPair[] {
  return [...part.names].flatMap(([path, { weight, bias }]): KeyPair[] => {
    const place = other.names.get(path)
    if (place === undefined) return []
    return [[weight, place.weight], ...(bias && place.bias ? [[bias, place.bias] as const] : [])]
  })
}

async function differenceSquares(tuned: Tensor, base: Tensor, evaluation: Evaluation): Promise<number> {
  const [a, b] = inNarrowerType(tuned, base)
  // most of them are the same, and bytes are compared faster than numbers are taken from each other
  if (await sameValues(a, b, evaluation.read)) return 0
  const difference = sum({ factor: 1, of: matrixOf(a) }, { factor: -1, of: matrixOf(b, tuned.shape[0] ?? 1) })
  const step = Math.max(1, Math.floor(WALK_VALUES / Math.max(1, difference.columns)))
  let squares = 0
  for (let row = 0; row < difference.rows; row += step) {
    const rows = rowsOf(difference, row, Math.min(step, difference.rows - row))
    squares += sumOfSquares(await matrixValues(rows, evaluation))
  }
  return squares
}

/** Both in the narrower of their types. */
export function inNarrowerType(a: Tensor, b: Tensor): readonly [Tensor, Tensor] {
  if (a.dtype === b.dtype) return [a, b]
  const isNarrow = DTYPES[a.dtype].bytes <= DTYPES[b.dtype].bytes
  if (isNarrow && canCast(b.dtype, a.dtype)) return [a, cast(b, a.dtype)]
  return !isNarrow && canCast(a.dtype, b.dtype) ? [cast(a, b.dtype), b] : [a, b]
}
