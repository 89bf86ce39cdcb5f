/** `sdtool render base --sweep style=0..1:0.25`: values of a LoRA or a setting side by side; nothing is written. */
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import type { RgbImage } from '../../image/image.ts'
import { resolveLora } from '../../library/lora-aliases.ts'
import { assertExists, type ModelFolders, resolveExisting } from '../../library/resolve.ts'
import { ignoredInTags, isUsed, loraSpecs } from '../../operations/merge-lora/lora-text.ts'
import { hashBook } from '../../operations/render/hash-book.ts'
import { type ModelRequest, withRenderSource } from '../../operations/render/model.ts'
import {
  type ImageRequests,
  imageRequests,
  noteOnClipSkip,
  noteOnImageRequests,
  settingsFor,
} from '../../operations/render/requests.ts'
import { envelope, printResults } from '../../report/document/envelope.ts'
import type { Sheet, SheetRow } from '../../report/drawing/sheet.ts'
import { sharedEngine } from '../../runtime/engine/shared-networks.ts'
import { onnxEngine } from '../../runtime/sessions/onnx-engine.ts'
import { EXIT, type ExitCode, escaped } from '../../system/errors.ts'
import { plural } from '../../system/plural.ts'
import type { World } from '../../system/world.ts'
import type { Arguments } from '../command.ts'
import { values } from '../shared/options.ts'
import { engineFor } from './draw.ts'
import { messages } from './messages.ts'
import { drawAndHash, finishSheet, type RenderModeRun, type Subject, sheetPlace } from './mode-run.ts'
import { modelName } from './model-name.ts'
import type { RenderOptions } from './options.ts'
import type { SweptResult } from './schema.ts'
import { settingsText } from './sheet.ts'
import { axisTitle, type SweepAxis, sweepAxes } from './sweep-arguments.ts'
import { type DrawnVariant, type Sweep, sweepFacts } from './sweep-facts.ts'
import { sweepMerge, withMerge } from './sweep-merge.ts'
import { byModel, checkMergeAxes, loraArgument, type SweepVariant, variantsOf } from './sweep-variants.ts'

export async function runSweep(
  args: Arguments,
  options: RenderOptions,
  folders: ModelFolders,
  world: World,
): Promise<ExitCode> {
  const model = modelName(args)
  const [columns, rows] = sweepAxes(values(args, 'sweep'))
  const chosen = imageRequests(options)
  // of the verification prompts, as many as a sheet has room for
  const drawn = options.prompt === undefined ? firstShots(chosen, rows ? 1 : 2) : chosen
  const merge = sweepMerge(args)
  const plain: SweepVariant = {
    loras: loraSpecs([...options.loras, ...chosen.tags], existsSync),
    settings: options.settings,
    ...(merge && { merge }),
  }
  checkMergeAxes(plain, [columns!, ...(rows ? [rows] : [])])
  const variants = variantsOf(plain, columns!, rows)
  const loras = new Set(variants.flatMap((variant) => variant.loras.map(({ name }) => name)))
  for (const lora of loras) assertExists(await resolveLora(lora, folders, world))
  const [path] = await resolveExisting([model, ...(merge?.models ?? [])], 'checkpoint', folders)
  noteOnImageRequests(drawn, options, folders)
  for (const line of ignoredInTags(plain.loras)) folders.note(line)
  const place = await sheetPlace(model, 'sweep', options)
  const networks = sharedEngine(onnxEngine)
  const engine = await engineFor(options, world)
  const book = hashBook(world)
  const run = { options, folders, world, engine, networks, requests: drawn.requests, book }
  try {
    const places = await drawVariants(model, variants, run)
    await printSweep(
      { model, path: path!, columns: columns!, ...(rows && { rows }), shots: drawn, plain, places },
      place,
      run,
    )
  } finally {
    book.stop()
    await networks.close()
  }
  return EXIT.ok
}

/** Of each variant its pictures. Those of one model are drawn together, so that it is loaded once. */
async function drawVariants(
  model: string,
  variants: readonly SweepVariant[],
  run: RenderModeRun,
): Promise<DrawnVariant[]> {
  const places = new Map<SweepVariant, DrawnVariant>()
  for (const alike of byModel(variants)) {
    const requests = alike.flatMap(({ settings: { cfg, steps } }) =>
      run.requests.map((request) => ({ ...request, settings: { cfg, steps } })),
    )
    const drawn = await drawVariant(model, alike[0]!, places.size === 0, { ...run, requests })
    const each = run.requests.length
    for (const [n, variant] of alike.entries())
      places.set(variant, { ...drawn, images: drawn.images.slice(n * each, (n + 1) * each) })
  }
  return variants.map((variant) => places.get(variant)!)
}

