/** How the values of two tensors differ, read in blocks and compared as numbers, whatever types they are stored in. */
import type { MatMul } from '../algebra/matmul.ts'
import { compareFloats, KERNEL_VALUES, sumSquares } from '../numeric/compare-kernels.ts'
import { elementsOf } from '../numeric/float.ts'
import { acquireBuffer, releaseBuffers } from '../numeric/spare-buffers.ts'
import { checkNumbers } from '../quantised/check.ts'
import { isLocal, STRIDED_BLOCK_BYTES } from '../write/jobs.ts'
import { blockBytes, DTYPES, type DType, dtypeInfo, elementCount } from './dtype.ts'
import { evaluateInto, newEvaluation, type ReadInto, readValues } from './expr.ts'
import type { Tensor } from './table.ts'

/** Sums over pairs of values at the same place. Those with a NaN or an infinity count as changed or not, nowhere else. */
export interface TensorComparison {
  readonly values: number
  /** Sum of a^2: the square of the Frobenius norm. */
  readonly squares: number
  /** Sum of (b - a)^2. */
  readonly differences: number
  /** Largest |b - a|. */
  readonly largest: number
  /** Pairs that are not the same number. Zeros are the same whatever their sign, NaN is the same as NaN. */
  readonly changed: number
  /** Values of a that are NaN or infinite; the same of b. */
  readonly brokenA: number
  readonly brokenB: number
}

export const NO_COMPARISON: TensorComparison = {
  values: 0,
  squares: 0,
  differences: 0,
  largest: 0,
  changed: 0,
  brokenA: 0,
  brokenB: 0,
}

export function addComparisons(a: TensorComparison, b: TensorComparison): TensorComparison {
  return {
    values: a.values + b.values,
    squares: a.squares + b.squares,
    differences: a.differences + b.differences,
    largest: Math.max(a.largest, b.largest),
    changed: a.changed + b.changed,
    brokenA: a.brokenA + b.brokenA,
    brokenB: a.brokenB + b.brokenB,
  }
}

/** ||b - a|| / ||a||, of the finite values: 0 if none differ, infinite if a is nothing but zeros and b is not. */
export function relativeChange({ squares, differences }: TensorComparison): number {
  return differences === 0 ? 0 : Math.sqrt(differences / squares)
}

/** Types whose values are numbers. Complex, packed and quantised ones can only be compared as bytes. */
export function isNumeric(dtype: DType): boolean {
  const { kind } = dtypeInfo(dtype)
  return kind === 'float' || kind === 'int' || kind === 'bool'
}

/** What a comparison needs of the world. */
export interface CompareInput {
  readonly read: ReadInto
  /** What computes the products of a planned side: what wrote the other one, or their last bits differ. Plain loops without it. */
  readonly matmul?: MatMul
  readonly signal?: AbortSignal
  /** Called after each block with the bytes that were read of both tensors. */
  onBytes?(bytes: number): void
}

/** Bytes of each tensor that are read at once. */
const READ_BYTES = 1024 * 1024

/**
 * Compares two numeric tensors of as many elements, element by element in row-major order. Memory is bounded by two
 * blocks of 1 MiB, of 32 MiB for strided views.
 * @throws SCALED_FP8, QUANTISED (exit 3)
 */
export async function compareTensors(a: Tensor, b: Tensor, input: CompareInput): Promise<TensorComparison> {
  for (const tensor of [a, b]) checkNumbers(tensor)
  let total = NO_COMPARISON
  await forBlocks(a, b, input, async (left, right, count) => {
    total = addComparisons(total, await compareBlock(a.dtype, left, b.dtype, right, count))
    return true
  })
  return total
}

/** Holds two tensors of the same type and number of elements against each other, byte by byte. */
export async function haveSameBytes(a: Tensor, b: Tensor, input: CompareInput): Promise<boolean> {
  let same = true
  await forBlocks(a, b, input, async (left, right) => {
    same = Buffer.compare(left, right) === 0
    return same
  })
  return same
}

/** Calls `use` with the bytes of each block of both tensors, as long as it gives true. */
async function forBlocks(
  a: Tensor,
  b: Tensor,
  { read, matmul, signal, onBytes }: CompareInput,
  use: (a: Uint8Array, b: Uint8Array, count: number) => Promise<boolean>,
): Promise<void> {
  const count = elementCount(a.shape)
  const step = blockElements(a, b)
  const [left, right] = [a, b].map(({ dtype }) => acquireBuffer(blockBytes(dtype, 0, Math.min(step, count))))
  for (let begin = 0; begin < count; begin += step) {
    signal?.throwIfAborted()
    const end = Math.min(begin + step, count)
    const blocks = [left!, right!].map((buffer, i) => {
      return buffer.subarray(0, blockBytes([a, b][i]!.dtype, begin, end))
    })
    await Promise.all(
      [a, b].map((t, i) => evaluateInto(t, begin, end, blocks[i]!, newEvaluation(read, matmul))),
    )
    onBytes?.(blocks[0]!.byteLength + blocks[1]!.byteLength)
    if (!(await use(blocks[0]!, blocks[1]!, end - begin))) break
  }
  releaseBuffers(left!, right!)
}

