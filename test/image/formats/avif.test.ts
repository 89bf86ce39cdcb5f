/** Where a text may stand in an AVIF: ISO/IEC 14496-12, 8.11, put together by hand. Those of libavif are in texts.test.ts. */
import { describe, expect, it } from 'vitest'
import { openImage } from '../../../src/image/open.ts'

/** Big-endian. */
function uint(bytes: number, value: number): Buffer {
  return Buffer.from(value.toString(16).padStart(bytes * 2, '0'), 'hex').subarray(0, bytes)
}

const box = (type: string, ...parts: readonly Uint8Array[]): Buffer => {
  const data = Buffer.concat(parts)
  return Buffer.concat([uint(4, data.length + 8), Buffer.from(type), data])
}

/** Size 1: the size stands in eight bytes behind the type. */
const largeBox = (type: string, ...parts: readonly Uint8Array[]): Buffer => {
  const data = Buffer.concat(parts)
  return Buffer.concat([uint(4, 1), Buffer.from(type), uint(8, data.length + 16), data])
}

const fullBox = (type: string, version: number, ...parts: readonly Uint8Array[]): Buffer =>
  box(type, uint(1, version), uint(3, 0), ...parts)

/** A TIFF with one entry, Make, big-endian, behind the four bytes of its offset and six that are passed over. */
const TEXT = 'workflow:{"a": 1}'
const TIFF = Buffer.concat([
  Buffer.from('MM\0*\0\0\0\x08\0\x01\x01\x0f\0\x02', 'latin1'),
  uint(4, TEXT.length),
  uint(4, 26),
  uint(4, 0),
  Buffer.from(TEXT),
])
const ITEM = Buffer.concat([uint(4, 6), Buffer.from('Exif\0\0', 'latin1'), TIFF])

interface Layout {
  /** Of `iloc`. */
  readonly version: 0 | 1 | 2
  readonly offsetBytes: 0 | 4 | 8
  readonly lengthBytes: 4 | 8
  readonly baseBytes: 0 | 4 | 8
  readonly indexBytes: 0 | 4
  /** In `idat`, not in the file. */
  readonly isInside: boolean
  readonly extents: number
  /** Of `infe`; 3 has ids of four bytes. */
  readonly entryVersion: 2 | 3
  readonly mdat: (type: string, ...parts: readonly Uint8Array[]) => Buffer
}

const PLAIN: Layout = {
  version: 0,
  offsetBytes: 4,
  lengthBytes: 4,
  baseBytes: 0,
  indexBytes: 0,
  isInside: false,
  extents: 1,
  entryVersion: 2,
  mdat: box,
}

/** `start`: where the item begins in the file, or in `idat`. */
function locations(layout: Layout, start: number): Buffer {
  const { version, offsetBytes, lengthBytes, baseBytes, indexBytes, extents } = layout
  const base = baseBytes > 0 ? Math.floor(start / 2) : 0
  const piece = Math.ceil(ITEM.length / extents)
  const item = (id: number, parts: readonly Buffer[]): Buffer =>
    Buffer.concat([
      uint(version < 2 ? 2 : 4, id),
      ...(version > 0 ? [uint(2, layout.isInside ? 1 : 0)] : []),
      uint(2, 0),
      uint(baseBytes, base),
      uint(2, parts.length),
      ...parts,
    ])
  const extent = (offset: number, length: number): Buffer =>
    Buffer.concat([
      uint(version > 0 ? indexBytes : 0, 0),
      uint(offsetBytes, offset - base),
      uint(lengthBytes, length),
    ])
  const own = Array.from({ length: extents }, (_, i) =>
    extent(start + i * piece, Math.min(piece, ITEM.length - i * piece)),
  )
  return fullBox(
    'iloc',
    version,
    uint(1, offsetBytes * 16 + lengthBytes),
    uint(1, baseBytes * 16 + (version > 0 ? indexBytes : 0)),
    uint(version < 2 ? 2 : 4, 2),
    // the picture itself, whose place does not matter
    item(1, [extent(base, 0), extent(base, 0)]),
    item(7, own),
  )
}

function entry(version: 2 | 3, id: number, type: string): Buffer {
  return fullBox('infe', version, uint(version === 3 ? 4 : 2, id), uint(2, 0), Buffer.from(`${type}name\0`))
}

function avif(layout: Layout): Buffer {
  const ftyp = box('ftyp', Buffer.from('mif1\0\0\0\0mif1miafavif'))
  const sizes = box(
    'iprp',
    box(
      'ipco',
      ...[
        [1, 1],
        [30, 20],
        [16, 16],
      ].map(([w, h]) => fullBox('ispe', 0, uint(4, w!), uint(4, h!))),
    ),
  )
  const entries = fullBox(
    'iinf',
    0,
    uint(2, 2),
    entry(layout.entryVersion, 1, 'av01'),
    entry(layout.entryVersion, 7, 'Exif'),
  )
  const meta = (start: number): Buffer =>
    fullBox(
      'meta',
      0,
      sizes,
      entries,
      locations(layout, start),
      ...(layout.isInside ? [box('idat', uint(3, 0), ITEM)] : []),
    )
  const head = Buffer.concat([ftyp, meta(0)]).length
  const mdat = layout.mdat('mdat', ITEM)
  const start = layout.isInside ? 3 : head + mdat.length - ITEM.length
  return Buffer.concat([ftyp, meta(start), mdat])
}

/** Size 0: to the end of the file. */
const openBox = (type: string, ...parts: readonly Uint8Array[]): Buffer =>
  Buffer.concat([uint(4, 0), Buffer.from(type), ...parts])

const LAYOUTS: readonly (readonly [string, Partial<Layout>])[] = [
  ['version 0 of iloc', {}],
  ['version 0 with a base', { baseBytes: 4 }],
  ['offsets of eight bytes', { offsetBytes: 8, lengthBytes: 8, baseBytes: 8 }],
  ['version 1', { version: 1 }],
  ['version 1 with indexes', { version: 1, indexBytes: 4 }],
  ['version 1, inside of meta', { version: 1, isInside: true }],
  ['version 2, ids of four bytes', { version: 2, entryVersion: 3 }],
  ['version 2, inside of meta, in pieces', { version: 2, isInside: true, extents: 4, baseBytes: 4 }],
  ['a text in three pieces', { extents: 3 }],
  ['a box of 64-bit size', { mdat: largeBox }],
  ['a box that goes to the end', { mdat: openBox }],
]

describe('AVIF', () => {
  it.each(LAYOUTS)('%s', (_, layout) => {
    const { format, width, height, texts, damage } = openImage(avif({ ...PLAIN, ...layout }))
    expect([format, width, height, damage]).toEqual(['avif', 30, 20, undefined])
    expect(texts).toEqual([{ keyword: 'workflow', text: '{"a": 1}' }])
  })

  it('whose text lies beyond its end has none', () => {
    const file = avif(PLAIN)
    expect(() => openImage(file.subarray(0, -1))).toThrow('the AVIF picture is damaged: the box at byte')
    expect(openImage(Buffer.concat([file.subarray(0, -ITEM.length - 8), box('free')])).texts).toEqual([])
  })
})
