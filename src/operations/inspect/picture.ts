/** What a picture tells: how it was made, and the embedding in it. */
import type { ImageFile } from '../../image/open.ts'
import { type PictureOrigin, pictureOrigin } from '../../image/parameters.ts'
import { type HiddenTexts, hiddenTexts } from '../../image/stealth.ts'
import type { ImageText } from '../../image/texts/image-text.ts'
import type { EmbeddingInfo } from '../../model/identify/embeddings.ts'
import { SdtoolError } from '../../system/errors.ts'
import type { Finding } from '../../tensor/values/table.ts'
import { type CardPlaces, embeddingInPicture } from '../extract-embeddings/picture.ts'
import { messages } from './messages.ts'

export interface PictureFacts extends PictureOrigin {
  /** Those of the file, then those in its pixels. */
  readonly texts: readonly ImageText[]
  readonly embedding?: EmbeddingInfo
  readonly findings: readonly Finding[]
}

/** Pictures with an embedding are 512 wide, with a column at each side; to look into much larger ones takes seconds. */
const MAX_CARD_PIXELS = 2 ** 22

/**
 * Pixels are looked into only where the texts do not tell how the picture was made.
 * @param places where an embedding is looked for; to look into all pixels takes some tenths of a second
 */
export async function pictureFacts(image: ImageFile, places: CardPlaces): Promise<PictureFacts> {
  const findings: Finding[] = image.damage ? [damageFinding('picture-damaged', image.damage)] : []
  const isTold = pictureOrigin(image.texts).parameters !== undefined
  const hidden = isTold ? undefined : await hiddenIn(image, findings)
  const texts = [...image.texts, ...(hidden?.texts ?? [])]
  const mayBeCard = texts.length === 0 && image.width * image.height <= MAX_CARD_PIXELS
  const embedding = await embeddingIn({ ...image, texts }, mayBeCard ? places : 'texts', findings)
  return { ...pictureOrigin(texts), texts, ...(embedding && { embedding }), findings }
}

/** @param findings get what is there and damaged */
async function hiddenIn(image: ImageFile, findings: Finding[]): Promise<HiddenTexts | undefined> {
  // what is missing cannot be looked into
  if (image.damage) return undefined
  try {
    const columns = image.columns?.()
    const hidden = columns && (await hiddenTexts(columns))
    if (hidden) {
      const message = messages.textInPixels(hidden.signature)
      findings.push({ code: 'text-in-pixels', severity: 'info', message })
    }
    return hidden
  } catch (error) {
    findings.push(damageFinding('pixels-unread', error))
    return undefined
  }
}

async function embeddingIn(
  image: ImageFile,
  places: CardPlaces,
  findings: Finding[],
): Promise<EmbeddingInfo | undefined> {
  try {
    return (await embeddingInPicture(image, places))?.info
  } catch (error) {
    // columns of one colour are no sign of an embedding yet
    if (image.texts.length > 0) findings.push(damageFinding('embedding-damaged', error))
    return undefined
  }
}

/** @throws what is no SdtoolError */
function damageFinding(code: string, error: unknown): Finding {
  if (!(error instanceof SdtoolError)) throw error
  return { code, severity: 'warning', message: error.message }
}
