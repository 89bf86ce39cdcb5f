/** `sdtool render base --sweep style=0..1:0.25`: values of a LoRA or a setting side by side; nothing is written. */
import { basename } from 'node:path'
import { EXIT, type ExitCode, escaped } from '../errors.ts'
import type { RgbImage } from '../image/image.ts'
import { stemOf } from '../model/output-name.ts'
import type { Io } from '../report/io.ts'
import type { Sheet, SheetRow } from '../report/sheet.ts'
import { plural } from '../report/text.ts'
import { onnxEngine } from '../runtime/onnx-engine.ts'
import { sharedEngine } from '../runtime/shared-networks.ts'
import type { Arguments } from './command.ts'
import { existing, type ModelFolders } from './model-folders.ts'
import { values } from './options.ts'
import { engineFor } from './render-draw.ts'
import { type ModelRequest, withRenderSource } from './render-model.ts'
import type { RenderOptions } from './render-options.ts'
import { settingsText } from './render-sheet.ts'
import { modelName, type Shots, settingsFor, shots, warnOfWeights } from './render-shots.ts'
import { drawSubject, finishSheet, type StudyRun, sheetPlace } from './render-study.ts'
import { type SweepAxis, sweepAxes } from './sweep-arguments.ts'
import { sweepMerge, withMerge } from './sweep-merge.ts'
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
  const merge = sweepMerge(args)
  const plain: Variant = {
    loras: [...options.loras, ...chosen.tags],
    settings: options.settings,
    ...(merge && { merge }),
  }
  checkMerge(plain, [columns!, ...(rows ? [rows] : [])])
  const variants = variantsOf(plain, columns!, rows)
  const loras = new Set(variants.flatMap((variant) => variant.loras.map(nameOf)))
  await existing([...loras], 'lora', folders)
  await existing([model, ...(merge?.models ?? [])], 'checkpoint', folders)
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
    if (merge === undefined) return drawSubject(subject, run)
    return withMerge(source, merge, run, (merged) => drawSubject({ ...subject, ...merged }, run))
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
