import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { encodeChunk, SIGNATURE } from '../../../src/image/png/chunks.ts'
import { decodePixels, openPng } from '../../../src/image/png/decode.ts'
import { encodePng } from '../../../src/image/png/encode.ts'
import { SdtoolError } from '../../../src/system/errors.ts'
import { fc } from '../../properties.ts'

interface Golden {
  readonly images: readonly {
    readonly name: string
    readonly png: string
    readonly size: readonly [number, number]
    readonly rgb: string
    readonly alpha?: string
  }[]
  readonly text: { readonly png: string; readonly texts: Readonly<Record<string, string>> }
}

/** Made by pypng and Pillow: `fixtures/goldens/pictures.py`. */
const golden: Golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../fixtures/goldens/pictures.json'), 'utf8'),
)
const bytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'))

describe('pictures of other programs', () => {
  it.each(golden.images.map((image) => [`${image.name}, ${image.size.join(' x ')}`, image] as const))(
    '%s',
    (_, { png, size, rgb, alpha }) => {
      const image = decodePixels(openPng(bytes(png)))
      expect([image.width, image.height]).toEqual(size)
      expect(image.data).toEqual(bytes(rgb))
      expect(image.alpha).toEqual(alpha === undefined ? undefined : bytes(alpha))
    },
  )

  it('have their texts read, compressed or not, in Latin-1 or UTF-8', () => {
    const { texts } = openPng(bytes(golden.text.png))
    expect(Object.fromEntries(texts.map(({ keyword, text }) => [keyword, text]))).toEqual(golden.text.texts)
  })
})

describe('our own pictures', () => {
  it('give image and texts back', () => {
    const images = fc
      .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))
      .chain(([width, height]) => {
        const length = width * height * 3
        return fc
          .uint8Array({ minLength: length, maxLength: length })
          .map((data) => ({ width, height, data }))
      })
    const texts = fc.array(
      fc.record({
        keyword: fc.stringMatching(/^[ -~]{1,79}$/),
        text: fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', '')),
      }),
      { maxLength: 3 },
    )
    fc.assert(
      fc.property(images, texts, (image, all) => {
        const png = openPng(encodePng(image, all))
        expect(png.texts).toEqual(all)
        expect(decodePixels(png)).toEqual(image)
      }),
    )
  })

  it('have Latin-1 text in tEXt and other text in iTXt, as Pillow writes them', () => {
    const image = { width: 1, height: 1, data: new Uint8Array(3) }
    const names = (text: string) => openPng(encodePng(image, [{ keyword: 'parameters', text }])).chunks
    expect(names('café').map(({ name }) => name)).toEqual(['IHDR', 'tEXt', 'IDAT', 'IEND'])
    expect(names('日本').map(({ name }) => name)).toEqual(['IHDR', 'iTXt', 'IDAT', 'IEND'])
    expect(Buffer.from(names('é')[1]!.data).toString('hex')).toBe(
      `${Buffer.from('parameters').toString('hex')}00e9`,
    )
    expect(openPng(encodePng(image, [{ keyword: 'k', text: 'a\0b' }])).texts[0]!.text).toBe('a\ufffdb')
  })
})

type Parts = readonly (readonly [name: string, data: Uint8Array])[]

function pngOf(...parts: Parts): Uint8Array {
  return Buffer.concat([SIGNATURE, ...parts.map(([name, data]) => encodeChunk({ name, data }))])
}

function header(width: number, height: number, rest = [8, 2, 0, 0, 0]): [string, Uint8Array] {
  const data = Buffer.alloc(13)
  data.writeUInt32BE(width, 0)
  data.writeUInt32BE(height, 4)
  data.set(rest, 8)
  return ['IHDR', data]
}

const NOTHING = new Uint8Array(0)
const END: [string, Uint8Array] = ['IEND', NOTHING]
const pixels = (...values: number[]): [string, Uint8Array] => ['IDAT', deflateSync(Uint8Array.from(values))]
const text = (name: string, value: string | Uint8Array): [string, Uint8Array] => {
  return [name, typeof value === 'string' ? Buffer.from(value, 'latin1') : value]
}

function outcome(png: Uint8Array): string {
  try {
    decodePixels(openPng(png))
    return 'read'
  } catch (error) {
    if (error instanceof SdtoolError) return `${error.exitCode} ${error.code}: ${error.message}`
    throw error
  }
}

const bomb = deflateSync(Buffer.alloc(64 * 1024 * 1024))

