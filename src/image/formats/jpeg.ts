/** JPEG: size and texts. Source: ITU-T T.81, annex B. */
import type { SdtoolError } from '../../system/errors.ts'
import { damagedPicture, type PictureContents } from '../image-file.ts'
import { messages } from '../messages.ts'
import { exifTexts } from '../texts/exif.ts'
import { type ImageText, MAX_TEXT_BYTES, textOf, withoutNuls } from '../texts/image-text.ts'
import { XMP_KEYWORD } from '../texts/xmp.ts'

const [APP1, COM] = [0xe1, 0xfe]
/** Start of scan: compressed data follows. */
const SOS = 0xda
/** SOF0 to SOF15, apart from DHT, JPG and DAC, which lie between them: table B.1. */
const FRAME_MARKERS: ReadonlySet<number> = new Set(
  Array.from({ length: 16 }, (_, i) => 0xc0 + i).filter((marker) => ![0xc4, 0xc8, 0xcc].includes(marker)),
)
/** XMP specification, part 3, 1.1.3. */
const XMP_HEADER = 'http://ns.adobe.com/xap/1.0/\0'

/** @throws PICTURE_DAMAGED (exit 3) */
export function openJpeg(bytes: Buffer): PictureContents {
  const { segments, damage } = readSegments(bytes)
  const frame = segments.find(({ marker }) => FRAME_MARKERS.has(marker))?.data
  if (!frame || frame.length < 5) throw damage ?? damagedPicture('JPEG', messages.noSize)
  return {
    title: 'JPEG',
    width: frame.readUInt16BE(3),
    height: frame.readUInt16BE(1),
    texts: textsOf(segments),
    ...(damage && { damage }),
  }
}

interface Segment {
  readonly marker: number
  readonly data: Buffer
}

/** Segments before the compressed data: 0xff, marker, u16 length that counts itself. */
function readSegments(bytes: Buffer): { segments: readonly Segment[]; damage?: SdtoolError } {
  const segments: Segment[] = []
  for (let at = 2; at + 4 <= bytes.length; ) {
    const marker = bytes[at + 1]!
    if (bytes[at] !== 0xff) return { segments, damage: damagedPicture('JPEG', messages.noSegment(at)) }
    if (marker === 0xff) at++
    else if (marker === SOS) break
    else {
      const length = bytes.readUInt16BE(at + 2)
      if (length < 2 || at + 2 + length > bytes.length)
        return { segments, damage: damagedPicture('JPEG', messages.segmentPastEnd(at)) }
      segments.push({ marker, data: bytes.subarray(at + 4, at + 2 + length) })
      at += 2 + length
    }
  }
  return { segments }
}

/** What the first segment of a kind says; comments may come several times. */
function textsOf(segments: readonly Segment[]): ImageText[] {
  const app1 = (header: string) =>
    segments.find(
      ({ marker, data }) => marker === APP1 && data.toString('latin1', 0, header.length) === header,
    )?.data
  const [exif, xmp] = [app1('Exif\0'), app1(XMP_HEADER)]
  return [
    ...(exif ? exifTexts(exif) : []),
    ...(xmp ? [{ keyword: XMP_KEYWORD, text: textOf(xmp.subarray(XMP_HEADER.length)) }] : []),
    ...comments(segments),
  ]
}

function comments(segments: readonly Segment[]): ImageText[] {
  let room = MAX_TEXT_BYTES
  return segments.flatMap(({ marker, data }) => {
    if (marker !== COM || data.length > room) return []
    room -= data.length
    return [{ keyword: 'Comment', text: withoutNuls(textOf(data)) }]
  })
}
