/** `sdtool render base --sweep style=0..1:0.25`: values of a LoRA or a setting side by side; nothing is written. */
import { basename } from 'node:path'
import { EXIT, type ExitCode, escaped } from '../errors.ts'
import type { RgbImage } from '../image/image.ts'
import { stemOf } from '../model/output-name.ts'
import { buildRecipe } from '../model/recipe.ts'
import type { Io } from '../report/io.ts'
import type { Sheet, SheetRow } from '../report/sheet.ts'
import { plural } from '../report/text.ts'
import type { RenderModel } from '../runtime/engine.ts'
import { onnxEngine } from '../runtime/onnx-engine.ts'
import { sharedEngine } from '../runtime/shared-networks.ts'
import { MERGE_METHODS } from '../tensor/merge/registry.ts'
import type { Arguments } from './command.ts'
import { identifyFile, withModels } from './files.ts'
import { existing, type ModelFolders, resolveModel } from './model-folders.ts'
import { filledText, values } from './options.ts'
import { plannedModel } from './planned-model.ts'
import { engineFor } from './render-draw.ts'
import { type ModelRequest, type RenderSource, withRenderSource } from './render-model.ts'
import type { RenderOptions } from './render-options.ts'
import { settingsText } from './render-sheet.ts'
import { modelName, type Shots, settingsFor, shots, warnOfWeights } from './render-shots.ts'
import { drawSubject, finishSheet, type StudyRun, type Subject, sheetPlace } from './render-study.ts'
import { type RecipeModel, replanRecipe } from './replan.ts'
import { type SweepAxis, sweepAxes } from './sweep-arguments.ts'
import { byModel, checkMerge, isUsed, nameOf, type Variant, variantsOf } from './sweep-variants.ts'

export async function runSweep(
  args: Arguments,
  options: RenderOptions,
  folders: ModelFolders,
  io: Io,
): Promise<ExitCode> {
  const model = modelName(args)
  const [columns, rows] = sweepAxes(values(args, 'sweep'))
  const chosen = shots(options)
  // of the verification prompts, as many as a sheet has room for
  const drawn = options.prompt === undefined ? firstShots(chosen, rows ? 1 : 2) : chosen
  const merged = filledText(args, 'merge')
  const plain: Variant = {
    loras: [...options.loras, ...chosen.tags],
    settings: options.settings,
    ...(merged !== undefined && { merge: { model: merged, alpha: 0 } }),
  }
  checkMerge(plain, [columns!, ...(rows ? [rows] : [])])
  const variants = variantsOf(plain, columns!, rows)
  const loras = new Set(variants.flatMap((variant) => variant.loras.map(nameOf)))
  await existing([...loras], 'lora', folders)
  await existing([model, ...(merged === undefined ? [] : [merged])], 'checkpoint', folders)
  warnOfWeights(drawn.requests, options, io)
  const place = await sheetPlace(model, 'sweep', options)
  const networks = sharedEngine(onnxEngine)
  const engine = await engineFor(options, io)
  const run = { options, folders, io, engine, networks, requests: drawn.requests }
  try {
    const cells = await drawVariants(model, variants, run)
    await print({ model, columns: columns!, ...(rows && { rows }), shots: drawn, plain, cells }, place, run)
  } finally {
    await networks.close()
  }
  return EXIT.ok
}

/** Of each variant its pictures. Those of one model are drawn together, so that it is loaded once. */
async function drawVariants(
  model: string,
  variants: readonly Variant[],
  run: StudyRun,
): Promise<RgbImage[][]> {
  const cells = new Map<Variant, RgbImage[]>()
  for (const alike of byModel(variants)) {
    const requests = alike.flatMap(({ settings: { cfg, steps } }) =>
      run.requests.map((request) => ({ ...request, settings: { cfg, steps } })),
    )
    const images = await drawVariant(model, alike[0]!, { ...run, requests })
    const each = run.requests.length
    for (const [n, variant] of alike.entries()) cells.set(variant, images.slice(n * each, (n + 1) * each))
  }
  return variants.map((variant) => cells.get(variant)!)
}

function firstShots({ requests, prompts, tags }: Shots, count: number): Shots {
  return { requests: requests.slice(0, count), prompts: prompts.slice(0, count), tags }
}