describe('hostile pictures', () => {
  it('a sound one of that kind is read', () => {
    expect(outcome(pngOf(header(1, 1), pixels(0, 1, 2, 3), END))).toBe('read')
  })

  it.each([
    ['another file', Buffer.from('GIF89a, not a PNG'), 'no PNG signature'],
    ['nothing', NOTHING, 'no PNG signature'],
    ['the end is missing', pngOf(header(1, 1), pixels(0, 1, 2, 3)), 'before its last chunk'],
    ['no header', pngOf(pixels(0, 1, 2, 3), END), 'does not begin with its header'],
    ['two headers', pngOf(header(1, 1), header(1, 1), pixels(0, 1, 2, 3), END), 'two headers'],
    ['no width', pngOf(header(0, 1), pixels(0), END), '0 x 1 pixels'],
    ['more pixels than memory', pngOf(header(0x7fffffff, 0x7fffffff), pixels(0), END), 'PNG_TOO_LARGE'],
    ['an unknown colour type', pngOf(header(1, 1, [8, 5, 0, 0, 0]), pixels(0), END), 'colour type 5'],
    ['a depth its type has not', pngOf(header(1, 1, [4, 2, 0, 0, 0]), pixels(0), END), 'with 4 bits'],
    ['unknown interlacing', pngOf(header(1, 1, [8, 2, 0, 0, 2]), pixels(0), END), 'unknown'],
    ['no pixels', pngOf(header(1, 1), END), 'no pixels'],
    ['too few pixels', pngOf(header(1, 2), pixels(0, 1, 2, 3), END), '4 bytes of pixels'],
    ['too many pixels', pngOf(header(1, 1), pixels(0, 1, 2, 3, 4), END), 'size needs 4'],
    ['a bomb of pixels', pngOf(header(1, 1), ['IDAT', bomb], END), 'more pixels than its header says'],
    ['pixels that do not inflate', pngOf(header(1, 1), ['IDAT', Buffer.from('xxxx')], END), 'decompressed'],
    [
      'pixels in two places',
      pngOf(header(1, 1), pixels(0, 1, 2, 3), text('tEXt', 'a\0b'), pixels(0), END),
      'not contiguous',
    ],
    ['an unknown filter', pngOf(header(1, 1), pixels(5, 1, 2, 3), END), 'unknown filter 5'],
    ['no palette', pngOf(header(1, 1, [8, 3, 0, 0, 0]), pixels(0, 0), END), 'palette is missing'],
    [
      'a colour outside of the palette',
      pngOf(header(1, 1, [8, 3, 0, 0, 0]), ['PLTE', Buffer.alloc(6)], pixels(0, 2), END),
      'colour 2 of a palette of 2',
    ],
    [
      'a transparent colour too short',
      pngOf(header(1, 1), ['tRNS', Buffer.alloc(2)], pixels(0, 1, 2, 3), END),
      'wrong length',
    ],
    [
      'a text without end of its keyword',
      pngOf(header(1, 1), text('tEXt', 'abc'), END),
      'does not have a keyword',
    ],
    ['a text that stops early', pngOf(header(1, 1), text('iTXt', 'k\0\0\0'), END), 'ends before its content'],
    ['an unknown compression', pngOf(header(1, 1), text('zTXt', 'k\0\x07'), END), 'unknown compression'],
    [
      'a bomb of text',
      pngOf(header(1, 1), text('zTXt', Buffer.concat([Buffer.from('k\0\0'), bomb])), END),
      'PNG_TEXT_TOO_LARGE',
    ],
  ])('%s', (_, png, what) => {
    const said = outcome(png)
    expect(said).toMatch(/^3 PNG_/)
    expect(said).toContain(what)
  })

  it('a chunk that claims more than the file has', () => {
    const png = Buffer.from(pngOf(header(1, 1), pixels(0, 1, 2, 3), END))
    png.writeUInt32BE(0xffffffff, SIGNATURE.length + 25)
    expect(outcome(png)).toContain('claims 4294967295 bytes')
  })

  it('every single changed byte is noticed or harmless', () => {
    const png = pngOf(
      header(2, 2),
      text('tEXt', 'k\0text'),
      pixels(0, 1, 2, 3, 4, 5, 6, 1, 7, 8, 9, 1, 1, 1),
      END,
    )
    for (let at = 0; at < png.length; at++) {
      const changed = Uint8Array.from(png)
      changed[at]! ^= 0x20
      expect(outcome(changed), `byte ${at}`).toMatch(/^3 PNG_DAMAGED/)
    }
  })

  it('random bytes behind the signature never do anything but refuse', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (rest) => {
        expect(outcome(Buffer.concat([SIGNATURE, rest]))).toMatch(/^3 PNG_/)
      }),
    )
  })
})
