/** Pictures that others made: every colour type, bit depth and interlacing of the PNG specification, as 8-bit RGB. */
import { inflateSync } from 'node:zlib'
import { refuse, type SdtoolError } from '../../system/errors.ts'
import { BYTES_PER_PIXEL, type RgbImage } from '../image.ts'
import { messages } from '../messages.ts'
import type { ImageText } from '../texts/image-text.ts'
import { damaged, type PngChunk, readChunks } from './chunks.ts'
import { FILTER_COUNT, restoreRow } from './filter.ts'
import { readTexts } from './text.ts'

export interface PngHeader {
  readonly width: number
  readonly height: number
  /** Bits of a sample: 1, 2, 4, 8 or 16. */
  readonly depth: number
  readonly colour: ColourType
  readonly interlaced: boolean
}

export interface DecodedPng extends RgbImage {
  /** 0 is transparent; [width * height] bytes, where the picture has such a channel. */
  readonly alpha?: Uint8Array
}

interface ColourType {
  readonly title: string
  readonly channels: number
  readonly depths: readonly number[]
}

/** Table 8 of the specification. */
const COLOUR_TYPES: Readonly<Record<number, ColourType>> = {
  0: { title: 'greyscale', channels: 1, depths: [1, 2, 4, 8, 16] },
  2: { title: 'RGB', channels: 3, depths: [8, 16] },
  3: { title: 'palette', channels: 1, depths: [1, 2, 4, 8] },
  4: { title: 'greyscale with alpha', channels: 2, depths: [8, 16] },
  6: { title: 'RGB with alpha', channels: 4, depths: [8, 16] },
}

/** A PNG without its pixels decoded. */
export interface Png {
  readonly header: PngHeader
  readonly texts: readonly ImageText[]
  readonly chunks: readonly PngChunk[]
  /** Why there may be more than these texts and chunks. */
  readonly damage?: SdtoolError
}

/**
 * Header and texts of a PNG, also of one that is damaged behind its header; pixels are for `decodePixels`.
 * @throws PNG_DAMAGED, PNG_TEXT_TOO_LARGE (exit 3)
 */
export function openPng(bytes: Uint8Array): Png {
  const { chunks, damage } = readChunks(bytes)
  if (chunks.length === 0 && damage) throw damage
  const read = readTexts(chunks)
  const problem = damage ?? read.damage
  return { header: readHeader(chunks), texts: read.texts, chunks, ...(problem && { damage: problem }) }
}

function readHeader([first, ...others]: readonly PngChunk[]): PngHeader {
  if (first?.name !== 'IHDR' || first.data.length !== 13) throw damaged(messages.noHeader)
  if (others.some(({ name }) => name === 'IHDR')) throw damaged(messages.twoHeaders)
  const view = new DataView(first.data.buffer, first.data.byteOffset)
  const [width, height] = [view.getUint32(0), view.getUint32(4)]
  const [depth, type, compression, filter, interlace] = first.data.subarray(8) as unknown as number[]
  const colour = COLOUR_TYPES[type!]
  if (width === 0 || height === 0) throw damaged(messages.emptyPicture(width, height))
  if (!colour?.depths.includes(depth!)) throw damaged(messages.unknownColour(type!, depth!))
  if (compression !== 0 || filter !== 0 || interlace! > 1) throw damaged(messages.unknownEncoding)
  return { width, height, depth: depth!, colour, interlaced: interlace === 1 }
}

/** 8192 x 8192: 192 MiB of RGB. Larger pictures come from no sampler. */
const MAX_PIXELS = 2 ** 26

/**
 * Pixels of a PNG. Samples of 16 bits are scaled to 8, those of fewer spread over the whole range.
 * @throws PNG_DAMAGED, PNG_TOO_LARGE (exit 3)
 */
export function decodePixels(png: Png): DecodedPng {
  const { header, chunks } = png
  checkSize(header)
  const paint = painterFor(header, chunks)
  const raw = inflatedPixels(png)
  let at = 0
  for (const pass of passesOf(header)) at = paintPass(header, pass, raw, at, paint)
  return paint.image
}

