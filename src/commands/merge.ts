import { basename } from 'node:path'
import { EXIT, type ExitCode, usage } from '../errors.ts'
import { resolveModel } from '../library/resolve.ts'
import { identifyFile, type OpenedModel, withModels } from '../library/session.ts'
import { type CheckpointMergeOptions, letterOf } from '../model/merge/options.ts'
import { type CheckpointMergePlan, planMerge } from '../model/merge/plan.ts'
import { checkMerge, mergeProof } from '../model/merge/proof.ts'
import { rangeOf } from '../model/merge/similarity.ts'
import type { Model } from '../model/model.ts'
import { mergedName, stemOf } from '../model/output-name.ts'
import { withStated } from '../model/same-prediction.ts'
import { plannedOutput } from '../operations/output/one-output.ts'
import type { OutputOptions } from '../operations/output/options.ts'
import { writeProven } from '../operations/output/prove.ts'
import { type PlannedFile, rehearseFile } from '../operations/output/write-file.ts'
import { exitCodeOf } from '../report/error.ts'
import { COUNT, startProgress } from '../report/progress.ts'
import type { Io } from '../system/world.ts'
import { readValues } from '../tensor/expr.ts'
import { MERGE_METHODS } from '../tensor/merge/registry.ts'
import type { Arguments, Command } from './command.ts'
import { mergeArguments, mergeOptions, mergeRecipe, vaeChoice } from './merge-arguments.ts'
import { type CheckpointMergeOutcome, methodLines, printCheckpointMerge } from './merge-page.ts'
import { modelFolders, withModelFolders } from './model-folders.ts'
import { DTYPE_LIST } from './model-options.ts'
import {
  hashesInputs,
  namedFiles,
  outputOptions,
  verification,
  withInputHashes,
  withOutputOptions,
} from './options.ts'
import type { RecipeModel } from './replan.ts'
import { latentsByValues } from './vae-values.ts'

const SIDES = ['unet', 'text'] as const

export const mergeCommand: Command = {
  positionals: '[files..]',
  examples: [
    ['$0 merge a.safetensors b.safetensors --alpha 0.3', 'A weighted sum: 0.7 a + 0.3 b'],
    ['$0 merge mine tuned base --method add-difference', 'What tuning did to base, on top of mine'],
    [
      '$0 merge a b --blocks GRAD_V --keys "*attn2*=0.2"',
      'Another alpha for each block, and for cross attention',
    ],
    [
      '$0 merge a b c --method ties --density 0.3 --vae anime.vae.pt --dry-run',
      'The plan; nothing is written',
    ],
  ],
  options: (yargs) =>
    withModelFolders(withInputHashes(withOutputOptions(yargs)))
      .positional('files', {
        type: 'string',
        array: true,
        describe: 'Checkpoints A, B, C ... A gives names, types, metadata, and whatever is not merged',
      })
      .option('method', {
        choices: MERGE_METHODS.map(({ id }) => id),
        describe: 'How; see below',
        default: MERGE_METHODS[0]!.id,
      })
      .option('alpha', {
        type: 'string',
        nargs: 1,
        describe: 'Share or strength, or one for each further model: 0.3,0.2',
      })
      .option('beta', { type: 'string', nargs: 1, describe: 'Second number of sum-twice and tensor-swap' })
      .option('density', {
        type: 'string',
        nargs: 1,
        describe: 'Share of the differences that ties and dare keep',
      })
      .option('seed', {
        type: 'string',
        nargs: 1,
        describe: 'Of the random choices of dare',
        defaultDescription: '0',
      })
      .option('blocks', {
        type: 'string',
        nargs: 1,
        describe:
          'Alpha of blocks: IN04=0.5,OUT*=0, a list of 25 or 26 (SDXL: 19, 20, 21), or a name: GRAD_V, WRAP12 ...',
      })
      .option('blocks-beta', { type: 'string', nargs: 1, describe: 'The same for beta' })
      .option('keys', {
        type: 'string',
        nargs: 1,
        describe: 'Alpha of keys that fit a pattern: "*attn2*=0.2". Repeatable',
      })
      .option('vae', {
        type: 'string',
        describe: 'Whose VAE: a, b ..., a file, or blend (which gives washed-out pictures)',
        defaultDescription: 'a',
      })
      .option('only', { choices: SIDES, describe: 'Merge the UNet, or the text encoders, alone' })
      .option('dtype', {
        type: 'string',
        describe: `Type of the weights: ${DTYPE_LIST.join(', ')}; for one component: vae=fp32. Repeatable`,
        defaultDescription: 'that of each weight of A',
      })
      .option('allow-missing', {
        type: 'boolean',
        describe: 'Keep what A has where another model has nothing',
      })
      .option('allow-mixed', {
        type: 'boolean',
        describe: 'Merge models that predict noise with those that predict velocity',
      })
      .option('verify', {
        type: 'boolean',
        describe: 'Read back and compare every tensor, the unchanged ones, too; --no-verify: none',
        defaultDescription: 'what was computed',
      })
      .epilogue(methodLines().join('\n')),
  run: runMerge,
  replay: mergeArguments,
  replan: replanMerge,
}

