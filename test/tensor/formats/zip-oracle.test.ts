/** yauzl reads the torch archives that we write, and those of torch as our reader does. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { crc32, inflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { fromBufferPromise, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from 'yauzl'
import { type ByteSource, memorySource } from '../../../src/system/bytes.ts'
import { SdtoolError } from '../../../src/system/errors.ts'
import { isTorchDType } from '../../../src/tensor/formats/pickle-write.ts'
import { torchZip } from '../../../src/tensor/formats/torch-zip-write.ts'
import { readZipDirectory } from '../../../src/tensor/formats/zip-directory.ts'
import { locateEntries } from '../../../src/tensor/formats/zip-entries.ts'
import { DTYPES, type DType, elementCount } from '../../../src/tensor/values/dtype.ts'
import type { TensorTable } from '../../../src/tensor/values/table.ts'
import { writeModelFile } from '../../../src/tensor/write/write.ts'
import { fc } from '../../properties.ts'
import { bytesTensor, tableOf } from '../../tables.ts'
import { tempFolder } from '../../temp-folder.ts'
import { sparse } from './sparse.ts'

interface Entry {
  readonly name: string
  readonly method: number
  readonly size: number
  readonly crc32: number
  /** Byte of its first value. */
  readonly place: number
}

async function entriesOf(zip: ZipFile): Promise<Entry[]> {
  const entries: Entry[] = []
  for await (const entry of zip.eachEntry()) {
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true })
    entries.push({
      name: entry.fileName,
      method: entry.compressionMethod,
      size: entry.uncompressedSize,
      crc32: entry.crc32,
      place: fileDataStart,
    })
  }
  return entries
}

interface Contents extends Entry {
  readonly bytes: Buffer
  readonly local: { readonly size: number; readonly crc32: number }
}

/** Every entry, with its bytes and what its local header says of them. */
async function yauzlContents(file: Buffer): Promise<Contents[]> {
  const entries = await entriesOf(await fromBufferPromise(file))
  const contents: Contents[] = []
  const zip = await fromBufferPromise(file)
  for await (const entry of zip.eachEntry()) {
    const { uncompressedSize, crc32 } = await zip.readLocalFileHeaderPromise(entry)
    const bytes = await buffer(await zip.openReadStreamPromise(entry))
    contents.push({ ...entries[contents.length]!, bytes, local: { size: uncompressedSize, crc32 } })
  }
  return contents
}

/** @throws what our reader refuses */
async function ownEntries(source: ByteSource): Promise<Entry[]> {
  const zip = await readZipDirectory(source)
  const entries = [...zip.entries.values()]
  const places = await locateEntries(zip, entries)
  return entries.map(({ name, method, size, crc32 }, i) => ({ name, method, size, crc32, place: places[i]! }))
}

async function written(table: TensorTable): Promise<Buffer> {
  const path = join(tempFolder(), 'model.ckpt')
  await writeModelFile(table, path, torchZip(), { threads: 0 })
  return readFileSync(path)
}

async function expectOfTable(table: TensorTable): Promise<void> {
  const entries = await yauzlContents(await written(table))
  const tensors = [...table.tensors.values()]
  const data = tensors.map((_, i) => `data/${i}`)
  expect(entries.map(({ name }) => name)).toEqual(
    ['data.pkl', 'byteorder', ...data, 'version'].map((name) => `archive/${name}`),
  )
  for (const { bytes, ...entry } of entries) {
    const facts = { size: bytes.byteLength, crc32: crc32(bytes) }
    expect(entry).toMatchObject({ method: 0, ...facts, local: facts })
  }
  tensors.forEach(({ source }, i) => {
    const { bytes, place } = entries[2 + i]!
    expect(place % 64).toBe(0)
    expect(source.kind === 'bytes' && Buffer.from(source.data)).toEqual(bytes)
  })
}

const TORCH_TYPES = (Object.keys(DTYPES) as DType[]).filter(isTorchDType)

function tensorOf(name: string, dtype: DType, shape: number[], seed = 1) {
  const data = new Uint8Array(elementCount(shape) * DTYPES[dtype].bytes)
  return bytesTensor(
    name,
    dtype,
    shape,
    data.map((_, i) => (dtype === 'BOOL' ? (i + seed) & 1 : i * 31 + seed)),
  )
}

describe('yauzl reads the archives that we write', () => {
  it('of many types', () => expect(TORCH_TYPES.length).toBeGreaterThan(9))

  it.each(TORCH_TYPES)('tensors of %s', (dtype) =>
    expectOfTable(
      tableOf([
        tensorOf('scalar', dtype, []),
        tensorOf('nothing', dtype, [0, 3]),
        tensorOf('名前/../x', dtype, [7]),
        tensorOf('w', dtype, [2, 3, 5]),
      ]),
    ),
  )

  it('of any sizes, with texts beside them', async () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(255), async (lengths, seed) => {
        const tensors = lengths.map((length, i) => tensorOf(`t${i}`, 'U8', [length], seed + i))
        await expectOfTable(tableOf(tensors, { note: 'é\n'.repeat(seed) }))
      }),
      { numRuns: 25 },
    )
  })

  it.each([-2, -1, 0, 1])('around 4 GiB: two tensors of 2^32 + %i bytes', async (more) => {
    const size = 2 ** 32 + more
    const table = tableOf(['a', 'b'].map((name) => bytesTensor(name, 'U8', [size], new Uint8Array(0))))
    const frame = torchZip().frame(table)
    const source = sparse(frame.bytes, frame.pieces([1, 2]))
    const zip = await fromRandomAccessReaderPromise(new SourceReader(source), frame.bytes)
    const data = (await entriesOf(zip)).filter(({ name }) => name.startsWith('archive/data/'))
    expect(data).toEqual(
      frame.layout.entries.map(({ begin }, i) => ({
        name: `archive/data/${i}`,
        method: 0,
        size,
        crc32: i + 1,
        place: frame.dataStart + begin,
      })),
    )
  })
})

class SourceReader extends RandomAccessReader {
  readonly #source: ByteSource

  constructor(source: ByteSource) {
    super()
    this.#source = source
  }

  override _readStreamForRange(start: number, end: number): Readable {
    const { read } = this.#source
    return Readable.from(
      (async function* () {
        yield await read(start, end - start)
      })(),
    )
  }
}

/** Made by fixtures/goldens/torch_zips.py with torch. */
const golden: { cases: { name: string; file: string }[] } = JSON.parse(
  readFileSync(new URL('../../../fixtures/goldens/torch-zips.json', import.meta.url), 'utf8'),
)

const archives = await Promise.all(
  golden.cases.map(async ({ name, file }) => {
    const bytes = inflateSync(Buffer.from(file, 'base64'))
    const own = await ownEntries(memorySource('m.ckpt', bytes)).catch((error: unknown) => error)
    return { name, bytes, own }
  }),
)

describe('yauzl finds what our reader finds in archives of torch, however odd', () => {
  const read = archives.filter(({ own }) => Array.isArray(own))
  const refused = archives.filter(({ own }) => !Array.isArray(own))

  it('of which ours reads many', () => expect(read.length).toBeGreaterThan(30))

  it.each(read.map(({ name, ...archive }) => [name, archive] as const))('%s', async (_, { bytes, own }) => {
    expect(own).toEqual(await entriesOf(await fromBufferPromise(bytes)))
  })

  it.each(refused.map(({ name, own }) => [name, own] as const))('%s: ours refuses it', (_, own) => {
    expect(own).toBeInstanceOf(SdtoolError)
  })
})
