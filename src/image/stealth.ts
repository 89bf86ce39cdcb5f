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

/** Parameters take some kilobytes, a workflow some hundred. */
const MAX_HIDDEN_BYTES = 2 * 1024 * 1024

/**
 * @returns undefined for a picture without, as most are
 * @throws PICTURE_DAMAGED (exit 3): the signature is there, and no text behind it; what `first` throws
 */
export async function hiddenTexts(pixels: PixelColumns): Promise<HiddenTexts | undefined> {
  for (const hiding of HIDINGS) {
    const head = await bitBytes(pixels, hiding, SIGNATURE_BYTES)
    if (head === undefined || textOf(head) !== hiding.signature) continue
    const text = await hiddenText(pixels, hiding)
    if (text === undefined)
      throw refuse('PICTURE_DAMAGED', messages.hiddenDamaged(hiding.signature), messages.copyAgain)
    return { signature: hiding.signature, texts: textMembers(text) ?? [{ keyword: 'parameters', text }] }
  }
  return undefined
}

async function hiddenText(pixels: PixelColumns, hiding: Hiding): Promise<string | undefined> {
  const begin = SIGNATURE_BYTES + LENGTH_BYTES
  const head = await bitBytes(pixels, hiding, begin)
  const bytes = head === undefined ? 0 : Buffer.from(head).readUInt32BE(SIGNATURE_BYTES) / 8
  if (!Number.isInteger(bytes) || bytes > MAX_HIDDEN_BYTES) return undefined
  const stored = (await bitBytes(pixels, hiding, begin + bytes))?.subarray(begin)
  if (stored === undefined || !hiding.compressed) return stored && textOf(stored)
  try {
    return textOf(gunzipSync(stored, { maxOutputLength: MAX_TEXT_BYTES }))
  } catch {
    return undefined
  }
}

/** The first bytes, each made of one bit of eight channels, the highest first. Undefined if there are not so many. */
async function bitBytes(
  pixels: PixelColumns,
  { channels }: Hiding,
  count: number,
): Promise<Uint8Array | undefined> {
  const needed = Math.ceil((count * 8) / channels.length)
  const isThere = needed <= pixels.width * pixels.height && channels.every((at) => at < pixels.channels)
  if (!isThere) return undefined
  const samples = await pixels.first(needed)
  const out = new Uint8Array(count)
  for (let bit = 0; bit < count * 8; bit++) {
    const pixel = Math.floor(bit / channels.length)
    const sample = samples[pixel * pixels.channels + channels[bit % channels.length]!]!
    out[bit >> 3] = (out[bit >> 3]! << 1) | (sample & 1)
  }
  return out
}
