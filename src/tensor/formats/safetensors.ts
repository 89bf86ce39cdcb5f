/**
 * safetensors: u64 LE header length N, N bytes of JSON, then the tensor data without gaps.
 * Format: https://github.com/huggingface/safetensors ("Format" in its README).
 */

import type { ByteSource } from '../../system/bytes.ts'
import { refuse } from '../../system/errors.ts'
import type { FileRef } from '../../system/file-ref.ts'
import { byteLength, type DType } from '../values/dtype.ts'
import type { ModelFile, Tensor } from '../values/table.ts'
import type { Format } from './format.ts'
import { MAX_TENSORS, tableLimit, tensorCounter } from './limits.ts'
import { messages } from './messages.ts'
import { CODE, endOfString, hasUnpaired, isObject, type Json, keysIn, oddSize } from './safetensors-json.ts'

/** The limit of the reference reader, and so of writers too; a header of SD 1.5 is 0.1 MB, of Flux with T5 0.2 MB. */
export const MAX_HEADER_BYTES = 100_000_000
export const LENGTH_BYTES = 8 // u64 LE header length
/** Root object, tensor object, array of the tensor: nothing in a valid header lies deeper. */
const MAX_DEPTH = 3
/** A thumbnail, a recipe, and what a trainer notes are some hundred entries. */
const MAX_METADATA_ENTRIES = 100_000
/** Each tensor is a key with three keys in it. */
const MAX_KEYS = 4 * MAX_TENSORS + MAX_METADATA_ENTRIES
/** torch's own limit. */
const MAX_DIMENSIONS = 64

/**
 * Order of tensors by type in files of the reference writer, widest first; names break ties. AutoV3 hashes of
 * files written in this order equal those of the Python package. Source: safetensors 0.8, `Dtype` order.
 */
export const SAFETENSORS_DTYPES: readonly DType[] = [
  'U64',
  'I64',
  'F64',
  'C64',
  'F32',
  'U32',
  'I32',
  'BF16',
  'F16',
  'U16',
  'I16',
  'F8_E5M2FNUZ',
  'F8_E4M3FNUZ',
  'F8_E8M0',
  'F8_E4M3',
  'F8_E5M2',
  'I8',
  'U8',
  'F6_E3M2',
  'F6_E2M3',
  'F4',
  'BOOL',
]

const KNOWN = new Set<string>(SAFETENSORS_DTYPES)

/** Whether safetensors has this type: quantised blocks and C128 it has not. */
export function isSafetensorsDType(name: string): name is DType {
  return KNOWN.has(name)
}

function malformed(file: FileRef, code: string, detail: string): Error {
  return refuse(
    `SAFETENSORS_${code}`,
    `${file.path}: ${detail}`,
    code === 'TRUNCATED' ? messages.downloadAgain : messages.damagedSafetensors,
  )
}

async function readHeaderLength(source: ByteSource): Promise<number> {
  const { file } = source
  const head = await source.read(0, LENGTH_BYTES)
  const length = new DataView(head.buffer, head.byteOffset, LENGTH_BYTES).getBigUint64(0, true)
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw malformed(file, 'HEADER_TOO_LARGE', messages.headerLength(length, MAX_HEADER_BYTES))
  }
  if (Number(length) > file.size - LENGTH_BYTES) {
    throw malformed(file, 'TRUNCATED', messages.headerBeyondFile(length, file.size))
  }
  return Number(length)
}

/**
 * Counts the keys of all levels, before any of it is made: a header of 100 MB could describe a million empty tensors,
 * which take gigabytes. `JSON.parse` keeps the last of two equal keys without a word, so fewer
 * keys in the result than in the text means a duplicate: two readers could see two different files.
 */
function countKeys(text: string, file: FileRef): number {
  let depth = 0
  let keys = 0
  let commas = 0
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case CODE.quote:
        i = endOfString(text, i)
        break
      case CODE.openBrace:
      case CODE.openBracket:
        if (++depth > MAX_DEPTH) throw malformed(file, 'HEADER_JSON', messages.headerTooDeep(MAX_DEPTH))
        commas = 0
        break
      case CODE.closeBrace:
      case CODE.closeBracket:
        depth--
        break
      case CODE.colon:
        if (++keys > MAX_KEYS) throw tableLimit(file.path, messages.tooManyKeys(MAX_KEYS))
        break
      case CODE.comma:
        if (++commas >= MAX_DIMENSIONS && depth === MAX_DEPTH)
          throw tableLimit(file.path, messages.tooManyDimensions(MAX_DIMENSIONS))
    }
  }
  return keys
}

