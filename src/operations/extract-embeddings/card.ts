/**
 * Embeddings inside of pictures, as A1111 shares them: base64 of JSON in a text of a PNG, or JSON hidden in the pixels
 * next to the picture. Source of the format: AUTOMATIC1111/stable-diffusion-webui
 * `modules/textual_inversion/image_embedding.py`, described in words and made anew here.
 */

import { inflateSync } from 'node:zlib'
import type { EmbeddingFile } from '../../model/identify/embeddings.ts'
import { refuse } from '../../system/errors.ts'
import { isJsonObject, type JsonValue, parseJsonText } from '../../system/json.ts'
import type { PlainValue, Tensor } from '../../tensor/values/table.ts'
import { messages } from './messages.ts'

/** Keyword of the text in a PNG. */
export const CARD_KEYWORD = 'sd-ti-embedding'

/** Pixels of a picture, three bytes each (RGB), row by row. */
export interface CardPixels {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** A few vectors as text are some 100 KB; much more is a bomb. */
const MAX_JSON_BYTES = 32 * 1024 * 1024

/** @throws CARD_DAMAGED (exit 3) */
export function embeddingFromText(text: string): EmbeddingFile {
  return embeddingFromJson(Buffer.from(text, 'base64'))
}

/**
 * @returns undefined if the picture has no columns that frame it as a card
 * @throws CARD_DAMAGED (exit 3)
 */
export function embeddingFromPixels(pixels: CardPixels): EmbeddingFile | undefined {
  const nibbles = croppedNibbles(pixels)
  const [first, last] = blackColumns(nibbles)
  if (first === undefined || last === undefined || first === last) return undefined
  const low = blockOf(nibbles, 0, first)
  const high = blockOf(nibbles, last + 1, nibbles.width)
  if (low.length === 0 || low.length !== high.length) return undefined
  const zipped = low.map((nibble, i) => nibble | (high[i]! << 4))
  return embeddingFromJson(inflated(zipped))
}

function damaged(message: string): Error {
  return refuse('CARD_DAMAGED', message, messages.getOriginal)
}

/** Without the margin that scaling programs put around, and only the lower four bits of each byte. */
function croppedNibbles({ width, height, data }: CardPixels): CardPixels {
  const isBright = (x: number, y: number): boolean => {
    const at = 3 * (y * width + x)
    return data[at]! > 0 && data[at + 1]! > 0 && data[at + 2]! > 0
  }
  let [left, right, top, bottom] = [width, -1, height, -1]
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!isBright(x, y)) continue
      left = Math.min(left, x)
      right = Math.max(right, x)
      top = Math.min(top, y)
      bottom = y
    }
  }
  if (right < 0) return { width: 0, height: 0, data: new Uint8Array(0) }
  const [w, h] = [right - left + 1, bottom - top + 1]
  const out = new Uint8Array(3 * w * h)
  for (let y = 0; y < h; y++) {
    const from = 3 * ((top + y) * width + left)
    out.set(data.subarray(from, from + 3 * w), 3 * y * w)
  }
  return { width: w, height: h, data: out.map((value) => value & 0x0f) }
}

/** The first and the last column in which nothing is set. */
function blackColumns({ width, height, data }: CardPixels): [number | undefined, number | undefined] {
  const black: number[] = []
  for (let x = 0; x < width; x++) {
    let sum = 0
    for (let y = 0; y < height; y++) for (let c = 0; c < 3; c++) sum += data[3 * (y * width + x) + c]!
    if (sum === 0) black.push(x)
  }
  return [black[0], black.at(-1)]
}

/** Columns [begin, end), row by row, without the numbers that were laid over them. */
function blockOf({ width, height, data }: CardPixels, begin: number, end: number): Uint8Array {
  const out = new Uint8Array(3 * Math.max(0, end - begin) * height)
  for (let y = 0; y < height; y++) {
    const row = 3 * y * width
    out.set(data.subarray(row + 3 * begin, row + 3 * end), 3 * y * (end - begin))
  }
  let seed = 0
  for (let i = 0; i < out.length; i++) {
    // constants of Numerical Recipes; the remainder by 255 is theirs who made the format
    seed = (Math.imul(1664525, seed) + 1013904223) >>> 0
    out[i] = out[i]! ^ ((seed % 255) & 0x0f)
  }
  return out
}

function inflated(zipped: Uint8Array): Buffer {
  try {
    // the block is filled up by repetition: what stands behind the end of the stream is not looked at
    return inflateSync(zipped, { maxOutputLength: MAX_JSON_BYTES })
  } catch {
    throw damaged(messages.cardUndecompressable)
  }
}

/** The fields of A1111's `.pt`, with tensors as lists of numbers. */
function embeddingFromJson(bytes: Buffer): EmbeddingFile {
  if (bytes.byteLength > MAX_JSON_BYTES) throw damaged(messages.cardTooLarge)
  const object = parseJsonText(bytes.toString('utf8'))
  if (!isJsonObject(object)) throw damaged(messages.cardNotJson)
  const params = object.string_to_param
  const entries = isJsonObject(params) ? Object.entries(params) : []
  if (entries.length === 0) throw damaged(messages.cardWithoutVectors)
  const tensors = entries.map(([token, value]) => tensorOf(`string_to_param/${token}`, value))
  return {
    tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
    metadata: {},
    extras: factsOf(object),
  }
}

function factsOf(object: Readonly<Record<string, JsonValue>>): Record<string, PlainValue> {
  const facts = Object.entries(object).filter(([, value]) => value === null || typeof value !== 'object')
  return Object.fromEntries(facts) as Record<string, PlainValue>
}

function tensorOf(name: string, value: JsonValue): Tensor {
  const list = isJsonObject(value) ? value.TORCHTENSOR : undefined
  const rows = Array.isArray(list) ? (Array.isArray(list[0]) ? list : [list]) : []
  const width = Array.isArray(rows[0]) ? rows[0].length : 0
  const isTable = rows.every(
    (row) => Array.isArray(row) && row.length === width && row.every((n) => typeof n === 'number'),
  )
  if (width === 0 || !isTable) throw damaged(messages.cardNotNumbers)
  const data = new Uint8Array(Float32Array.from((rows as number[][]).flat()).buffer)
  return { name, dtype: 'F32', shape: [rows.length, width], source: { kind: 'bytes', data } }
}
