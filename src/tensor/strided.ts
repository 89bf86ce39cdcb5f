import type { StoredSource } from './table.ts'

/** Largest piece of a strided view that is read at once. */
const MAX_SPAN_BYTES = 32 * 1024 * 1024

/** A box of elements: `size` along each dimension, from element `start` of the storage. */
interface Box {
  readonly start: number
  readonly size: readonly number[]
  /** Where its first element lies in the output, and the output's strides, in elements. */
  readonly out: number
}

/** Reads bytes of the view's file: `length` from `offset`. */
export type ReadBytes = (offset: number, length: number) => Promise<Uint8Array>

/**
 * Copies elements [begin, end) of a strided view (row-major order of its shape) to `out`. Memory stays bounded:
 * a box that spans more than 32 MiB of the file is halved along its widest stride first.
 */
export async function gatherStrided(
  source: StoredSource,
  shape: readonly number[],
  itemSize: number,
  range: { begin: number; end: number },
  out: Uint8Array,
  read: ReadBytes,
): Promise<void> {
  const strides = source.strides ?? rowMajorStrides(shape)
  const outStrides = rowMajorStrides(shape)
  const copyBox = async (box: Box): Promise<void> => {
    const span = spanOf(box.size, strides)
    const widest = widestDimension(box.size, strides)
    if (span * itemSize > MAX_SPAN_BYTES && widest !== undefined) {
      for (const half of halves(box, widest, strides, outStrides)) await copyBox(half)
      return
    }
    const bytes = await read(source.offset + box.start * itemSize, span * itemSize)
    copyElements(bytes, box, strides, outStrides, itemSize, out)
  }
  for (const box of boxesOf(range.begin, range.end, shape, strides)) await copyBox(box)
}

/** Strides of a contiguous row-major tensor, in elements. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = step
    step *= shape[d]!
  }
  return strides
}

/** Elements from the first to the last of a box, both included. */
function spanOf(size: readonly number[], strides: readonly number[]): number {
  return size.reduce((sum, n, d) => sum + (n - 1) * strides[d]!, 1)
}

function widestDimension(size: readonly number[], strides: readonly number[]): number | undefined {
  let widest: number | undefined
  for (let d = 0; d < size.length; d++) {
    if (size[d]! > 1 && (widest === undefined || strides[d]! > strides[widest]!)) widest = d
  }
  return widest
}

function halves(box: Box, d: number, strides: readonly number[], outStrides: readonly number[]): Box[] {
  const first = Math.floor(box.size[d]! / 2)
  return [
    { ...box, size: box.size.with(d, first) },
    {
      start: box.start + first * strides[d]!,
      size: box.size.with(d, box.size[d]! - first),
      out: box.out + first * outStrides[d]!,
    },
  ]
}

/**
 * Splits a flat range into boxes, largest first dimension that fits: a partial row before, whole rows, a partial
 * row after, and the same inside the partial rows.
 */
function boxesOf(begin: number, end: number, shape: readonly number[], strides: readonly number[]): Box[] {
  const outStrides = rowMajorStrides(shape)
  if (shape.length === 0) return [{ start: 0, size: [], out: 0 }]
  const boxes: Box[] = []
  let at = begin
  while (at < end) {
    const d = outStrides.findIndex((step) => at % step === 0 && at + step <= end)
    const step = outStrides[d]!
    const inDimension = Math.floor(at / step) % shape[d]!
    const count = Math.min(Math.floor((end - at) / step), shape[d]! - inDimension)
    const size = shape.map((n, k) => (k < d ? 1 : k === d ? count : n))
    boxes.push({ start: storageIndex(at, shape, strides), size, out: at - begin })
    at += count * step
  }
  return boxes
}

function storageIndex(flat: number, shape: readonly number[], strides: readonly number[]): number {
  let rest = flat
  let index = 0
  for (let d = shape.length - 1; d >= 0; d--) {
    index += (rest % shape[d]!) * strides[d]!
    rest = Math.floor(rest / shape[d]!)
  }
  return index
}

function copyElements(
  bytes: Uint8Array,
  box: Box,
  strides: readonly number[],
  outStrides: readonly number[],
  itemSize: number,
  out: Uint8Array,
): void {
  const copy = (d: number, from: number, to: number): void => {
    if (d === box.size.length) {
      const source = from * itemSize
      for (let b = 0; b < itemSize; b++) out[to * itemSize + b] = bytes[source + b]!
      return
    }
    for (let i = 0; i < box.size[d]!; i++) copy(d + 1, from + i * strides[d]!, to + i * outStrides[d]!)
  }
  copy(0, 0, box.out)
}
