/** Over a network every read is a request: places that torch's layout gives away are confirmed by a few of them. */
import { beforeAll, describe, expect, it } from 'vitest'
import { stateDict, storageOf, tensor, torchBytes } from '../../../fixtures/torch-writer.ts'
import { memorySource } from '../../../src/system/bytes.ts'
import { torchZip } from '../../../src/tensor/formats/torch-zip-write.ts'
import { readZipDirectory } from '../../../src/tensor/formats/zip-directory.ts'
import { locateEntries } from '../../../src/tensor/formats/zip-entries.ts'
import { floatTensor, tableOf } from '../../tables.ts'

const COUNT = 100
const names = Array.from({ length: COUNT }, (_, i) => `w${i}`)

const ARCHIVES: readonly [string, () => Promise<Buffer>][] = [
  [
    'of torch, with sizes behind the data',
    () =>
      torchBytes(
        stateDict(
          Object.fromEntries(
            names.map((name, i) => [name, tensor(storageOf('F32', new Float32Array(i + 1)), [i + 1])]),
          ),
        ),
      ),
  ],
  [
    'of our own',
    async () => {
      const table = tableOf(names.map((name, i) => floatTensor(name, [i + 1], Array(i + 1).fill(0))))
      const frame = torchZip().frame(table)
      const file = Buffer.alloc(frame.bytes)
      for (const { offset, data } of frame.pieces(Array(COUNT).fill(0))) file.set(data, offset)
      return file
    },
  ],
]

/** Where the data of the storages begin, and how many reads that took. */
async function located(file: Buffer, costly: boolean) {
  const source = { ...memorySource('m.ckpt', file), costly }
  const zip = await readZipDirectory(source)
  let reads = 0
  const counted = {
    ...zip,
    source: {
      ...source,
      read: (offset: number, length: number) => {
        reads++
        return source.read(offset, length)
      },
    },
  }
  const storages = [...zip.entries.values()].filter(({ name }) => name.includes('/data/'))
  return { places: await locateEntries(counted, storages), reads, storages }
}

describe.each(ARCHIVES)('the places in an archive %s', (_, made) => {
  let file: Buffer
  beforeAll(async () => {
    file = await made()
  })

  it('are the same by a few local headers as by all', async () => {
    const [all, few] = [await located(file, false), await located(file, true)]
    expect(all.places.length).toBe(COUNT)
    expect(few.places).toEqual(all.places)
    expect(all.reads).toBe(COUNT)
    expect(few.reads).toBeLessThan(COUNT / 5)
  })

  it('are those of the local headers where these move them, which some of the few will tell', async () => {
    const moved = Buffer.from(file)
    const { storages } = await located(file, false)
    // the extra field before the data, four bytes shorter
    for (const { headerOffset } of storages.slice(1))
      moved.writeUInt16LE(moved.readUInt16LE(headerOffset + 28) - 4, headerOffset + 28)
    const [all, few, before] = [await located(moved, false), await located(moved, true), await located(file, false)] // biome-ignore format: one line
    expect(all.places).toEqual(before.places.map((place, i) => (i === 0 ? place : place - 4)))
    expect(few.places).toEqual(all.places)
  })
})