/** Whole blocks of packed types, of which both tensors have the same then. */
function blockElements(a: Tensor, b: Tensor): number {
  const bytes = [a, b].some(({ source }) => isLocal(source)) ? STRIDED_BLOCK_BYTES : READ_BYTES
  return Math.min(
    ...[a, b].map(({ dtype }) => Math.floor(bytes / DTYPES[dtype].bytes) * DTYPES[dtype].elements),
  )
}

/** Types that widen to binary32 without loss. */
function isNarrowFloat(dtype: DType): boolean {
  return dtypeInfo(dtype).kind === 'float' && dtype !== 'F64'
}

async function compareBlock(
  typeA: DType,
  a: Uint8Array,
  typeB: DType,
  b: Uint8Array,
  count: number,
): Promise<TensorComparison> {
  const narrow = isNarrowFloat(typeA) && isNarrowFloat(typeB)
  const same = typeA === typeB && Buffer.compare(a, b) === 0
  let total = NO_COMPARISON
  for (let begin = 0; begin < count; begin += KERNEL_VALUES) {
    const end = Math.min(begin + KERNEL_VALUES, count)
    const [x, y] = [slice(typeA, a, begin, end), slice(typeB, b, begin, end)]
    const quick = narrow ? quickSums(typeA, x, typeB, y, end - begin, same) : undefined
    total = addComparisons(total, quick ?? (await comparePlainly(typeA, x, typeB, y)))
  }
  return total
}

function slice(dtype: DType, bytes: Uint8Array, begin: number, end: number): Uint8Array {
  return bytes.subarray(blockBytes(dtype, 0, begin), blockBytes(dtype, 0, end))
}

/** Undefined where a value is not finite, or too small for the kernels. */
function quickSums(
  typeA: DType,
  a: Uint8Array,
  typeB: DType,
  b: Uint8Array,
  count: number,
  same: boolean,
): TensorComparison | undefined {
  if (same) {
    const squares = sumSquares(typeA, a, count)
    return squares === undefined ? undefined : { ...NO_COMPARISON, values: count, squares }
  }
  const sums = compareFloats(typeA, a, typeB, b, count)
  return sums && { ...NO_COMPARISON, ...sums, values: count }
}

/** Any numbers, in binary64, with all that is not finite. */
async function comparePlainly(
  typeA: DType,
  a: Uint8Array,
  typeB: DType,
  b: Uint8Array,
): Promise<TensorComparison> {
  const [x, y] = await Promise.all([numbersOf(typeA, a), numbersOf(typeB, b)])
  const isSame = exactEquality(typeA, a, typeB, b) ?? ((i: number) => Object.is(x[i]! + 0, y[i]! + 0))
  let [squares, differences, largest, changed, brokenA, brokenB] = [0, 0, 0, 0, 0, 0]
  for (let i = 0; i < x.length; i++) {
    const [left, right] = [x[i]!, y[i]!]
    if (!isSame(i)) changed++
    if (Number.isFinite(left) && Number.isFinite(right)) {
      const difference = right - left
      squares += left * left
      differences += difference * difference
      largest = Math.max(largest, Math.abs(difference))
      continue
    }
    if (!Number.isFinite(left)) brokenA++
    if (!Number.isFinite(right)) brokenB++
  }
  return { values: x.length, squares, differences, largest, changed, brokenA, brokenB }
}

function numbersOf(dtype: DType, data: Uint8Array): Promise<Float64Array> {
  const shape = [data.byteLength / DTYPES[dtype].bytes]
  const source = { kind: 'bytes', data } as const
  return readValues({ name: '', dtype, shape, source }, async () => {})
}

/** Integers beyond 2^53 are only told apart as they are stored. */
function exactEquality(
  typeA: DType,
  a: Uint8Array,
  typeB: DType,
  b: Uint8Array,
): ((i: number) => boolean) | undefined {
  if (typeA !== typeB || (typeA !== 'I64' && typeA !== 'U64')) return undefined
  const [x, y] = [elementsOf(BigUint64Array, a), elementsOf(BigUint64Array, b)]
  return (i) => x[i] === y[i]
}
