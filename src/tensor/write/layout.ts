import { refuse } from '../../system/errors.ts'
import { isUnpaired } from '../../system/text.ts'
import {
  isSafetensorsDType,
  LENGTH_BYTES,
  MAX_HEADER_BYTES,
  SAFETENSORS_DTYPES,
} from '../formats/safetensors.ts'
import { tensorBytes } from '../values/expr.ts'
import type { Tensor, TensorTable } from '../values/table.ts'
import { messages } from './messages.ts'

/** The header is padded with spaces, never NUL: some readers parse the padding as JSON. */
const PADDING = 0x20
const ALIGNMENT = 8

/** Where a tensor lies in the file to be written, in bytes from the start of the data. */
export interface LaidOut {
  readonly tensor: Tensor
  readonly begin: number
  readonly end: number
}

export interface FileLayout {
  /** In the order of the file. */
  readonly entries: readonly LaidOut[]
  readonly dataBytes: number
}

const RANK = new Map(SAFETENSORS_DTYPES.map((dtype, rank) => [dtype, rank]))

/**
 * Order and offsets as the reference writer gives them: by dtype, widest first, then by name in byte order.
 * @throws DTYPE_NOT_WRITABLE (exit 3) for types safetensors does not have (quantised blocks, C128), NAME_NOT_WRITABLE
 * (exit 3) for names it cannot hold
 */
export function layoutOf(table: TensorTable): FileLayout {
  const keyed = [...table.tensors.values()].map((tensor) => {
    checkWritable(tensor)
    return { tensor, rank: RANK.get(tensor.dtype)!, key: Buffer.from(tensor.name) }
  })
  keyed.sort((a, b) => a.rank - b.rank || Buffer.compare(a.key, b.key))
  let dataBytes = 0
  const entries = keyed.map(({ tensor }) => {
    const begin = dataBytes
    dataBytes += tensorBytes(tensor)
    return { tensor, begin, end: dataBytes }
  })
  return { entries, dataBytes }
}

function checkWritable({ name, dtype }: Tensor): void {
  if (!isSafetensorsDType(dtype)) {
    throw refuse('DTYPE_NOT_WRITABLE', messages.dtypeNotWritable(name, dtype))
  }
  if (name === '__metadata__' || isUnpaired(name)) {
    throw refuse('NAME_NOT_WRITABLE', messages.nameNotWritable(name))
  }
}

/**
 * u64 LE length and JSON header, padded so that the data starts at a multiple of 8.
 * @throws HEADER_TOO_LARGE, NAME_NOT_WRITABLE (exit 3)
 */
export function encodeHeader(layout: FileLayout, metadata: Readonly<Record<string, string>>): Uint8Array {
  const tensors = layout.entries.map(({ tensor, begin, end }) => {
    const entry = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [begin, end] }
    return `${JSON.stringify(tensor.name)}:${JSON.stringify(entry)}`
  })
  for (const [key, text] of Object.entries(metadata)) {
    if (isUnpaired(key) || isUnpaired(text))
      throw refuse('NAME_NOT_WRITABLE', messages.metadataNotUnicode(key))
  }
  const meta = Object.keys(metadata).length > 0 ? [`"__metadata__":${JSON.stringify(metadata)}`] : []
  const json = Buffer.from(`{${[...meta, ...tensors].join(',')}}`)
  const length = Math.ceil(json.byteLength / ALIGNMENT) * ALIGNMENT
  if (length > MAX_HEADER_BYTES) {
    throw refuse('HEADER_TOO_LARGE', messages.headerTooLarge(length, MAX_HEADER_BYTES))
  }
  const bytes = new Uint8Array(LENGTH_BYTES + length).fill(PADDING)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true)
  bytes.set(json, LENGTH_BYTES)
  return bytes
}
