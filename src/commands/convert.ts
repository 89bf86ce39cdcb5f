import { basename } from 'node:path'
import { EXIT, type ExitCode, refuse, usage } from '../errors.ts'
import { type ModelFolders, resolveModel } from '../library/resolve.ts'
import { planConvert } from '../model/convert.ts'
import type { DTypeChoice } from '../model/dtype-choice.ts'
import { warning } from '../model/finding.ts'
import type { Identity } from '../model/identity.ts'
import { PIPELINE_FOLDERS, type PipelineFolder, toPipeline } from '../model/layout/pipeline.ts'
import { isNamedAs } from '../model/names/endings.ts'
import { convertedName } from '../model/output-name.ts'
import { changesNothing, type Plan } from '../model/plan.ts'
import { isStated } from '../model/same-prediction.ts'
import type { OutputOptions } from '../operations/output/options.ts'
import type { Io } from '../system/world.ts'
import { torchZip } from '../tensor/formats/torch-zip-write.ts'
import { isEncoded } from '../tensor/quantised/check.ts'
import { QUANTISATION_KEY } from '../tensor/quantised/config.ts'
import type { FormatId, ModelFile } from '../tensor/table.ts'
import type { Arguments, Command } from './command.ts'
import {
  convertFromPipeline,
  pipelineFiles,
  replayedFiles,
  SINGLE_READERS,
  singleFile,
} from './convert-from-pipeline.ts'
import { convertToPipeline, partOfPipeline } from './convert-to-pipeline.ts'
import { listedFiles } from './listed-files.ts'
import { modelFolders, withModelFolders } from './model-folders.ts'
import { DTYPE_LIST, dtypeChoice } from './model-options.ts'
import { filledText, list, listOrNothing, namedFiles, outputOptions, withOutputOptions } from './options.ts'
import { isPipelineFolder } from './pipeline-folder.ts'
import { recipeArguments } from './recipe-options.ts'
import type { RecipeModel } from './replan.ts'
import { runTransform, type Transform } from './transform.ts'

export const convertCommand: Command = {
  positionals: '[files..]',
  examples: [
    ['$0 convert model.ckpt', 'Write model.safetensors beside it; the pickle is read, never run'],
    ['$0 convert model.safetensors --dtype fp16 --dtype vae=fp32', 'Half precision, but the VAE in full'],
    [
      '$0 convert model.safetensors --to diffusers',
      'A folder model-diffusers/; named without --to, such a folder becomes one file',
    ],
    [
      '$0 convert downloads/ -o models/ --verify',
      'Every model file of a folder, each compared after writing',
    ],
  ],
  options: (yargs) =>
    withModelFolders(withOutputOptions(yargs))
      .positional('files', { type: 'string', array: true, describe: 'Model files or folders' })
      .option('to', {
        choices: ['safetensors', 'ckpt', 'diffusers', 'single'],
        describe:
          'ckpt: a torch zip; diffusers: a folder with a file for each network; single: one file of such a folder',
        defaultDescription: 'safetensors',
      })
      .option('part', {
        choices: PIPELINE_FOLDERS,
        describe: 'With --to diffusers: only this network, as one file with the names of diffusers',
      })
      .option('dtype', {
        type: 'string',
        describe: `Type of the weights: ${DTYPE_LIST.join(', ')}; for one component: vae=fp32. Repeatable`,
      }),
  replay: (options, files) => ({
    files,
    ...recipeArguments(options, { to: 'text', dtype: 'texts', part: 'text', ...SINGLE_READERS }),
  }),
  replan: replanConvert,
  run: runConvert,
}

function replanConvert(inputs: readonly RecipeModel[], args: Arguments): Plan {
  const [{ opened, identity }] = inputs as readonly [RecipeModel]
  const dtype = dtypeChoice(args)
  const part = partOf(args)
  const single = replayedFiles(
    args,
    inputs.map(({ path }) => path),
  )
  if (part === undefined && single === undefined) return planConvert(opened.model, identity, { dtype })
  const models = inputs.map(({ opened }) => opened.model)
  const table =
    part === undefined
      ? singleFile(
          models,
          single!.files.map(({ part }) => part),
          single!.scheduler,
          dtype,
        ).table
      : partOfPipeline(toPipeline(opened.model, identity), part, dtype)
  return { table, steps: [], findings: [] }
}

function partOf(args: Arguments): PipelineFolder | undefined {
  const text = filledText(args, 'part')
  const part = PIPELINE_FOLDERS.find((folder) => folder === text)
  if (text !== undefined && part === undefined) throw usage(`--part ${text}: there is no such folder`)
  return part
}

