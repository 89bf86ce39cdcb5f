import { randomBytes } from 'node:crypto'
import { EXIT, type ExitCode, escaped, usage } from '../errors.ts'
import type { Io } from '../report/io.ts'
import { onnxEngine } from '../runtime/onnx-engine.ts'
import type { ImageRequest, RenderedImage, RenderSettings } from '../runtime/pipeline.ts'
import { unsupportedSyntax } from '../runtime/text/attention.ts'
import type { LoadedEmbedding } from '../runtime/text/embedding.ts'
import { checkOutput } from '../tensor/atomic.ts'
import type { Arguments, Command } from './command.ts'
import { splitLoraTags } from './lora-arguments.ts'
import { type ModelFolders, modelFolders } from './model-folders.ts'
import { namedFiles } from './options.ts'
import { preview } from './preview-option.ts'
import { drawPictures, engineFor } from './render-draw.ts'
import { findEmbeddings } from './render-embeddings.ts'
import { type RenderSource, withRenderSource } from './render-model.ts'
import { type RenderOptions, renderOptions, withRenderOptions } from './render-options.ts'
import { generationFacts, pictureBytes, pictureHashes, picturePlaces } from './render-pictures.ts'
import { VERIFICATION_SHOTS } from './render-prompts.ts'
import { pictureSheet, settingsText, sheetBytes, sourceTitle } from './render-sheet.ts'
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
  ],
  options: (yargs) =>
    withRenderOptions(yargs).positional('model', {
      type: 'string',
      describe: 'Checkpoint of Stable Diffusion 1.x, 2.x or XL: safetensors or ckpt, any precision',
    }),
  run: runRender,
}

async function runRender(args: Arguments, io: Io): Promise<ExitCode> {
  const model = modelName(args)
  const options = renderOptions(args)
  const folders = modelFolders(args, io)
  const { requests, prompts, tags } = shots(options)
  const request = { ...options, model, loras: [...options.loras, ...tags] }
  warnOfSyntax(requests, options, io)
  await withRenderSource(request, folders, io, async (source) => {
    const run: Run = {
      source,
      options,
      io,
      folders,
      requests,
      prompts,
      settings: settingsFor(source, options),
    }
    const drawn = await draw(run)
    printDrawn(drawn, run)
    for (const { image } of options.preview ? drawn.images : []) await preview(image.image, options, io)
  })
  return EXIT.ok
}

/** @throws USAGE */
function modelName(args: Arguments): string {
  const [model, ...others] = [args.model, ...namedFiles(args)]
    .filter((name) => name !== undefined)
    .map(String)
  if (model === undefined || model === '')
    throw usage('no model was named', 'Name a checkpoint: sdtool render model.safetensors')
  if (others.length > 0)
    throw usage(`several models were named: ${model}, ${others.join(', ')}`, 'Draw one after the other.')
  return model
}

interface Shots {
  /** Prompts without tags. */
  readonly requests: readonly ImageRequest[]
  /** As they were given, for the text in the pictures. */
  readonly prompts: readonly string[]
  readonly tags: readonly string[]
}

/** @throws USAGE for a LoRA in a negative prompt, where it would do nothing */
function shots({ prompt, negative, seed, count }: RenderOptions): Shots {
  if (prompt === undefined) {
    if (negative !== '')
      throw usage('--negative needs a --prompt', 'The verification prompts have their own.')
    return { requests: VERIFICATION_SHOTS, prompts: VERIFICATION_SHOTS.map((shot) => shot.prompt), tags: [] }
  }
  if (splitLoraTags(negative).tags.length > 0)
    throw usage('a LoRA in the negative prompt does nothing', 'Name it in the prompt, or with --lora.')
  const { prompt: text, tags } = splitLoraTags(prompt)
  const first = seed ?? BigInt(randomBytes(4).readUInt32LE())
  const requests = Array.from({ length: count }, (_, i) => ({
    prompt: text,
    negative,
    seed: first + BigInt(i),
  }))
  return { requests, prompts: requests.map(() => prompt), tags }
}

function warnOfSyntax(requests: readonly ImageRequest[], { quiet }: RenderOptions, io: Io): void {
  const found = new Set(
    requests.flatMap(({ prompt, negative }) => [prompt, negative].flatMap(unsupportedSyntax)),
  )
  for (const what of quiet ? [] : found) io.stderr.write(`sdtool: ${what}, is read as plain text\n`)
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

const USUAL_SIDE = 512

function settingsFor({ model }: RenderSource, { settings, size }: RenderOptions): RenderSettings {
  const side = model.identity.architecture?.resolution ?? USUAL_SIDE
  return { ...settings, ...(size ?? { width: side, height: side }) }
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
  const embeddings = await findEmbeddings({
    prompts: requests.flatMap(({ prompt, negative }) => [prompt, negative]),
    towers: onnxEngine.textTowers(source.model),
    named: options.embeddings,
    folders: run.folders,
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
  // the networks run in processes of their own, so hashing takes no time of theirs
  const hashes = paths.length > 0 ? pictureHashes(source, embeddings, io) : undefined
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
  return drawPictures({ job, engine, onImage }, options, io)
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
