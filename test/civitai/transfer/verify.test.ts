/** Every hash that the site may give decides whether a file is right. */
import { createHash } from 'node:crypto'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { download } from '../../../src/civitai/transfer/download.ts'
import { HASH_TITLES, judgesOf } from '../../../src/civitai/transfer/verify.ts'
import type { HashName } from '../../../src/system/hash.ts'
import { runCli } from '../../cli/run.ts'
import { tempFolder } from '../../temp-folder.ts'
import { type Double, startDouble } from '../double.ts'
import { loraFile } from '../files.ts'
import { siteOf, testWorld } from '../world.ts'

/** As in the vectors of A1111's hashes: b[i] = (7 i + 3) & 255, 0x110005 bytes. */
const BYTES = Buffer.from(Uint8Array.from({ length: 0x110005 }, (_, i) => (7 * i + 3) & 255))
const hello = Buffer.from('hello world')
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** A hash alone, the file it is of, and a byte that it covers. */
const CASES: readonly (readonly [name: HashName, value: string, bytes: Buffer, covered: number])[] = [
  // the vectors of the site's own scanner
  ['sha256', 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9', hello, 3],
  ['blake3', 'd74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24', hello, 3],
  ['crc32', '85114a0d', hello, 3],
  // as everybody else prints it
  ['crc32', '0d4a1185', hello, 3],
  ['autoV2', 'b94d27b993', hello, 3],
  ['autoV2', '887519cd1b', BYTES, 0x110004],
  ['autoV1', '510b126e', BYTES, 0x10ffff],
  // of what is no safetensors file the site leaves out 8 bytes
  ['autoV3', sha(BYTES.subarray(8)).slice(0, 12), BYTES, 0x110004],
]

interface Setup {
  readonly double: Double
  readonly folder: string
}

async function setup(bytes: Buffer): Promise<Setup> {
  const double = await startDouble()
  double.publish({ id: 3, modelId: 1, files: [{ id: 7, name: 'x', bytes }] })
  return { double, folder: tempFolder() }
}

function fetched({ double, folder }: Setup, hashes: object, length: number): ReturnType<typeof download> {
  const job = {
    what: 'version 3',
    urls: [new URL('/api/download/models/3?fileId=7', double.base)],
    site: siteOf(double),
    target: join(folder, 'x'),
    force: false,
    versionId: 3,
    fileId: 7,
    expected: { bytes: length, hashes },
  }
  return download(job, testWorld())
}

describe('a hash of the site', () => {
  it('is known in all its kinds', () => {
    expect([...new Set(CASES.map(([name]) => name))].sort()).toEqual(Object.keys(HASH_TITLES).sort())
  })

  it.each(CASES)('%s %s alone is enough to accept the right file', async (name, value, bytes) => {
    const here = await setup(bytes)
    expect((await fetched(here, { [name]: value }, bytes.byteLength)).verified).toEqual([name])
    expect(readdirSync(here.folder)).toEqual(['x'])
  })

  it.each(CASES)('%s %s alone is enough to refuse a wrong one', async (name, value, bytes, covered) => {
    const wrong = Buffer.from(bytes)
    wrong[covered]! ^= 1
    const here = await setup(wrong)
    const run = fetched(here, { [name]: value }, bytes.byteLength)
    await expect(run).rejects.toMatchObject({
      code: 'CIVITAI_HASH',
      message: expect.stringContaining(`Civitai lists ${value}`),
    })
    expect(readdirSync(here.folder)).toEqual([])
  })

  it('of AutoV3 leaves the header of a safetensors file out, also when it comes in small pieces', async () => {
    const file = loraFile({ title: 'one' })
    const data = file.subarray(8 + Number(file.readBigUInt64LE()))
    const here = await setup(file)
    here.double.onStorage.push(async (_request, response) => {
      response.writeHead(200, { 'content-length': file.byteLength })
      for (const end of [3, 8, 9, 100, file.byteLength]) {
        const start = end === 3 ? 0 : ([3, 8, 9, 100, file.byteLength] as const).findLast((at) => at < end)!
        response.write(file.subarray(start, end))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      response.end()
    })
    const hashes = { autoV3: sha(data).slice(0, 12) }
    expect((await fetched(here, hashes, file.byteLength)).verified).toEqual(['autoV3'])
  })

  it('decides alone if it is of every byte, and together with the others if it is not', () => {
    const all = Object.fromEntries(Object.keys(HASH_TITLES).map((name) => [name, 'x']))
    const { sha256: _s, ...noSha } = all
    const { blake3: _b, ...short } = noSha
    expect([judgesOf(all), judgesOf(noSha), judgesOf(short), judgesOf({})]).toEqual([
      ['sha256'],
      ['blake3'],
      ['autoV2', 'autoV3', 'crc32', 'autoV1'],
      [],
    ])
  })

  it('of the beginning only does not excuse another length', async () => {
    const here = await setup(Buffer.concat([BYTES, Buffer.from('x')]))
    const run = fetched(here, { autoV1: '510b126e' }, BYTES.byteLength)
    await expect(run).rejects.toMatchObject({ code: 'CIVITAI_LENGTH' })
    expect(readdirSync(here.folder)).toEqual([])
  })
})

/** Names as the site has them, and what sdtool says of a file that has only this one. */
const LORA = loraFile()
const LORA_DATA = LORA.subarray(8 + Number(LORA.readBigUInt64LE()))
const SITE: readonly (readonly [field: string, right: string, said: string])[] = [
  ['SHA256', sha(LORA), 'SHA256 verified'],
  ['AutoV2', sha(LORA).slice(0, 10), 'AutoV2 verified (the first 10 digits of the SHA-256)'],
  [
    'AutoV3',
    sha(LORA_DATA).slice(0, 12),
    'AutoV3 verified (12 digits, of the tensors: the header is not covered)',
  ],
  // a file of less than a megabyte has nothing where AutoV1 looks
  [
    'AutoV1',
    sha(Buffer.alloc(0)).slice(0, 8),
    'AutoV1 verified (64 KiB of the file; of the rest only the length)',
  ],
]

describe('sdtool download, where the site gives one hash only', () => {
  async function run(hashes: object, bytes: Buffer, there?: Buffer) {
    const double = await startDouble()
    const folder = tempFolder()
    const facts = { hashes }
    double.publish({ id: 30, modelId: 10, files: [{ id: 7, name: 'miku.safetensors', bytes, facts }] })
    if (there) writeFileSync(join(folder, 'miku.safetensors'), there)
    const env = { SDTOOL_CIVITAI_URL: double.base.href, HOME: join(folder, 'home') }
    return runCli(['download', 'version:30', '-o', folder, '--sidecars', 'none'], undefined, env)
  }

  it.each(SITE)('%s: says what was verified', async (name, value, said) => {
    const hashes = { [name]: value.toUpperCase() }
    const { code, stdout, stderr } = await run(hashes, LORA)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain(said)
    const again = await run(hashes, LORA, LORA)
    expect([again.code, again.stdout]).toEqual([0, expect.stringContaining(`already exists: ${said}`)])
  })

  it.each(SITE)('%s: refuses another file, and one of that name that already exists', async (name, value) => {
    const hashes = { [name]: value.replaceAll(/[0-9a-f]/g, (digit) => (digit === '0' ? '1' : '0')) }
    expect(await run(hashes, LORA)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Civitai lists'),
    })
    const there = await run(hashes, LORA, LORA)
    expect([there.code, there.stderr]).toEqual([2, expect.stringContaining('is another file')])
  })

  it('or none: says what was checked instead, and what was not', async () => {
    const { code, stdout } = await run({}, LORA)
    expect(code).toBe(0)
    expect(stdout).toContain('the site gives no hash: the content cannot be verified')
    expect(stdout).toContain(
      'not verified, as the site gives no hash: only the length and the kind of file were checked',
    )
    const again = await run({}, LORA, Buffer.alloc(LORA.byteLength))
    expect(again.stdout).toContain('not verified, as the site gives no hash: only the length was checked')
  })
})
