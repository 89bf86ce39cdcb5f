import { inflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { RgbImage } from '../../../src/image/image.ts'
import { encodePng } from '../../../src/image/png/encode.ts'
import { fc } from '../../properties.ts'

/** Chunks of a PNG, by the specification. */
function chunksOf(png: Uint8Array): { name: string; data: Buffer; crc: number }[] {
  const bytes = Buffer.from(png)
  const chunks = []
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    const name = bytes.toString('latin1', at + 4, at + 8)
    chunks.push({
      name,
      data: bytes.subarray(at + 8, at + 8 + length),
      crc: bytes.readUInt32BE(at + 8 + length),
    })
    at += 12 + length
  }
  return chunks
}

/** A decoder for 8-bit RGB without interlacing: section 9 of the specification, not our encoder read backwards. */
function decode(png: Uint8Array): RgbImage {
  const chunks = chunksOf(png)
  const header = chunks[0]!.data
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)]
  const raw = inflateSync(Buffer.concat(chunks.filter(({ name }) => name === 'IDAT').map(({ data }) => data)))
  const stride = width * 3
  const data = new Uint8Array(stride * height)
  const at = (x: number, y: number) => (x < 0 || y < 0 ? 0 : data[y * stride + x]!)
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)]!
    for (let x = 0; x < stride; x++) {
      const [a, b, c] = [at(x - 3, y), at(x, y - 1), x < 3 ? 0 : at(x - 3, y - 1)]
      const p = a + b - c
      const nearest = [a, b, c].reduce((best, value) =>
        Math.abs(p - value) < Math.abs(p - best) ? value : best,
      )
      const prediction = [0, a, b, Math.floor((a + b) / 2), nearest][filter]!
      data[y * stride + x] = raw[y * (stride + 1) + 1 + x]! + prediction
    }
  }
  return { width, height, data }
}

describe('PNG', () => {
  it('of one pixel is the one of the specification, but for the compression', () => {
    const png = encodePng({ width: 1, height: 1, data: Uint8Array.of(255, 0, 0) })
    expect(Buffer.from(png).toString('hex')).toMatch(
      // signature; length 13, IHDR, 1 x 1, 8 bits, RGB, CRC as every encoder writes it
      /^89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de/,
    )
    expect(chunksOf(png).map(({ name }) => name)).toEqual(['IHDR', 'IDAT', 'IEND'])
    expect(chunksOf(png).at(-1)!.crc).toBe(0xae426082)
    expect(decode(png).data).toEqual(Uint8Array.of(255, 0, 0))
  })

  it('gives every image back', () => {
    const images = fc
      .record({ width: fc.integer({ min: 1, max: 9 }), height: fc.integer({ min: 1, max: 9 }) })
      .chain(({ width, height }) => {
        const length = width * height * 3
        // few values, so that rows and neighbours are alike now and then
        const data = fc.uint8Array({ minLength: length, maxLength: length, max: 3 })
        return data.map((pixels) => ({ width, height, data: pixels.map((value) => value * 80) }))
      })
    fc.assert(
      fc.property(images, (image) => {
        expect(decode(encodePng(image))).toEqual(image)
      }),
    )
  })

  it('of a gradient is small: rows are filtered', () => {
    const [width, height] = [256, 256]
    const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3)
      return (pixel % width) + Math.floor(pixel / width) + 40 * (i % 3)
    })
    const png = encodePng({ width, height, data })
    expect(Buffer.compare(decode(png).data, data)).toBe(0)
    expect(png.byteLength).toBeLessThan(2000)
  })
})
