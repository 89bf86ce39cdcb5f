import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { imageFormat, openImage } from '../../src/image/open.ts'
import { pictureOrigin } from '../../src/image/parameters.ts'
import { decodePixels, openPng } from '../../src/image/png/decode.ts'
import { exifTexts } from '../../src/image/texts/exif.ts'
import { SdtoolError } from '../../src/system/errors.ts'
import { fc } from '../properties.ts'
import { describeReal, realFile, realIndex } from '../real-files.ts'

interface Golden {
  readonly exif: readonly {
    readonly name: string
    readonly file: string
    readonly size: readonly [number, number]
    readonly Make: string
    readonly UserComment: string
  }[]
  readonly bareWebp: { readonly size: readonly [number, number]; readonly files: readonly string[] }
}

/** Made by Pillow: `fixtures/goldens/pictures.py`. */
const golden: Golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/goldens/pictures.json'), 'utf8'),
)
const bytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'))

describe('pictures with EXIF', () => {
  it.each(golden.exif.map((row) => [row.name, row] as const))(
    '%s',
    (_, { file, size, Make, UserComment }) => {
      const { width, height, texts } = openImage(bytes(file))
      expect([width, height]).toEqual(size)
      expect(texts).toEqual([
        { keyword: 'workflow', text: Make.replace('workflow:', '') },
        { keyword: 'UserComment', text: UserComment },
      ])
      expect(pictureOrigin(texts).parameters).toMatchObject({
        keyword: 'UserComment',
        prompt: 'a cat é',
        negative: '日本',
        settings: new Map([
          ['Steps', '1'],
          ['Sampler', 'Euler'],
          ['Seed', '2'],
          ['Size', '3x2'],
        ]),
      })
    },
  )

  it('and WebP without, lossless or not, have a size', () => {
    for (const file of golden.bareWebp.files) {
      const { width, height, texts } = openImage(bytes(file))
      expect([width, height, texts]).toEqual([...golden.bareWebp.size, []])
    }
  })
})

describe('hostile pictures', () => {
  it('cut short or with any byte changed are read or refused, nothing else', () => {
    const attempt = (file: Uint8Array): void => {
      try {
        openImage(file)
      } catch (error) {
        if (!(error instanceof SdtoolError)) throw error
        expect(error.exitCode).toBe(3)
      }
    }
    for (const { file } of golden.exif) {
      const whole = bytes(file)
      for (let end = 0; end < whole.length; end++) attempt(whole.subarray(0, end))
      for (const [at, old] of [...whole].entries()) {
        for (const value of [0, 0xff]) {
          whole[at] = value
          attempt(whole)
        }
        whole[at] = old
      }
    }
  })

  it('EXIF of random bytes gives no text, and no error', () => {
    const tiff = fc.tuple(fc.constantFrom('II*\0', 'MM\0*'), fc.uint8Array({ maxLength: 300 }))
    fc.assert(
      fc.property(tiff, ([head, rest]) => {
        for (const { text } of exifTexts(Buffer.concat([Buffer.from(head, 'latin1'), rest]))) {
          expect(text.length).toBeLessThan(400)
        }
      }),
    )
  })

  it('a directory anywhere in a block, or behind it, is read as far as it goes', () => {
    for (const order of ['MM\0*', 'II*\0']) {
      for (let at = 0; at < 40; at++) {
        const offset = order.startsWith('M') ? [0, 0, 0, at] : [at, 0, 0, 0]
        const block = Buffer.concat([Buffer.from(order, 'latin1'), Buffer.from(offset), Buffer.alloc(20, 1)])
        expect(exifTexts(block)).toEqual([])
      }
    }
  })

  it('an entry that fits to the last byte is read', () => {
    const entry = Buffer.from('MM\0*\0\0\0\x08\0\x01\x01\x0f\0\x02\0\0\0\x04abcd', 'latin1')
    expect(exifTexts(entry)).toEqual([{ keyword: 'Make', text: 'abcd' }])
    expect(exifTexts(entry.subarray(0, -1))).toEqual([])
  })

  it('a directory that claims 65535 entries has those that fit', () => {
    const block = Buffer.from('MM\0*\0\0\0\x08\xff\xff\x01\x0f\0\x02\0\0\0\x04abcd', 'latin1')
    expect(exifTexts(block)).toEqual([{ keyword: 'Make', text: 'abcd' }])
  })
})

/** One comment says it is longer than its segment, and Pillow reads on into the next marker of the JPEG, FF C0. */
const RE_NEXT_SEGMENT = /\uffc0[\s\S]{0,3}$/

describeReal('pictures from public repositories', () => {
  interface Row {
    readonly file: string
    readonly image: Readonly<Record<string, unknown>>
  }
  const rows = realIndex().filter((row) => row.file.startsWith('images/')) as unknown as readonly Row[]

  it.each(rows.map((row) => [row.file, row] as const))(
    '%s has the text that Pillow finds',
    (file, { image }) => {
      const data = readFileSync(realFile(file)!)
      expect(imageFormat(data)).toBe(image.container)
      const opened = openImage(data)
      const found = Object.fromEntries(opened.texts.map(({ keyword, text }) => [keyword, text]))
      const expected = Object.entries(image)
        .filter(([key]) => key in found)
        .map(([key, text]) => [key, typeof text === 'string' ? text.replace(RE_NEXT_SEGMENT, '') : text])
      expect(expected.length).toBeGreaterThan(0)
      expect(found).toMatchObject(Object.fromEntries(expected))
      expect(pictureOrigin(opened.texts).parameters?.settings.get('Seed')).toMatch(/^\d+$/)
      if (image.container === 'png') {
        const { width, height } = decodePixels(openPng(data))
        expect([width, height]).toEqual(image.size)
      }
    },
  )
})
