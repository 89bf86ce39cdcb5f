import { crc32, deflateSync } from 'node:zlib'

/** An image of 8-bit RGB values, row by row from the top, three bytes a pixel. */
export interface RgbImage {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
const BYTES_PER_PIXEL = 3

/** Encodes an image. Format: PNG (W3C, third edition), colour type 2, no interlacing. */
export function encodePng({ width, height, data }: RgbImage): Uint8Array {
  const header = new DataView(new ArrayBuffer(13))
  header.setUint32(0, width)
  header.setUint32(4, height)
  header.setUint8(8, 8) // bits of a sample
  header.setUint8(9, 2) // RGB
  const pixels = deflateSync(filterRows(data, width * BYTES_PER_PIXEL, height))
  const chunks = [
    SIGNATURE,
    chunk('IHDR', new Uint8Array(header.buffer)),
    chunk('IDAT', pixels),
    chunk('IEND', new Uint8Array(0)),
  ]
  return Buffer.concat(chunks)
}

/** u32 length, name, data, u32 CRC of name and data, all big-endian. */
function chunk(name: string, data: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data])
  const ends = Buffer.alloc(8)
  ends.writeUInt32BE(data.byteLength, 0)
  ends.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)])
}

/** What a value is expected to be, from those at its left, above it, and above that; the index is the filter type. */
const PREDICTORS: readonly ((left: number, up: number, corner: number) => number)[] = [
  () => 0,
  (left) => left,
  (_, up) => up,
  (left, up) => (left + up) >> 1,
  paeth,
]

function paeth(left: number, up: number, corner: number): number {
  const [toLeft, toUp] = [Math.abs(up - corner), Math.abs(left - corner)]
  const toCorner = Math.abs(left + up - 2 * corner)
  if (toLeft <= toUp && toLeft <= toCorner) return left
  return toUp <= toCorner ? up : corner
}

/** Index of the filter that predicts the value above. */
const UP = 2

/** Each row behind the type of the filter that leaves the smallest values, the choice libpng makes, too. */
function filterRows(data: Uint8Array, stride: number, height: number): Uint8Array {
  const out = new Uint8Array(height * (stride + 1))
  let above: Uint8Array = new Uint8Array(stride)
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * stride, (y + 1) * stride)
    if (y > 0 && Buffer.compare(row, above) === 0) {
      // drawings have many such rows: "up" leaves nothing of them
      out[y * (stride + 1)] = UP
      continue
    }
    const filtered = PREDICTORS.map((predict) => filterRow(row, above, predict))
    const sizes = filtered.map(sizeOf)
    const best = sizes.indexOf(Math.min(...sizes))
    out[y * (stride + 1)] = best
    out.set(filtered[best]!, y * (stride + 1) + 1)
    above = row
  }
  return out
}

function filterRow(row: Uint8Array, above: Uint8Array, predict: (typeof PREDICTORS)[number]): Uint8Array {
  const out = new Uint8Array(row.length)
  for (let i = 0; i < row.length; i++) {
    const isFirst = i < BYTES_PER_PIXEL
    const left = isFirst ? 0 : row[i - BYTES_PER_PIXEL]!
    const corner = isFirst ? 0 : above[i - BYTES_PER_PIXEL]!
    out[i] = row[i]! - predict(left, above[i]!, corner)
  }
  return out
}

/** Sum of the values as signed bytes, without their signs. */
function sizeOf(row: Uint8Array): number {
  let sum = 0
  for (const value of row) sum += value < 128 ? value : 256 - value
  return sum
}