/** @throws PNG_TOO_LARGE (exit 3) */
export function checkSize({ width, height }: PngHeader): void {
  if (width * height > MAX_PIXELS) {
    throw refuse('PNG_TOO_LARGE', messages.pngTooLarge(width, height, MAX_PIXELS))
  }
}

/** Which pixels a pass has: from `x`, `y`, every `dx`-th of every `dy`-th row. */
interface Pass {
  readonly x: number
  readonly y: number
  readonly dx: number
  readonly dy: number
}

const WHOLE: readonly Pass[] = [{ x: 0, y: 0, dx: 1, dy: 1 }]

/** Section 8.2 of the specification. */
const ADAM7: readonly Pass[] = [
  { x: 0, y: 0, dx: 8, dy: 8 },
  { x: 4, y: 0, dx: 8, dy: 8 },
  { x: 0, y: 4, dx: 4, dy: 8 },
  { x: 2, y: 0, dx: 4, dy: 4 },
  { x: 0, y: 2, dx: 2, dy: 4 },
  { x: 1, y: 0, dx: 2, dy: 2 },
  { x: 0, y: 1, dx: 1, dy: 2 },
]

function passesOf({ interlaced }: PngHeader): readonly Pass[] {
  return interlaced ? ADAM7 : WHOLE
}

/** Size of a pass; without columns it has no rows either. */
function passSize({ width, height, depth, colour }: PngHeader, { x, y, dx, dy }: Pass) {
  const columns = Math.max(0, Math.ceil((width - x) / dx))
  const rows = columns === 0 ? 0 : Math.max(0, Math.ceil((height - y) / dy))
  return { columns, rows, stride: Math.ceil((columns * colour.channels * depth) / 8) }
}

/** The data of the pixels, as they are stored. @throws PNG_DAMAGED (exit 3) */
export function compressedPixels(chunks: readonly PngChunk[]): Uint8Array[] {
  const first = chunks.findIndex(({ name }) => name === 'IDAT')
  const rest = chunks.slice(first).findIndex(({ name }) => name !== 'IDAT')
  const parts = first < 0 ? [] : chunks.slice(first, first + rest)
  if (parts.length === 0) throw damaged(messages.noPixels)
  if (chunks.slice(first + rest).some(({ name }) => name === 'IDAT')) throw damaged(messages.scatteredPixels)
  return parts.map(({ data }) => data)
}

/** The filtered rows of all passes; exactly as many bytes as the header promises, so a bomb cannot grow. */
function inflatedPixels({ header, chunks, damage }: Png): Uint8Array {
  if (damage) throw damage
  const sizes = passesOf(header).map((pass) => passSize(header, pass))
  const expected = sizes.reduce((sum, { rows, stride }) => sum + rows * (stride + 1), 0)
  const parts = compressedPixels(chunks)
  let raw: Uint8Array
  try {
    // a byte more than expected, so that too many are seen as such
    raw = inflateSync(Buffer.concat(parts), { maxOutputLength: expected + 1 })
  } catch (cause) {
    const isLonger = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    throw damaged(isLonger ? messages.tooManyPixels : messages.pixelsNotDecompressed)
  }
  if (raw.length !== expected) throw damaged(messages.wrongPixelBytes(raw.length, expected))
  return raw
}

/** Puts the pixels of a pass in their places. Gives where the next pass begins. */
function paintPass(header: PngHeader, pass: Pass, raw: Uint8Array, begin: number, paint: Painter): number {
  const { columns, rows, stride } = passSize(header, pass)
  const { depth, colour } = header
  const step = Math.max(1, (colour.channels * depth) / 8)
  let above: Uint8Array = new Uint8Array(stride)
  for (let row = 0; row < rows; row++) {
    const at = begin + row * (stride + 1)
    const bytes = raw.subarray(at + 1, at + 1 + stride)
    restoreRow(bytes, above, step, filterAt(raw, at))
    above = bytes
    const samples = samplesOf(bytes, depth, columns * colour.channels)
    const line = (pass.y + row * pass.dy) * header.width + pass.x
    for (let column = 0; column < columns; column++) {
      paint.pixel(samples, column * colour.channels, line + column * pass.dx)
    }
  }
  return begin + rows * (stride + 1)
}

