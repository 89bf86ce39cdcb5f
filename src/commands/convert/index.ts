import { resolve } from 'node:path'
import { isPipelineFolder, pipelineFiles } from '../../library/pipeline-folder.ts'
import { type ModelFolders, resolveModel } from '../../library/resolve.ts'
import { PIPELINE_FOLDERS } from '../../model/layouts/pipeline.ts'
import { convertFile } from '../../operations/convert/file.ts'
import { convertToFolder } from '../../operations/convert/folder.ts'
import { convertNames } from '../../operations/convert/names.ts'
import type { PartOptions } from '../../operations/convert/options.ts'
import { convertPart } from '../../operations/convert/part.ts'
import { convertSingle } from '../../operations/convert/single.ts'
import { outputPlaces } from '../../operations/output/place.ts'
import { namedFile, runOperation } from '../../operations/run.ts'
import { defined } from '../../system/defined.ts'
import { EXIT, type ExitCode } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { listedFiles } from '../shared/listed-files.ts'
import { messages as making } from '../shared/making-messages.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import { DTYPE_LIST, readDtypeChoice } from '../shared/model-options.ts'
import type { WritingOptions } from '../shared/options.ts'
import { filledText, namedFiles, outputOptions, withOutputOptions } from '../shared/options.ts'
import { runForEach, runOnce, worstExitCode } from '../shared/run-for-each.ts'
import { resultPrinter } from '../shared/transform-report.ts'
import { type Conversion, chosenConversion, type Requested } from './choice.ts'
import { messages } from './messages.ts'
import { printFolder } from './page.ts'

export const convertCommand: Command = {
  positionals: '[files..]',
  get examples() {
    return [
      ['$0 convert model.ckpt', messages.example],
      ['$0 convert model.safetensors --dtype fp16 --dtype vae=fp32', messages.exampleTypes],
      ['$0 convert model.safetensors --to diffusers', messages.exampleDiffusers],
      ['$0 convert flux/transformer --to native', messages.exampleNative],
      ['$0 convert downloads/ -o models/ --verify', messages.exampleFolder],
    ] as const
  },
  options: (yargs) =>
    withModelFolders(withOutputOptions(yargs))
      .positional('files', { type: 'string', array: true, describe: making.modelFiles })
      .option('to', {
        choices: ['safetensors', 'ckpt', 'diffusers', 'single', 'native', 'comfyui'],
        describe: messages.to,
        defaultDescription: 'safetensors',
      })
      .option('part', { choices: PIPELINE_FOLDERS, describe: messages.part })
      .option('dtype', { type: 'string', describe: making.dtype(DTYPE_LIST) }),
  async run(args, world) {
    const conversion = chosenConversion(requested(args), isPipelineFolder)
    return convert(conversion, { output: outputOptions(args), folders: modelFolders(args, world), world })
  },
}

function requested(args: Arguments): Requested {
  const [to, part] = [filledText(args, 'to'), filledText(args, 'part') as PartOptions['part'] | undefined]
  return { names: namedFiles(args), dtype: readDtypeChoice(args), ...defined({ to, part }) }
}

interface Surroundings {
  readonly output: WritingOptions
  readonly folders: ModelFolders
  readonly world: World
}

async function convert(conversion: Conversion, surroundings: Surroundings): Promise<ExitCode> {
  const { output, folders, world } = surroundings
  switch (conversion.kind) {
    case 'files':
    case 'names': {
      const files = await listedFiles(conversion.names, (name) => resolveModel(name, 'any', folders), world)
      return conversion.kind === 'names'
        ? runForEach(files, { operation: convertNames, options: conversion.options }, output, world)
        : runForEach(files, { operation: convertFile, options: conversion.options }, output, world)
    }
    case 'single':
      return convertPipeline(conversion, output, world)
    case 'part': {
      const path = await resolveModel(conversion.name, 'checkpoint', folders)
      return runOnce([path], { operation: convertPart, options: conversion.options }, output, world)
    }
    case 'folder': {
      const path = await resolveModel(conversion.name, 'checkpoint', folders)
      printFolder(
        'convert',
        await convertToFolder({ path, options: conversion.options, output }, world),
        output,
        world,
      )
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
  // the file stands next to the folder, not next to one of the files in it
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
