/** Pictures of some kilobytes that would take gigabytes or minutes: each is read or refused by a count, never by a clock. */
import { deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { PixelColumns } from '../../src/image/columns.ts'
import { openImage } from '../../src/image/open.ts'
import { pictureOrigin } from '../../src/image/parameters.ts'
import { encodeChunk, SIGNATURE } from '../../src/image/png/chunks.ts'
import { hiddenTexts } from '../../src/image/stealth.ts'
import { SdtoolError } from '../../src/system/errors.ts'

/** Code of the refusal, `undefined` if the picture opens and its texts are read. */
function codeOf(bytes: Uint8Array): string | undefined {
  try {
    pictureOrigin(openImage(bytes).texts)
    return undefined
  } catch (error) {
    if (error instanceof SdtoolError && error.exitCode === 3) return error.code
    throw error
  }
}

const u16 = (value: number) => Buffer.of(value >> 8, value & 255)
const u32 = (value: number) => Buffer.from(value.toString(16).padStart(8, '0'), 'hex')

function png(width: number, height: number, ...chunks: readonly (readonly [string, Uint8Array])[]): Buffer {
  const header = Buffer.concat([u32(width), u32(height), Buffer.of(8, 6, 0, 0, 0)])
  const all = [['IHDR', header] as const, ...chunks, ['IEND', Buffer.alloc(0)] as const]
  return Buffer.concat([SIGNATURE, ...all.map(([name, data]) => encodeChunk({ name, data }))])
}

function segment(marker: number, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0xff, marker), u16(data.length + 2), data])
}

function jpeg(...segments: readonly Buffer[]): Buffer {
  return Buffer.concat([
    Buffer.of(0xff, 0xd8),
    segment(0xc0, Buffer.of(8, 0, 1, 0, 1, 1)),
    ...segments,
    Buffer.of(0xff, 0xda, 0, 0),
  ])
}

const box = (type: string, ...parts: readonly Uint8Array[]) => {
  const data = Buffer.concat(parts)
  return Buffer.concat([u32(data.length + 8), Buffer.from(type), data])
}

const NO_FLAGS = u32(0)
const FTYP = box('ftyp', Buffer.from('avif\0\0\0\0avif'))
const SIZES = box('iprp', box('ipco', box('ispe', NO_FLAGS, u32(3), u32(2))))

function infe(id: number, type: string): Buffer {
  return box('infe', u32(0x02000000), u16(id), u16(0), Buffer.from(`${type}\0`))
}

function avif(...meta: readonly Uint8Array[]): Buffer {
  return Buffer.concat([FTYP, box('meta', NO_FLAGS, SIZES, ...meta)])
}

const TEXT = Buffer.from('parameters\0')
const big = (text: string, times: number) => text.repeat(times)

/** `undefined` where it is opened, and nothing in it is taken for text. */
const BOMBS: readonly (readonly [string, string | undefined, () => Uint8Array])[] = [
  [
    'a PNG with zTXt of 100 MB',
    'PNG_TEXT_TOO_LARGE',
    () => png(1, 1, ['zTXt', Buffer.concat([TEXT, Buffer.of(0), deflateSync(Buffer.alloc(1e8))])]),
  ],
  [
    'a PNG with 100004 chunks',
    'PNG_DAMAGED',
    () => png(1, 1, ...Array.from({ length: 100_001 }, () => ['tIME', Buffer.alloc(0)] as const)),
  ],
  [
    'a JPEG with 400 comments of 64 KB',
    undefined,
    () => jpeg(...Array.from({ length: 400 }, () => segment(0xfe, Buffer.alloc(65_000, ' ')))),
  ],
  [
    'EXIF that ends in NULs and a letter',
    undefined,
    () =>
      jpeg(
        segment(
          0xe1,
          Buffer.concat([
            Buffer.from('Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x0f\0\x02\0\0\xff\0\0\0\0\x1a', 'latin1'),
            Buffer.alloc(65_000),
            Buffer.from('x'),
          ]),
        ),
      ),
  ],
  [
    'a GIF of a million empty blocks',
    'PICTURE_DAMAGED',
    () =>
      Buffer.concat([
        Buffer.from('GIF89a\x01\0\x01\0\0\0\0', 'latin1'),
        Buffer.from(big('!\x01\0', 1e6), 'latin1'),
      ]),
  ],
  [
    'an AVIF with a million boxes',
    undefined,
    () => avif(Buffer.concat(Array.from({ length: 1_000_000 }, () => box('free')))),
  ],
  [
    'an AVIF whose item has 65535 extents in each of 65535 entries',
    undefined,
    () =>
      avif(
        box('iinf', NO_FLAGS, u16(1), infe(9, 'Exif')),
        box(
          'iloc',
          u32(0),
          Buffer.of(0, 0),
          u16(65_535),
          ...Array.from({ length: 65_535 }, () => Buffer.concat([u16(1), u16(0), u16(65_535)])),
        ),
      ),
  ],
  [
    'an AVIF with 9000 items that all name the same bytes',
    undefined,
    () =>
      avif(
        box('iinf', NO_FLAGS, u16(9000), ...Array.from({ length: 9000 }, (_, id) => infe(id, 'Exif'))),
        box(
          'iloc',
          u32(0),
          Buffer.of(0x44, 0),
          u16(9000),
          ...Array.from({ length: 9000 }, (_, id) =>
            Buffer.concat([u16(id), u16(0), u16(1), u32(0), u32(1000)]),
          ),
        ),
      ),
  ],
  [
    'an AVIF whose item is the file a thousand times',
    undefined,
    () =>
      avif(
        box('iinf', NO_FLAGS, u16(1), infe(9, 'Exif')),
        box(
          'iloc',
          u32(0),
          Buffer.of(0x44, 0),
          u16(1),
          u16(9),
          u16(0),
          u16(1000),
          ...Array.from({ length: 1000 }, () => Buffer.concat([u32(0), u32(100_000)])),
        ),
        box('free', Buffer.alloc(100_000)),
      ),
  ],
]

