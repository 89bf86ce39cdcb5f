/** Texts in pictures of every format, as programs save them (fixtures/goldens/picture_texts.py). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openImage } from '../../src/image/open.ts'
import { pictureOrigin } from '../../src/image/parameters.ts'
import { encodeChunk, SIGNATURE } from '../../src/image/png/chunks.ts'
import { decodePixels, openPng } from '../../src/image/png/decode.ts'
import { encodePng } from '../../src/image/png/encode.ts'
import { textChunk } from '../../src/image/png/text.ts'
import { hiddenTexts } from '../../src/image/stealth.ts'
import { xmpTexts } from '../../src/image/texts/xmp.ts'
import { SdtoolError } from '../../src/system/errors.ts'

interface Row {
  readonly name: string
  readonly file: string
  readonly texts: Readonly<Record<string, string>>
}

interface Golden {
  readonly size: readonly [number, number]
  readonly pictures: readonly Row[]
  readonly stealth: readonly (Row & { readonly signature: string })[]
}

const golden: Golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/goldens/picture-texts.json'), 'utf8'),
)
const bytes = ({ file }: Row): Uint8Array => new Uint8Array(Buffer.from(file, 'base64'))
const byName = <T extends Row>(rows: readonly T[]) => rows.map((row) => [row.name, row] as const)
const picture = (name: string) => bytes(golden.pictures.find((row) => row.name === name)!)

const PIXEL = { width: 1, height: 1, data: Uint8Array.of(1, 2, 3) }

describe('texts of pictures', () => {
  it.each(byName(golden.pictures))('%s', (_, row) => {
    const { width, height, texts, damage } = openImage(bytes(row))
    expect([width, height, damage]).toEqual([...golden.size, undefined])
    const found = Object.fromEntries(texts.map(({ keyword, text }) => [keyword, text]))
    // NovelAI writes its version into EXIF besides
    expect({ ...found, ...row.texts }).toEqual(found)
  })

  it('are told whole where the file ends behind them', () => {
    const cuts: readonly (readonly [string, (whole: Uint8Array) => Uint8Array, string])[] = [
      ['UTF-8 in tEXt', (whole) => whole.subarray(0, -8), 'PNG_DAMAGED'],
      ['UTF-8 in tEXt', (whole) => whole.subarray(0, -40), 'PNG_DAMAGED'],
      [
        'ComfyUI, SaveAnimatedPNG',
        (whole) => Uint8Array.from(whole, (b, at) => (at === whole.length - 20 ? b ^ 1 : b)),
        'PNG_DAMAGED',
      ],
      ['Draw Things, PNG', (whole) => whole.subarray(0, -30), 'PNG_DAMAGED'],
      ['A1111, long GIF of several frames', (whole) => whole.subarray(0, -100), 'PICTURE_DAMAGED'],
      ['A1111, GIF', (whole) => whole.subarray(0, -1), 'PICTURE_DAMAGED'],
      ['A1111, AVIF', (whole) => Buffer.concat([whole, Buffer.from('\0\0\x01\0free')]), 'PICTURE_DAMAGED'],
      [
        'ComfyUI, Save Image Plus, WebP',
        (whole) => Buffer.concat([whole, Buffer.from('XMP \xff\0\0\0', 'latin1')]),
        'PICTURE_DAMAGED',
      ],
    ]
    for (const [name, cut, code] of cuts) {
      const whole = picture(name)
      const { texts, damage } = openImage(cut(whole))
      expect(texts, name).toEqual(openImage(whole).texts)
      expect(damage?.code, name).toBe(code)
    }
  })

  it('of a picture that ends before them are not told: it is refused', () => {
    for (const name of [
      'UTF-8 in tEXt',
      'A1111, GIF',
      'a comment in a JPEG',
      'NovelAI, WebP',
      'A1111, AVIF',
    ]) {
      expect(() => openImage(picture(name).subarray(0, 50)), name).toThrow(SdtoolError)
    }
  })

  it('are told where others beside them are damaged', () => {
    const texts = { a: 'one', b: 'two' }
    const bad = ['tEXt', 'zTXt', 'iTXt', 'zTXt', 'comf'] as const
    const data = ['no end', 'k\0\0no zlib', 'k\0\x02', 'k\0\x07', '\0no keyword']
    bad.forEach((name, i) => {
      const [first, ...rest] = openPng(encodePng(PIXEL, [])).chunks
      const own = Object.entries(texts).map(([keyword, text]) => textChunk({ keyword, text }))
      const chunks = [first!, own[0]!, { name, data: Buffer.from(data[i]!, 'latin1') }, own[1]!, ...rest]
      const image = openImage(Buffer.concat([SIGNATURE, ...chunks.map(encodeChunk)]))
      expect(Object.fromEntries(image.texts.map(({ keyword, text }) => [keyword, text]))).toEqual(texts)
      expect(image.damage?.code, data[i]).toBe('PNG_DAMAGED')
    })
  })

  it('of XMP have their entities read, those that are none stay', () => {
    const text = '&lt;&#65;&#x41;&amp;lt;&#x10ffff;&#x110000;&#1114112;&nbsp;&'
    const [found] = xmpTexts(`<exif:UserComment>${text}</exif:UserComment>`)
    expect(found).toEqual({ keyword: 'UserComment', text: '<AA&lt;\u{10ffff}&#x110000;&#1114112;&nbsp;&' })
  })

  it('and the pixels of a PNG that is cut are refused', () => {
    const png = openPng(picture('UTF-8 in tEXt').subarray(0, -40))
    expect(() => decodePixels(png)).toThrow('the PNG is damaged: chunk IDAT at byte')
  })
})

describe('texts in pixels', () => {
  it.each(byName(golden.stealth))('%s', async (_, row) => {
    const image = openImage(bytes(row))
    expect(image.texts).toEqual([])
    const found = await hiddenTexts(image.columns!())
    expect(found?.signature).toBe(row.signature)
    expect(Object.fromEntries(found!.texts.map(({ keyword, text }) => [keyword, text]))).toEqual(row.texts)
    expect(pictureOrigin(found!.texts).parameters?.settings.get('Steps')).toMatch(/^\d+$/)
  })

  it('are not found where there are none', async () => {
    for (const name of ['UTF-8 in tEXt', 'ComfyUI, SaveAnimatedPNG', 'Draw Things, PNG']) {
      expect(await hiddenTexts(openImage(picture(name)).columns!()), name).toBeUndefined()
    }
    // lossy: its bits are not those that were saved
    expect(openImage(picture('a comment in a JPEG')).columns).toBeUndefined()
  })

  it('that are not whole are refused, never told in part', async () => {
    for (const row of golden.stealth) {
      const { width, height, channels, first } = openImage(bytes(row)).columns!()
      const bits = row.signature.includes('png') ? [3] : [0, 1, 2]
      // bits 120 to 151 are the length, behind them is the text
      const changed = (bit: number) => async (count: number) => {
        const samples = await first(count)
        const at = Math.floor(bit / bits.length) * channels + bits[bit % bits.length]!
        if (at < samples.length) samples[at] = samples[at]! ^ 1
        return samples
      }
      for (const bit of row.signature.endsWith('comp') ? [120, 151, 160] : [120, 151]) {
        const pixels = { width, height, channels, first: changed(bit) }
        await expect(hiddenTexts(pixels), `${row.name} ${bit}`).rejects.toThrow('but it is not whole')
      }
    }
  })
})

describe('hostile pictures', () => {
  it('cut short or with any byte changed are read or refused, nothing else', () => {
    const attempt = (file: Uint8Array): void => {
      try {
        const { texts } = openImage(file)
        pictureOrigin(texts)
      } catch (error) {
        if (!(error instanceof SdtoolError)) throw error
        expect(error.exitCode).toBe(3)
      }
    }
    for (const row of golden.pictures) {
      const whole = bytes(row)
      for (let end = 0; end < whole.length; end += 31) attempt(whole.subarray(0, end))
      for (let at = 0; at < whole.length; at += 17) {
        const old = whole[at]!
        for (const value of [0, 0xff]) {
          whole[at] = value
          attempt(whole)
        }
        whole[at] = old
      }
    }
  })
})
