/**
 * AVIF: size and texts. Sources: ISO/IEC 14496-12 (boxes: 4.2; `meta`: 8.11), ISO/IEC 23008-12 (`ispe`: 6.5.3; Exif:
 * annex A).
 */
import { damagedPicture, type PictureContents } from '../image-file.ts'
import { messages } from '../messages.ts'
import { exifTexts } from '../texts/exif.ts'
import { type ImageText, textOf } from '../texts/image-text.ts'
import { XMP_KEYWORD } from '../texts/xmp.ts'
import { type Box, boxesIn, type Item, itemData, itemsIn } from './boxes.ts'

/** @throws PICTURE_DAMAGED (exit 3) */
export function openAvif(bytes: Buffer): PictureContents {
  const { boxes, stoppedAt } = boxesIn(bytes)
  const damage = stoppedAt === undefined ? undefined : damagedPicture('AVIF', messages.boxPastEnd(stoppedAt))
  const meta = boxes.find(({ type }) => type === 'meta')?.data
  // a full box: version and flags come first
  const inside = meta ? boxesIn(meta.subarray(4)).boxes : []
  const size = largestSize(inside)
  if (!size) throw damage ?? damagedPicture('AVIF', messages.noSize)
  return { title: 'AVIF', ...size, texts: itemTexts(inside, bytes), ...(damage && { damage }) }
}

/** Of all images in the file: tiles and thumbnails are smaller than the picture, its transparency is as large. */
function largestSize(meta: readonly Box[]): { width: number; height: number } | undefined {
  const properties = within(within(meta, 'iprp'), 'ipco')
  const sizes = properties
    .filter(({ type, data }) => type === 'ispe' && data.length >= 12)
    .map(({ data }) => ({ width: data.readUInt32BE(4), height: data.readUInt32BE(8) }))
  return sizes.toSorted((a, b) => b.width * b.height - a.width * a.height)[0]
}

function within(boxes: readonly Box[], type: string): readonly Box[] {
  const box = boxes.find((candidate) => candidate.type === type)
  return box ? boxesIn(box.data).boxes : []
}

/** Of the first item of each kind: a picture has one. */
function itemTexts(meta: readonly Box[], file: Buffer): ImageText[] {
  const items = itemsIn(meta)
  const dataOf = (item: Item | undefined) => item && itemData(item.id, meta, file)
  const exif = dataOf(items.find(({ type }) => type === 'Exif'))
  const xmp = dataOf(items.find(({ contentType }) => contentType === 'application/rdf+xml'))
  return [
    // how far behind these four bytes its header is
    ...(exif && exif.length > 4 ? exifTexts(exif.subarray(4 + exif.readUInt32BE(0))) : []),
    ...(xmp ? [{ keyword: XMP_KEYWORD, text: textOf(xmp) }] : []),
  ]
}
