/** `sdtool render A --compare B C`: the same pictures by several models. */
import { basename } from 'node:path'
import { type GenerationFacts, hashList } from '../../image/infotext/write.ts'
import { type ModelFolders, resolveExisting } from '../../library/resolve.ts'
import { promptWithTags, sheetFacts } from '../../operations/render/facts.ts'
import { hashBook, type PictureHashes } from '../../operations/render/hash-book.ts'
import { type ModelRequest, type UsedLora, withRenderSource } from '../../operations/render/model.ts'
import {
  type ImageRequests,
  imageRequests,
  noteOnClipSkip,
  noteOnImageRequests,
  settingsFor,
} from '../../operations/render/requests.ts'
import { envelope, printResults } from '../../report/document/envelope.ts'
import { lineWidth } from '../../report/text/wrap.ts'
import type { RenderSettings } from '../../runtime/engine/pipeline.ts'
import { EXIT, type ExitCode, escaped, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments } from '../command.ts'
import { values } from '../shared/options.ts'
import {
  compareDrawn,
  comparisonJson,
  comparisonSheet,
  comparisonTable,
  type DrawnModel,
  type PictureComparison,
} from './comparison.ts'
import { engineFor } from './draw.ts'
import { messages } from './messages.ts'
import { drawAndHash, finishSheet, type RenderModeRun, sheetPlace } from './mode-run.ts'
import { modelName } from './model-name.ts'
import type { RenderOptions } from './options.ts'
import type { ComparedResult } from './schema.ts'
import { settingsText, sourceTitle } from './sheet.ts'

/**
 * `render --compare`: the same pictures of several models.
 * @throws USAGE (exit 2) for fewer than two; what drawing throws
 */
export async function runCompare(
  args: Arguments,
  options: RenderOptions,
  folders: ModelFolders,
  world: World,
): Promise<ExitCode> {
  const named = [modelName(args), ...values(args, 'compare')]
  if (named.length < 2 || named.includes('')) throw usage(messages.compareNeedsModel)
  const [first, ...others] = await resolveExisting(named, 'checkpoint', folders)
  const chosen = imageRequests(options)
  const { requests, prompts, tags } = chosen
  noteOnImageRequests(chosen, options, folders)
  const book = hashBook(world)
  const run = { options, folders, world, engine: await engineFor(options, world), requests, book }
  const place = await sheetPlace(first!, 'compare', options)
  try {
    const loras = [...options.loras, ...tags]
    const reference = await drawModel({ ...options, model: first!, loras }, run)
    const drawn: DrawnSource[] = []
    for (const model of others) {
      // the same size for all, whatever each was trained for
      const request = { model, loras: tags, ema: false, allowUnmatched: options.allowUnmatched }
      drawn.push(await drawModel(request, run, reference.settings))
    }
    const compared = requests.map(({ seed }, i) => ({ prompt: prompts[i]!, seed }))
    const comparison = compareDrawn(compared, reference, drawn)
    const facts = factsOf(chosen, [reference, ...drawn], run)
    await printComparison(comparison, reference, facts, place, run)
  } finally {
    book.stop()
  }
  return EXIT.ok
}

interface DrawnSource extends DrawnModel {
  readonly path: string
  readonly settings: RenderSettings
  readonly hashes: PictureHashes
  readonly loras: readonly UsedLora[]
}

async function drawModel(
  request: ModelRequest,
  run: RenderModeRun,
  chosen?: RenderSettings,
): Promise<DrawnSource> {
  return withRenderSource(request, run.folders, run.world, async (source) => {
    const { model, vae, loras } = source
    noteOnClipSkip(model, run.options, run.folders)
    const label = sourceTitle(source, request.ema)
    const settings = chosen ?? settingsFor(model, run.options)
    const subject = { label: basename(source.path), model, settings, ...(vae && { vae }) }
    const { images, hashes } = await drawAndHash(source, subject, run)
    return { path: source.path, label, settings, images, hashes, loras }
  })
}

/** Those of the first model, whose pictures are the measure; then what it was held against. */
function factsOf(
  { requests, prompts, tags }: ImageRequests,
  [first, ...others]: readonly DrawnSource[],
  { options, world }: RenderModeRun,
): GenerationFacts {
  const { settings, hashes, loras } = first!
  const byOption = loras.slice(0, loras.length - tags.length)
  const shown = { requests, prompts: prompts.map((prompt) => promptWithTags(prompt, byOption)) }
  const making = { settings, options, hashes, version: world.version }
  const against = hashList(others.map((other) => other.hashes.model))
  return sheetFacts(shown, making, { Sheet: 'compare', 'Compared with': against })
}

async function printComparison(
  comparison: PictureComparison,
  { path, label, settings }: DrawnSource,
  facts: GenerationFacts,
  place: string,
  run: RenderModeRun,
): Promise<void> {
  const { options, world } = run
  const names = comparison.others.map((other) => other.label)
  const title = messages.comparedWith(label, names)
  const subtitle = settingsText(settings)
  const result: ComparedResult = {
    path,
    output: place,
    mode: 'compare',
    settings: subtitle,
    ...comparisonJson(comparison),
    error: null,
  }
  const page = () =>
    `${escaped(`${title}: ${subtitle}`)}\n${comparisonTable(comparison, lineWidth(world.stdout))}\n${escaped(place)}\n`
  await finishSheet(place, comparisonSheet(comparison, { title, subtitle }), facts, run)
  printResults(envelope('render', { results: [result] }, world), page, options, world)
}
