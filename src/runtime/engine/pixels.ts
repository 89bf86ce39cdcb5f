import { BYTES_PER_PIXEL, type RgbImage } from '../../image/image.ts'
import type { Pixels } from './engine.ts'

/** As A1111 and ComfyUI: clamped, and rounded down; diffusers rounds to the nearest. */
export function rgbImage({ data, height, width }: Pixels): RgbImage {
  const plane = height * width
  const bytes = new Uint8Array(plane * BYTES_PER_PIXEL)
  for (let channel = 0; channel < BYTES_PER_PIXEL; channel++) {
    for (let i = 0; i < plane; i++) {
      const value = Math.min(1, Math.max(0, data[channel * plane + i]!))
      bytes[i * BYTES_PER_PIXEL + channel] = Math.floor(255 * value)
    }
  }
  return { width, height, data: bytes }
}
