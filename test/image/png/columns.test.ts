/** The first columns of pictures that pypng and Pillow wrote (fixtures/goldens/pictures.py), against their samples. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { encodeChunk, SIGNATURE } from '../../../src/image/png/chunks.ts'
import { hasColumns, pngColumns } from '../../../src/image/png/columns.ts'
import { openPng } from '../../../src/image/png/decode.ts'

interface Image {
  readonly name: string
  readonly png: string
  readonly size: readonly [number, number]
  readonly rgb: string
  readonly alpha?: string
}

const { images }: { images: readonly Image[] } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../fixtures/goldens/pictures.json'), 'utf8'),
)
const bytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'))
const opened = images.map((image) => ({ ...image, file: openPng(bytes(image.png)) }))
const read = opened.filter(({ file }) => hasColumns(file.header))

/** Samples of the pixels down the columns. */
function downColumns({ size: [width, height], rgb, alpha }: Image): number[] {
  const [colours, clear] = [bytes(rgb), alpha === undefined ? undefined : bytes(alpha)]
  return Array.from({ length: width * height }, (_, i) => {
    const at = (i % height) * width + Math.floor(i / height)
    return [...colours.subarray(3 * at, 3 * at + 3), ...(clear ? [clear[at]!] : [])]
  }).flat()
}

describe('the first columns of a PNG', () => {
  it.each(read.map((image) => [image.name, image] as const))('%s', async (_, image) => {
    const { first, channels } = pngColumns(image.file)
    const expected = downColumns(image)
    const pixels = image.size[0] * image.size[1]
    for (const count of [1, image.size[1], image.size[1] + 1, pixels]) {
      expect([...(await first(count))], `${count}`).toEqual(expected.slice(0, count * channels))
    }
  })

  it('are of the kinds that programs save, others have none', () => {
    expect(read.length).toBeGreaterThanOrEqual(4)
    const others = opened.filter(({ file }) => !hasColumns(file.header))
    for (const { name } of others) expect(name).toMatch(/interlaced|palette|16 bits|[12] planes|Pillow LA?$/)
  })

  /** 2 x 3 pixels of RGB. */
  function png(data: Uint8Array): Uint8Array {
    const header = Buffer.from('00000002000000030802000000', 'hex')
    const chunks = [['IHDR', header] as const, ['IDAT', data] as const, ['IEND', Buffer.alloc(0)] as const]
    return Buffer.concat([SIGNATURE, ...chunks.map(([name, body]) => encodeChunk({ name, data: body }))])
  }

  it.each([
    ['too few rows', deflateSync(Buffer.alloc(20)), 'it has 20 bytes of pixels where its size needs 21'],
    ['an unknown filter', deflateSync(Buffer.alloc(21, 9)), 'a row has the unknown filter 9'],
    ['no zlib', Buffer.from('nothing'), 'its pixels cannot be decompressed'],
  ])('of a PNG with %s are refused', async (_, data, problem) => {
    await expect(pngColumns(openPng(png(data))).first(6)).rejects.toThrow(problem)
  })

  it('need no more rows than they have', async () => {
    const half = deflateSync(Buffer.alloc(21)).subarray(0, -4)
    expect([...(await pngColumns(openPng(png(half))).first(2))]).toEqual([0, 0, 0, 0, 0, 0])
  })
})
