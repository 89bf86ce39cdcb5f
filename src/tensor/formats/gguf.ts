/**
 * GGUF, the container of ggml: metadata, tensor infos, then aligned tensor data.
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3.
 */

import type { ByteSource } from '../../system/bytes.ts'
import { refuse } from '../../system/errors.ts'
import type { FileRef } from '../../system/file-ref.ts'
import { byteLength, type DType } from '../values/dtype.ts'
import type { ModelFile, Tensor } from '../values/table.ts'
import type { Format } from './format.ts'
import { MAX_ORIGINAL_DIMENSIONS, reshapedTensor, shapeFault } from './gguf-shapes.ts'
import {
  ARRAY,
  advance,
  type Cursor,
  INT32,
  malformed,
  text,
  u32,
  u64,
  value,
  WindowEnd,
} from './gguf-values.ts'
import { MAX_TENSORS, tensorCounter } from './limits.ts'
import { messages } from './messages.ts'

const MAGIC = [0x47, 0x47, 0x55, 0x46] // "GGUF"
const VERSIONS = [2, 3]
const DEFAULT_ALIGNMENT = 32
const MAX_ALIGNMENT = 1024 * 1024
/** The header of an LLM with its vocabulary has 5 to 12 MB, of a diffusion model 0.1 MB. */
const MAX_HEADER_BYTES = 64 * 1024 * 1024
const FIRST_WINDOW = 256 * 1024
const WINDOW_GROWTH = 8
const MAX_PAIRS = 100_000
/** ggml computes with 4; the patches of video models have 5. Source: ComfyUI-GGUF, tools/fix_5d_tensors.py. */
const MAX_DIMENSIONS = 5
/** ggml type numbers. Missing ones were removed from ggml (Q4_2, Q4_3, Q4_0_4_4 ...). Source: ggml.h, enum ggml_type. */
const GGML_TYPES: ReadonlyMap<number, DType> = new Map([
  [0, 'F32'],
  [1, 'F16'],
  [2, 'Q4_0'],
  [3, 'Q4_1'],
  [6, 'Q5_0'],
  [7, 'Q5_1'],
  [8, 'Q8_0'],
  [9, 'Q8_1'],
  [10, 'Q2_K'],
  [11, 'Q3_K'],
  [12, 'Q4_K'],
  [13, 'Q5_K'],
  [14, 'Q6_K'],
  [15, 'Q8_K'],
  [16, 'IQ2_XXS'],
  [17, 'IQ2_XS'],
  [18, 'IQ3_XXS'],
  [19, 'IQ1_S'],
  [20, 'IQ4_NL'],
  [21, 'IQ3_S'],
  [22, 'IQ2_S'],
  [23, 'IQ4_XS'],
  [24, 'I8'],
  [25, 'I16'],
  [26, 'I32'],
  [27, 'I64'],
  [28, 'F64'],
  [29, 'IQ1_M'],
  [30, 'BF16'],
  [34, 'TQ1_0'],
  [35, 'TQ2_0'],
  [39, 'MXFP4'],
])

/** An array of i32, as ComfyUI-GGUF writes shapes. @throws GGUF_METADATA (exit 3) for anything else */
function originalShape(c: Cursor, type: number, key: string): number[] {
  const element = type === ARRAY ? u32(c) : undefined
  if (element !== INT32) throw malformed(c.file, 'METADATA', messages.notInt32Array(key))
  const count = u64(c, messages.metadataLength(key))
  if (count > MAX_ORIGINAL_DIMENSIONS)
    throw malformed(c.file, 'SHAPE', messages.metadataDimensions(key, count, MAX_ORIGINAL_DIMENSIONS))
  return Array.from({ length: count }, () => c.view.getInt32(advance(c, 4), true))
}

interface Info {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  /** From the start of the data. */
  readonly offset: number
  readonly nbytes: number
}

/** name, u32 n_dims, u64 dims[n_dims] fastest first, u32 type, u64 offset */
function tensorInfo(c: Cursor): Info {
  const name = text(c, messages.nameOfTensor)
  const dimensions = u32(c)
  if (dimensions > MAX_DIMENSIONS)
    throw malformed(c.file, 'SHAPE', messages.tensorDimensions(name, dimensions, MAX_DIMENSIONS))
  const shape = Array.from({ length: dimensions }, () => u64(c, messages.shapeOfTensor(name))).reverse()
  const type = u32(c)
  const dtype = GGML_TYPES.get(type)
  if (!dtype) throw malformed(c.file, 'TYPE', messages.unknownGgmlType(name, type))
  const offset = u64(c, messages.offsetOfTensor(name))
  const nbytes = byteLength(dtype, shape)
  if (
    nbytes === undefined ||
    !Number.isSafeInteger(nbytes) ||
    overflows(shape) ||
    blocksCrossRows(dtype, shape)
  )
    throw malformed(c.file, 'SHAPE', messages.impossibleSize(name, shape.join(', '), dtype))
  return { name, dtype, shape, offset, nbytes }
}

/** An absurd size is refused even if another dimension is 0. */
function overflows(shape: readonly number[]): boolean {
  return !Number.isSafeInteger(shape.reduce((product, n) => product * Math.max(n, 1), 1))
}

/** ggml quantises each row by itself, so a row is a whole number of blocks. */
function blocksCrossRows(dtype: DType, shape: readonly number[]): boolean {
  return byteLength(dtype, [shape.at(-1) ?? 1]) === undefined
}

interface Header {
  readonly metadata: Record<string, string>
  readonly infos: readonly Info[]
  readonly bytes: number
}

