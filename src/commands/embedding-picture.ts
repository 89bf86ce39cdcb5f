/** Embeddings that pictures carry, in a text or in the pixels. */
import { basename } from 'node:path'
import { aboutFile, refuse } from '../errors.ts'
import { type ImageFile, imageFormat, openImage } from '../image/open.ts'
import { describeEmbedding, type EmbeddingFile } from '../model/embeddings.ts'
import { CARD_KEYWORD, embeddingFromPixels, embeddingFromText } from '../model/extract/embedding-card.ts'
import { type FoundEmbedding, ownEmbeddings } from '../model/extract/embeddings.ts'
import { stemOf } from '../model/output-name.ts'
import { openFileSource } from '../tensor/bytes.ts'
import type { FileRef, ModelFile } from '../tensor/table.ts'

/** What is in a file, and what it was found in. */
export interface Found {
  readonly embeddings: readonly FoundEmbedding[]
  readonly models: readonly ModelFile[]
  readonly title: string
}

/** Pictures with an embedding are small. */
const MAX_PICTURE_BYTES = 64 * 1024 * 1024

/** What is in a picture; undefined if the file is none. @throws NO_EMBEDDINGS, PICTURE_TOO_LARGE, CARD_DAMAGED */
export async function pictureAt(path: string): Promise<Found | undefined> {
  const source = await openFileSource(path)
  try {
    const { size } = source.file
    if (imageFormat(await source.read(0, Math.min(size, 12))) === undefined) return undefined
    if (size > MAX_PICTURE_BYTES)
      throw refuse(
        'PICTURE_TOO_LARGE',
        `${path}: a picture of ${size} bytes, the limit is ${MAX_PICTURE_BYTES}`,
      )
    return await foundIn(source.file, await source.read(0, size))
  } finally {
    await source.close()
  }
}

async function foundIn(file: FileRef, bytes: Uint8Array): Promise<Found> {
  const { path } = file
  try {
    const image = openImage(bytes)
    const text = image.texts.find(({ keyword }) => keyword === CARD_KEYWORD)?.text
    const card = text === undefined ? await fromPixels(image) : embeddingFromText(text)
    const info = card && describeEmbedding(card)
    if (card === undefined || info === undefined) return { embeddings: [], models: [], title: image.title }
    const name = info.name ?? stemOf(basename(path))
    const model: ModelFile = {
      ...card,
      file,
      format: 'pickle',
      extras: card.extras ?? {},
      leftovers: [],
      findings: [],
    }
    return {
      embeddings: ownEmbeddings(card, info, name),
      models: [model],
      title: `embedding in a picture (${image.title})`,
    }
  } catch (error) {
    throw aboutFile(path, error)
  }
}

/** @throws PICTURE_FORMAT: of some formats only the text is read */
async function fromPixels({ pixels, title }: ImageFile): Promise<EmbeddingFile | undefined> {
  if (pixels === undefined) {
    throw refuse(
      'PICTURE_FORMAT',
      `no embedding in the text of the picture (${title}), and its pixels are not those that were saved`,
      'Only PNG and lossless WebP keep an embedding in their pixels. Get the picture it was made from.',
    )
  }
  return embeddingFromPixels(await pixels())
}
