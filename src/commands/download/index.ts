import { messages as apiMessages } from '../../civitai/api/messages.ts'
import type { Choice } from '../../civitai/plan/choose.ts'
import { openHashCache } from '../../library/caches/hash-cache.ts'
import { hashesOf } from '../../operations/hashing.ts'
import { envelope, printResults } from '../../report/document/envelope.ts'
import { progressLines } from '../../report/progress/progress-lines.ts'
import { errorText, exitCodeOf } from '../../report/terminal/error.ts'
import { defined } from '../../system/defined.ts'
import { EXIT, type ExitCode, usage } from '../../system/errors.ts'
import { globMatcher } from '../../system/glob.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { type Client, withCivitai } from '../shared/civitai-client.ts'
import { withCivitaiUrl } from '../shared/civitai-options.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import type { CommonOptions } from '../shared/options.ts'
import { commonOptions, filledText, flag, list, values, withCommonOptions } from '../shared/options.ts'
import { namedSidecars, usualSidecars, withSidecars } from '../shared/sidecar-options.ts'
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
  examples: [
    ['$0 download https://civitai.com/models/4384', 'The newest version, the file most people want'],
    ['$0 download 128713 --fp fp16 --dry-run', 'What it would fetch, how much, where to'],
    ['$0 download urn:air:sd1:lora:civitai:7984@9413 --models ~/ComfyUI', 'A LoRA into the folder for LoRAs'],
    ['$0 download hash:6f6d687fe0 -o loras/', 'The file with this hash, as image metadata names it'],
  ],
  options: (yargs) =>
    withSidecars(withModelFolders(withCivitaiUrl(withCommonOptions(yargs))))
      .positional('what', {
        type: 'string',
        array: true,
        describe: 'Page or API address, AIR, model:ID, version:ID, hash:HEX, or a number',
      })
      .option('output', { type: 'string', alias: 'o', describe: 'File to write, or folder' })
      .option('layout', {
        choices: LAYOUT_NAMES,
        describe: 'Put files where this program looks for them (default: what is found in the model folder)',
      })
      .option('fp', { type: 'string', describe: 'Precision of the file: fp16, bf16, fp32, fp8' })
      .option('size', { type: 'string', describe: 'full or pruned' })
      .option('format', { type: 'string', describe: 'SafeTensor, PickleTensor, GGUF' })
      .option('file', {
        type: 'string',
        describe: 'This file of the version: its id, a name ("*.yaml"), or all. Repeatable',
      })
      .option('jobs', { type: 'number', alias: 'j', describe: 'Downloads at the same time', default: 2 })
      .option('any', {
        type: 'boolean',
        describe: 'Also files of kinds that sdtool does not know, and cannot check',
      })
      .option('force', { type: 'boolean', describe: 'Replace existing files' })
      .option('dry-run', { type: 'boolean', describe: 'Show what would be downloaded, write nothing' }),
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
  if (all.includes('')) throw usage('a name is empty', apiMessages.referenceHelp)
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
  throw usage(`--jobs is a number from 1 to ${MAX_JOBS}`)
}

/** Other users see it in the list of processes, and shells keep it in their history. */
const TOKEN_IN_ADDRESS =
  'sdtool: the token in the address is not used; keep it with sdtool login, or in CIVITAI_TOKEN\n'

async function runDownload(options: DownloadOptions, client: Client, world: World): Promise<ExitCode> {
  const { json, quiet, verbose, dryRun } = options
  const cache = await openHashCache(world, hashesOf(world))
  if (options.references.some((reference) => /[?&]token=/i.test(reference)))
    world.stderr.write(TOKEN_IN_ADDRESS)
  const plan = await planDownloads(options, client, cache)
  if (!json && !quiet) world.stdout.write(planText(plan, world))
  for (const { error } of plan.failed) world.stderr.write(errorText(error, verbose))
  const shortage = await spaceShortage(plan.downloads)
  if (shortage && !dryRun) throw shortage
  if (shortage) world.stderr.write(errorText(shortage, verbose))
  const lines = progressLines(world, quiet || json)
  try {
    const outcomes = dryRun ? [] : await runDownloads(plan.downloads, options, { client, cache, lines })
    for (const outcome of outcomes) {
      if (outcome.status === 'failed') world.stderr.write(errorText(outcome.error, verbose))
      else if (!json && !quiet) world.stdout.write(outcomeLines(outcome, world))
    }
    const results = downloadJson(plan, outcomes)
    printResults(envelope('download', { results, dryRun }, world), () => '', { json, quiet }, world)
    return worst([...plan.failed, ...outcomes, ...(shortage ? [{ error: shortage }] : [])])
  } catch (error) {
    if (world.signal.aborted) world.stderr.write(keptParts(plan))
    throw error
  } finally {
    await cache.save()
  }
}

/** Of the first failure. */
function worst(items: readonly (FinishedDownload | { readonly error: unknown })[]): ExitCode {
  const errors = items.flatMap((item) => ('error' in item ? [item.error] : []))
  return errors.length === 0 ? EXIT.ok : exitCodeOf(errors[0])
}

function keptParts({ downloads }: DownloadPlan): string {
  const open = downloads.filter(({ isPresent }) => !isPresent).length
  return open === 0 ? '' : 'sdtool: what was received is kept; the same command goes on from there\n'
}
