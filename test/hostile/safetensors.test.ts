import { describe, expect, it } from 'vitest'
import { memorySource } from '../../src/system/bytes.ts'
import { openModel } from '../../src/tensor/formats/open.ts'

function fileOf(header: string | Uint8Array, dataBytes: number, length?: bigint): Uint8Array {
  const json = typeof header === 'string' ? Buffer.from(header) : header
  const bytes = Buffer.alloc(8 + json.byteLength + dataBytes)
  bytes.writeBigUInt64LE(length ?? BigInt(json.byteLength), 0)
  bytes.set(json, 8)
  return bytes
}

const entry = (begin: number, end: number, dtype = 'F32', shape = `[${(end - begin) / 4}]`) =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`

function open(bytes: Uint8Array) {
  return openModel(memorySource('evil.safetensors', bytes))
}

/** name of the attack, file, code of the refusal */
const ATTACKS: readonly [string, Uint8Array, string][] = [
  ['a header length beyond the limit', fileOf('{"a":1}', 0, 100_000_001n), 'SAFETENSORS_HEADER_TOO_LARGE'],
  ['a header length of 2^64 - 1', fileOf('{"a":1}', 0, 2n ** 64n - 1n), 'SAFETENSORS_HEADER_TOO_LARGE'],
  ['a header length beyond the file', fileOf('{"a":1}', 0, 1000n), 'SAFETENSORS_TRUNCATED'],
  ['broken JSON', fileOf('{"a":', 0), 'SAFETENSORS_HEADER_JSON'],
  ['JSON that nests without end', fileOf(`{"a":${'['.repeat(5000)}`, 0), 'SAFETENSORS_HEADER_JSON'],
  [
    'bytes that are not UTF-8',
    fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), 0),
    'SAFETENSORS_HEADER_UTF8',
  ],
  [
    'one tensor name twice',
    fileOf(`{"a":${entry(0, 4)},"a":${entry(0, 4)}}`, 4),
    'SAFETENSORS_DUPLICATE_KEY',
  ],
  [
    'one name twice, once escaped',
    fileOf(`{"a":${entry(0, 4)},"\\u0061":${entry(0, 4)}}`, 4),
    'SAFETENSORS_DUPLICATE_KEY',
  ],
  [
    'two shapes in one tensor',
    fileOf('{"a":{"dtype":"F32","shape":[9],"shape":[1],"data_offsets":[0,4]}}', 4),
    'SAFETENSORS_DUPLICATE_KEY',
  ],
  ['a metadata key twice', fileOf('{"__metadata__":{"k":"a","k":"b"}}', 0), 'SAFETENSORS_DUPLICATE_KEY'],
  ['metadata that is no text', fileOf('{"__metadata__":{"k":1}}', 0), 'SAFETENSORS_METADATA'],
  ['metadata that is a list', fileOf('{"__metadata__":["k"]}', 0), 'SAFETENSORS_METADATA'],
  ['an unknown dtype', fileOf(`{"a":${entry(0, 4, 'F31')}}`, 4), 'SAFETENSORS_DTYPE'],
  ['a dtype of another container', fileOf(`{"a":${entry(0, 18, 'Q4_0', '[32]')}}`, 18), 'SAFETENSORS_DTYPE'],
  ['a dtype named like an object method', fileOf(`{"a":${entry(0, 4, 'toString')}}`, 4), 'SAFETENSORS_DTYPE'],
  ['a negative dimension', fileOf(`{"a":${entry(0, 4, 'F32', '[-1]')}}`, 4), 'SAFETENSORS_SHAPE'],
  ['a dimension with a fraction', fileOf(`{"a":${entry(0, 4, 'F32', '[1.5]')}}`, 4), 'SAFETENSORS_SHAPE'],
  [
    'a shape whose product overflows',
    fileOf(`{"a":${entry(0, 4, 'F32', '[4294967296,4294967296]')}}`, 4),
    'SAFETENSORS_SHAPE',
  ],
  ['half a packed block', fileOf(`{"a":${entry(0, 4, 'F4', '[7]')}}`, 4), 'SAFETENSORS_SHAPE'],
  [
    'three offsets',
    fileOf('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}', 4),
    'SAFETENSORS_OFFSETS',
  ],
  [
    'negative offsets',
    fileOf('{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}', 4),
    'SAFETENSORS_OFFSETS',
  ],
  ['offsets the wrong way round', fileOf(`{"a":${entry(4, 0, 'F32', '[1]')}}`, 4), 'SAFETENSORS_SIZE'],
  ['fewer bytes than the shape needs', fileOf(`{"a":${entry(0, 4, 'F32', '[2]')}}`, 4), 'SAFETENSORS_SIZE'],
  ['tensors that overlap', fileOf(`{"a":${entry(0, 8)},"b":${entry(4, 12)}}`, 12), 'SAFETENSORS_OVERLAP'],
  [
    'two tensors in the same place',
    fileOf(`{"a":${entry(0, 4)},"b":${entry(0, 4)}}`, 4),
    'SAFETENSORS_OVERLAP',
  ],
  ['a gap between tensors', fileOf(`{"a":${entry(0, 4)},"b":${entry(8, 12)}}`, 12), 'SAFETENSORS_GAP'],
  ['a gap before the first tensor', fileOf(`{"a":${entry(4, 8)}}`, 8), 'SAFETENSORS_GAP'],
  ['bytes behind the last tensor', fileOf(`{"a":${entry(0, 4)}}`, 5), 'SAFETENSORS_TRAILING_BYTES'],
  ['data that ends early', fileOf(`{"a":${entry(0, 8)}}`, 7), 'SAFETENSORS_TRUNCATED'],
  ['a tensor that is no object', fileOf('{"a":7}', 0), 'SAFETENSORS_ENTRY'],
]

describe('hostile safetensors', () => {
  it.each(ATTACKS)('refuses %s', async (_name, bytes, code) => {
    await expect(open(bytes)).rejects.toMatchObject({ code, exitCode: 3 })
  })

  it('takes tensors named like parts of an object for what they are', async () => {
    const names = ['__proto__', 'constructor', 'toString']
    const header = names.map((name, i) => `"${name}":${entry(i * 4, i * 4 + 4)}`).join(',')
    const model = await open(fileOf(`{${header}}`, 12))
    expect([...model.tensors.keys()]).toEqual(names)
  })

  it('reads a file without tensors, 0-D and empty tensors', async () => {
    expect((await open(fileOf('{}', 0))).tensors.size).toBe(0)
    const model = await open(
      fileOf(`{"a":${entry(0, 4, 'F32', '[]')},"b":${entry(4, 4, 'F16', '[0,3]')}}`, 4),
    )
    expect(model.tensors.get('a')?.shape).toEqual([])
    expect(model.tensors.get('b')?.shape).toEqual([0, 3])
  })

  it('shows control characters of a name escaped, and long names shortened', async () => {
    const name = `\\u001b]0;owned\\u0007${'x'.repeat(5000)}`
    const error = await open(fileOf(`{"${name}":7}`, 0)).catch((e: Error) => e)
    const { message } = error as Error
    expect(message).not.toContain('\u001b')
    expect(message).toContain('\\u001b]0;owned')
    expect(message.length).toBeLessThan(300)
  })
})
