/** What the runs have in common that draw the same pictures several times: how they draw, and their sheet. */
import type { RgbImage } from '../../image/image.ts'
import type { GenerationFacts } from '../../image/infotext/write.ts'
import type { ModelFolders } from '../../library/resolve.ts'
import type { Model } from '../../model/model.ts'
import { findPromptEmbeddings } from '../../operations/render/embeddings.ts'
import { type HashBook, type PictureHashes, pictureHashes } from '../../operations/render/hash-book.ts'
import type { RenderSource } from '../../operations/render/model.ts'
import { pictureBytes } from '../../operations/render/png.ts'
import { paint } from '../../report/drawing/raster.ts'
import { type Sheet, sheetPicture } from '../../report/drawing/sheet.ts'
import type { Engine, EngineOptions } from '../../runtime/engine/engine.ts'
import type { ImageRequest, RenderSettings } from '../../runtime/engine/pipeline.ts'
import type { LoadedEmbedding } from '../../runtime/prompt/embedding.ts'
import { onnxEngine } from '../../runtime/sessions/onnx-engine.ts'
import { checkOutput } from '../../system/atomic.ts'
import type { FileRef } from '../../system/file-ref.ts'
import { writeNewFile } from '../../system/new-file.ts'
import type { World } from '../../system/world.ts'
import { preview } from '../shared/preview-option.ts'
import { drawPictures } from './draw.ts'
import type { RenderOptions } from './options.ts'
import { picturePlaces } from './pictures.ts'

export interface RenderModeRun {
  readonly options: RenderOptions
  readonly folders: ModelFolders
  readonly world: World
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
  run: RenderModeRun,
): Promise<DrawnSubject> {
  const { options, folders, world, engine, networks, requests } = run
  const embeddings = await findPromptEmbeddings({
    prompts: requests.flatMap(({ prompt, negative }) => [prompt, negative]),
    towers: onnxEngine.textTowers(model),
    named: options.embeddings,
    folders,
    world,
  })
  const job = { model, embeddings, images: requests, settings, ...(vae && { vae }) }
  const drawn = await drawPictures({ job, engine, label, ...(networks && { networks }) }, options, world)
  return { images: drawn.map(({ image }) => image), embeddings }
}

/** The same, while the files it is drawn with are hashed. */
export async function drawAndHash(
  source: Pick<RenderSource, 'path' | 'vae' | 'loras'>,
  subject: Subject,
  run: RenderModeRun,
): Promise<DrawnSubject & { readonly hashes: PictureHashes }> {
  pictureHashes(source, [], run.book).catch(() => {})
  const drawn = await drawSubject(subject, run)
  return { ...drawn, hashes: await pictureHashes(source, drawn.embeddings, run.book) }
}

/** Enough for any sheet. */
const SHEET_BYTES = 100_000_000

/**
 * Where the sheet of a run goes: `-o`, or a free name after that of the model.
 * @throws USAGE (exit 2), and what `checkOutput` throws, before anything is drawn
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
  { options, world }: Pick<RenderModeRun, 'options' | 'world'>,
): Promise<void> {
  const image = paint(sheetPicture(sheet), 1)
  await writeNewFile(path, pictureBytes(image, facts), { force: options.force, inputs: [] })
  if (options.preview) await preview(image, options, world)
}
