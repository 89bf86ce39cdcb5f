/** The command line, the page and the sheet of `sdtool render --check`. */
import { basename } from 'node:path'
import type { GenerationFacts } from '../../image/infotext/write.ts'
import { type ModelFolders, resolveModel } from '../../library/resolve.ts'
import type { Model } from '../../model/model.ts'
import { type Making, sheetFacts } from '../../operations/render/facts.ts'
import { hashBook, pictureHashes } from '../../operations/render/hash-book.ts'
import {
  type ImageRequests,
  imageRequests,
  noteOnClipSkip,
  noteOnImageRequests,
  settingsFor,
} from '../../operations/render/requests.ts'
import { envelope, findingJson, printResults } from '../../report/document/envelope.ts'
import { painter } from '../../report/text/text.ts'
import type { RenderSettings } from '../../runtime/engine/pipeline.ts'
import type { LoadedEmbedding } from '../../runtime/prompt/embedding.ts'
import { type ExitCode, escaped, usage } from '../../system/errors.ts'
import { printable } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import type { Arguments } from '../command.ts'
import { findingLines } from '../shared/findings-text.ts'
import { filledText, namedFiles } from '../shared/options.ts'
import { type CheckOutcome, checkableRecipe, checkBaked, exitCodeOfCheck, verdictLine } from './check.ts'
import { agrees, MIN_PSNR } from './check-verdict.ts'
import { comparisonJson, comparisonSheet, comparisonTable } from './comparison.ts'
import { engineFor } from './draw.ts'
import { messages } from './messages.ts'
import { drawSubject, finishSheet, type RenderModeRun, sheetPlace } from './mode-run.ts'
import type { RenderOptions } from './options.ts'
import type { CheckedResult } from './schema.ts'
import { settingsText } from './sheet.ts'

/** A check is about agreement, not beauty: eight steps at half the size show a wrong weight as well, in a tenth of the time. */
const QUICK = { steps: 8, prompts: 2, sizeDivisor: 2, sizeStep: 64 } as const

/**
 * `render --check`: draws with the file and with what its recipe makes, and compares.
 * @throws USAGE (exit 2) for a model besides the file; what `checkableRecipe`, `resolveModel` and drawing throw
 */
export async function runCheck(
  args: Arguments,
  given: RenderOptions,
  folders: ModelFolders,
  world: World,
): Promise<ExitCode> {
  checkNoModel(args)
  const options =
    args.steps === undefined ? { ...given, settings: { ...given.settings, steps: QUICK.steps } } : given
  const path = await resolveModel(filledText(args, 'check')!, 'checkpoint', folders)
  const chosen = checkedShots(options)
  const recipe = await checkableRecipe(path, world)
  const { requests, prompts } = chosen
  noteOnImageRequests(chosen, options, folders)
  const place = await sheetPlace(path, 'check', options)
  const book = hashBook(world)
  const run = { options, folders, world, engine: await engineFor(options, world), requests, book }
  let settings: RenderSettings | undefined
  const embeddings = new Map<string, LoadedEmbedding>()
  const draw = async (model: Model) => {
    if (settings === undefined) noteOnClipSkip(model, options, folders)
    settings ??= checkSettings(model, options)
    const drawn = await drawSubject({ label: basename(model.name), model, settings }, run)
    for (const embedding of drawn.embeddings) embeddings.set(embedding.path, embedding)
    return drawn.images
  }
  const compared = requests.map(({ seed }, i) => ({ prompt: prompts[i]!, seed }))
  const outcome = await checkBaked({ path, recipe, folders, shots: compared, draw }, world)
  const hashes = await pictureHashes({ path, loras: [] }, [...embeddings.values()], book)
  const making = { settings: settings!, options, hashes, version: world.version }
  const shown = { Sheet: 'check', Recipe: outcome.recipe.operation, Verdict: outcome.verdict }
  await printCheck(outcome, making, sheetFacts({ requests, prompts }, making, shown), place, run)
  return exitCodeOfCheck(outcome)
}

/** @throws USAGE (exit 2) */
function checkNoModel(args: Arguments): void {
  if (args.model !== undefined || namedFiles(args).length > 0)
    throw usage(messages.checkTakesOne, messages.checkExample)
}

function checkedShots(options: RenderOptions): ImageRequests {
  const all = imageRequests(options)
  if (all.tags.length > 0) throw usage(messages.checkWithoutLoras)
  const count = options.prompt === undefined ? QUICK.prompts : all.requests.length
  return { ...all, requests: all.requests.slice(0, count), prompts: all.prompts.slice(0, count) }
}

function checkSettings(model: Model, options: RenderOptions): RenderSettings {
  const settings = settingsFor(model, options)
  if (options.size) return settings
  const half = (side: number) => Math.ceil(side / QUICK.sizeDivisor / QUICK.sizeStep) * QUICK.sizeStep
  return { ...settings, width: half(settings.width), height: half(settings.height) }
}

async function printCheck(
  outcome: CheckOutcome,
  { settings }: Making,
  facts: GenerationFacts,
  place: string,
  run: RenderModeRun,
): Promise<void> {
  const { options, world } = run
  const subtitle = settingsText(settings)
  const sheet = comparisonSheet(outcome.comparison, {
    title: verdictLine(outcome),
    subtitle,
    // the base is there to be different
    verdictOf: (similarity, model) =>
      model !== outcome.baked?.label ? undefined : agrees(similarity) ? 'good' : 'bad',
  })
  await finishSheet(place, sheet, facts, run)
  const document = envelope('render', { results: [checkJson(outcome, subtitle, place)] }, world)
  printResults(document, () => checkPage(outcome, subtitle, place, world), options, world)
}

function checkPage(outcome: CheckOutcome, settings: string, place: string, world: World): string {
  const { recipe, inputs, comparison, findings, verdict } = outcome
  const paint = painter(world.stdout, world.env)
  const from = inputs.map(({ path, by }) => `  ${printable(path, 300)} (${by})`)
  const line = paint(verdict === 'passed' ? 'green' : 'red', escaped(verdictLine(outcome)))
  const parts = [
    escaped(messages.madeOf(basename(outcome.path), recipe.operation)),
    ...from,
    settings,
    comparisonTable(comparison, paint.width),
    ...findingLines(findings, paint),
    line,
    escaped(place),
  ]
  return `${parts.join('\n')}\n`
}

/** Keys are a contract: add, never rename. */
function checkJson(outcome: CheckOutcome, settings: string, place: string): CheckedResult {
  const { path, recipe, inputs, verdict, comparison, findings } = outcome
  return {
    path,
    output: place,
    mode: 'check',
    operation: recipe.operation,
    inputs: inputs.map(({ path, by }) => ({ path, by })),
    verdict,
    passes: { psnr: MIN_PSNR },
    settings,
    ...comparisonJson(comparison),
    findings: findings.map(findingJson),
    error: null,
  }
}
