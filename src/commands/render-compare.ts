/** `sdtool render A --compare B C`: the same pictures by several models. */
import { basename } from 'node:path'
import { EXIT, type ExitCode, escaped, usage } from '../errors.ts'
import type { Io } from '../report/io.ts'
import { lineWidth } from '../report/wrap.ts'
import type { RenderSettings } from '../runtime/pipeline.ts'
import type { Arguments } from './command.ts'
import {
  type Comparison,
  compareDrawn,
  comparisonJson,
  comparisonSheet,
  comparisonTable,
  type DrawnModel,
} from './comparison.ts'
import { existing, type ModelFolders } from './model-folders.ts'
import { values } from './options.ts'
import { engineFor } from './render-draw.ts'
import { type ModelRequest, withRenderSource } from './render-model.ts'
import type { RenderOptions } from './render-options.ts'
import { settingsText, sourceTitle } from './render-sheet.ts'
import { modelName, settingsFor, shots, warnOfWeights } from './render-shots.ts'
import { drawSubject, finishSheet, type StudyRun, sheetPlace } from './render-study.ts'

export async function runCompare(
  args: Arguments,
  options: RenderOptions,
  folders: ModelFolders,
  io: Io,
): Promise<ExitCode> {
  const named = [modelName(args), ...values(args, 'compare')]
  if (named.length < 2 || named.includes('')) throw usage('--compare needs the name of a model')
  const [first, ...others] = await existing(named, 'checkpoint', folders)
  const { requests, prompts, tags } = shots(options)
  warnOfWeights(requests, options, io)
  const run = { options, folders, io, engine: await engineFor(options, io), requests }
  const place = await sheetPlace(first!, 'compare', options)
  const loras = [...options.loras, ...tags]
  const reference = await drawModel({ ...options, model: first!, loras }, run)
  const drawn: DrawnModel[] = []
  for (const model of others) {
    // the same size for all, whatever each was trained for
    const request = { model, loras: tags, ema: false, allowUnmatched: options.allowUnmatched }
    drawn.push(await drawModel(request, run, reference.settings))
  }
  const compared = requests.map(({ seed }, i) => ({ prompt: prompts[i]!, seed }))
  const comparison = compareDrawn(compared, reference, drawn)
  await print(comparison, reference, place, run)
  return EXIT.ok
}

interface DrawnReference extends DrawnModel {
  readonly settings: RenderSettings
}

async function drawModel(
  request: ModelRequest,
  run: StudyRun,
  chosen?: RenderSettings,
): Promise<DrawnReference> {
  return withRenderSource(request, run.folders, run.io, async (source) => {
    const { model, vae } = source
    const label = sourceTitle(source, request.ema)
    const settings = chosen ?? settingsFor(model, run.options)
    const subject = { label: basename(source.path), model, settings, ...(vae && { vae }) }
    return { label, settings, images: await drawSubject(subject, run) }
  })
}

async function print(
  comparison: Comparison,
  { label, settings }: DrawnReference,
  place: string,
  { options, io }: StudyRun,
): Promise<void> {
  const names = comparison.others.map((other) => other.label)
  const title = `${label} against ${names.join(', ')}`
  const subtitle = settingsText(settings)
  if (options.json) {
    const document = {
      command: 'render',
      mode: 'compare',
      sheet: place,
      settings: subtitle,
      ...comparisonJson(comparison),
    }
    io.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
  } else {
    const head = escaped(`${title}: ${subtitle}`)
    io.stdout.write(`${head}\n${comparisonTable(comparison, lineWidth(io.stdout))}\n${escaped(place)}\n`)
  }
  await finishSheet(place, comparisonSheet(comparison, { title, subtitle }), options, io)
}
