/**
 * Writes what `torch.save` would: a zip archive of stored members, `data.pkl` and the values of each tensor in
 * `data/<n>` at a multiple of 64 bytes. Sizes are known beforehand, so they stand in the local headers; the checksums
 * are put there when the values are written. Source: torch `caffe2/serialize/inline_container.cc`; PKWARE APPNOTE.
 */

import { crc32 } from 'node:zlib'
import { defined } from '../../system/defined.ts'
import { refuse } from '../../system/errors.ts'
import { isUnpaired } from '../../system/text.ts'
import { tensorBytes } from '../values/expr.ts'
import type { ModelFile, Tensor, TensorTable } from '../values/table.ts'
import type { Container, Frame, Piece } from '../write/container.ts'
import type { LaidOut } from '../write/layout.ts'
import { messages } from './messages.ts'
import { isTorchDType, pickled, type TorchObject } from './pickle-write.ts'
import { WEIGHTS_KEYS } from './torch-objects.ts'
import { torchZipFormat } from './torch-zip.ts'

const FOLDER = 'archive'
const ALIGNMENT = 64
/** Sizes and offsets from here on stand in zip64 fields. */
const SATURATED32 = 0xffffffff
const SATURATED16 = 0xffff
const UTF8_NAMES = 0x0800

/** A member of the archive with all of its places. */
interface Member {
  readonly name: string
  readonly size: number
  /** Of the local header, and of what it describes. */
  readonly offset: number
  readonly dataOffset: number
  readonly data?: Uint8Array
}

/**
 * @param rootOf the object in the pickle. Its tensors are named as the reader will name them: by the keys on the way,
 *   without the dict that holds the weights (`state_dict`)
 * @throws DTYPE_NOT_WRITABLE, NAME_NOT_WRITABLE (exit 3), from its `frame`
 */
export function torchZip(rootOf: (table: TensorTable) => TorchObject = stateDict): Container {
  return {
    frame: (table) => frameOf(table, rootOf(table)),
    open: (source) => torchZipFormat.open(source),
    ...(rootOf === stateDict && { metadataOf: textsBeside, reservedKeys: STRUCTURE }),
  }
}

/** Keys by which loaders find weights: those of the reader here, spandrel's other spelling, and A1111's of embeddings. */
const STRUCTURE: ReadonlySet<string> = new Set([
  ...WEIGHTS_KEYS,
  'params-ema',
  'string_to_param',
  'string_to_token',
])

/** As trainers save checkpoints, and every loader knows them: the weights in `state_dict`, texts beside it. */
function stateDict({ tensors, metadata }: TensorTable): TorchObject {
  for (const key of Object.keys(metadata)) checkKey(key)
  const weights = [...tensors.keys()].map((tensor) => [tensor, { tensor }] as const)
  return { dict: [['state_dict', { dict: weights }], ...Object.entries(metadata)] }
}

/** A dict keeps the last of two equal keys, so a text called `state_dict` would take the place of the weights. */
function checkKey(key: string): void {
  if (STRUCTURE.has(key) || isUnpaired(key))
    throw refuse('NAME_NOT_WRITABLE', messages.metadataNotWritable(key))
}

function textsBeside({ extras }: ModelFile): Record<string, string> {
  const texts = Object.entries(extras).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  return Object.fromEntries(texts)
}

function frameOf(table: TensorTable, root: TorchObject): Frame {
  const tensors = [...table.tensors.values()]
  for (const tensor of tensors) checkWritable(tensor)
  const keys = new Map(tensors.map(({ name }, i) => [name, String(i)]))
  const pickle = pickled(root, (name) => ({ ...table.tensors.get(name)!, key: keys.get(name)! }))
  const members: Member[] = []
  const add = (name: string, size: number, data?: Uint8Array): Member => {
    const last = members.at(-1)
    const offset = last === undefined ? 0 : last.dataOffset + last.size
    const member = placed(`${FOLDER}/${name}`, size, offset, data)
    members.push(member)
    return member
  }
  const fixed = (name: string, data: Uint8Array): Member => add(name, data.byteLength, data)
  fixed('data.pkl', pickle)
  fixed('byteorder', Buffer.from('little'))
  const own = tensors.map((tensor) => add(`data/${keys.get(tensor.name)}`, tensorBytes(tensor)))
  fixed('version', Buffer.from('3\n'))
  const dataStart = own[0]?.dataOffset ?? members.at(-1)!.offset
  const entries = own.map(({ dataOffset, size }, i): LaidOut => {
    const begin = dataOffset - dataStart
    return { tensor: tensors[i]!, begin, end: begin + size }
  })
  const directoryStart = members.at(-1)!.dataOffset + members.at(-1)!.size
  return {
    layout: { entries, dataBytes: entries.reduce((sum, { begin, end }) => sum + end - begin, 0) },
    dataStart,
    bytes: directoryStart + directory(members, () => 0, directoryStart).byteLength,
    needsChecksums: true,
    pieces(checksums) {
      const sums = new Map(own.map((member, i) => [member, checksums[i]!]))
      const crcOf = (member: Member): number => sums.get(member) ?? crc32(member.data!)
      return [
        ...members.flatMap((member) => memberPieces(member, crcOf(member))),
        { offset: directoryStart, data: directory(members, crcOf, directoryStart) },
      ]
    },
  }
}