function parseHeader(bytes: Uint8Array, file: FileRef): { [key: string]: Json } {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw malformed(file, 'HEADER_UTF8', messages.headerNotUtf8)
  }
  const keys = countKeys(text, file)
  let header: Json
  try {
    header = JSON.parse(text) as Json
  } catch {
    throw malformed(file, 'HEADER_JSON', messages.headerNotJson)
  }
  if (!isObject(header)) throw malformed(file, 'HEADER_JSON', messages.headerNotObject)
  if (keysIn(header) !== keys) throw malformed(file, 'DUPLICATE_KEY', messages.keyTwice)
  if (text.includes('\\u') && hasUnpaired(header))
    throw malformed(file, 'HEADER_UTF8', messages.halfSurrogate)
  const odd = oddSize(text)
  if (odd !== undefined) throw malformed(file, 'SHAPE', messages.oddSize(odd))
  return header
}

function readMetadata(value: Json | undefined, file: FileRef): Record<string, string> {
  if (value === undefined || value === null) return {}
  if (!isObject(value)) throw malformed(file, 'METADATA', messages.metadataNotObject)
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      throw malformed(file, 'METADATA', messages.metadataNotString(key))
    }
  }
  return value as Record<string, string>
}

function sizes(value: Json | undefined): number[] | undefined {
  if (!Array.isArray(value)) return undefined
  return value.every((n) => Number.isSafeInteger(n) && (n as number) >= 0) ? (value as number[]) : undefined
}

function readTensor(name: string, entry: Json, dataStart: number, file: FileRef): Tensor {
  if (!isObject(entry)) throw malformed(file, 'ENTRY', messages.entryNotObject(name))
  const { dtype } = entry
  if (typeof dtype !== 'string' || !isSafetensorsDType(dtype)) {
    throw malformed(file, 'DTYPE', messages.unknownDtype(name, String(dtype)))
  }
  const shape = sizes(entry.shape)
  if (!shape) throw malformed(file, 'SHAPE', messages.noValidShape(name))
  const offsets = sizes(entry.data_offsets)
  if (offsets?.length !== 2) throw malformed(file, 'OFFSETS', messages.noValidOffsets(name))
  const [begin, end] = offsets as [number, number]
  const expected = byteLength(dtype, shape)
  if (expected === undefined || !Number.isSafeInteger(expected)) {
    throw malformed(file, 'SHAPE', messages.impossibleSize(name, shape.join(', '), dtype))
  }
  if (end - begin !== expected) {
    throw malformed(file, 'SIZE', messages.sizeMismatch(name, dtype, shape.join(', '), expected, end - begin))
  }
  return { name, dtype, shape, source: { kind: 'stored', file, offset: dataStart + begin, nbytes: expected } }
}

interface Placed {
  readonly tensor: Tensor
  readonly begin: number
  readonly end: number
}

function placed(tensor: Tensor): Placed {
  const { source } = tensor
  if (source.kind !== 'stored') throw new TypeError(`${tensor.name} is not stored`)
  return { tensor, begin: source.offset, end: source.offset + source.nbytes }
}

/** The data must be covered exactly: hidden bytes between tensors are how a file carries a stowaway. */
function checkCoverage(tensors: readonly Placed[], dataStart: number, file: FileRef): void {
  let expected = dataStart
  for (const { tensor, begin, end } of tensors) {
    if (begin !== expected)
      throw malformed(
        file,
        begin < expected ? 'OVERLAP' : 'GAP',
        messages.tensorMisplaced(tensor.name, begin - dataStart, expected - dataStart),
      )
    expected = end
  }
  if (expected > file.size) {
    throw malformed(file, 'TRUNCATED', messages.describedBeyondFile(file.size, expected))
  }
  if (expected < file.size) {
    throw malformed(file, 'TRAILING_BYTES', messages.bytesAfterTensors(file.size - expected))
  }
}

async function open(source: ByteSource): Promise<ModelFile> {
  const { file } = source
  const length = await readHeaderLength(source)
  const header = parseHeader(await source.read(LENGTH_BYTES, length), file)
  const dataStart = LENGTH_BYTES + length
  await source.pause?.()
  const count = tensorCounter(file.path)
  const tensors = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => {
      count(name)
      return placed(readTensor(name, entry, dataStart, file))
    })
    .sort((a, b) => a.begin - b.begin || a.end - b.end)
  checkCoverage(tensors, dataStart, file)
  return {
    file,
    format: 'safetensors',
    tensors: new Map(tensors.map(({ tensor }) => [tensor.name, tensor])),
    metadata: readMetadata(header.__metadata__, file),
    headerBytes: dataStart,
    extras: {},
    leftovers: [],
    findings: [],
  }
}

/** White space of JSON. */
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d])

/** A plausible length before "{", or any length before `{"`, so that an absurd one is refused by name in `open`. */
function matches(head: Uint8Array): boolean {
  const plausible = head[5] === 0 && head[6] === 0 && head[7] === 0
  if (!plausible) return head[LENGTH_BYTES] === 0x7b && head[LENGTH_BYTES + 1] === 0x22
  return head.subarray(LENGTH_BYTES).find((byte) => !SPACES.has(byte)) === 0x7b
}

export const safetensorsFormat: Format = { id: 'safetensors', title: 'safetensors', matches, open }
