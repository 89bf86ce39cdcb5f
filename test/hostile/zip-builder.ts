import { crc32 } from 'node:zlib'

/** A member of an archive, with everything that an attacker may set wrongly. */
export interface Member {
  readonly name: string
  readonly data: Uint8Array
  readonly flags?: number
  readonly method?: number
  /** Name, flags, method and size in the local header. */
  readonly local?: {
    readonly name?: string
    readonly flags?: number
    readonly method?: number
    readonly size?: number
  }
  /** Extra field of the local header. */
  readonly localExtra?: Uint8Array
  /** Fields of the directory entry. */
  readonly listed?: {
    readonly size?: number
    readonly stored?: number
    readonly offset?: number
    readonly crc?: number
    readonly disk?: number
    readonly extra?: Uint8Array
  }
}

export interface EndRecord {
  readonly count?: number
  readonly bytes?: number
  readonly offset?: number
  readonly disk?: number
  readonly comment?: string
  /** Bytes before the end record (zip64 records). */
  readonly before?: (directoryOffset: number, directoryBytes: number) => Uint8Array
}

function localHeader(member: Member): Buffer {
  const name = Buffer.from(member.local?.name ?? member.name)
  const extra = member.localExtra ?? Buffer.alloc(0)
  const header = Buffer.alloc(30)
  header.writeUInt32LE(0x04034b50, 0)
  header.writeUInt16LE(member.local?.flags ?? member.flags ?? 0, 6)
  header.writeUInt16LE(member.local?.method ?? member.method ?? 0, 8)
  header.writeUInt32LE(crc32(member.data), 14)
  header.writeUInt32LE(member.data.byteLength, 18)
  header.writeUInt32LE(member.local?.size ?? member.data.byteLength, 22)
  header.writeUInt16LE(name.byteLength, 26)
  header.writeUInt16LE(extra.byteLength, 28)
  return Buffer.concat([header, name, extra])
}

function listed(member: Member, offset: number): Buffer {
  const name = Buffer.from(member.name)
  const { size = member.data.byteLength, stored = size, crc, disk = 0, extra } = member.listed ?? {}
  const entry = Buffer.alloc(46)
  entry.writeUInt32LE(0x02014b50, 0)
  entry.writeUInt16LE(member.flags ?? 0, 8)
  entry.writeUInt16LE(member.method ?? 0, 10)
  entry.writeUInt32LE(crc ?? crc32(member.data), 16)
  entry.writeUInt32LE(stored, 20)
  entry.writeUInt32LE(size, 24)
  entry.writeUInt16LE(name.byteLength, 28)
  entry.writeUInt16LE(extra?.byteLength ?? 0, 30)
  entry.writeUInt16LE(disk, 34)
  entry.writeUInt32LE(member.listed?.offset ?? offset, 42)
  return Buffer.concat([entry, name, extra ?? Buffer.alloc(0)])
}

/** A classic zip archive of stored members. */
export function zipOf(members: readonly Member[], end: EndRecord = {}): Buffer {
  const pieces: Uint8Array[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const member of members) {
    const header = localHeader(member)
    directory.push(listed(member, at))
    pieces.push(header, member.data)
    at += header.byteLength + member.data.byteLength
  }
  const bytes = Buffer.concat(directory)
  const comment = Buffer.from(end.comment ?? '')
  const record = Buffer.alloc(22)
  record.writeUInt32LE(0x06054b50, 0)
  record.writeUInt16LE(end.disk ?? 0, 4)
  record.writeUInt16LE(end.count ?? members.length, 8)
  record.writeUInt16LE(end.count ?? members.length, 10)
  record.writeUInt32LE(end.bytes ?? bytes.byteLength, 12)
  record.writeUInt32LE(end.offset ?? at, 16)
  record.writeUInt16LE(comment.byteLength, 20)
  return Buffer.concat([
    ...pieces,
    bytes,
    end.before?.(at, bytes.byteLength) ?? Buffer.alloc(0),
    record,
    comment,
  ])
}

/** zip64 end record and its locator, with fields as given. */
export function zip64End(
  at: number,
  fields: { count: bigint; bytes: bigint; offset: bigint },
  place = BigInt(at),
): Buffer {
  const record = Buffer.alloc(76)
  record.writeUInt32LE(0x06064b50, 0)
  record.writeBigUInt64LE(44n, 4)
  record.writeBigUInt64LE(fields.count, 24)
  record.writeBigUInt64LE(fields.count, 32)
  record.writeBigUInt64LE(fields.bytes, 40)
  record.writeBigUInt64LE(fields.offset, 48)
  record.writeUInt32LE(0x07064b50, 56)
  record.writeBigUInt64LE(place, 64)
  record.writeUInt32LE(1, 72)
  return record
}
