/** A picture as a file: what every container gives. */
import { refuse, type SdtoolError } from '../system/errors.ts'
import type { PixelColumns } from './columns.ts'
import type { RgbImage } from './image.ts'
import { messages } from './messages.ts'
import type { ImageText } from './texts/image-text.ts'

export interface PictureContents {
  /** "PNG, 8-bit RGB". */
  readonly title: string
  readonly width: number
  readonly height: number
  /** In their order; keywords may come twice. */
  readonly texts: readonly ImageText[]
  /** Why nothing was read behind some place; what stands before it is whole. */
  readonly damage?: SdtoolError
  /** Undefined for formats of which only the text is read. */
  pixels?(): RgbImage | Promise<RgbImage>
  /** Undefined where nothing can be hidden: the bits of a lossy picture are not those that were saved. */
  columns?(): PixelColumns
}

export function damagedPicture(format: string, problem: string): SdtoolError {
  return refuse('PICTURE_DAMAGED', messages.damagedPicture(format, problem), messages.copyAgain)
}
