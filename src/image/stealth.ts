/**
 * Texts in the lowest bits of pixels, which sites leave in a picture when they take its metadata away. Bits run down
 * the first column, then the second; a signature of 15 characters, a u32 with the length in bits, the text.
 * Sources: NovelAI/novelai-image-metadata (nai_meta.py), ashen-sensored/sd_webui_stealth_pnginfo.
 */
import { gunzipSync } from 'node:zlib'
import { refuse } from '../system/errors.ts'
import type { PixelColumns } from './columns.ts'
import { messages } from './messages.ts'
import { type ImageText, MAX_TEXT_BYTES, textOf } from './texts/image-text.ts'
import { textMembers } from './texts/unwrap.ts'

interface Hiding {
  readonly signature: string
  /** Index of each channel that has a bit of every pixel. */
  readonly channels: readonly number[]
  /** By gzip. */
  readonly compressed: boolean
}

const ALPHA = 3
const HIDINGS: readonly Hiding[] = [
  { signature: 'stealth_pnginfo', channels: [ALPHA], compressed: false },
  { signature: 'stealth_pngcomp', channels: [ALPHA], compressed: true },
  { signature: 'stealth_rgbinfo', channels: [0, 1, 2], compressed: false },
  { signature: 'stealth_rgbcomp', channels: [0, 1, 2], compressed: true },
]

const [SIGNATURE_BYTES, LENGTH_BYTES] = [15, 4]

export interface HiddenTexts {
  /** How they are hidden: "stealth_pngcomp". */
  readonly signature: string
  readonly texts: readonly ImageText[]
}

/**
 * @returns undefined for a picture without, as most are
 * @throws PICTURE_DAMAGED (exit 3): the signature is there, and no text behind it
 */
export function hiddenTexts(pixels: PixelColumns): HiddenTexts | undefined {
  const hiding = HIDINGS.find(({ signature, channels }) => {
    const head = bitBytes(pixels, channels, 0, SIGNATURE_BYTES)
    return head !== undefined && textOf(head) === signature
  })
  if (hiding === undefined) return undefined
  const text = hiddenText(pixels, hiding)
  if (text === undefined)
    throw refuse('PICTURE_DAMAGED', messages.hiddenDamaged(hiding.signature), messages.copyAgain)
  const texts = textMembers(text) ?? [{ keyword: 'parameters', text }]
  return { signature: hiding.signature, texts }
}

function hiddenText(pixels: PixelColumns, { channels, compressed }: Hiding): string | undefined {
  const length = bitBytes(pixels, channels, SIGNATURE_BYTES, LENGTH_BYTES)
  const bytes = length === undefined ? 0 : Buffer.from(length).readUInt32BE(0) / 8
  if (!Number.isInteger(bytes) || bytes > MAX_TEXT_BYTES) return undefined
  const stored = bitBytes(pixels, channels, SIGNATURE_BYTES + LENGTH_BYTES, bytes)
  if (stored === undefined || !compressed) return stored && textOf(stored)
  try {
    return textOf(gunzipSync(stored, { maxOutputLength: MAX_TEXT_BYTES }))
  } catch {
    return undefined
  }
}

/** Bytes made of one bit of each of these channels, the highest first. Undefined if the picture has not so many. */
function bitBytes(
  pixels: PixelColumns,
  channels: readonly number[],
  from: number,
  count: number,
): Uint8Array | undefined {
  const end = (from + count) * 8
  const columns = Math.ceil(end / channels.length / pixels.height)
  if (columns > pixels.width || channels.some((channel) => channel >= pixels.channels)) return undefined
  const samples = pixels.first(columns)
  const out = new Uint8Array(count)
  for (let bit = from * 8; bit < end; bit++) {
    const pixel = Math.floor(bit / channels.length)
    const [x, y] = [Math.floor(pixel / pixels.height), pixel % pixels.height]
    const sample = samples[(y * columns + x) * pixels.channels + channels[bit % channels.length]!]!
    const at = (bit >> 3) - from
    out[at] = (out[at]! << 1) | (sample & 1)
  }
  return out
}
