import { describe, expect, it } from 'vitest'
import * as asm from '../../fixtures/pickle-assembler.ts'
import * as torch from '../../fixtures/torch-writer.ts'
import { memorySource } from '../../src/system/bytes.ts'
import { openModel } from '../../src/tensor/formats/open.ts'
import { codeOf } from './outcome.ts'
import { type Member, zip64End, zipOf } from './zip-builder.ts'

const floats = torch.storageOf('F32', Float32Array.of(1, 2))
const object = torch.dict({ w: torch.tensor(floats, [2]) })
const pickled: Member = { name: 'm/data.pkl', data: torch.torchPickle(object).pickle }
const storage: Member = { name: 'm/data/0', data: new Uint8Array(8) }

function withPickle(changes: Partial<Member>): Buffer {
  return zipOf([{ ...pickled, ...changes }, storage])
}

function withStorage(changes: Partial<Member>): Buffer {
  return zipOf([pickled, { ...storage, ...changes }])
}

/** zip64 sizes as the extra field of a directory entry. */
function wide(...fields: readonly bigint[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * fields.length)
  extra.writeUInt16LE(1, 0)
  extra.writeUInt16LE(8 * fields.length, 2)
  for (const [i, field] of fields.entries()) extra.writeBigUInt64LE(field, 4 + 8 * i)
  return extra
}

describe('archives that open', () => {
  it.each([
    ['a classic zip of a general zip program', zipOf([pickled, storage])],
    ['with a comment', zipOf([pickled, storage], { comment: 'x'.repeat(300) })],
    [
      'with a comment that looks like an end record',
      zipOf([pickled, storage], { comment: `PK\x05\x06${'\0'.repeat(18)}!` }),
    ],
    [
      'with padding of any length',
      zipOf([{ ...pickled, localExtra: Buffer.from('FB\x05\0ZZZZZ', 'latin1') }, storage]),
    ],
    ['storages before the pickle', zipOf([storage, pickled])],
    ['with the longest comment', zipOf([pickled, storage], { comment: 'x'.repeat(65_535) })],
    ...['', 'x'.repeat(65_535)].map((comment): [string, Buffer] => [
      `zip64 end records and a comment of ${comment.length} characters`,
      zipOf([pickled, storage], {
        comment,
        before: (offset, bytes) =>
          zip64End(offset + bytes, { count: 2n, bytes: BigInt(bytes), offset: BigInt(offset) }),
      }),
    ]),
    ['zip64 sizes of a small entry', withStorage({ listed: { size: 0xffffffff, extra: wide(8n, 8n) } })],
  ])('%s', async (_, bytes) => {
    const model = await openModel(memorySource('m.ckpt', bytes))
    expect([...model.tensors.keys()]).toEqual(['w'])
  })
})