function checkWritable({ name, dtype }: Tensor): void {
  if (isUnpaired(name)) throw refuse('NAME_NOT_WRITABLE', messages.nameNotInTorch(name))
  if (!isTorchDType(dtype)) throw refuse('DTYPE_NOT_WRITABLE', messages.dtypeNotInTorch(name, dtype))
}

function placed(name: string, size: number, offset: number, data?: Uint8Array): Member {
  const head = offset + LOCAL_BYTES + Buffer.byteLength(name) + wideExtra(size, offset).byteLength
  const dataOffset = head + padding(head).byteLength
  return { name, size, offset, dataOffset, ...defined({ data }) }
}

const LOCAL_BYTES = 30

function memberPieces(member: Member, crc: number): Piece[] {
  const header = { offset: member.offset, data: localHeader(member, crc) }
  return member.data === undefined ? [header] : [header, { offset: member.dataOffset, data: member.data }]
}

function localHeader({ name, size, offset }: Member, crc: number): Uint8Array {
  const nameBytes = Buffer.from(name)
  const wide = wideExtra(size, offset)
  const extra = Buffer.concat([wide, padding(offset + LOCAL_BYTES + nameBytes.byteLength + wide.byteLength)])
  const header = Buffer.alloc(LOCAL_BYTES)
  header.writeUInt32LE(0x04034b50, 0)
  header.writeUInt16LE(UTF8_NAMES, 6)
  header.writeUInt32LE(crc, 14)
  header.writeUInt32LE(Math.min(size, SATURATED32), 18)
  header.writeUInt32LE(Math.min(size, SATURATED32), 22)
  header.writeUInt16LE(nameBytes.byteLength, 26)
  header.writeUInt16LE(extra.byteLength, 28)
  return Buffer.concat([header, nameBytes, extra])
}

/** Sizes, and in the directory the offset, where 32 bits are not enough. */
function wideExtra(size: number, offset: number, inDirectory = false): Buffer {
  const values = [
    ...(size >= SATURATED32 ? [size, size] : []),
    ...(inDirectory && offset >= SATURATED32 ? [offset] : []),
  ]
  if (values.length === 0) return Buffer.alloc(0)
  const extra = Buffer.alloc(4 + 8 * values.length)
  extra.writeUInt16LE(0x0001, 0)
  extra.writeUInt16LE(8 * values.length, 2)
  values.forEach((value, i) => void extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i))
  return extra
}

/** The extra field that moves the data to a multiple of 64, with the id and filler torch uses. */
function padding(end: number): Buffer {
  const length = (ALIGNMENT - ((end + 4) % ALIGNMENT)) % ALIGNMENT
  const extra = Buffer.alloc(4 + length, 'Z')
  extra.write('FB', 0, 'latin1')
  extra.writeUInt16LE(length, 2)
  return extra
}

/** Central directory with its zip64 and classic end records. */
function directory(members: readonly Member[], crcOf: (member: Member) => number, start: number): Uint8Array {
  const entries = Buffer.concat(members.map((member) => directoryEntry(member, crcOf(member))))
  return Buffer.concat([entries, endRecords(members.length, start, entries.byteLength)])
}

function directoryEntry({ name, size, offset }: Member, crc: number): Buffer {
  const nameBytes = Buffer.from(name)
  const extra = wideExtra(size, offset, true)
  const entry = Buffer.alloc(46)
  entry.writeUInt32LE(0x02014b50, 0)
  entry.writeUInt16LE(UTF8_NAMES, 8)
  entry.writeUInt32LE(crc, 16)
  entry.writeUInt32LE(Math.min(size, SATURATED32), 20)
  entry.writeUInt32LE(Math.min(size, SATURATED32), 24)
  entry.writeUInt16LE(nameBytes.byteLength, 28)
  entry.writeUInt16LE(extra.byteLength, 30)
  entry.writeUInt32LE(Math.min(offset, SATURATED32), 42)
  return Buffer.concat([entry, nameBytes, extra])
}

function endRecords(count: number, start: number, bytes: number): Buffer {
  const wide = Buffer.alloc(56 + 20)
  wide.writeUInt32LE(0x06064b50, 0)
  wide.writeBigUInt64LE(44n, 4)
  wide.writeUInt16LE(0x031e, 12)
  wide.writeUInt16LE(0x2d, 14)
  for (const at of [24, 32]) wide.writeBigUInt64LE(BigInt(count), at)
  wide.writeBigUInt64LE(BigInt(bytes), 40)
  wide.writeBigUInt64LE(BigInt(start), 48)
  wide.writeUInt32LE(0x07064b50, 56)
  wide.writeBigUInt64LE(BigInt(start + bytes), 64)
  wide.writeUInt32LE(1, 72)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  for (const at of [8, 10]) end.writeUInt16LE(Math.min(count, SATURATED16), at)
  end.writeUInt32LE(Math.min(bytes, SATURATED32), 12)
  end.writeUInt32LE(Math.min(start, SATURATED32), 16)
  return Buffer.concat([wide, end])
}
