import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { EXIT, type ExitCode, refuse, usage } from '../errors.ts'
import { resolveModel } from '../library/resolve.ts'
import { identifyFile, type OpenedModel, withModels } from '../library/session.ts'
import type { Identity } from '../model/identify.ts'
import type { LoraInput, MergeOptions, NamePattern } from '../model/merge-lora/options.ts'
import { type MergePlan, planMergeLora } from '../model/merge-lora/plan.ts'
import { checkProof, proofOf } from '../model/merge-lora/proof.ts'
import { globMatcher } from '../model/names/glob.ts'
import { mergedName, stemOf } from '../model/output-name.ts'
import type { JsonValue } from '../model/recipe.ts'
import { engineOf } from '../operations/engine.ts'
import { plannedOutput } from '../operations/output/one-output.ts'
import type { OutputOptions } from '../operations/output/options.ts'
import { writeProven } from '../operations/output/prove.ts'
import { type PlannedFile, rehearseFile } from '../operations/output/write-file.ts'
import { exitCodeOf } from '../report/error.ts'
import type { Io } from '../system/world.ts'
import { readValues } from '../tensor/expr.ts'
import type { Arguments, Command } from './command.ts'
import { resolveLora } from './lora-aliases.ts'
import { type LoraArgument, loraArguments } from './lora-arguments.ts'
import { checkAlive } from './merge-lora-alive.ts'
import { type MergeOutcome, nearestFindings, printMerge } from './merge-lora-page.ts'
import { modelFolders, withModelFolders } from './model-folders.ts'
import { DTYPE_LIST, dtypeChoice } from './model-options.ts'
import {
  filledText,
  flag,
  hashesInputs,
  list,
  listOrNothing,
  outputOptions,
  values,
  verification,
  withInputHashes,
  withOutputOptions,
} from './options.ts'
import { recipeArguments } from './recipe-options.ts'
import type { RecipeModel } from './replan.ts'

const SIDES = ['unet', 'text'] as const
const EMA_MODES = ['drop', 'patch'] as const

export const mergeLoraCommand: Command = {
  positionals: '[base] [loras..]',
  examples: [
    ['$0 merge-lora model.safetensors style.safetensors --ratio 0.7', 'Write model-style-0.7.safetensors'],
    [
      '$0 merge-lora model a:0.8 b:0.5:0 "<lora:c:0.6>" -o mix.safetensors',
      'Three at once; b not in the text encoders. Bare names are looked up in your model folders',
    ],
    [
      '$0 merge-lora model.ckpt style.safetensors --blocks "OUT*=0" --only unet --dry-run',
      'What would change, and how well the LoRA fits; nothing is written',
    ],
  ],
  options: (yargs) =>
    withModelFolders(withInputHashes(withOutputOptions(yargs)))
      .positional('base', { type: 'string', describe: 'Checkpoint, UNet or text encoder' })
      .positional('loras', {
        type: 'string',
        array: true,
        describe:
          'LoRAs of any kind: name, name:0.7, name:0.7:0.5 (UNet:text encoder), "<lora:name:0.7:lbw=MIDD>"',
      })
      .option('ratio', {
        type: 'string',
        nargs: 1,
        describe: 'Strength, for all or one each: 0.7,0.3. May be negative or above 1. Repeatable',
        defaultDescription: '1',
      })
      .option('dtype', {
        type: 'string',
        describe: `Type of the weights: ${DTYPE_LIST.join(', ')}; for one component: vae=fp32. Repeatable`,
        defaultDescription: 'that of each weight of the base',
      })
      .option('blocks', {
        type: 'string',
        nargs: 1,
        describe:
          'Ratios of blocks: IN04=0.5,OUT*=0 (the last that fits counts), a list of 12, 17, 20 or 26, or MIDD, OUTD ..; given again: one for each LoRA',
      })
      .option('only', { choices: SIDES, describe: 'Merge into the UNet, or the text encoders, alone' })
      .option('include', {
        type: 'string',
        describe: 'Only modules or keys that fit this pattern. Repeatable',
      })
      .option('exclude', { type: 'string', describe: 'No modules or keys that fit this pattern. Repeatable' })
      .option('allow-unmatched', { type: 'boolean', describe: 'Leave out what does not fit, merge the rest' })
      .option('ema', {
        choices: EMA_MODES,
        describe: 'A copy of changed weights: leave it out (default), or merge into it, too',
      })
      .option('verify', {
        type: 'boolean',
        describe: 'Read back and compare every tensor, the unchanged ones, too; --no-verify: none',
        defaultDescription: 'what was changed',
      }),
  run: runMergeLora,
  replay(options, [base, ...loras]) {
    const { ratios: ratio, ...rest } = recipeArguments(options, {
      ratios: 'ratios',
      dtype: 'texts',
      blocks: 'texts',
      only: 'text',
      include: 'texts',
      exclude: 'texts',
      allowUnmatched: 'flag',
      ema: 'text',
      engine: 'text',
    })
    if (ratio === undefined) throw refuse('RECIPE_INVALID', 'the recipe has no ratios')
    return { base, loras, ratio, ...rest }
  },
  replan: replanMergeLora,
}

