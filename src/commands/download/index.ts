import { messages as apiMessages } from '../../civitai/api/messages.ts'
import type { Choice } from '../../civitai/plan/choose.ts'
import { type HashCache, openHashCache } from '../../library/caches/hash-cache.ts'
import { hashesOf } from '../../operations/hashing.ts'
import { envelope, printResults } from '../../report/document/envelope.ts'
import { progressLines } from '../../report/progress/progress-lines.ts'
import { errorText, exitCodeOf } from '../../report/terminal/error.ts'
import { defined } from '../../system/defined.ts'
import { EXIT, type ExitCode, type SdtoolError, usage } from '../../system/errors.ts'
import { globMatcher } from '../../system/glob.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { type Client, withCivitai } from '../shared/civitai-client.ts'
import { withCivitaiUrl } from '../shared/civitai-options.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import type { CommonOptions } from '../shared/options.ts'
import { commonOptions, filledText, flag, list, values, withCommonOptions } from '../shared/options.ts'
import { namedSidecars, usualSidecars, withSidecars } from '../shared/sidecar-options.ts'
import { messages } from './messages.ts'
import { downloadJson, outcomeLines, planText } from './page.ts'
import { downloadPlace, LAYOUT_NAMES, type LayoutName } from './place.ts'
import { type DownloadPlan, type PlanOptions, planDownloads } from './plan.ts'
import { type FinishedDownload, type RunOptions, runDownloads } from './run.ts'
import { spaceShortage } from './space.ts'

const MAX_JOBS = 16

interface DownloadOptions extends CommonOptions, PlanOptions, RunOptions {
  readonly dryRun: boolean
}

export const downloadCommand: Command = {
  positionals: '<what..>',
  get examples() {
    return [
      ['$0 download https://civitai.com/models/4384', messages.examplePage],
      ['$0 download 128713 --fp fp16 --dry-run', messages.exampleDryRun],
      ['$0 download urn:air:sd1:lora:civitai:7984@9413 --models ~/ComfyUI', messages.exampleAir],
      ['$0 download hash:6f6d687fe0 -o loras/', messages.exampleHash],
    ] as const
  },
  options: (yargs) =>
    withSidecars(withModelFolders(withCivitaiUrl(withCommonOptions(yargs))))
      .positional('what', { type: 'string', array: true, describe: messages.whatArgument })
      .option('output', { type: 'string', alias: 'o', describe: messages.outputOption })
      .option('layout', { choices: LAYOUT_NAMES, describe: messages.layoutOption })
      .option('fp', { type: 'string', describe: messages.fpOption })
      .option('size', { type: 'string', describe: messages.sizeOption })
      .option('format', { type: 'string', describe: messages.formatOption })
      .option('file', { type: 'string', describe: messages.fileOption })
      .option('jobs', { type: 'number', alias: 'j', describe: messages.jobsOption, default: 2 })
      .option('any', { type: 'boolean', describe: messages.anyOption })
      .option('force', { type: 'boolean', describe: messages.forceOption })
      .option('dry-run', { type: 'boolean', describe: messages.dryRunOption }),
  run: (args, world) =>
    withCivitai(args, world, (client) => runDownload(downloadOptions(args, world), client, world)),
}

function downloadOptions(args: Arguments, world: World): DownloadOptions {
  const output = filledText(args, 'output')
  const layout = filledText(args, 'layout') as LayoutName | undefined
  const place = downloadPlace(output, layout, modelFolders(args, world).roots)
  return {
    ...commonOptions(args),
    references: references(args),
    choice: choiceOf(args),
    ...defined({ output }),
    place,
    force: flag(args, 'force'),
    any: flag(args, 'any'),
    dryRun: flag(args, 'dryRun'),
    jobs: jobsOf(args),
    sidecars: namedSidecars(args) ?? usualSidecars(place.layout),
  }
}