async function runConvert(args: Arguments, io: Io): Promise<ExitCode> {
  const [dtype, output, named] = [dtypeChoice(args), outputOptions(args), namedFiles(args)]
  const folders = modelFolders(args, io)
  const [to, part] = [filledText(args, 'to'), partOf(args)]
  const again = replayedFiles(args, named)
  const pipelines = named.filter(isPipelineFolder)
  if (part !== undefined && to !== 'diffusers') throw usage('--part goes with --to diffusers')
  if (again === undefined && pipelines.length === 0 && to !== 'diffusers') {
    if (to === 'single') checkFolders(named)
    return convertFiles(args, { dtype, output, to, folders }, io)
  }
  const [name, ...more] = named
  if (again === undefined && more.length > 0)
    throw usage('a folder of diffusers is converted by itself', 'Name one model.')
  if (name === undefined) throw usage('no file was named', 'Name a model file, or a folder of diffusers.')
  checkPipelineOptions(again !== undefined || pipelines.length > 0, to, dtype)
  if (again !== undefined) await convertFromPipeline(again, dtype, output, io)
  else if (pipelines.length > 0) await convertFromPipeline(await pipelineFiles(name), dtype, output, io)
  else {
    const path = await resolveModel(name, 'checkpoint', folders)
    await convertToPipeline(path, { dtype, ...(part && { part }) }, output, io)
  }
  return EXIT.ok
}

/** @throws NOT_A_PIPELINE where a single file is to be made of something else than such a folder */
function checkFolders([name]: readonly string[]): void {
  if (name === undefined) return
  throw refuse(
    'NOT_A_PIPELINE',
    `${name} is no folder of diffusers: it has no model_index.json`,
    '--to single makes one file of such a folder; for a model file, leave it out.',
  )
}

interface FileConversion {
  readonly dtype: DTypeChoice
  readonly output: OutputOptions
  readonly to: string | undefined
  readonly folders: ModelFolders
}

async function convertFiles(
  args: Arguments,
  { dtype, output, to, folders }: FileConversion,
  io: Io,
): Promise<ExitCode> {
  const files = await listedFiles(namedFiles(args), (name) => resolveModel(name, 'any', folders), io)
  const transform: Transform = {
    verb: 'convert',
    plan: ({ model }, identity) => planConvert(model, identity, { dtype }),
    outputName: (input, plan) => convertedName(input, plan),
    recipeOptions: () => ({ to: to === 'ckpt' ? to : undefined, dtype: listOrNothing(list(args, 'dtype')) }),
    isNothing: (plan, model) => isAs('safetensors', model) && changesNothing(plan),
    nothingToDo: 'it is safetensors already, and its weights have the types asked for',
  }
  return runTransform(files, to === 'ckpt' ? asCkpt(transform) : transform, output, io)
}

/** @throws USAGE */
function checkPipelineOptions(isFolder: boolean, to: string | undefined, { by = {} }: DTypeChoice): void {
  if (isFolder && to !== undefined && to !== 'single') {
    throw usage(
      `--to ${to}: a folder of diffusers becomes a single file first`,
      'Run convert on that file again.',
    )
  }
  if (Object.keys(by).length > 0)
    throw usage(
      '--dtype of single components does not go with folders of diffusers',
      'Convert the precision of the single file.',
    )
}

/** A torch zip has no header for programs to read. @throws QUANTISED */
function checkNoHeaderConfig({ metadata, tensors }: ModelFile): void {
  if (!Object.hasOwn(metadata, QUANTISATION_KEY) || ![...tensors.values()].some(isEncoded)) return
  throw refuse(
    'QUANTISED',
    `the weights are quantised, and how is said in the header (${QUANTISATION_KEY}), which a .ckpt does not have`,
    'Keep it as safetensors.',
  )
}

/** In this format already, and called so. */
function isAs(format: FormatId, { format: own, file }: ModelFile): boolean {
  return own === format && isNamedAs(format, basename(file.path))
}

/** The same as a torch zip, for programs that still want one. */
function asCkpt(transform: Transform): Transform {
  return {
    ...transform,
    container: torchZip(),
    endings: ['.ckpt', '.pt', '.pth', '.bin'],
    async plan(opened, identity) {
      if (identity.kind === 'embedding') {
        throw refuse(
          'EMBEDDING_LAYOUT',
          'an embedding has a layout of its own as .pt',
          'Use sdtool extract embeddings --format pt.',
        )
      }
      checkNoHeaderConfig(opened.model)
      return withUnseen(await transform.plan(opened, identity), identity)
    },
    outputName: (input, plan) => convertedName(input, plan, '.ckpt'),
    isNothing: (plan, model) => isAs('torch-zip', model) && changesNothing(plan),
    nothingToDo: 'it is a torch zip already, and its weights have the types asked for',
  }
}

/** UIs look at the tensors of a torch file, and beside it, but not at its texts. */
function withUnseen(plan: Plan, { architecture, components }: Identity): Plan {
  const prediction = architecture?.prediction
  const isMarked = components.some(({ id }) => id === 'markers')
  if (prediction?.type !== 'v' || !isStated(prediction) || isMarked) return plan
  const message = `it predicts velocity, by ${prediction.evidence}: programs that load a torch file learn that from a .yaml beside it`
  return { ...plan, findings: [...plan.findings, warning('prediction-unseen', message)] }
}
