import { resolve } from 'node:path'
import { isPipelineFolder, pipelineFiles } from '../../library/pipeline-folder.ts'
import { type ModelFolders, resolveModel } from '../../library/resolve.ts'
import type { DTypeChoice } from '../../model/dtype-choice.ts'
import { PIPELINE_FOLDERS } from '../../model/layouts/pipeline.ts'
import { convertFile } from '../../operations/convert/file.ts'
import { convertToFolder } from '../../operations/convert/folder.ts'
import type {
  FileOptions,
  FolderOptions,
  PartOptions,
  SingleOptions,
} from '../../operations/convert/options.ts'
import { convertPart } from '../../operations/convert/part.ts'
import { convertSingle } from '../../operations/convert/single.ts'
import { outputPlaces } from '../../operations/output/place.ts'
import { namedFile, runOperation } from '../../operations/run.ts'
import { EXIT, type ExitCode, refuse, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { listedFiles } from '../shared/listed-files.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import { DTYPE_LIST, readDtypeChoice } from '../shared/model-options.ts'
import type { WritingOptions } from '../shared/options.ts'
import { filledText, namedFiles, outputOptions, withOutputOptions } from '../shared/options.ts'
import { runForEach, runOnce, worstExitCode } from '../shared/run-for-each.ts'
import { resultPrinter } from '../shared/transform-report.ts'
import { printFolder } from './page.ts'

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
  async run(args, world) {
    const conversion = conversionOf(args)
    return convert(conversion, { output: outputOptions(args), folders: modelFolders(args, world), world })
  },
}

/** What a command line asks for. */
type Conversion =
  | { readonly kind: 'files'; readonly names: readonly string[]; readonly options: FileOptions }
  | {
      readonly kind: 'single'
      readonly folder: string
      readonly options: Pick<SingleOptions, 'to' | 'dtype'>
    }
  | { readonly kind: 'part'; readonly name: string; readonly options: PartOptions }
  | { readonly kind: 'folder'; readonly name: string; readonly options: FolderOptions }

/** @throws USAGE, NOT_A_PIPELINE */
function conversionOf(args: Arguments): Conversion {
  const [dtype, names] = [readDtypeChoice(args), namedFiles(args)]
  const [to, part] = [filledText(args, 'to'), partOf(args)]
  const isFolder = names.some(isPipelineFolder)
  if (part !== undefined && to !== 'diffusers') throw usage('--part goes with --to diffusers')
  if (!isFolder && to !== 'diffusers') {
    if (to === 'single') checkFolders(names)
    return { kind: 'files', names, options: { ...(to === 'ckpt' && { to }), dtype } }
  }
  const name = onlyName(names)
  checkPipelineOptions(isFolder, to, dtype)
  const options = dtype.all === undefined ? {} : { dtype: { all: dtype.all } }
  if (isFolder) return { kind: 'single', folder: name, options: { to: 'single', ...options } }
  const folder = { to: 'diffusers', ...options } as const
  return part === undefined
    ? { kind: 'folder', name, options: folder }
    : { kind: 'part', name, options: { ...folder, part } }
}

function partOf(args: Arguments): PartOptions['part'] | undefined {
  const text = filledText(args, 'part')
  return PIPELINE_FOLDERS.find((folder) => folder === text)
}

/** @throws USAGE */
function onlyName([name, ...more]: readonly string[]): string {
  if (more.length > 0) throw usage('a folder of diffusers is converted by itself', 'Name one model.')
  if (name === undefined) throw usage('no file was named', 'Name a model file, or a folder of diffusers.')
  return name
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

interface Surroundings {
  readonly output: WritingOptions
  readonly folders: ModelFolders
  readonly world: World
}

async function convert(conversion: Conversion, { output, folders, world }: Surroundings): Promise<ExitCode> {
  switch (conversion.kind) {
    case 'files': {
      const { names, options } = conversion
      const files = await listedFiles(names, (name) => resolveModel(name, 'any', folders), world)
      return runForEach(files, { operation: convertFile, options }, output, world)
    }
    case 'single':
      return convertPipeline(conversion, output, world)
    case 'part': {
      const path = await resolveModel(conversion.name, 'checkpoint', folders)
      const { options } = conversion
      return runOnce([path], { operation: convertPart, options }, output, world)
    }
    case 'folder': {
      const path = await resolveModel(conversion.name, 'checkpoint', folders)
      printFolder(await convertToFolder({ path, options: conversion.options, output }, world), output, world)
      return EXIT.ok
    }
  }
}

async function convertPipeline(
  { folder, options }: Extract<Conversion, { kind: 'single' }>,
  output: WritingOptions,
  world: World,
): Promise<ExitCode> {
  const { files, scheduler, findings } = await pipelineFiles(folder, world)
  const [first, ...others] = files.map(({ path }) => path) as [string, ...string[]]
  // the file stands beside the folder, not beside one of the files in it
  const whole = namedFile(resolve(folder))
  const placeOf = await outputPlaces({ files: [whole], walked: false }, output.output)
  const outcome = await runOperation(
    {
      operation: convertSingle,
      options: { ...options, parts: files.map(({ part }) => part), ...scheduler },
      first: namedFile(first),
      others,
      place: (_, name) => placeOf(whole, name),
      output,
    },
    world,
  )
  const printer = resultPrinter('convert', output, world)
  printer.print({ ...outcome, findings: [...findings, ...outcome.findings] })
  printer.end()
  return worstExitCode([outcome])
}
