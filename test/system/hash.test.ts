import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hashFile } from '../../src/system/hash.ts'
import { describeReal, realFile, realIndex } from '../real-files.ts'
import { tempFolder } from '../temp-folder.ts'

function fileOf(bytes: Uint8Array): string {
  const path = join(tempFolder(), 'file.bin')
  writeFileSync(path, bytes)
  return path
}

describe('hashFile', () => {
  it('gives the published test vectors', async () => {
    // b[i] = (7 i + 3) & 255, 0x110005 bytes: AutoV1 510b126e, sha256 887519cd1b..., CRC32 C980C372
    const path = fileOf(Uint8Array.from({ length: 0x110005 }, (_, i) => (7 * i + 3) & 255))
    expect(await hashFile(path)).toMatchObject({
      autoV1: '510b126e',
      autoV2: '887519cd1b',
      crc32: 'c980c372',
    })
  })

  it('gives the hashes of the empty file', async () => {
    const sha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    expect(await hashFile(fileOf(new Uint8Array(0)))).toEqual({
      sha256,
      autoV1: 'e3b0c442',
      autoV2: 'e3b0c44298',
      autoV3: sha256,
      crc32: '00000000',
      // BLAKE3 test vectors, input_len 0
      blake3: 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262',
    })
  })

  it('leaves the header of a safetensors file out of AutoV3, and 8 bytes of anything else, as Civitai does', async () => {
    // sha256("abc") is in FIPS 180-2, appendix B.1
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    const withHeader = Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{}abc')])
    expect((await hashFile(fileOf(withHeader))).autoV3).toBe(abc)
    expect((await hashFile(fileOf(Buffer.from('12345678abc')))).autoV3).toBe(abc)
  })

  it('reads only the first megabyte when only AutoV1 is asked for', async () => {
    const seen: [number, number][] = []
    const path = fileOf(new Uint8Array(20 * 1024 * 1024))
    await hashFile(path, { only: ['autoV1'], onProgress: (done, total) => seen.push([done, total]) })
    expect(seen.at(-1)).toEqual([0x110000, 0x110000])
    expect(Math.max(...seen.map(([done]) => done))).toBe(0x110000)
  })
})

describeReal('hashes of real files', () => {
  it('gives the sha256 of the index', async () => {
    const rows = realIndex().filter(({ file }) => /^(loras|vae|torch)\//.test(file))
    expect(rows.length).toBeGreaterThan(20)
    for (const row of rows) {
      const { sha256 } = await hashFile(realFile(row.file)!, { only: ['sha256'] })
      expect([row.file, sha256]).toEqual([row.file, row.sha256])
    }
  })

  it('gives the AutoV3 that kohya wrote into a LoRA as sshs_model_hash', async () => {
    const { openFileSource } = await import('../../src/system/bytes.ts')
    const { safetensorsFormat } = await import('../../src/tensor/formats/safetensors.ts')
    const path = realFile('loras/KohakuBlueleaf__LyCORIS__result__smart_falcon_4_lokr.safetensors')!
    const source = await openFileSource(path)
    const { metadata } = await safetensorsFormat.open(source)
    await source.close()
    expect((await hashFile(path, { only: ['autoV3'] })).autoV3).toBe(metadata.sshs_model_hash)
  })
})
