import { basename, extname, resolve } from 'node:path'
import { EXIT, type ExitCode, usage } from '../errors.ts'
import { resolveModel } from '../library/resolve.ts'
import { identifyFile, type OpenedModel, withModels } from '../library/session.ts'
import { type Extraction, type ExtractOptions, extractLora } from '../model/lora/extract.ts'
import type { Keep } from '../model/lora/factors.ts'
import { LORA_ALGOS, type LoraAlgo } from '../model/lora/layers.ts'
import { loraArchitecture, loraMetadata } from '../model/lora/metadata.ts'
import type { Model } from '../model/model.ts'
import { resolutionOf } from '../model/modelspec-facts.ts'
import { stemOf } from '../model/output-name.ts'
import type { Plan } from '../model/plan.ts'
import { statedOf } from '../model/stated.ts'
import { engineOf, type MatMulEngine } from '../operations/engine.ts'
import { derivedMetadata } from '../operations/output/metadata.ts'
import type { OutputOptions } from '../operations/output/options.ts'
import { outputPlaces } from '../operations/output/place.ts'
import { type PlannedFile, writePlannedFile } from '../operations/output/write-file.ts'
import { startProgress } from '../report/progress.ts'
import type { Io } from '../system/world.ts'
import { checkOutput } from '../tensor/atomic.ts'
import { newEvaluation } from '../tensor/expr.ts'
import type { ModelFile } from '../tensor/table.ts'
import type { Arguments, Command } from './command.ts'
import { type ExtractOutcome, printExtraction } from './extract-lora-page.ts'
import {
  FACTOR_DTYPES,
  FACTOR_READERS,
  factorRecipe,
  rankChoice,
  seedOf,
  withRankOptions,
} from './lora-options.ts'
import { modelFolders, withModelFolders } from './model-folders.ts'
import { filledText, namedFiles, outputOptions, withOutputOptions } from './options.ts'
import { recipeArguments } from './recipe-options.ts'
import { withSpool } from './spool-beside.ts'

const DEFAULT_RANK = 32

export const extractLoraCommand: Command = {
  positionals: '[files..]',
  examples: [
    [
      '$0 extract lora tuned.safetensors base.safetensors',
      `Write tuned-lora.safetensors, rank ${DEFAULT_RANK}`,
    ],
    [
      '$0 extract lora tuned base --algo locon --rank auto -o style.safetensors',
      'The convolutions, too; as many singular values of each layer as it needs',
    ],
    ['$0 extract lora tuned base --rank 8 --dry-run', 'How much of each block such a LoRA would hold'],
  ],
  options: (yargs) =>
    withRankOptions(withModelFolders(withOutputOptions(yargs)), String(DEFAULT_RANK))
      .positional('files', { type: 'string', array: true, describe: 'The fine-tuned model, then its base' })
      .option('algo', {
        choices: Object.keys(LORA_ALGOS),
        describe: 'Layers: lora, or locon (convolutions, too)',
      })
      .option('only', { choices: ['unet', 'text'], describe: 'The UNet, or the text encoders, alone' })
      .option('seed', {
        type: 'string',
        nargs: 1,
        describe: 'Of the random sketches',
        defaultDescription: '0',
      }),
  run: runExtractLora,
  replay: (options, files) => ({
    files,
    ...recipeArguments(options, { algo: 'text', only: 'text', ...FACTOR_READERS }),
  }),
}

async function runExtractLora(args: Arguments, io: Io): Promise<ExitCode> {
  const named = namedFiles(args)
  if (named.length !== 2 || named.includes(''))
    throw usage(
      `extract lora takes two models, ${named.length} were named`,
      'First the fine-tuned one, then its base: sdtool extract lora tuned base.',
    )
  const options = extractOptions(args)
  const output = outputOptions(args)
  const folders = modelFolders(args, io)
  const paths: string[] = []
  for (const name of named) paths.push(await resolveModel(name, 'checkpoint', folders))
  if (resolve(paths[0]!) === resolve(paths[1]!)) throw usage('both models are the same file')
  const run = { options, output, io, engine: await engineOf(io) }
  const outcome = await withModels(paths, io, (opened) => extractOpened(paths, opened, run))
  printExtraction(outcome, output, io)
  return EXIT.ok
}