/** Texts under the keywords of programs that take the square of their length where they are read carelessly. */
const TEXTS: readonly (readonly [string, string])[] = [
  ['parameters', `{"prompt":"a"${big(' ', 200_000)}}x`],
  ['parameters', `{"prompt":${big('[', 90)}${big(']', 90)},"a":"${big('\\\\', 200_000)}"}`],
  ['parameters', `{${big('"a":1,', 200_000)}"prompt":"x"}`],
  ['parameters', big('{"a":', 100_000)],
  ['UserComment', `{"c":"","uc":"","v":{${big('"k" : [ ] ,', 100_000)}"e":1}}`],
  ['Dream', `"${big('[', 200_000)}" ${big('-s ', 100_000)}`],
  ['Dream', `"${big('[] ', 100_000)}"`],
  ['XML:com.adobe.xmp', big('<exif:UserComment><rdf:li', 50_000)],
  ['XML:com.adobe.xmp', `<dc:description>${big('&#x', 100_000)}${big('&amp;', 100_000)}</dc:description>`],
  ['Make', `${big('a', 100_000)}: {`],
  ['resolution', `{"prompt":"","size":"${big('1', 100_000)}"}`],
]

describe('pictures that are small and would be endless work', () => {
  it.each(BOMBS)('%s: %s', (_, code, bytes) => {
    expect(codeOf(bytes())).toBe(code)
  })

  it.each(TEXTS.map(([keyword, text]) => [keyword, text.slice(0, 20), text] as const))(
    'a text %s %s',
    (keyword, _, text) => {
      const file = png(1, 1, ['iTXt', Buffer.from(`${keyword}\0\0\0\0\0${text}`)])
      expect(openImage(file).texts.length).toBeGreaterThan(0)
      expect(codeOf(file)).toBeUndefined()
    },
  )
})

describe('texts hidden in pixels', () => {
  /** All bits of the alpha channel, one row. */
  function alpha(data: Uint8Array): PixelColumns {
    const bits = [...data].flatMap((byte) => Array.from({ length: 8 }, (_, i) => (byte >> (7 - i)) & 1))
    const samples = Uint8Array.from(bits.flatMap((bit) => [0, 0, 0, bit]))
    return {
      width: bits.length,
      height: 1,
      channels: 4,
      first: async (count) => samples.subarray(0, 4 * count),
    }
  }

  it('cannot grow beyond 16 MiB', async () => {
    const packed = gzipSync(Buffer.alloc(17 * 2 ** 20))
    const pixels = alpha(Buffer.concat([Buffer.from('stealth_pngcomp'), u32(packed.length * 8), packed]))
    await expect(hiddenTexts(pixels)).rejects.toThrow('but it is not whole')
  })

  it('cannot be longer than the picture', async () => {
    const pixels = alpha(Buffer.concat([Buffer.from('stealth_pnginfo'), u32(0xfffffff8), Buffer.alloc(10)]))
    await expect(hiddenTexts(pixels)).rejects.toThrow('but it is not whole')
  })
})