async function drawVariant(model: string, variant: Variant, run: StudyRun): Promise<RgbImage[]> {
  const { loras, settings, merge } = variant
  const { options, folders, io } = run
  const request: ModelRequest = { ...options, model, loras: loras.filter(isUsed) }
  return withRenderSource(request, folders, io, async (source) => {
    const subject = {
      label: [basename(source.path), ...loras.map((lora) => basename(lora))].join(' + '),
      model: source.model,
      settings: settingsFor(source.model, { ...options, settings }),
      ...(source.vae && { vae: source.vae }),
    }
    if (merge === undefined || merge.alpha === 0) return drawSubject(subject, run)
    if (merge.alpha === 1)
      return drawOther(merge.model, { ...subject, vae: subject.vae ?? source.model }, run)
    return withMerged(source, merge, run, (model) => drawSubject({ ...subject, model }, run))
  })
}

/** The end of a merge: UNet and texts are those of the other checkpoint. */
async function drawOther(model: string, subject: Subject, run: StudyRun): Promise<RgbImage[]> {
  const request: ModelRequest = { model, loras: [], ema: false, allowUnmatched: false }
  return withRenderSource(request, run.folders, run.io, (source) =>
    drawSubject({ ...subject, model: source.model }, run),
  )
}

/** The weighted sum of two checkpoints, as `sdtool merge` plans it. */
async function withMerged<T>(
  { path }: RenderSource,
  { model, alpha }: NonNullable<Variant['merge']>,
  { folders, io }: StudyRun,
  use: (merged: RenderModel) => Promise<T>,
): Promise<T> {
  const paths = [path, await resolveModel(model, 'checkpoint', folders)]
  return withModels(paths, async (opened) => {
    const inputs: RecipeModel[] = []
    for (const [i, path] of paths.entries()) {
      inputs.push({ path, opened: opened[i]!, identity: await identifyFile(path, opened[i]!) })
    }
    const options = { method: MERGE_METHODS[0]!.id, alpha: [alpha] }
    const facts = { sdtool: io.version, operation: 'merge', produced: io.now(), inputs: [], options }
    const { table } = await replanRecipe(buildRecipe(facts), inputs)
    return use(await plannedModel(path, table, inputs[0]!.identity, opened[0]!.read))
  })
}

interface Sweep {
  readonly model: string
  readonly columns: SweepAxis
  readonly rows?: SweepAxis
  readonly shots: Shots
  readonly plain: Variant
  /** Row by row; of each place a picture for each shot. */
  readonly cells: RgbImage[][]
}

async function print(sweep: Sweep, place: string, { options, io }: StudyRun): Promise<void> {
  const { columns, rows, shots: drawn, cells } = sweep
  if (options.json) {
    const document = {
      command: 'render',
      mode: 'sweep',
      model: sweep.model,
      sheet: place,
      columns,
      rows: rows ?? null,
      images: drawn.requests.map(({ seed }, i) => ({ prompt: drawn.prompts[i], seed: String(seed) })),
    }
    io.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
  } else {
    const values = axesOf(sweep).map((axis) => `${axisTitle(axis)} ${axis.values.join(', ')}`)
    const pictures = plural(cells.length * drawn.requests.length, 'picture')
    io.stdout.write(
      `${escaped(`${basename(sweep.model)}: ${values.join('; ')}: ${pictures}`)}\n${escaped(place)}\n`,
    )
  }
  await finishSheet(place, sweepSheet(sweep, cells[0]![0]!, options), options, io)
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

function axisTitle({ name }: SweepAxis): string {
  return stemOf(basename(name))
}

function axesOf({ columns, rows }: Sweep): SweepAxis[] {
  return rows ? [columns, rows] : [columns]
}

/** Its rows are told apart by their values; the prompt stands above them. */
function isOfOnePrompt({ rows, shots: drawn }: Sweep): boolean {
  return rows !== undefined && drawn.requests.length === 1
}

function promptText({ prompts, requests }: Shots, shot: number): string {
  return `${prompts[shot]} (seed ${requests[shot]!.seed})`
}

/** The rows of one prompt. */
function rowsOf(sweep: Sweep, shot: number): SheetRow[] {
  const { columns, rows, shots: drawn, cells } = sweep
  const width = columns.values.length
  const prompt = isOfOnePrompt(sweep) ? [] : [promptText(drawn, shot)]
  return (rows?.values ?? [undefined]).map((value, row) => ({
    label: [...(value === undefined ? [] : [`${axisTitle(rows!)} ${value}`]), ...prompt].join(': '),
    cells: cells.slice(row * width, (row + 1) * width).map((images) => ({ image: images[shot]! })),
  }))
}
