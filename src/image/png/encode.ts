import { deflateSync } from 'node:zlib'
import { BYTES_PER_PIXEL, type RgbImage } from '../image.ts'
import type { ImageText } from '../texts/image-text.ts'
import { encodeChunk, SIGNATURE } from './chunks.ts'
import { filterRows } from './filter.ts'
import { textChunk } from './text.ts'

/**
 * Encodes an image. Format: PNG (W3C, third edition), colour type 2, no interlacing.
 * @param texts put before the pixels, where every reader finds them at once
 */
export function encodePng({ width, height, data }: RgbImage, texts: readonly ImageText[] = []): Uint8Array {
  const header = new DataView(new ArrayBuffer(13))
  header.setUint32(0, width)
  header.setUint32(4, height)
  header.setUint8(8, 8) // bits of a sample
  header.setUint8(9, 2) // RGB
  const chunks = [
    { name: 'IHDR', data: new Uint8Array(header.buffer) },
    ...texts.map(textChunk),
    { name: 'IDAT', data: deflateSync(filterRows(data, width * BYTES_PER_PIXEL, BYTES_PER_PIXEL)) },
    { name: 'IEND', data: new Uint8Array(0) },
  ]
  return Buffer.concat([SIGNATURE, ...chunks.map(encodeChunk)])
}