/** One base, one or more adapters, one output. */
async function runMergeLora(args: Arguments, io: Io): Promise<ExitCode> {
  const named = [args.base, ...((args.loras as unknown[]) ?? []), ...((args._ as unknown[]) ?? [])]
  const [base, ...others] = named.filter((name) => name !== undefined).map(String)
  if (base === undefined)
    throw usage('no base was named', 'Name the base, then the LoRAs: sdtool merge-lora base lora.')
  if (base === '') throw usage('a file name is empty')
  const loras = loraArguments(others, list(args, 'ratio'), existsSync, values(args, 'blocks'))
  const merge = mergeOptions(args)
  const output = { ...outputOptions(args), verify: verification(args), hash: hashesInputs(args) }
  const folders = modelFolders(args, io)
  const paths = [await resolveModel(base, 'checkpoint', folders)]
  for (const { name } of loras) paths.push(await resolveLora(name, folders, io))
  const outcome = await withModels(paths, io, (opened) =>
    mergeOpened(paths, opened, loras, { args, merge, output, io }),
  )
  printMerge(outcome, output, io)
  return outcome.error === undefined ? EXIT.ok : exitCodeOf(outcome.error)
}

function mergeOptions(args: Arguments): MergeOptions {
  const only = filledText(args, 'only') as MergeOptions['only']
  const ema = filledText(args, 'ema') as MergeOptions['ema']
  return {
    dtype: dtypeChoice(args),
    include: patterns(args, 'include'),
    exclude: patterns(args, 'exclude'),
    allowUnmatched: flag(args, 'allowUnmatched'),
    ...(only === undefined ? {} : { only }),
    ...(ema === undefined ? {} : { ema }),
  }
}

function patterns(args: Arguments, option: 'include' | 'exclude'): NamePattern[] {
  return list(args, option).map((text) => ({ text: `--${option} ${text}`, matches: globMatcher(text) }))
}

interface Run {
  readonly args: Arguments
  readonly merge: MergeOptions
  readonly output: OutputOptions
  readonly io: Io
}