function references(args: Arguments): string[] {
  const all = [...values(args, 'what'), ...values(args, '_')]
  if (all.includes('')) throw usage(messages.emptyName, apiMessages.referenceHelp)
  return all
}

function choiceOf(args: Arguments): Choice {
  const words = (['fp', 'size', 'format'] as const).flatMap((name) => {
    const value = filledText(args, name)
    return value === undefined ? [] : [[name, value] as const]
  })
  const files = list(args, 'file')
  const named = files.map((text) => {
    const matches = globMatcher(text.toLowerCase())
    return { text, matches: (name: string) => matches(name.toLowerCase()) }
  })
  return { ...Object.fromEntries(words), ...(files.includes('all') ? { all: true } : { named }) }
}

function jobsOf({ jobs }: Arguments): number {
  if (typeof jobs === 'number' && Number.isInteger(jobs) && jobs >= 1 && jobs <= MAX_JOBS) return jobs
  throw usage(messages.jobsRange(MAX_JOBS))
}

async function runDownload(options: DownloadOptions, client: Client, world: World): Promise<ExitCode> {
  const cache = await openHashCache(world, hashesOf(world))
  if (options.references.some(hasToken)) world.stderr.write(`sdtool: ${messages.tokenIgnored}\n`)
  const plan = await planDownloads(options, client, cache)
  const shortage = await spaceShortage(plan.downloads)
  printPlan(plan, shortage, options, world)
  if (shortage && !options.dryRun) throw shortage
  try {
    const outcomes = options.dryRun ? [] : await fetchAll(plan, options, { client, cache }, world)
    printOutcomes(plan, outcomes, options, world)
    return worst([...plan.failed, ...outcomes, ...(shortage ? [{ error: shortage }] : [])])
  } catch (error) {
    if (world.signal.aborted) world.stderr.write(keptParts(plan))
    throw error
  } finally {
    await cache.save()
  }
}

/** Such a token is not used: other users see it in the list of processes, and shells keep it in their history. */
function hasToken(reference: string): boolean {
  return /[?&]token=/i.test(reference)
}

function printPlan(
  plan: DownloadPlan,
  shortage: SdtoolError | undefined,
  { json, quiet, verbose, dryRun }: DownloadOptions,
  world: World,
): void {
  if (!json && !quiet) world.stdout.write(planText(plan, world))
  for (const { error } of plan.failed) world.stderr.write(errorText(error, verbose))
  if (shortage && dryRun) world.stderr.write(errorText(shortage, verbose))
}

function fetchAll(
  { downloads }: DownloadPlan,
  options: DownloadOptions,
  { client, cache }: { readonly client: Client; readonly cache: HashCache },
  world: World,
): Promise<FinishedDownload[]> {
  const lines = progressLines(world, options.quiet || options.json)
  return runDownloads(downloads, options, { client, cache, lines })
}

function printOutcomes(
  plan: DownloadPlan,
  outcomes: readonly FinishedDownload[],
  { json, quiet, verbose, dryRun }: DownloadOptions,
  world: World,
): void {
  for (const outcome of outcomes) {
    if (outcome.status === 'failed') world.stderr.write(errorText(outcome.error, verbose))
    else if (!json && !quiet) world.stdout.write(outcomeLines(outcome, world))
  }
  const results = downloadJson(plan, outcomes)
  printResults(envelope('download', { results, dryRun }, world), () => '', { json, quiet }, world)
}

/** Of the first failure. */
function worst(items: readonly (FinishedDownload | { readonly error: unknown })[]): ExitCode {
  const errors = items.flatMap((item) => ('error' in item ? [item.error] : []))
  return errors.length === 0 ? EXIT.ok : exitCodeOf(errors[0])
}

function keptParts({ downloads }: DownloadPlan): string {
  const open = downloads.filter(({ isPresent }) => !isPresent).length
  return open === 0 ? '' : `sdtool: ${messages.partsKept}\n`
}