/** The filter before a row. @throws PNG_DAMAGED (exit 3) */
export function filterAt(raw: Uint8Array, at: number): number {
  const filter = raw[at]!
  if (filter >= FILTER_COUNT) throw damaged(messages.unknownFilter(filter))
  return filter
}

/** Samples of a row as they are stored, the leftmost in the high bits of a byte. */
function samplesOf(bytes: Uint8Array, depth: number, count: number): Uint8Array | Uint16Array {
  if (depth === 8) return bytes
  if (depth === 16)
    return Uint16Array.from({ length: count }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!)
  const mask = (1 << depth) - 1
  const perByte = 8 / depth
  return Uint8Array.from({ length: count }, (_, i) => {
    const shift = 8 - depth * ((i % perByte) + 1)
    return (bytes[Math.floor(i / perByte)]! >> shift) & mask
  })
}

interface Painter {
  readonly image: DecodedPng
  /** @param from index of the first sample of the pixel @param to index of the pixel in the image */
  pixel(samples: Uint8Array | Uint16Array, from: number, to: number): void
}

function painterFor(header: PngHeader, chunks: readonly PngChunk[]): Painter {
  const pixels = header.width * header.height
  const data = new Uint8Array(pixels * BYTES_PER_PIXEL)
  const transparency = chunks.find(({ name }) => name === 'tRNS')?.data
  if (header.colour.title === 'palette') return palettePainter(header, chunks, transparency, data)
  const { channels } = header.colour
  const isColour = channels >= 3
  const hasAlpha = channels === 2 || channels === 4
  const key = hasAlpha ? undefined : keyOf(transparency, channels)
  const alpha = hasAlpha || key ? new Uint8Array(pixels) : undefined
  const { width, height, depth } = header
  const largest = 2 ** depth - 1
  const to8 = (sample: number) => Math.round((sample * 255) / largest)
  return {
    image: { width, height, data, ...(alpha && { alpha }) },
    pixel(samples, from, to) {
      for (let channel = 0; channel < BYTES_PER_PIXEL; channel++) {
        data[to * BYTES_PER_PIXEL + channel] = to8(samples[from + (isColour ? channel : 0)]!)
      }
      if (!alpha) return
      if (key) alpha[to] = key.every((sample, i) => samples[from + i] === sample) ? 0 : 255
      else alpha[to] = to8(samples[from + channels - 1]!)
    },
  }
}

/** The one colour that is transparent, as 16-bit samples. */
function keyOf(transparency: Uint8Array | undefined, channels: number): readonly number[] | undefined {
  if (transparency === undefined) return undefined
  if (transparency.length !== 2 * channels) throw damaged(messages.badTransparentColour)
  return Array.from({ length: channels }, (_, i) => (transparency[2 * i]! << 8) | transparency[2 * i + 1]!)
}

function palettePainter(
  { width, height }: PngHeader,
  chunks: readonly PngChunk[],
  transparency: Uint8Array | undefined,
  data: Uint8Array,
): Painter {
  const palette = chunks.find(({ name }) => name === 'PLTE')?.data
  if (!palette || palette.length === 0 || palette.length % 3 !== 0 || palette.length > 768)
    throw damaged(messages.badPalette)
  const colours = palette.length / 3
  const alpha = transparency && new Uint8Array(width * height)
  return {
    image: { width, height, data, ...(alpha && { alpha }) },
    pixel(samples, from, to) {
      const index = samples[from]!
      if (index >= colours) throw damaged(messages.colourNotInPalette(index, colours))
      for (let channel = 0; channel < 3; channel++) data[to * 3 + channel] = palette[index * 3 + channel]!
      if (alpha) alpha[to] = transparency[index] ?? 255
    },
  }
}
