import { EXIT, type ExitCode, escaped } from '../errors.ts'
import type { Io } from '../report/io.ts'
import { knowsClipSkip } from '../runtime/conditioning.ts'
import { onnxEngine } from '../runtime/onnx-engine.ts'
import type { ImageRequest, RenderedImage, RenderSettings } from '../runtime/pipeline.ts'
import type { LoadedEmbedding } from '../runtime/text/embedding.ts'
import { checkOutput } from '../tensor/atomic.ts'
import type { Arguments, Command } from './command.ts'
import { type ModelFolders, modelFolders } from './model-folders.ts'
import { preview } from './preview-option.ts'
import { drawPictures, engineFor } from './render-draw.ts'
import { findEmbeddings } from './render-embeddings.ts'
import { type RenderSource, withRenderSource } from './render-model.ts'
import { studyOf, withStudyOptions } from './render-modes.ts'
import { type RenderOptions, renderOptions, withRenderOptions } from './render-options.ts'
import { generationFacts, pictureBytes, pictureHashes, picturePlaces } from './render-pictures.ts'
import { pictureSheet, settingsText, sheetBytes, sourceTitle } from './render-sheet.ts'
import { modelName, settingsFor, shots, warnOfWeights } from './render-shots.ts'
import { writeNewFile } from './write-file.ts'

export const renderCommand: Command = {
  positionals: '[model]',
  examples: [
    ['$0 render model.safetensors', 'Four verification prompts on one sheet: is the model sound?'],
    [
      '$0 render model -p "a red fox, (detailed:1.2)" --seed 7 --count 4',
      'Four pictures with A1111 parameters in them',
    ],
    [
      '$0 render model.ckpt --lora style:0.7 --vae vivid.vae.pt -p "a cat"',
      'What a merge would draw, with nothing written',
    ],
    [
      '$0 render a.safetensors --compare b.safetensors c.safetensors',
      'The same pictures by each, and their differences',
    ],
    [
      '$0 render base --sweep style=0..1:0.25 --sweep cfg=4,7',
      'Ratios of a LoRA side by side, nothing written',
    ],
    ['$0 render --check merged.safetensors', 'Whether a file draws what its recipe says'],
  ],
  options: (yargs) =>
    withStudyOptions(withRenderOptions(yargs)).positional('model', {
      type: 'string',
      describe: 'Checkpoint of Stable Diffusion 1.x, 2.x or XL: safetensors or ckpt, any precision',
    }),
  run: runRender,
}

async function runRender(args: Arguments, io: Io): Promise<ExitCode> {
  const options = renderOptions(args)
  const folders = modelFolders(args, io)
  const study = await studyOf(args)
  if (study) return study(args, options, folders, io)
  const model = modelName(args)
  const { requests, prompts, tags } = shots(options)
  const request = { ...options, model, loras: [...options.loras, ...tags] }
  warnOfWeights(requests, options, io)
  await withRenderSource(request, folders, io, async (source) => {
    const run: Run = {
      source,
      options,
      io,
      folders,
      requests,
      prompts,
      settings: settingsFor(source.model, options),
    }
    const drawn = await draw(run)
    printDrawn(drawn, run)
    for (const { image } of options.preview ? drawn.images : []) await preview(image.image, options, io)
  })
  return EXIT.ok
}

interface Run {
  readonly source: RenderSource
  readonly options: RenderOptions
  readonly io: Io
  readonly folders: ModelFolders
  readonly requests: readonly ImageRequest[]
  readonly prompts: readonly string[]
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
    requests.length > 1 && !isSheet,
    options.output,
    options.force,
  )
  const sheetPath = isSheet || options.grid ? places.pathOf('sheet') : undefined
  const paths = isSheet ? [] : requests.map(({ seed }) => places.pathOf(String(seed)))
  for (const path of [...paths, ...(sheetPath === undefined ? [] : [sheetPath])]) await checkPlace(path, run)
  const towers = onnxEngine.textTowers(source.model)
  if ((options.settings.clipSkip ?? 1) > 1 && !options.quiet && !knowsClipSkip(towers))
    run.io.stderr.write('sdtool: clip skip changes nothing here: only SD 1.x knows it\n')
  const embeddings = await findEmbeddings({
    prompts: requests.flatMap(({ prompt, negative }) => [prompt, negative]),
    towers,
    named: options.embeddings,
    folders: run.folders,
    io: run.io,
  })
  const images = await drawAndWrite(run, embeddings, paths)
  if (sheetPath !== undefined) {
    const sheet = pictureSheet(images, titleOf(run), run.settings)
    await writeNewFile(sheetPath, sheetBytes(sheet), { force: options.force, inputs: inputsOf(run) })
  }
  return {
    images: images.map((image, i) => ({ image, ...(paths[i] !== undefined && { path: paths[i] }) })),
    ...(sheetPath !== undefined && { sheet: sheetPath }),
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
): Promise<RenderedImage[]> {
  const { source, options, io, requests, prompts, settings } = run
  const engine = await engineFor(options, io)
  // the networks run in processes of their own, so hashing takes no time of theirs; it ends when they fail
  const hashing = new AbortController()
  const signal = AbortSignal.any([io.signal, hashing.signal])
  const hashes = paths.length > 0 ? pictureHashes(source, embeddings, { ...io, signal }) : undefined
  hashes?.catch(() => {})
  const { model, vae } = source
  const job = { model, embeddings, images: requests, settings, ...(vae && { vae }) }
  const onImage = async (image: RenderedImage, i: number): Promise<void> => {
    const path = paths[i]
    if (path === undefined || hashes === undefined) return
    const request = { ...image.request, prompt: prompts[i]! }
    const facts = generationFacts(request, settings, await hashes, io.version)
    await writeNewFile(path, pictureBytes(image, facts), { force: options.force, inputs: inputsOf(run) })
  }
  try {
    return await drawPictures({ job, engine, onImage }, options, io)
  } finally {
    hashing.abort()
  }
}

function titleOf({ source, options }: Run): string {
  return sourceTitle(source, options.ema)
}

function printDrawn(drawn: Drawn, run: Run): void {
  const { io, options } = run
  if (options.json) io.stdout.write(`${JSON.stringify(drawnJson(drawn, run), null, 2)}\n`)
  else
    io.stdout.write(
      `${[`${titleOf(run)}: ${settingsText(run.settings)}`, ...drawnLines(drawn)].map(escaped).join('\n')}\n`,
    )
}

function drawnLines({ images, sheet }: Drawn): string[] {
  const lines = images.flatMap(({ path, image }) =>
    path === undefined ? [] : [`${path}  seed ${image.request.seed}`],
  )
  return [...lines, ...(sheet === undefined ? [] : [`${sheet}  sheet of ${images.length}`])]
}

/** Keys are a contract: add, never rename. */
function drawnJson({ images, sheet }: Drawn, { source, settings, prompts }: Run): object {
  const { sampler, schedule, steps, cfg, width, height, rng } = settings
  return {
    model: source.path,
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
    sheet: sheet ?? null,
    images: images.map(({ path, image }, i) => ({
      path: path ?? null,
      prompt: prompts[i],
      negative: image.request.negative,
      seed: String(image.request.seed),
    })),
  }
}