function firstShots(chosen: ImageRequests, count: number): ImageRequests {
  const { requests, prompts } = chosen
  return { ...chosen, requests: requests.slice(0, count), prompts: prompts.slice(0, count) }
}

async function drawVariant(
  model: string,
  variant: SweepVariant,
  isFirst: boolean,
  run: RenderModeRun,
): Promise<DrawnVariant> {
  const { loras, settings: chosen, merge } = variant
  const { options, folders, world } = run
  const given = loras.filter(isUsed).map(loraArgument)
  const request: ModelRequest = { ...options, model, loras: given }
  return withRenderSource(request, folders, world, async (source) => {
    if (isFirst) noteOnClipSkip(source.model, options, folders)
    const settings = settingsFor(source.model, { ...options, settings: chosen })
    const subject = {
      label: [source.path, ...given].map((name) => basename(name)).join(' + '),
      model: source.model,
      settings,
      ...(source.vae && { vae: source.vae }),
    }
    const draw = (own: Subject) => drawAndHash(source, own, run)
    const drawn = await (merge
      ? withMerge(source, merge, run, (merged) => draw({ ...subject, ...merged }))
      : draw(subject))
    return { images: drawn.images, settings, hashes: drawn.hashes }
  })
}

async function printSweep(sweep: Sweep, place: string, run: RenderModeRun): Promise<void> {
  const { columns, rows, shots: drawn, places } = sweep
  const { options, world } = run
  const result: SweptResult = {
    path: sweep.path,
    output: place,
    mode: 'sweep',
    columns,
    rows: rows ?? null,
    images: drawn.requests.map(({ seed }, i) => ({ prompt: drawn.prompts[i]!, seed: String(seed) })),
    error: null,
  }
  const sheet = sweepSheet(sweep, places[0]!.images[0]!, options)
  await finishSheet(place, sheet, await sweepFacts(sweep, run), run)
  printResults(
    envelope('render', { results: [result] }, world),
    () => sweepPage(sweep, place),
    options,
    world,
  )
}

function sweepPage(sweep: Sweep, place: string): string {
  const values = axesOf(sweep).map((axis) => `${axisTitle(axis)} ${axis.values.join(', ')}`)
  const pictures = plural(sweep.places.length * sweep.shots.requests.length, 'picture')
  return `${escaped(`${basename(sweep.model)}: ${values.join('; ')}: ${pictures}`)}\n${escaped(place)}\n`
}

function sweepSheet(sweep: Sweep, { width, height }: RgbImage, { settings }: RenderOptions): Sheet {
  const { columns, shots: drawn } = sweep
  const prompt = isOfOnePrompt(sweep) ? `${promptText(drawn, 0)}; ` : ''
  return {
    title: `${basename(sweep.model)}: ${axesOf(sweep).map(axisTitle).join(' and ')}`,
    subtitle: `${prompt}${settingsText({ ...settings, width, height })}`,
    heads: columns.values.map((value) => `${axisTitle(columns)} ${value}`),
    rows: drawn.requests.flatMap((_, shot) => rowsOf(sweep, shot)),
  }
}

function axesOf({ columns, rows }: Sweep): SweepAxis[] {
  return rows ? [columns, rows] : [columns]
}

/** Its rows are told apart by their values; the prompt stands above them. */
function isOfOnePrompt({ rows, shots: drawn }: Sweep): boolean {
  return rows !== undefined && drawn.requests.length === 1
}

function promptText({ prompts, requests }: ImageRequests, shot: number): string {
  return messages.promptWithSeed(prompts[shot]!, requests[shot]!.seed)
}

/** The rows of one prompt. */
function rowsOf(sweep: Sweep, shot: number): SheetRow[] {
  const { columns, rows, shots: drawn, places } = sweep
  const width = columns.values.length
  const prompt = isOfOnePrompt(sweep) ? [] : [promptText(drawn, shot)]
  return (rows?.values ?? [undefined]).map((value, row) => ({
    label: [...(value === undefined ? [] : [`${axisTitle(rows!)} ${value}`]), ...prompt].join(': '),
    cells: places.slice(row * width, (row + 1) * width).map(({ images }) => ({ image: images[shot]! })),
  }))
}
