import type { RgbImage } from '../../image/image.ts'
import { type GenerationFacts, infotextOf } from '../../image/infotext/write.ts'
import { encodePng } from '../../image/png/encode.ts'

/** A PNG with the parameters it was made by, as A1111 writes them. */
export function pictureBytes(image: RgbImage, facts: GenerationFacts): Uint8Array {
  return encodePng(image, [{ keyword: 'parameters', text: infotextOf(facts) }])
}
