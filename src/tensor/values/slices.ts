/** Parts of tensors, and tensors put together: the same values in other places, bit for bit. */
import { matrixOf, transposed } from '../algebra/matrix.ts'
import { checkNumbers } from '../quantised/check.ts'
import { blockBytes, DTYPES, elementCount } from './dtype.ts'
import type { Source, Tensor } from './table.ts'

/**
 * Rows [start, start + count) of the first dimension, under another name.
 * @throws SCALED_FP8, QUANTISED (exit 3); RangeError for rows that are not there; TypeError for rows of a computed tensor
 */
export function tensorRows(tensor: Tensor, start: number, count: number, name = tensor.name): Tensor {
  checkNumbers(tensor)
  const [rows = 1, ...rest] = tensor.shape
  if (start < 0 || count < 0 || start + count > rows)
    throw new RangeError(`${tensor.name} has ${rows} rows, not ${start} to ${start + count}`)
  return { name, dtype: tensor.dtype, shape: [count, ...rest], source: rowSource(tensor, start, count) }
}

function rowSource({ name, dtype, shape, source }: Tensor, start: number, count: number): Source {
  const row = elementCount(shape.slice(1))
  const [offset, nbytes] = [blockBytes(dtype, 0, start * row), blockBytes(dtype, 0, count * row)]
  switch (source.kind) {
    case 'stored': {
      if (source.strides === undefined) return { ...source, offset: source.offset + offset, nbytes }
      const step = source.strides[0]! * DTYPES[dtype].bytes
      return { ...source, offset: source.offset + start * step }
    }
    case 'bytes':
      return { kind: 'bytes', data: source.data.subarray(offset, offset + nbytes) }
    case 'cast':
      return { kind: 'cast', of: tensorRows(source.of, start, count) }
    case 'concat': {
      const of =
        source.axis === 0 ? partsBetween(source.of, start, start + count) : sliced(source.of, start, count)
      return of.length === 1 ? of[0]!.source : { kind: 'concat', of, axis: source.axis }
    }
    default:
      throw new TypeError(`${name} is computed: its rows are no stored bytes`)
  }
}

function sliced(of: readonly Tensor[], start: number, count: number): Tensor[] {
  return of.map((part) => tensorRows(part, start, count))
}

/** What of tensors below each other lies in rows [start, end). */
function partsBetween(of: readonly Tensor[], start: number, end: number): Tensor[] {
  let first = 0
  return of.flatMap((part) => {
    const rows = part.shape[0]!
    const [from, to] = [Math.max(start - first, 0), Math.min(end - first, rows)]
    first += rows
    return from < to ? [tensorRows(part, from, to - from)] : []
  })
}

/**
 * Tensors of one type below each other (axis 0) or side by side (axis 1); their other dimensions are the same.
 * @throws SCALED_FP8, QUANTISED (exit 3); RangeError for other types or shapes, and for no tensor
 */
export function concatenated(name: string, of: readonly Tensor[], axis: 0 | 1 = 0): Tensor {
  const [first] = of
  if (first === undefined) throw new RangeError('nothing to put together')
  for (const part of of) checkNumbers(part)
  const fits = of.every(({ dtype, shape }) => {
    return dtype === first.dtype && shape.every((n, i) => i === axis || n === first.shape[i])
  })
  if (!fits) throw new RangeError(`${name}: tensors of other types or shapes cannot be put together`)
  const length = of.reduce((sum, { shape }) => sum + shape[axis]!, 0)
  return {
    name,
    dtype: first.dtype,
    shape: first.shape.with(axis, length),
    source: { kind: 'concat', of, axis },
  }
}

/** A matrix [m, n] as [n, m]. @throws SCALED_FP8, QUANTISED (exit 3) */
export function transpose(tensor: Tensor, name = tensor.name): Tensor {
  checkNumbers(tensor)
  const [m, n] = tensor.shape as [number, number]
  const { source } = tensor
  if (source.kind === 'stored') {
    const [down, right] = source.strides ?? [n, 1]
    return { ...tensor, name, shape: [n, m], source: { ...source, strides: [right!, down!] } }
  }
  return {
    ...tensor,
    name,
    shape: [n, m],
    source: { kind: 'patched', base: { ...tensor, shape: [n, m] }, value: transposed(matrixOf(tensor)) },
  }
}

/**
 * The same values in another shape of as many elements; only for tensors that lie row-major.
 * @throws RangeError for another number of elements, and for a view in strides that is not one in `shape`
 */
export function reshape(tensor: Tensor, shape: readonly number[], name = tensor.name): Tensor {
  const { source } = tensor
  if (elementCount(shape) !== elementCount(tensor.shape))
    throw new RangeError(`${name}: [${tensor.shape}] is not [${shape}]`)
  if (source.kind === 'stored' && source.strides !== undefined) {
    return {
      ...tensor,
      name,
      shape,
      source: { ...source, strides: stridesAs(source.strides, tensor.shape, shape) },
    }
  }
  if (source.kind === 'cast')
    return { ...tensor, name, shape, source: { kind: 'cast', of: reshape(source.of, shape) } }
  return { ...tensor, name, shape }
}

/** Strides where dimensions of length 1 come or go at the end or the start. */
function stridesAs(strides: readonly number[], from: readonly number[], to: readonly number[]): number[] {
  const real = from.flatMap((n, i) => (n === 1 ? [] : [strides[i]!]))
  let next = 0
  const found = to.map((n) => (n === 1 ? 0 : real[next++]!))
  if (from.filter((n) => n !== 1).join() !== to.filter((n) => n !== 1).join())
    throw new RangeError(`a view of [${from}] cannot be seen as [${to}]`)
  return found
}