function extractOptions(args: Arguments): ExtractOptions {
  const only = filledText(args, 'only') as ExtractOptions['only']
  return {
    ...rankChoice(args, DEFAULT_RANK),
    algo: (filledText(args, 'algo') ?? 'lora') as LoraAlgo,
    dtype: FACTOR_DTYPES[filledText(args, 'dtype') ?? 'fp16']!,
    seed: seedOf(args),
    ...(only === undefined ? {} : { only }),
  }
}

interface Run {
  readonly options: ExtractOptions
  readonly output: OutputOptions
  readonly io: Io
  readonly engine: MatMulEngine
}

async function extractOpened(
  paths: readonly string[],
  opened: readonly OpenedModel[],
  run: Run,
): Promise<ExtractOutcome> {
  const { output, io, engine } = run
  const start = io.now().getTime()
  const [tuned, base] = (await Promise.all(
    opened.map(async (one, i): Promise<Model> => {
      return { name: paths[i]!, file: one.model, identity: await identifyFile(paths[i]!, one) }
    }),
  )) as [Model, Model]
  const models = opened.map(({ model }) => model)
  const target = await outputPath(paths[0]!, output)
  // what speaks against the output is said before minutes of work, not after
  await checkOutput(target, { force: output.force, bytes: 0, inputs: models.map(({ file }) => file) })
  const progress = startProgress(basename(target), io, output.quiet || output.json)
  const extracted = async (keep?: Keep): Promise<Extraction> => {
    try {
      return await extractLora(tuned, base, run.options, {
        evaluation: newEvaluation(opened[0]!.read, engine.matmul),
        ...(keep && { keep }),
        signal: io.signal,
        onProgress: progress.update,
      })
    } finally {
      progress.end()
    }
  }
  const common = { input: paths[0]!, title: tuned.identity.title, base: paths[1]!, output: target }
  if (output.dryRun) {
    const extraction = await extracted()
    return { ...common, status: 'planned', extraction, findings: extraction.findings }
  }
  return withSpool(target, async ({ keep }) => {
    const extraction = await extracted(keep)
    const { file } = await writePlannedFile(plannedFile(extraction, tuned, models, target, run), output, io)
    return { ...common, ...file, extraction, seconds: (io.now().getTime() - start) / 1000 }
  })
}

async function outputPath(tuned: string, { output }: OutputOptions): Promise<string> {
  const file = { path: tuned, relative: basename(tuned) }
  const placeOf = await outputPlaces({ files: [file], walked: false }, output)
  return placeOf(file, `${stemOf(basename(tuned))}-lora.safetensors`)
}

function plannedFile(
  extraction: Extraction,
  { identity }: Model,
  models: readonly ModelFile[],
  target: string,
  { options, output, io, engine }: Run,
): PlannedFile {
  const { layers, tensors, findings } = extraction
  const plan: Plan = {
    table: { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata: {} },
    steps: [],
    findings,
  }
  const isConv = options.algo === 'locon'
  const own = {
    ...statedOf(identity),
    ...loraMetadata(identity, {
      ranks: layers.map(({ rank }) => rank),
      ...(isConv ? { convRank: options.convLimit } : {}),
    }),
  }
  const { algo, only } = options
  const operation = {
    ...output,
    verb: 'extract lora',
    options: { algo, only, ...factorRecipe(options, engine.name) },
  }
  const facts = factsOf(identity, target)
  return {
    plan,
    output: target,
    inputs: models.map(({ file }) => file),
    metadata: () => derivedMetadata(models, { ...own, ss_output_name: facts.title }, facts, operation, io),
  }
}

function factsOf(identity: Model['identity'], target: string) {
  const architecture = loraArchitecture(identity)
  const resolution = resolutionOf(identity)
  return {
    title: basename(target, extname(target)),
    ...(architecture === undefined ? {} : { architecture }),
    ...(resolution === undefined ? {} : { resolution }),
  }
}