async function mergeOpened(
  paths: readonly string[],
  opened: readonly OpenedModel[],
  loras: readonly LoraArgument[],
  run: Run,
): Promise<MergeOutcome> {
  const [path, { model, read }] = [paths[0]!, opened[0]!]
  const identity = await identifyFile(path, opened[0]!)
  const inputs: LoraInput[] = []
  for (const [i, lora] of loras.entries()) {
    inputs.push(await loraInput(paths[i + 1]!, opened[i + 1]!, lora))
  }
  const base = { name: path, file: model, identity }
  const plan = await planMergeLora(base, inputs, run.merge)
  const common = {
    input: path,
    title: identity.title,
    bytesBefore: model.file.size,
    steps: plan.steps,
    loras: plan.loras,
  }
  const [problem] = plan.problems
  if (problem !== undefined) {
    const findings = [...plan.findings, ...nearestFindings(plan)]
    return { ...common, status: 'failed', findings, error: problem }
  }
  const job = await plannedFile(plan, identity, opened, inputs, loras, run)
  if (run.output.dryRun) return { ...common, ...(await rehearseFile(job, run.output)) }
  if (inputs.length > 1) await checkAlive(base, inputs, run.merge, read, run.io.signal)
  const written = await writeProven(
    job,
    { prove: (counts) => proofOf(plan, counts), check: (counts) => checkProof(plan, counts) },
    run,
  )
  return { ...common, ...written }
}

export async function replanMergeLora(inputs: readonly RecipeModel[], args: Arguments): Promise<MergePlan> {
  const [base, ...others] = inputs as [RecipeModel, ...RecipeModel[]]
  const paths = others.map(({ path }) => path)
  const arguments_ = loraArguments(paths, list(args, 'ratio'), () => true, values(args, 'blocks'))
  const loras: LoraInput[] = []
  for (const [i, { path, opened }] of others.entries())
    loras.push(await loraInput(path, opened, arguments_[i]!))
  const { path, opened, identity } = base
  const plan = await planMergeLora({ name: path, file: opened.model, identity }, loras, mergeOptions(args))
  const [problem] = plan.problems
  if (problem !== undefined) throw problem
  return plan
}

export async function loraInput(
  name: string,
  opened: OpenedModel,
  { ratio, blocks }: Pick<LoraArgument, 'ratio' | 'blocks'>,
): Promise<LoraInput> {
  const { title, adapter } = await identifyFile(name, opened)
  if (adapter === undefined) {
    throw refuse('NOT_A_LORA', `${name} is no LoRA: ${title}`, 'The base comes first, then the LoRAs.')
  }
  const read: LoraInput['read'] = (tensor) => readValues(tensor, opened.read)
  return { name, table: opened.model, adapter, ratio, ...(blocks && { blocks }), read }
}

async function plannedFile(
  plan: MergePlan,
  identity: Identity,
  opened: readonly OpenedModel[],
  inputs: readonly LoraInput[],
  loras: readonly LoraArgument[],
  run: Run,
): Promise<PlannedFile> {
  const name = mergedName(basename(opened[0]!.model.file.path), inputs.map(nameInOutput), plan)
  const operation = {
    verb: 'merge-lora',
    options: { ...recipeOptions(run.args, loras), engine: (await engineOf(run.io)).name },
  }
  return plannedOutput(plan, name, opened, identity, operation, run)
}

/** `style`, `style-0.7`, with a ratio of its own for the text encoders `style-0.7-te0.5`. */
function nameInOutput({ name, ratio: { unet, text } }: LoraInput): string {
  const ratio = unet === 1 && text === 1 ? '' : `-${unet}`
  return stemOf(basename(name)) + ratio + (text === unet ? '' : `-te${text}`)
}

function recipeOptions(
  args: Arguments,
  loras: readonly LoraArgument[],
): Record<string, JsonValue | undefined> {
  return {
    ratios: loras.map(({ ratio: { unet, text } }) => (unet === text ? unet : { unet, text })),
    dtype: listOrNothing(list(args, 'dtype')),
    blocks: blocksInRecipe(loras),
    only: filledText(args, 'only'),
    include: listOrNothing(list(args, 'include')),
    exclude: listOrNothing(list(args, 'exclude')),
    allowUnmatched: flag(args, 'allowUnmatched') || undefined,
    ema: filledText(args, 'ema'),
  }
}

/** One text for each LoRA, if any has one. */
function blocksInRecipe(loras: readonly LoraArgument[]): string[] | undefined {
  return loras.some(({ blocks }) => blocks !== undefined)
    ? loras.map(({ blocks }) => blocks?.text ?? 'ALL')
    : undefined
}
