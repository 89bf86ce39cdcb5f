/** The first columns of a PNG: rows are inflated and restored from the left, no more of them than is asked for. */
import { createInflate } from 'node:zlib'
import { cornerOf, type PixelColumns } from '../columns.ts'
import { messages } from '../messages.ts'
import { damaged } from './chunks.ts'
import { checkSize, compressedPixels, filterAt, type Png, type PngHeader } from './decode.ts'
import { restoreRow } from './filter.ts'

/** Bits of a sample, and channels, of the pictures that are read so: those that programs of this field write. */
const DEPTH = 8

export function hasColumns({ depth, colour, interlaced }: PngHeader): boolean {
  return depth === DEPTH && colour.channels >= 3 && !interlaced
}

/** @param png for which `hasColumns` @throws PNG_DAMAGED, PNG_TOO_LARGE (exit 3) */
export function pngColumns({ header, chunks }: Png): PixelColumns {
  checkSize(header)
  const { width, height } = header
  const channels = header.colour.channels === 4 ? 4 : 3
  const parts = compressedPixels(chunks)
  const first = async (count: number): Promise<Uint8Array> => {
    const { columns, rows } = cornerOf(count, height)
    const samples = new Uint8Array(columns * height * channels)
    let above = new Uint8Array(columns * channels)
    let y = 0
    for await (const row of rowsOf(parts, {
      stride: width * channels + 1,
      own: columns * channels + 1,
      rows,
    })) {
      const line = row.slice(1)
      restoreRow(line, above, channels, filterAt(row, 0))
      for (let i = 0; i < line.length; i++) {
        const x = Math.floor(i / channels)
        samples[(x * height + y) * channels + (i % channels)] = line[i]!
      }
      above = line
      y++
    }
    return samples.subarray(0, count * channels)
  }
  return { width, height, channels, first }
}

interface RowShape {
  /** Bytes of a row with its filter. */
  readonly stride: number
  /** How many of them are given. */
  readonly own: number
  readonly rows: number
}

/** The beginnings of the first rows, one after the other in the same buffer. */
async function* rowsOf(
  parts: readonly Uint8Array[],
  { stride, own, rows }: RowShape,
): AsyncGenerator<Uint8Array> {
  const row = new Uint8Array(own)
  let [at, given] = [0, 0]
  for await (const block of inflated(parts)) {
    for (let i = 0; i < block.length && given < rows; ) {
      const taken = Math.min(stride - at, block.length - i)
      if (at < own) row.set(block.subarray(i, i + Math.min(taken, own - at)), at)
      at += taken
      i += taken
      if (at < stride) continue
      yield row
      at = 0
      given++
    }
    if (given === rows) return
  }
  throw damaged(messages.wrongPixelBytes(given * stride + at, rows * stride))
}

/** @throws PNG_DAMAGED (exit 3) */
async function* inflated(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  const stream = createInflate()
  stream.end(Buffer.concat(parts))
  try {
    yield* stream
  } catch {
    throw damaged(messages.pixelsNotDecompressed)
  }
}
