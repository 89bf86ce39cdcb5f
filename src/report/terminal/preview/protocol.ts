import type { RgbImage } from '../../../image/image.ts'
import type { World } from '../../../system/world.ts'

export type Env = World['env']

/** A way to show an image on a terminal. */
export interface Protocol {
  readonly id: string
  /** The terminal says that it knows the protocol. */
  isKnown(env: Env): boolean
  /** Text that shows the image, at most `columns` wide, without the line break behind it. */
  show(image: RgbImage, columns: number, env: Env): string
}
