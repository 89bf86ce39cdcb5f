import { resolveModel } from '../../library/resolve.ts'
import { FACTOR_DTYPES, type FactorDTypeName } from '../../model/lora/factors.ts'
import { isSelector, type Selector } from '../../model/networks/components.ts'
import { extract, planEach } from '../../operations/extract/extract.ts'
import type { InputModel } from '../../operations/operation.ts'
import { runEach } from '../../operations/run-each.ts'
import { EXIT, type ExitCode, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import { filledText, namedFiles, outputOptions, withOutputOptions } from '../shared/options.ts'
import { printDescribed } from '../shared/transform-report.ts'
import { messages } from './messages.ts'

/** What can be a file of its own. */
const COMPONENTS = [
  'vae',
  'unet',
  'dit',
  'text',
  'clip_l',
  'clip_g',
  'clip_h',
  't5xxl',
  'vision',
  'controlnet',
] as const

export const extractCommand: Command = {
  positionals: '[component] [files..]',
  get examples() {
    return [
      ['$0 extract vae model.safetensors', messages.example],
      ['$0 extract text sdxl.safetensors -o clip/', messages.exampleText],
      ['$0 extract lora tuned base', messages.exampleLora],
    ] as const
  },
  options: (yargs) =>
    withModelFolders(withOutputOptions(yargs))
      .positional('component', {
        type: 'string',
        describe: messages.component,
      })
      .positional('files', { type: 'string', array: true, describe: messages.checkpoint })
      .option('dtype', {
        choices: Object.keys(FACTOR_DTYPES),
        describe: messages.dtype,
        defaultDescription: messages.dtypeDefault,
      }),
  run: runExtract,
}

async function runExtract(args: Arguments, world: World): Promise<ExitCode> {
  const component = selectorOf(args)
  const [name, ...more] = namedFiles(args)
  if (name === undefined || name === '' || more.length > 0)
    throw usage(messages.oneModel, messages.forExample)
  const output = outputOptions(args)
  const dtype = filledText(args, 'dtype') as FactorDTypeName | undefined
  const path = await resolveModel(name, 'checkpoint', modelFolders(args, world))
  const options = { component, ...(dtype && { dtype }) }
  const plans = ([model]: readonly InputModel[]) => planEach(model!, options)
  const outcomes = await runEach({ operation: extract, paths: [path], plans }, output, world)
  printDescribed('extract', outcomes, output, world)
  return EXIT.ok
}

/** @throws USAGE (exit 2) */
function selectorOf({ component }: Arguments): Selector {
  if (typeof component !== 'string' || component === '')
    throw usage(messages.noComponent, messages.components(COMPONENTS))
  if (isSelector(component)) return component
  throw usage(messages.notComponent(component), messages.components(COMPONENTS))
}
