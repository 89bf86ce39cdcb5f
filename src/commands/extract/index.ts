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

/** What can be a file of its own. */
const COMPONENT_LIST = 'vae, unet, dit, text, clip_l, clip_g, clip_h, t5xxl, vision, controlnet'

export const extractCommand: Command = {
  positionals: '[component] [files..]',
  examples: [
    ['$0 extract vae model.safetensors', 'Write model-vae.safetensors, as A1111 and ComfyUI load it'],
    ['$0 extract text sdxl.safetensors -o clip/', 'Each text encoder as a file of its own: clip_l, clip_g'],
    ['$0 extract lora tuned base', 'See sdtool extract lora --help; there is extract embeddings, too'],
  ],
  options: (yargs) =>
    withModelFolders(withOutputOptions(yargs))
      .positional('component', {
        type: 'string',
        describe: 'vae, unet, text, or one encoder: clip_l, clip_g, t5xxl',
      })
      .positional('files', { type: 'string', array: true, describe: 'The checkpoint' })
      .option('dtype', {
        choices: Object.keys(FACTOR_DTYPES),
        describe: 'Type of the weights',
        defaultDescription: 'as they are',
      }),
  run: runExtract,
}

const HINT = 'For example: sdtool extract vae model.safetensors; also extract lora, extract embeddings.'

async function runExtract(args: Arguments, world: World): Promise<ExitCode> {
  const component = selectorOf(args)
  const [name, ...more] = namedFiles(args)
  if (name === undefined || name === '' || more.length > 0) throw usage('name one model file', HINT)
  const output = outputOptions(args)
  const dtype = filledText(args, 'dtype') as FactorDTypeName | undefined
  const path = await resolveModel(name, 'checkpoint', modelFolders(args, world))
  const options = { component, ...(dtype && { dtype }) }
  const plans = ([model]: readonly InputModel[]) => planEach(model!, options)
  const outcomes = await runEach({ operation: extract, paths: [path], plans }, output, world)
  printDescribed('extract', outcomes, output, world)
  return EXIT.ok
}

/** @throws USAGE */
function selectorOf({ component }: Arguments): Selector {
  if (typeof component !== 'string' || component === '') throw usage('extract what?', HINT)
  if (isSelector(component)) return component
  throw usage(`${component} is no component`, `Components are ${COMPONENT_LIST}. ${HINT}`)
}
