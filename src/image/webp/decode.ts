/** Pixels of WebP pictures, by libwebp as WebAssembly (@jsquash/webp): hostile data stays inside of its memory. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { refuse } from '../../system/errors.ts'
import type { PixelColumns } from '../columns.ts'
import { BYTES_PER_PIXEL, type RgbImage } from '../image.ts'
import { messages } from '../messages.ts'

/** Written beside the bundle by scripts/build.mjs. */
const BUILT = new URL('./webp-decoder.wasm', import.meta.url)

/** Before the build: from the package itself. */
const PACKAGED = 'codec/dec/webp_dec.wasm'

/** As of PNG: 8192 x 8192. What is larger comes from no sampler. */
const MAX_PIXELS = 2 ** 26

const RGBA = 4

type Decode = (bytes: ArrayBuffer) => Promise<{ width: number; height: number; data: Uint8ClampedArray }>

let decoder: Promise<Decode> | undefined

/** What of WebAssembly is used; the types of Node 20 leave it out. */
interface WebpDecoder {
  compile(bytes: Uint8Array): Promise<object>
}

interface Size {
  readonly width: number
  readonly height: number
}

/**
 * @param bytes the whole file, with `size` as its header has it
 * @throws PICTURE_TOO_LARGE, PICTURE_DAMAGED (exit 3)
 */
export async function decodeWebp(bytes: Uint8Array, size: Size): Promise<RgbImage> {
  return { ...size, data: withoutAlpha(await decodeRgba(bytes, size)) }
}

/**
 * Columns of pixels, which are all decoded when the first of them are asked for.
 * @throws PICTURE_TOO_LARGE, PICTURE_DAMAGED (exit 3), from `first`
 */
export function webpColumns(bytes: Uint8Array, { width, height }: Size): PixelColumns {
  let decoded: Promise<Uint8ClampedArray> | undefined
  const first = async (count: number): Promise<Uint8Array> => {
    decoded ??= decodeRgba(bytes, { width, height })
    const rgba = await decoded
    const out = new Uint8Array(count * RGBA)
    for (let pixel = 0; pixel < count; pixel++) {
      const at = ((pixel % height) * width + Math.floor(pixel / height)) * RGBA
      out.set(rgba.subarray(at, at + RGBA), pixel * RGBA)
    }
    return out
  }
  return { width, height, channels: RGBA, first }
}

async function decodeRgba(bytes: Uint8Array, { width, height }: Size): Promise<Uint8ClampedArray> {
  if (width * height > MAX_PIXELS) {
    throw refuse('PICTURE_TOO_LARGE', messages.webpTooLarge(width, height, MAX_PIXELS))
  }
  decoder ??= loadDecoder()
  const decode = await decoder
  const own = Uint8Array.from(bytes).buffer
  const found = await decode(own).catch(() => undefined)
  if (found === undefined || found.width !== width || found.height !== height) {
    // what it left behind in its memory is not to be trusted
    decoder = undefined
    const message = messages.damagedPicture('WebP', messages.undecodable)
    throw refuse('PICTURE_DAMAGED', message, messages.copyAgain)
  }
  return found.data
}

async function loadDecoder(): Promise<Decode> {
  const { default: decode, init } = await import('@jsquash/webp/decode.js')
  const { WebAssembly: engine } = globalThis as unknown as { WebAssembly: WebpDecoder }
  const compiled = await engine.compile(decoderBytes())
  // its declarations know the form for browsers only
  const start = init as unknown as (module: object, options: object) => Promise<void>
  await start(compiled, { print: () => {}, printErr: () => {} })
  return decode as unknown as Decode
}

function decoderBytes(): Uint8Array<ArrayBuffer> {
  if (existsSync(BUILT)) return Uint8Array.from(readFileSync(BUILT))
  const main = createRequire(import.meta.url).resolve('@jsquash/webp/decode.js')
  return Uint8Array.from(readFileSync(join(dirname(main), PACKAGED)))
}

function withoutAlpha(rgba: Uint8ClampedArray): Uint8Array {
  const data = new Uint8Array((rgba.length / RGBA) * BYTES_PER_PIXEL)
  for (let i = 0, at = 0; i < rgba.length; i += RGBA) {
    data[at++] = rgba[i]!
    data[at++] = rgba[i + 1]!
    data[at++] = rgba[i + 2]!
  }
  return data
}
