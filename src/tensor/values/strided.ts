import type { FileRef } from '../../system/file-ref.ts'
import { acquireBuffer, releaseBuffers } from '../numeric/spare-buffers.ts'
import type { StoredSource } from './table.ts'

/** Largest piece of a strided view that is read at once. */
const MAX_SPAN_BYTES = 8 * 1024 * 1024

/** A box of elements: `size` along each dimension, from element `start` of the storage. */
interface Box {
  readonly start: number
  readonly size: readonly number[]
  /** Where its first element lies in the output, and the output's strides, in elements. */
  readonly out: number
}

/** Reads `target.byteLength` bytes of a file from `offset`. */
export type ReadInto = (file: FileRef, offset: number, target: Uint8Array) => Promise<void>

/**
 * Copies elements [begin, end) of a strided view (row-major order of its shape) to `out`. Memory stays bounded:
 * a box that spans more than 8 MiB of the file is halved along its widest stride first.
 */
export async function gatherStrided(
  source: StoredSource,
  shape: readonly number[],
  itemSize: number,
  range: { begin: number; end: number },
  out: Uint8Array,
  read: ReadInto,
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
    const bytes = acquireBuffer(span * itemSize)
    await read(source.file, source.offset + box.start * itemSize, bytes)
    copyElements(bytes, box, strides, outStrides, itemSize, out)
    releaseBuffers(bytes)
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

/** A dimension of a box as the copy walks it: its size, and its steps in both buffers, in units. */
interface Axis {
  readonly n: number
  readonly from: number
  readonly to: number
}

type Units = Uint8Array | Uint16Array | Uint32Array

/** The bytes in units of the largest size that all buffers and elements allow, up to four. */
function unitsOf(bytes: Uint8Array, unit: number): Units {
  const { buffer, byteOffset, byteLength } = bytes
  if (unit === 4) return new Uint32Array(buffer, byteOffset, byteLength / 4)
  return unit === 2 ? new Uint16Array(buffer, byteOffset, byteLength / 2) : bytes
}

/** Copies the elements of a box, whose first is the first of `bytes`. */
function copyElements(
  bytes: Uint8Array,
  box: Box,
  strides: readonly number[],
  outStrides: readonly number[],
  itemSize: number,
  out: Uint8Array,
): void {
  const unit = [4, 2, 1].find((size) => (itemSize | bytes.byteOffset | out.byteOffset) % size === 0)!
  const width = itemSize / unit
  const axes = box.size
    .map((n, d): Axis => ({ n, from: strides[d]! * width, to: outStrides[d]! * width }))
    .filter(({ n }) => n > 1)
  // an element of several units is one more dimension
  if (width > 1) axes.push({ n: width, from: 1, to: 1 })
  copyAxes(unitsOf(bytes, unit), unitsOf(out, unit), axes, box.out * width)
}

/** Dimensions from the outermost of the output to the innermost. */
function copyAxes(from: Units, to: Units, axes: readonly Axis[], start: number): void {
  const last = axes.at(-1) ?? ONE
  const others = axes.slice(0, -1)
  const across = others.reduce((best, axis, d) => (axis.from < (others[best]?.from ?? 0) ? d : best), 0)
  const crossing = others[across] ?? ONE
  const outer = others.filter((_, d) => d !== across)
  const copy = (d: number, source: number, target: number): void => {
    const axis = outer[d]
    if (axis === undefined) copyTiles(from, to, crossing, last, source, target)
    else for (let i = 0; i < axis.n; i++) copy(d + 1, source + i * axis.from, target + i * axis.to)
  }
  copy(0, 0, start)
}

const ONE: Axis = { n: 1, from: 0, to: 0 }

/**
 * Rows and columns of a tile of a transposition. The tile's source lines stay in the first-level cache until all
 * their elements are copied; without tiles each element of a column fetches a line of its own.
 */
const TILE = 16

/** A run shorter than this is copied faster by the loop. */
const MIN_RUN = 32

/** Copies a rectangle: `a` runs fast in the source, `b` in the output. */
function copyTiles(from: Units, to: Units, a: Axis, b: Axis, source: number, target: number): void {
  if (b.from === 1 && b.to === 1 && b.n >= MIN_RUN) {
    for (let i = 0; i < a.n; i++) {
      const begin = source + i * a.from
      to.set(from.subarray(begin, begin + b.n), target + i * a.to)
    }
    return
  }
  for (let b0 = 0; b0 < b.n; b0 += TILE) {
    const bEnd = Math.min(b0 + TILE, b.n)
    for (let a0 = 0; a0 < a.n; a0++) {
      let read = source + a0 * a.from + b0 * b.from
      let write = target + a0 * a.to + b0 * b.to
      for (let k = b0; k < bEnd; k++) {
        to[write] = from[read]!
        read += b.from
        write += b.to
      }
    }
  }
}