function parseHeader(file: FileRef, bytes: Uint8Array): Header {
  const c: Cursor = {
    file,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    at: MAGIC.length,
  }
  const version = u32(c)
  if (!VERSIONS.includes(version)) throw versionError(file, version)
  const tensorCount = u64(c, messages.numberOfTensors)
  const pairCount = u64(c, messages.numberOfEntries)
  if (tensorCount > MAX_TENSORS || pairCount > MAX_PAIRS)
    throw malformed(file, 'LIMIT', messages.tooManyEntries(tensorCount, pairCount))
  const metadata = new Map<string, string>()
  const shapes = new Map<string, readonly number[]>()
  for (let i = 0; i < pairCount; i++) {
    const key = text(c, messages.metadataKey)
    const tensor = reshapedTensor(key)
    if (metadata.has(key) || (tensor !== undefined && shapes.has(tensor)))
      throw malformed(file, 'DUPLICATE', messages.metadataTwice(key))
    if (key === ALIGNMENT_KEY) checkAlignmentType(c)
    if (tensor === undefined) metadata.set(key, value(c, u32(c), key))
    else shapes.set(tensor, originalShape(c, u32(c), key))
  }
  const count = tensorCounter(file.path)
  const infos = Array.from({ length: tensorCount }, () => {
    const info = tensorInfo(c)
    count(info.name)
    return inOriginalShape(file, info, shapes)
  })
  return { metadata: Object.fromEntries(metadata), infos, bytes: c.at }
}

/** @throws GGUF_SHAPE (exit 3) where the values do not fill the shape */
function inOriginalShape(file: FileRef, info: Info, shapes: ReadonlyMap<string, readonly number[]>): Info {
  const shape = shapes.get(info.name)
  if (shape === undefined) return info
  const fault = shapeFault(shape, info.shape)
  if (fault === undefined) return { ...info, shape }
  throw malformed(file, 'SHAPE', messages.impossibleShape(info.name, fault))
}

function versionError(file: FileRef, version: number): Error {
  const swapped = VERSIONS.includes(version >>> 24) && (version & 0xffffff) === 0
  return malformed(file, 'VERSION', swapped ? messages.bigEndianGguf : messages.ggufVersion(version))
}

async function readHeader(source: ByteSource, window: number): Promise<Header> {
  const { file } = source
  const bytes = await source.read(0, Math.min(window, file.size))
  try {
    return parseHeader(file, bytes)
  } catch (error) {
    if (!(error instanceof WindowEnd)) throw error
  }
  if (bytes.byteLength === file.size) throw truncated(file, messages.cutInHeader(file.size))
  if (window >= MAX_HEADER_BYTES) throw malformed(file, 'LIMIT', messages.headerTooLong(MAX_HEADER_BYTES))
  return readHeader(source, Math.min(window * WINDOW_GROWTH, MAX_HEADER_BYTES))
}

function truncated(file: FileRef, detail: string): Error {
  return refuse('FILE_TRUNCATED', `${file.path}: ${detail}`, messages.downloadAgain)
}

const ALIGNMENT_KEY = 'general.alignment'
const U32 = 4

/** Readers that take any number and those that want a u32 would begin the data at two places. */
function checkAlignmentType({ file, view, at }: Cursor): void {
  const type = at + 4 <= view.byteLength ? view.getUint32(at, true) : U32
  if (type !== U32) throw malformed(file, 'ALIGNMENT', messages.alignmentType(ALIGNMENT_KEY, type, U32))
}

/** A power of two, as ggml demands. */
function alignmentOf(file: FileRef, metadata: Record<string, string>): number {
  const alignment = Number(metadata[ALIGNMENT_KEY] ?? DEFAULT_ALIGNMENT)
  const isPower = Number.isInteger(Math.log2(alignment))
  if (!isPower || alignment < 1 || alignment > MAX_ALIGNMENT)
    throw malformed(file, 'ALIGNMENT', messages.badAlignment(ALIGNMENT_KEY, metadata[ALIGNMENT_KEY] ?? ''))
  return alignment
}

/** @throws GGUF_DUPLICATE, GGUF_OVERLAP, FILE_TRUNCATED (exit 3) */
function placeTensors(file: FileRef, infos: readonly Info[], dataStart: number): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>()
  let end = 0
  for (const info of [...infos].sort((a, b) => a.offset - b.offset)) {
    const { name, dtype, shape, offset, nbytes } = info
    if (tensors.has(name)) throw malformed(file, 'DUPLICATE', messages.tensorTwice(name))
    if (offset < end && nbytes > 0) throw malformed(file, 'OVERLAP', messages.tensorsOverlap(name, offset))
    end = offset + nbytes
    const source = { kind: 'stored', file, offset: dataStart + offset, nbytes } as const
    tensors.set(name, { name, dtype, shape, source })
  }
  if (dataStart + end > file.size) throw truncated(file, messages.cutInTensors(file.size, dataStart + end))
  return tensors
}

/**
 * Opens a GGUF file. Shapes are in torch's order, slowest first, and those that ComfyUI-GGUF put aside are those of the
 * tensors. Other metadata values are text; long arrays are summed up.
 */
async function open(source: ByteSource): Promise<ModelFile> {
  const { file } = source
  const { metadata, infos, bytes } = await readHeader(source, FIRST_WINDOW)
  const alignment = alignmentOf(file, metadata)
  const dataStart = Math.ceil(bytes / alignment) * alignment
  return {
    file,
    format: 'gguf',
    tensors: placeTensors(file, infos, dataStart),
    metadata,
    headerBytes: dataStart,
    extras: {},
    leftovers: [],
    findings: [],
  }
}

export const ggufFormat: Format = {
  id: 'gguf',
  title: 'GGUF',
  matches: (head) => MAGIC.every((byte, i) => head[i] === byte),
  open,
}