describe('archives that are refused', () => {
  const hidden = torch.torchPickle(torch.dict({ other: 1 })).pickle
  it.each<[string, string, Buffer]>([
    ['FILE_TRUNCATED', 'cut anywhere before its end', zipOf([pickled, storage]).subarray(0, -30)],
    [
      'ZIP_TRAILING_BYTES',
      'with bytes after its end',
      Buffer.concat([zipOf([pickled, storage]), Buffer.from('more')]),
    ],
    ['ZIP_ENCRYPTED', 'an encrypted entry', withPickle({ flags: 1 })],
    ['ZIP_LOCAL_HEADER', 'encrypted by its local header only', withPickle({ local: { flags: 1 } })],
    ['ZIP_COMPRESSED', 'a deflated pickle', withPickle({ method: 8 })],
    ['ZIP_COMPRESSED', 'a deflated storage', withStorage({ method: 8 })],
    ['ZIP_LOCAL_HEADER', 'deflated by its local header only', withPickle({ local: { method: 8 } })],
    ['ZIP_LOCAL_HEADER', 'another name in its local header', withPickle({ local: { name: 'm/datap.kl' } })],
    ['ZIP_LOCAL_HEADER', 'another size in its local header', withPickle({ local: { size: 3 } })],
    ['ZIP_MULTI_DISK', 'the second of two disks', zipOf([pickled, storage], { disk: 1 })],
    ['ZIP_MULTI_DISK', 'an entry on another disk', withStorage({ listed: { disk: 1 } })],
    ['ZIP_NAME', 'a name that climbs out', withStorage({ name: 'm/../../x' })],
    ['ZIP_NAME', 'an absolute name', withStorage({ name: '/etc/passwd' })],
    ['ZIP_NAME', 'a Windows drive', withStorage({ name: 'C:/x' })],
    ['ZIP_NAME', 'a backslash', withStorage({ name: 'm\\x' })],
    ['ZIP_NAME', 'a NUL', withStorage({ name: 'm/data.pkl\0.txt' })],
    ['ZIP_NAME', 'an empty name', withStorage({ name: '' })],
    [
      'ZIP_DUPLICATE',
      'two pickles of one name',
      zipOf([pickled, storage, { name: 'm/data.pkl', data: hidden }]),
    ],
    ['ZIP_OVERLAP', 'two entries at one place', withStorage({ listed: { offset: 0 } })],
    ['ZIP_OVERLAP', 'an entry that reaches over the directory', withStorage({ listed: { size: 4000 } })],
    ['ZIP_OVERLAP', 'an entry behind the end of the file', withStorage({ listed: { offset: 0xfffffff0 } })],
    ['ZIP_SIZE', 'two sizes for one stored entry', withStorage({ listed: { size: 8, stored: 7 } })],
    ['ZIP_EXTRA', 'zip64 sizes that are not there', withStorage({ listed: { size: 0xffffffff } })],
    [
      'ZIP_OFFSET',
      'a zip64 size beyond 2^53',
      withStorage({ listed: { size: 0xffffffff, extra: wide(2n ** 63n, 2n ** 63n) } }),
    ],
    ['ZIP_DIRECTORY', 'fewer entries than it counts', zipOf([pickled, storage], { count: 3 })],
    ['ZIP_DIRECTORY', 'a directory that lies elsewhere', zipOf([pickled, storage], { offset: 5 })],
    ['ZIP_DIRECTORY_TOO_LARGE', 'a directory of 4 GB', zipOf([pickled, storage], { bytes: 0xfffffff0 })],
    [
      'ZIP_END64',
      'two end records that differ',
      zipOf([pickled, storage], {
        before: (offset, bytes) =>
          zip64End(offset + bytes, { count: 1n, bytes: BigInt(bytes), offset: BigInt(offset) }),
      }),
    ],
    [
      'ZIP_END64',
      'a zip64 record behind its locator',
      zipOf([pickled, storage], {
        before: (offset, bytes) =>
          zip64End(offset + bytes, { count: 2n, bytes: BigInt(bytes), offset: BigInt(offset) }, 2n ** 40n),
      }),
    ],
    ['ZIP_CRC', 'a pickle with a wrong checksum', withPickle({ listed: { crc: 1 } })],
    ['TORCH_ZIP_LAYOUT', 'two folders', zipOf([pickled, storage, { name: 'other/data.pkl', data: hidden }])],
    [
      'TORCH_ZIP_LAYOUT',
      'an impossible byte order',
      zipOf([pickled, storage, { name: 'm/byteorder', data: Buffer.from('middle') }]),
    ],
    [
      'ZIP_ENTRY_TOO_LARGE',
      'a byte order of many bytes',
      zipOf([pickled, storage, { name: 'm/byteorder', data: new Uint8Array(99) }]),
    ],
    ['TORCH_STORAGE_MISSING', 'no storage', zipOf([pickled])],
    ['TORCH_STORAGE_SIZE', 'a storage that is too short', withStorage({ data: new Uint8Array(7) })],
    ['NOT_A_MODEL', 'no entries', zipOf([])],
    ['NOT_A_MODEL', 'a pickle without a folder', zipOf([{ ...pickled, name: 'data.pkl' }, storage])],
    ['NOT_A_MODEL', 'numpy arrays', zipOf([{ name: 'a.npy', data: new Uint8Array(10) }])],
    ['TORCHSCRIPT', 'TorchScript', zipOf([pickled, { name: 'm/code/x.py', data: new Uint8Array(1) }])],
    [
      'PICKLE_TRAILING_DATA',
      'bytes behind its pickle',
      withPickle({ data: Buffer.concat([pickled.data, Buffer.of(0)]) }),
    ],
    [
      'PICKLE_UNSAFE',
      'a second pickle behind its pickle',
      withPickle({ data: Buffer.concat([pickled.data, asm.pickle(asm.global('os', 'system'), asm.STOP)]) }),
    ],
  ])('%s: %s', async (code, _, bytes) => {
    expect(await codeOf(bytes)).toBe(code)
  })

  it('an entry whose local header reaches into the next one', async () => {
    // 40 bytes of extra field that the file has no room for
    const bytes = zipOf([pickled, storage])
    bytes.writeUInt16LE(40, 28)
    expect(await codeOf(bytes)).toBe('ZIP_OVERLAP')
  })

  it('data that does not lie where the directory lets it seem', async () => {
    // Exactly torch's layout, but the local header of the storage has a shorter extra field
    const honest = await torch.torchBytes(object)
    const header = honest.indexOf('archive/data/0') - 30
    const extra = honest.readUInt16LE(header + 28)
    const bytes = Buffer.from(honest)
    bytes.writeUInt16LE(extra - 4, header + 28)
    const model = await openModel(memorySource('m.ckpt', bytes))
    const source = model.tensors.get('w')!.source
    expect(source).toMatchObject({
      kind: 'stored',
      offset: honest.indexOf(Buffer.from(Float32Array.of(1, 2).buffer)) - 4,
    })
  })
})
