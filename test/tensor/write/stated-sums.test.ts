import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { StatedSum } from '../../../src/tensor/values/table.ts'
import { refuseDamaged, sumCheck, summing } from '../../../src/tensor/write/stated-sums.ts'
import { fc } from '../../properties.ts'

const FILE = { path: 'm.ckpt', size: 1000 }
const DATA = Uint8Array.from({ length: FILE.size }, (_, i) => (i * 37) ^ (i >> 3))
const BAD: StatedSum = { file: FILE, name: 'm/data/1', offset: 500, bytes: 300, crc32: 7 }
const GOOD: StatedSum = { ...BAD, name: 'm/data/0', offset: 64, crc32: crc32(DATA.subarray(64, 364)) }

const readData = async (_: unknown, offset: number, target: Uint8Array): Promise<void> => {
  target.set(DATA.subarray(offset, offset + target.byteLength))
}

/** What is found after these pieces, [offset, end), were read. */
async function afterReading(pieces: readonly (readonly [number, number])[]): Promise<string[]> {
  const found: string[] = []
  const check = sumCheck([GOOD, BAD], ({ name }) => found.push(name))
  const read = summing(readData, new Set([FILE.path]), check.note)
  for (const [begin, end] of pieces) await read(FILE, begin, new Uint8Array(end - begin))
  expect(check.damaged.map(({ name }) => name)).toEqual(found)
  return found
}

describe('checksums that a container states', () => {
  it('are held against pieces of any size, in any order, read twice or not', async () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 299 }), { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(cuts, cuts, fc.array(fc.nat(99)), async (of0, of1, order) => {
        const pieces = [...piecesOf(GOOD, of0), ...piecesOf(BAD, of1)]
        const shuffled = [...order.map((i) => pieces[i % pieces.length]!), ...pieces.reverse()]
        expect(await afterReading(shuffled)).toEqual([BAD.name])
      }),
    )
  })

  it.each<[string, (readonly [number, number])[]]>([
    [
      'with a piece missing',
      [
        [500, 600],
        [700, 800],
      ],
    ],
    ['over whose end somebody read', [[500, 801]]],
    [
      'of which one byte was read twice instead',
      [
        [500, 799],
        [798, 799],
      ],
    ],
  ])('say nothing of a run %s', async (_, pieces) => expect(await afterReading(pieces)).toEqual([]))

  it('are checked in the end where nobody read a run whole, once', async () => {
    const check = sumCheck([GOOD, BAD], () => {})
    const read = summing(readData, new Set([FILE.path]), check.note)
    await read(FILE, 500, new Uint8Array(10))
    await check.finish(read)
    await check.finish(read)
    expect(check.damaged).toEqual([BAD])
  })

  it('stop a reader that wants no damaged file', async () => {
    const check = sumCheck([GOOD, BAD], refuseDamaged)
    const read = summing(readData, new Set([FILE.path]), check.note)
    await read(FILE, 64, new Uint8Array(300))
    await expect(read(FILE, 500, new Uint8Array(300))).rejects.toMatchObject({
      code: 'ZIP_CRC',
      exitCode: 3,
      message: 'm.ckpt: entry "m/data/1" does not match its checksum: the file is damaged',
    })
  })
})

function piecesOf({ offset, bytes }: StatedSum, cuts: readonly number[]): [number, number][] {
  const places = [0, ...[...cuts].sort((a, b) => a - b), bytes]
  return places.slice(1).map((end, i) => [offset + places[i]!, offset + end])
}
