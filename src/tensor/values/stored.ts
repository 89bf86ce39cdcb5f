/** Values as they lie in a file: in one run, as a strided view, or with their bytes in the other order. */
import { blockBytes, DTYPES, elementCount } from './dtype.ts'
import type { Evaluation, TransposedViews } from './evaluation.ts'
import { gatherStrided, type ReadInto } from './strided.ts'
import type { StoredSource, Tensor } from './table.ts'

/** Writes elements [begin, end) of what lies in a file to `out`, little-endian, row-major. */
export async function readStored(
  tensor: Tensor,
  source: StoredSource,
  begin: number,
  end: number,
  out: Uint8Array,
  { read, views }: Evaluation,
): Promise<void> {
  const { bytes: itemSize } = DTYPES[tensor.dtype]
  if (source.strides) {
    const view = views && isTransposed(source.strides) ? wholeView(tensor, source, read, views) : undefined
    if (view) out.set((await view).subarray(begin * itemSize, end * itemSize))
    else await gatherStrided(source, tensor.shape, itemSize, { begin, end }, out, read)
  } else {
    await read(source.file, source.offset + blockBytes(tensor.dtype, 0, begin), out)
  }
  if (source.bigEndian)
    swapBytes(out, tensor.dtype === 'C64' || tensor.dtype === 'C128' ? itemSize / 2 : itemSize)
}

/** The tables of tokens of the largest text encoders in binary32 have 253 MB, all other weights a fifth of that. */
const MAX_VIEW_BYTES = 256 * 1024 * 1024

/**
 * All of a transposed tensor, which blocks of computed rows read again and again: each needs pieces of nearly all its
 * bytes. Undefined for one that is too large to be kept.
 */
function wholeView(
  tensor: Tensor,
  source: StoredSource,
  read: ReadInto,
  views: TransposedViews,
): Promise<Uint8Array> | undefined {
  const { bytes: itemSize } = DTYPES[tensor.dtype]
  const bytes = elementCount(tensor.shape) * itemSize // views have plain elements
  if (bytes > MAX_VIEW_BYTES) return undefined
  const known = views.get(source)
  if (known !== undefined) return known
  const out = new Uint8Array(bytes)
  const range = { begin: 0, end: elementCount(tensor.shape) }
  const made = gatherStrided(source, tensor.shape, itemSize, range, out, read).then(() => out)
  views.set(source, made)
  return made
}

/** Neighbouring rows are not neighbours in the file: some step inside of a row is longer than that to the next one. */
function isTransposed([first = 0, ...others]: readonly number[]): boolean {
  return others.some((stride) => stride > first)
}

function swapBytes({ buffer, byteOffset, byteLength }: Uint8Array, itemSize: number): void {
  const bytes = Buffer.from(buffer, byteOffset, byteLength)
  if (itemSize === 2) bytes.swap16()
  else if (itemSize === 4) bytes.swap32()
  else if (itemSize === 8) bytes.swap64()
}
