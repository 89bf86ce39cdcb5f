import { basename } from 'node:path'
import { EXIT, type ExitCode, namingFile, usage } from '../errors.ts'
import { resolveModel } from '../library/resolve.ts'
import { identifyFile, type OpenedModel, withModel } from '../library/session.ts'
import { isSelector, type Selector } from '../model/components.ts'
import { castWeight, checkCast } from '../model/dtype-choice.ts'
import { type ExtractedComponent, extractComponents } from '../model/extract/component.ts'
import { counted, info } from '../model/finding.ts'
import type { Identity } from '../model/identity.ts'
import { FACTOR_DTYPES, type FactorDTypeName } from '../model/lora/factors.ts'
import { stemOf } from '../model/output-name.ts'
import { statedOfPart } from '../model/stated.ts'
import { formatCount } from '../report/text.ts'
import type { Io } from '../system/world.ts'
import { elementCount } from '../tensor/dtype.ts'
import { checkOperation, isEncoded } from '../tensor/quantised/check.ts'
import { headerConfigOf } from '../tensor/quantised/config.ts'
import type { Tensor } from '../tensor/table.ts'
import type { Arguments, Command } from './command.ts'
import { type ExtractedFile, writeExtracted } from './extracted-files.ts'
import { modelFolders, withModelFolders } from './model-folders.ts'
import { filledText, namedFiles, outputOptions, withOutputOptions } from './options.ts'
import { recipeArguments } from './recipe-options.ts'

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
  replay: (options, files) => ({ files, ...recipeArguments(options, { component: 'text', dtype: 'text' }) }),
  replan([input], args) {
    const [one] = extractedFrom(input!.path, input!.opened, input!.identity, args)
    return { table: one!.table, steps: [], findings: one!.findings }
  },
}

const HINT = 'For example: sdtool extract vae model.safetensors; also extract lora, extract embeddings.'

async function runExtract(args: Arguments, io: Io): Promise<ExitCode> {
  const component = selectorOf(args)
  const [name, ...more] = namedFiles(args)
  if (name === undefined || name === '' || more.length > 0) throw usage('name one model file', HINT)
  const output = outputOptions(args)
  const path = await resolveModel(name, 'checkpoint', modelFolders(args, io))
  await withModel(path, io, async (opened) => {
    const identity = await identifyFile(path, opened)
    const files = namingFile(path, () => extractedFrom(path, opened, identity, args))
    const recipeOptions = { component, dtype: filledText(args, 'dtype') }
    const extracting = { verb: 'extract', models: [opened.model], title: identity.title, recipeOptions }
    await writeExtracted(path, files, extracting, output, io)
  })
  return EXIT.ok
}

/** @throws USAGE */
function selectorOf({ component }: Arguments): Selector {
  if (typeof component !== 'string' || component === '') throw usage('extract what?', HINT)
  if (isSelector(component)) return component
  throw usage(`${component} is no component`, `Components are ${COMPONENT_LIST}. ${HINT}`)
}

function extractedFrom(
  path: string,
  { model }: OpenedModel,
  identity: Identity,
  args: Arguments,
): ExtractedFile[] {
  const name = filledText(args, 'dtype') as FactorDTypeName | undefined
  const dtype = name && FACTOR_DTYPES[name]
  const typed = (tensor: Tensor) => castWeight(tensor, dtype)
  const components = extractComponents(model, identity, selectorOf(args))
  for (const { component, table } of components) {
    checkOperation('copy', table.tensors.values(), `the ${component.title}`)
    checkCast(model, component, dtype)
  }
  return components.map((one) => fileOf(one, path, typed, statedOfPart(one.component.role, identity)))
}

function fileOf(
  { component, table, suffix, left }: ExtractedComponent,
  path: string,
  typed: (tensor: Tensor) => Tensor,
  metadata: Readonly<Record<string, string>>,
): ExtractedFile {
  const tensors = new Map([...table.tensors].map(([name, tensor]) => [name, typed({ ...tensor, name })]))
  const parameters = [...tensors.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0)
  const hasCodes = [...tensors.values()].some(isEncoded)
  return {
    fileName: `${stemOf(basename(path))}-${suffix}.safetensors`,
    // most of what the metadata says is true of the whole model: the recipe tells where the part comes from
    table: {
      tensors,
      metadata: { ...(hasCodes ? headerConfigOf(table.metadata, component.prefix) : {}), ...metadata },
    },
    what: `${component.title}: ${tensors.size} tensors, ${formatCount(parameters)} parameters`,
    facts: { component: component.id },
    recipeOptions: { component: component.id },
    findings:
      left.length > 0
        ? [info('no-place', `${counted(left, 'tensor')} left out: such files have no place for them`)]
        : [],
  }
}