/** Two or more models, one output. */
async function runMerge(args: Arguments, io: Io): Promise<ExitCode> {
  const names = namedFiles(args)
  if (names.includes('')) throw usage('a file name is empty')
  if (names.length < 2)
    throw usage('name two models or more', 'sdtool merge a.safetensors b.safetensors --alpha 0.3')
  const output: OutputOptions = {
    ...outputOptions(args),
    verify: verification(args),
    hash: hashesInputs(args),
  }
  const merge = mergeOptions(args)
  const folders = modelFolders(args, io)
  const paths: string[] = []
  for (const name of names) paths.push(await resolveModel(name, 'checkpoint', folders))
  const vae = vaeChoice(args, names.length)
  const vaeFile = typeof vae === 'object' ? [await resolveModel(vae.file, 'vae', folders)] : []
  const outcome = await withModels([...paths, ...vaeFile], io, async (opened) => {
    const models = await mergeModels([...paths, ...vaeFile], opened)
    const chosen = typeof vae === 'object' ? await chosenVae(models, opened, output, io) : vae
    const options = chosen === undefined ? merge : { ...merge, vae: chosen }
    return mergeOpened(models.slice(0, paths.length), opened, options, { args, output, io })
  })
  printCheckpointMerge(outcome, output, io)
  return outcome.error === undefined ? EXIT.ok : exitCodeOf(outcome.error)
}

/** The last of the files. */
async function chosenVae(
  models: readonly Model[],
  opened: readonly OpenedModel[],
  { quiet, json }: OutputOptions,
  io: Io,
): Promise<Model> {
  const vae = models.at(-1)!
  return {
    ...vae,
    ...(await latentsByValues(vae.name, opened.at(-1)!, vae.identity, quiet || json, io)),
  }
}

async function mergeModels(paths: readonly string[], opened: readonly OpenedModel[]): Promise<Model[]> {
  const models: Model[] = []
  for (const [i, path] of paths.entries()) {
    models.push({ name: path, file: opened[i]!.model, identity: await identifyFile(path, opened[i]!) })
  }
  return models
}

interface Run {
  readonly args: Arguments
  readonly output: OutputOptions
  readonly io: Io
}

async function mergeOpened(
  models: readonly Model[],
  opened: readonly OpenedModel[],
  options: CheckpointMergeOptions,
  run: Run,
): Promise<CheckpointMergeOutcome> {
  const [first] = models as [Model, ...Model[]]
  const common = {
    input: first.name,
    title: first.identity.title,
    bytesBefore: opened[0]!.model.file.size,
    models: models.map(({ name, identity }, i) => ({ letter: letterOf(i), name, title: identity.title })),
  }
  const plan = await planned(models, opened, options, run)
  const job = await plannedFile(plan, models, opened, options, run)
  const shown = { ...common, steps: plan.steps }
  if (run.output.dryRun) return { ...shown, ...(await rehearseFile(job, run.output)) }
  const written = await writeProven(
    job,
    { prove: (counts) => mergeProof(plan, counts), check: (counts) => checkMerge(plan, counts) },
    run,
  )
  return { ...shown, ...written }
}

async function planned(
  models: readonly Model[],
  opened: readonly OpenedModel[],
  options: CheckpointMergeOptions,
  { output, io }: Run,
): Promise<CheckpointMergePlan> {
  const { read } = opened[0]!
  if (output.dryRun) return planMerge(models, options, (tensor) => readValues(tensor, read))
  const progress = startProgress('comparing the models, tensors', io, output.quiet || output.json, COUNT)
  try {
    return await wholePlan(models, options, read, (done, all) => {
      io.signal.throwIfAborted()
      progress.update(done, all)
    })
  } finally {
    progress.end()
  }
}

/** Some methods look at all models before they merge any tensor. */
async function wholePlan(
  models: readonly Model[],
  options: CheckpointMergeOptions,
  read: OpenedModel['read'],
  onProgress: (done: number, all: number) => void,
): Promise<CheckpointMergePlan> {
  const values = (tensor: Parameters<typeof readValues>[0]) => readValues(tensor, read)
  const plan = await planMerge(models, options, values)
  const range = await rangeOf(plan, options.method, read, onProgress)
  return range === undefined ? plan : planMerge(models, { ...options, range }, values)
}

function replanMerge(inputs: readonly RecipeModel[], args: Arguments): Promise<CheckpointMergePlan> {
  const all = inputs.map(({ path, opened, identity }) => ({ name: path, file: opened.model, identity }))
  const models = all.slice(0, namedFiles(args).length)
  const vae = vaeChoice(args, models.length)
  const chosen = typeof vae === 'object' ? all[models.length]! : vae
  const options = { ...mergeOptions(args), ...(chosen === undefined ? {} : { vae: chosen }) }
  return wholePlan(models, options, inputs[0]!.opened.read, () => {})
}

function plannedFile(
  plan: CheckpointMergePlan,
  [first, ...others]: readonly Model[],
  opened: readonly OpenedModel[],
  options: CheckpointMergeOptions,
  run: Run,
): Promise<PlannedFile> {
  const stems = others.map(({ name }) => stemOf(basename(name)))
  const numbers = options.blocks ? ['mbw'] : (options.alpha ?? []).map(String)
  const method = options.method === MERGE_METHODS[0]!.id ? [] : [options.method]
  const name = mergedName(basename(first!.name), [...stems, ...method, ...numbers], plan)
  const operation = { verb: 'merge', options: mergeRecipe(run.args, others.length + 1, options) }
  // all predict the same, and one of them may know what the others only assume
  const identity = others.reduce((known, other) => withStated(known, other.identity), first!.identity)
  return plannedOutput(plan, name, opened, options.allowMixed ? first!.identity : identity, operation, run)
}
