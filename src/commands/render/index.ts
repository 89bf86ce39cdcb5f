import type { ModelFolders } from '../../library/resolve.ts'
import { checkEmbeddingFolders, findPromptEmbeddings } from '../../operations/render/embeddings.ts'
import { generationFacts, promptWithTags, sheetFacts } from '../../operations/render/facts.ts'
import { hashBook, pictureHashes } from '../../operations/render/hash-book.ts'
import { type RenderSource, withRenderSource } from '../../operations/render/model.ts'
import { pictureBytes } from '../../operations/render/png.ts'
import {
  type ImageRequests,
  imageRequests,
  noteOnClipSkip,
  noteOnImageRequests,
  settingsFor,
} from '../../operations/render/requests.ts'
import { envelope, printResults } from '../../report/document/envelope.ts'
import { paint } from '../../report/drawing/raster.ts'
import { sheetPicture } from '../../report/drawing/sheet.ts'
import type { RenderedImage, RenderSettings } from '../../runtime/engine/pipeline.ts'
import type { LoadedEmbedding } from '../../runtime/prompt/embedding.ts'
import { onnxEngine } from '../../runtime/sessions/onnx-engine.ts'
import { checkOutput } from '../../system/atomic.ts'
import { defined } from '../../system/defined.ts'
import { EXIT, type ExitCode, escaped } from '../../system/errors.ts'
import { writeNewFile } from '../../system/new-file.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { modelFolders } from '../shared/model-folders.ts'
import { preview } from '../shared/preview-option.ts'
import { drawPictures, engineFor } from './draw.ts'
import { messages } from './messages.ts'
import { modelName } from './model-name.ts'
import { runnerOf, withModeOptions } from './modes.ts'
import { type RenderOptions, renderOptions, withRenderOptions } from './options.ts'
import { picturePlaces } from './pictures.ts'
import type { DrawnResult } from './schema.ts'
import { pictureSheet, settingsText, sourceTitle } from './sheet.ts'

export const renderCommand: Command = {
  positionals: '[model]',
  get examples() {
    return [
      ['$0 render model.safetensors', messages.exampleSheet],
      ['$0 render model -p "a red fox, (detailed:1.2)" --seed 7 --count 4', messages.exampleSeeds],
      ['$0 render model.ckpt --lora style:0.7 --vae vivid.vae.pt -p "a cat"', messages.exampleLora],
      ['$0 render a.safetensors --compare b.safetensors c.safetensors', messages.exampleCompare],
      ['$0 render base --sweep style=0..1:0.25 --sweep cfg=4,7', messages.exampleSweep],
      ['$0 render --check merged.safetensors', messages.exampleCheck],
    ] as const
  },
  options: (yargs) =>
    withModeOptions(withRenderOptions(yargs)).positional('model', {
      type: 'string',
      describe: messages.model,
    }),
  run: runRender,
}

async function runRender(args: Arguments, world: World): Promise<ExitCode> {
  const options = renderOptions(args)
  const folders = modelFolders(args, world)
  await checkEmbeddingFolders(options.embeddings)
  const study = await runnerOf(args)
  if (study) return study(args, options, folders, world)
  const model = modelName(args)
  const chosen = imageRequests(options)
  const request = { ...options, model, loras: [...options.loras, ...chosen.tags] }
  noteOnImageRequests(chosen, options, folders)
  await withRenderSource(request, folders, world, async (source) => {
    const run: Run = {
      source,
      options,
      world,
      folders,
      ...chosen,
      settings: settingsFor(source.model, options),
    }
    const drawn = await draw(run)
    printDrawn(drawn, run)
    for (const { image } of options.preview ? drawn.images : []) await preview(image.image, options, world)
  })
  return EXIT.ok
}

interface Run extends ImageRequests {
  readonly source: RenderSource
  readonly options: RenderOptions
  readonly world: World
  readonly folders: ModelFolders
  readonly settings: RenderSettings
}

interface Drawn {
  readonly images: readonly { readonly path?: string; readonly image: RenderedImage }[]
  readonly sheet?: string
}

async function draw(run: Run): Promise<Drawn> {
  const { source, options, requests } = run
  const isSheet = options.prompt === undefined
  const places = await picturePlaces(
    source.path,
    !isSheet && (requests.length > 1 || options.grid),
    options.output,
    options.force,
  )
  const sheetPath = isSheet || options.grid ? places.pathOf('sheet') : undefined
  const paths = isSheet ? [] : requests.map(({ seed }) => places.pathOf(String(seed)))
  for (const path of [...paths, ...(sheetPath === undefined ? [] : [sheetPath])]) await checkPlace(path, run)
  noteOnClipSkip(source.model, options, run.folders)
  const embeddings = await findPromptEmbeddings({
    prompts: requests.flatMap(({ prompt, negative }) => [prompt, negative]),
    towers: onnxEngine.textTowers(source.model),
    named: options.embeddings,
    folders: run.folders,
    world: run.world,
  })
  const images = await drawAndWrite(run, embeddings, paths, sheetPath)
  return {
    images: images.map((image, i) => ({ image, ...defined({ path: paths[i] }) })),
    ...defined({ sheet: sheetPath }),
  }
}

