/** fast-png reads what we write, and reads other programs' pictures as we do. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { convertIndexedToRgb, decode, type DecodedPng as FastPng } from 'fast-png'
import { describe, expect, it } from 'vitest'
import type { RgbImage } from '../../../src/image/image.ts'
import { type DecodedPng, decodePixels, openPng } from '../../../src/image/png/decode.ts'
import { encodePng } from '../../../src/image/png/encode.ts'
import { fc } from '../../properties.ts'

const FIXTURES = join(import.meta.dirname, '../../../fixtures')

function fastPng(png: Uint8Array): FastPng {
  return decode(png, { checkCrc: true })
}

describe('fast-png reads the pictures that we write', () => {
  const picture = (
    width: number,
    height: number,
    value: (x: number, y: number, channel: number) => number,
  ) => {
    const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3)
      return value(pixel % width, Math.floor(pixel / width), i % 3)
    })
    return { width, height, data }
  }
  const PICTURES: Readonly<Record<string, RgbImage>> = {
    'one pixel': picture(1, 1, (_x, _y, channel) => 90 * channel),
    'one row': picture(37, 1, (x) => x * 7),
    'one column': picture(1, 41, (_, y) => y * y),
    'a gradient': picture(64, 48, (x, y, channel) => x + 2 * y + 40 * channel),
    'stripes, each row as the one above': picture(33, 20, (x, _, channel) => (x % 2 ? 255 : channel)),
    noise: picture(
      51,
      29,
      (x, y, channel) => Math.imul(x * 7919 + y * 104_729 + channel, 2_654_435_761) >>> 24,
    ),
    white: picture(256, 256, () => 255),
  }

  it.each(Object.entries(PICTURES))('%s', (_, image) => {
    expect(fastPng(encodePng(image))).toMatchObject({ ...image, channels: 3, depth: 8 })
  })

  it('of any size and any values, with their Latin-1 texts', () => {
    const images = fc
      .record({ width: fc.integer({ min: 1, max: 20 }), height: fc.integer({ min: 1, max: 20 }) })
      .chain(({ width, height }) => {
        const length = width * height * 3
        return fc
          .uint8Array({ minLength: length, maxLength: length })
          .map((data) => ({ width, height, data }))
      })
    // fast-png takes 0x80 to 0x9f, which are control characters in Latin-1, for those of Windows
    const texts = fc.dictionary(
      // fast-png keeps texts in a plain object, which has no room for this key
      fc.stringMatching(/^[!-~]{1,79}$/).filter((keyword) => keyword !== '__proto__'),
      // and what is UTF-8 as well is written as that, in iTXt
      fc.stringMatching(/^[ -~\n\xa0-\xff]{0,60}$/).filter((text) => !/[\xc0-\xff][\xa0-\xbf]/.test(text)),
      {
        maxKeys: 3,
        noNullPrototype: true,
      },
    )
    fc.assert(
      fc.property(images, texts, (image, text) => {
        const entries = Object.entries(text).map(([keyword, value]) => ({ keyword, text: value }))
        expect(fastPng(encodePng(image, entries))).toMatchObject({ ...image, text })
      }),
    )
  })
})

/** Samples of a row of fewer than 8 bits lie packed, the leftmost in the high bits. */
function samplesOf({ data, depth, width, height, channels }: FastPng): number[] {
  if (depth >= 8) return [...data]
  const stride = Math.ceil((width * channels * depth) / 8)
  return Array.from({ length: width * height * channels }, (_, i) => {
    const bit = (i % width) * depth
    const byte = data[Math.floor(i / width) * stride + (bit >> 3)]!
    return (byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1)
  })
}

/** What fast-png gives, as 8-bit RGB and alpha: the samples are its own, the scaling is that of section 13.12. */
function asRgb(png: FastPng): DecodedPng {
  const { width, height, depth, palette, transparency } = png
  const channels = palette ? palette[0]!.length : png.channels
  const samples = palette ? [...convertIndexedToRgb(png)] : samplesOf(png)
  const scale = palette ? 1 : 255 / (2 ** depth - 1)
  const pixels = Array.from({ length: width * height }, (_, i) =>
    samples.slice(i * channels, (i + 1) * channels),
  )
  const rgb = pixels.flatMap((pixel) =>
    channels < 3 ? [pixel[0]!, pixel[0]!, pixel[0]!] : pixel.slice(0, 3),
  )
  const to8 = (values: readonly number[]) => Uint8Array.from(values, (value) => Math.round(value * scale))
  const image = { width, height, data: to8(rgb) }
  if (transparency)
    return {
      ...image,
      alpha: Uint8Array.from(pixels, (pixel) => (pixel.join() === transparency.join() ? 0 : 255)),
    }
  return channels % 2 === 0 ? { ...image, alpha: to8(pixels.map((pixel) => pixel.at(-1)!)) } : image
}

/** Made by pypng and Pillow: `fixtures/goldens/pictures.py`. */
const golden: { images: { name: string; size: number[]; png: string }[] } = JSON.parse(
  readFileSync(join(FIXTURES, 'goldens/pictures.json'), 'utf8'),
)

/** fast-png 8.0.0 takes each sample of an interlaced picture for a byte. */
function isBeyondFastPng(png: Uint8Array): boolean {
  const { depth, interlaced } = openPng(png).header
  return interlaced && depth < 8
}

const SUITE = [
  ...golden.images.map(
    ({ name, size, png }) => [`${name}, ${size.join(' x ')}`, Buffer.from(png, 'base64')] as const,
  ),
  ...['card-pixels', 'card-text', 'pipeline'].map(
    (name) => [`${name}.png`, readFileSync(join(FIXTURES, `goldens/${name}.png`))] as const,
  ),
]

describe('our reader agrees with fast-png on pictures of other programs', () => {
  const shared = SUITE.filter(([, png]) => !isBeyondFastPng(png))

  it('which are most', () => expect(shared.length).toBeGreaterThan(60))

  it.each(shared)('%s', (_, png) => {
    const [own, theirs] = [openPng(png), fastPng(png)]
    expect(decodePixels(own)).toEqual(asRgb(theirs))
    const texts = own.texts.map(({ keyword, text }) => [keyword, text])
    expect(Object.fromEntries(texts)).toEqual(theirs.text)
  })
})
