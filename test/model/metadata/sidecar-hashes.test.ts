import { describe, expect, it } from 'vitest'
import { hashesInMetadata, statedHashes } from '../../../src/model/metadata/sidecar-hashes.ts'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)

describe('statedHashes', () => {
  it.each<[string, string, unknown]>([
    ['a hash alone', `${A}\n`, [{ name: 'sha256', value: A }]],
    ['a line of sha256sum', `${A}  model.safetensors\n`, [{ name: 'sha256', value: A }]],
    [
      'a binary line with a folder',
      `${A.toUpperCase()} *models/model.safetensors`,
      [{ name: 'sha256', value: A }],
    ],
    [
      'the line of this file among others',
      `${B}  other.ckpt\n${A}  model.safetensors\n`,
      [{ name: 'sha256', value: A }],
    ],
    ['a line of another file', `${B}  other.ckpt\n`, []],
    ['text', 'no hash here', []],
  ])('reads %s', (_, text, expected) => expect(statedHashes(text, 'model.safetensors')).toEqual(expected))

  it('reads the hashes that Civitai gives the file of that name', () => {
    const info = {
      id: 7,
      files: [
        { name: 'model.ckpt', hashes: { SHA256: B.toUpperCase() } },
        {
          name: 'model.safetensors',
          hashes: { AutoV1: 'DEADBEEF', AutoV2: 'AAAAAAAAAA', SHA256: A.toUpperCase(), CRC32: '01234567' },
        },
      ],
    }
    expect(statedHashes(JSON.stringify(info), 'model.safetensors')).toEqual([
      { name: 'autoV1', value: 'deadbeef' },
      { name: 'autoV2', value: 'aaaaaaaaaa' },
      { name: 'sha256', value: A },
      { name: 'crc32', value: '01234567' },
    ])
    expect(statedHashes(JSON.stringify(info), 'renamed.safetensors')).toEqual([])
  })

  it('reads StabilityMatrix and the LoRA Manager', () => {
    expect(statedHashes(JSON.stringify({ Hashes: { SHA256: A, BLAKE3: B } }), 'm')).toEqual([
      { name: 'sha256', value: A },
      { name: 'blake3', value: B },
    ])
    expect(statedHashes(JSON.stringify({ file_name: 'm', sha256: A }), 'm')).toEqual([
      { name: 'sha256', value: A },
    ])
  })

  it.each([
    '{"sha256": 5}',
    '{"sha256": "xyz"}',
    '{"AutoV2": "abc"}',
    '[]',
    'null',
    `{"a":{"b":{"c":{"sha256":"${A}"}}}}`,
  ])('finds nothing in %s', (text) => expect(statedHashes(text, 'm')).toEqual([]))
})

it('knows the hashes of the tensors that programs store in the file', () => {
  const metadata = { sshs_model_hash: A, 'modelspec.hash_sha256': `0x${B}`, sshs_legacy_hash: '12345678' }
  expect(hashesInMetadata(metadata)).toEqual([
    { key: 'sshs_model_hash', value: A },
    { key: 'modelspec.hash_sha256', value: B },
  ])
  expect(hashesInMetadata({ sshs_model_hash: 'None' })).toEqual([])
})