/** Enough for any picture. */
const PICTURE_BYTES = 50_000_000

async function checkPlace(path: string, run: Run): Promise<void> {
  await checkOutput(path, { force: run.options.force, bytes: PICTURE_BYTES, inputs: inputsOf(run) })
}

function inputsOf({ source }: Run) {
  return source.files.map(({ file }) => file)
}

async function drawAndWrite(
  run: Run,
  embeddings: readonly LoadedEmbedding[],
  paths: readonly string[],
  sheetPath: string | undefined,
): Promise<RenderedImage[]> {
  const { source, options, world, requests, settings } = run
  const engine = await engineFor(options, world)
  const book = hashBook(world)
  const hashes = pictureHashes(source, embeddings, book)
  hashes.catch(() => {})
  const { model, vae } = source
  const job = { model, embeddings, images: requests, settings, ...(vae && { vae }) }
  const making = async () => ({ settings, options, hashes: await hashes, version: world.version })
  const prompts = promptsInPictures(run)
  const onImage = async ({ image, request }: RenderedImage, i: number): Promise<void> => {
    if (paths[i] === undefined) return
    const facts = generationFacts({ ...request, prompt: prompts[i]! }, await making())
    await write(paths[i], pictureBytes(image, facts), run)
  }
  try {
    const images = await drawPictures({ job, engine, onImage }, options, world)
    if (sheetPath !== undefined) {
      const sheet = paint(sheetPicture(pictureSheet(images, sheetTitle(run), settings)), 1)
      const shown = { Sheet: options.prompt === undefined ? 'verification prompts' : 'seeds' }
      const facts = sheetFacts({ requests, prompts }, await making(), shown)
      await write(sheetPath, pictureBytes(sheet, facts), run)
    }
    return images
  } finally {
    book.stop()
  }
}

async function write(path: string, bytes: Uint8Array, run: Run): Promise<void> {
  await writeNewFile(path, bytes, { force: run.options.force, inputs: inputsOf(run) })
}

/** With tags for all LoRAs: those of the prompt stand in it, behind those of options among the LoRAs of the model. */
function promptsInPictures({ source, prompts, tags }: Run): string[] {
  const byOption = source.loras.slice(0, source.loras.length - tags.length)
  return prompts.map((prompt) => promptWithTags(prompt, byOption))
}

function sheetTitle({ source, options }: Run): string {
  return sourceTitle(source, options.ema)
}

function printDrawn(drawn: Drawn, run: Run): void {
  const { world, options } = run
  const page = () =>
    `${[`${sheetTitle(run)}: ${settingsText(run.settings)}`, ...drawnLines(drawn)].map(escaped).join('\n')}\n`
  printResults(envelope('render', { results: drawnJson(drawn, run) }, world), page, options, world)
}

function drawnLines({ images, sheet }: Drawn): string[] {
  const lines = images.flatMap(({ path, image }) =>
    path === undefined ? [] : [messages.imageLine(path, image.request.seed)],
  )
  return [...lines, ...(sheet === undefined ? [] : [messages.sheetLine(sheet, images.length)])]
}

/** A result for each file, the sheet last. Keys are a contract: add, never rename. */
function drawnJson({ images, sheet }: Drawn, { source, settings, prompts }: Run): DrawnResult[] {
  const { sampler, schedule, steps, cfg, width, height, rng } = settings
  const made = {
    path: source.path,
    title: source.model.identity.title,
    loras: source.loras.map(({ path, ratio }) => ({ path, ratio })),
    vae: source.vae?.name ?? null,
    settings: {
      sampler: sampler.name,
      schedule: schedule?.name ?? 'automatic',
      steps,
      cfg,
      width,
      height,
      rng,
    },
    error: null,
  }
  const shown = images.map(({ image }, i) => ({
    prompt: prompts[i]!,
    negative: image.request.negative,
    seed: String(image.request.seed),
  }))
  const pictures = images.flatMap(({ path }, i): DrawnResult[] =>
    path === undefined ? [] : [{ ...made, output: path, mode: 'pictures', images: [shown[i]!] }],
  )
  return sheet === undefined
    ? pictures
    : [...pictures, { ...made, output: sheet, mode: 'sheet', images: shown }]
}
