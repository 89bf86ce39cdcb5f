/** Embeddings that pictures carry, in a text or in the pixels. */

import { basename } from 'node:path'
import { IMAGE_HEAD, type ImageFile, imageFormat, openImage } from '../../image/open.ts'
import { stemOf } from '../../model/file-name.ts'
import { describeEmbedding, type EmbeddingFile, type EmbeddingInfo } from '../../model/identify/embeddings.ts'
import { identify } from '../../model/identify/identify.ts'
import { openFileSource } from '../../system/bytes.ts'
import { refuse, withFileName } from '../../system/errors.ts'
import type { FileRef } from '../../system/file-ref.ts'
import { readValues } from '../../tensor/values/expr.ts'
import type { ModelFile } from '../../tensor/values/table.ts'
import type { InputModel } from '../operation.ts'
import { CARD_KEYWORD, embeddingFromPixels, embeddingFromText } from './card.ts'
import { noEmbeddings } from './find.ts'
import { messages } from './messages.ts'

/** Pictures with an embedding are small. */
const MAX_PICTURE_BYTES = 64 * 1024 * 1024

/** A picture with an embedding as an input; undefined if the file is none. @throws NO_EMBEDDINGS (exit 4); PICTURE_TOO_LARGE, PICTURE_FORMAT, CARD_DAMAGED (exit 3) */
export async function pictureAt(path: string): Promise<InputModel | undefined> {
  const picture = await readPicture(path)
  if (picture === undefined) return undefined
  try {
    const image = openImage(picture.bytes)
    const card = await cardIn(image, path)
    if (card === undefined) throw noEmbeddings(1)
    return await inputOf(card, picture.file, image.title)
  } catch (error) {
    throw withFileName(path, error)
  }
}

/** An embedding that a picture carries, under the name it has there, or that of the file. */
export interface EmbeddingCard {
  readonly name: string
  readonly file: EmbeddingFile
  readonly info: EmbeddingInfo
}

/** The embedding in a picture; undefined if there is none, as in most pictures. @throws what `pictureAt` throws */
export async function cardAt(path: string): Promise<EmbeddingCard | undefined> {
  const picture = await readPicture(path)
  return picture && cardIn(openImage(picture.bytes), path)
}

interface PictureFile {
  readonly file: FileRef
  readonly bytes: Uint8Array
}

async function readPicture(path: string): Promise<PictureFile | undefined> {
  const source = await openFileSource(path)
  try {
    const { size } = source.file
    if (imageFormat(await source.read(0, Math.min(size, IMAGE_HEAD))) === undefined) return undefined
    if (size > MAX_PICTURE_BYTES)
      throw refuse('PICTURE_TOO_LARGE', messages.pictureTooLarge(path, size, MAX_PICTURE_BYTES))
    return { file: source.file, bytes: await source.read(0, size) }
  } finally {
    await source.close()
  }
}

async function cardIn(image: ImageFile, path: string): Promise<EmbeddingCard | undefined> {
  const found = await embeddingInPicture(image, 'texts and pixels')
  return found && { name: found.info.name ?? stemOf(basename(path)), ...found }
}

/** Where in a picture an embedding is looked for. */
export type CardPlaces = 'texts' | 'texts and pixels'

/** The embedding in a picture; undefined if there is none. @throws PICTURE_FORMAT, CARD_DAMAGED (exit 3); what `pixels` throws */
export async function embeddingInPicture(
  image: ImageFile,
  places: CardPlaces,
): Promise<Omit<EmbeddingCard, 'name'> | undefined> {
  const text = image.texts.find(({ keyword }) => keyword === CARD_KEYWORD)?.text
  if (text === undefined && places === 'texts') return undefined
  const file = text === undefined ? await fromPixels(image) : embeddingFromText(text)
  const info = file && describeEmbedding(file)
  return info && { file, info }
}

async function inputOf({ file: card }: EmbeddingCard, file: FileRef, title: string): Promise<InputModel> {
  const model: ModelFile = {
    ...card,
    file,
    format: 'pickle',
    extras: card.extras ?? {},
    leftovers: [],
    findings: [],
  }
  const identity = await identify(model, (tensor) => readValues(tensor, inMemory))
  return {
    name: file.path,
    file: model,
    identity: { ...identity, title: messages.embeddingInPicture(title) },
  }
}

function inMemory(): never {
  throw new TypeError('the vectors of a picture are in memory')
}

/** @throws PICTURE_FORMAT (exit 3): of some formats only the text is read */
async function fromPixels({ pixels, title }: ImageFile): Promise<EmbeddingFile | undefined> {
  if (pixels === undefined) throw refuse('PICTURE_FORMAT', messages.pixelsNotKept(title), messages.getSource)
  return embeddingFromPixels(await pixels())
}
