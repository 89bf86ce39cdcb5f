/** What the runs have in common that draw the same pictures several times: how they draw, and their sheet. */
import type { RgbImage } from '../image/image.ts'
import type { GenerationFacts } from '../image/infotext/write.ts'
import type { ModelFolders } from '../library/resolve.ts'
import type { Model } from '../model/model.ts'
import { writeNewFile } from '../operations/output/new-file.ts'
import { paint } from '../report/raster.ts'
import { type Sheet, sheetPicture } from '../report/sheet.ts'
import type { Engine, EngineOptions } from '../runtime/engine.ts'
import { onnxEngine } from '../runtime/onnx-engine.ts'
import type { ImageRequest, RenderSettings } from '../runtime/pipeline.ts'
import type { LoadedEmbedding } from '../runtime/text/embedding.ts'
import type { Io } from '../system/world.ts'
import { checkOutput } from '../tensor/atomic.ts'
import type { FileRef } from '../tensor/table.ts'
import { type HashBook, type PictureHashes, pictureHashes } from './hash-book.ts'
import { preview } from './preview-option.ts'
import { drawPictures } from './render-draw.ts'
import { findEmbeddings } from './render-embeddings.ts'
import type { RenderSource } from './render-model.ts'
import type { RenderOptions } from './render-options.ts'
import { pictureBytes, picturePlaces } from './render-pictures.ts'

export interface StudyRun {
  readonly options: RenderOptions
  readonly folders: ModelFolders
  readonly io: Io
  readonly engine: EngineOptions
  /** Those that several subjects share. */
  readonly networks?: Engine
  readonly requests: readonly ImageRequest[]
  readonly book: HashBook
}

/** A model to draw with, and the settings it is drawn with. */
export interface Subject {
  readonly label: string
  readonly model: Model
  readonly vae?: Model
  readonly settings: RenderSettings
}

export interface DrawnSubject {
  readonly images: readonly RgbImage[]
  /** Those that prompts named. */
  readonly embeddings: readonly LoadedEmbedding[]
}

/** The pictures of all requests by one model. Nothing of it stays in memory. */
export async function drawSubject(
  { label, model, vae, settings }: Subject,
  run: StudyRun,
): Promise<DrawnSubject> {
  const { options, folders, io, engine, networks, requests } = run
  const embeddings = await findEmbeddings({
    prompts: requests.flatMap(({ prompt, negative }) => [prompt, negative]),
    towers: onnxEngine.textTowers(model),
    named: options.embeddings,
    folders,
    io,
  })
  const job = { model, embeddings, images: requests, settings, ...(vae && { vae }) }
  const drawn = await drawPictures({ job, engine, label, ...(networks && { networks }) }, options, io)
  return { images: drawn.map(({ image }) => image), embeddings }
}

/** The same, while the files it is drawn with are hashed. */
export async function drawAndHash(
  source: Pick<RenderSource, 'path' | 'vae' | 'loras'>,
  subject: Subject,
  run: StudyRun,
): Promise<DrawnSubject & { readonly hashes: PictureHashes }> {
  pictureHashes(source, [], run.book).catch(() => {})
  const drawn = await drawSubject(subject, run)
  return { ...drawn, hashes: await pictureHashes(source, drawn.embeddings, run.book) }
}

/** Enough for any sheet. */
const SHEET_BYTES = 100_000_000

/**
 * Where the sheet of a run goes: `-o`, or a free name after that of the model.
 * @throws USAGE, OUTPUT_EXISTS, DISK_FULL before anything is drawn
 */
export async function sheetPlace(
  modelPath: string,
  word: string,
  { output, force }: RenderOptions,
  inputs: readonly FileRef[] = [],
): Promise<string> {
  const places = await picturePlaces(modelPath, false, output, force)
  const path = places.pathOf(word)
  await checkOutput(path, { force, bytes: SHEET_BYTES, inputs })
  return path
}

/** Writes a sheet with what it shows in its parameters, and shows it where that was asked for. */
export async function finishSheet(
  path: string,
  sheet: Sheet,
  facts: GenerationFacts,
  { options, io }: Pick<StudyRun, 'options' | 'io'>,
): Promise<void> {
  const image = paint(sheetPicture(sheet), 1)
  await writeNewFile(path, pictureBytes(image, facts), { force: options.force, inputs: [] })
  if (options.preview) await preview(image, options, io)
}
