import { messages as library } from '../../library/messages.ts'
import { resolveModel } from '../../library/resolve.ts'
import { plannerOptions, vaeOfModels } from '../../operations/merge/from-options.ts'
import { merge } from '../../operations/merge/merge.ts'
import { HALVES, type MergeOptions } from '../../operations/merge/options.ts'
import { defined } from '../../system/defined.ts'
import { type ExitCode, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import { MERGE_METHODS } from '../../tensor/merge/registry.ts'
import type { Arguments, Command } from '../command.ts'
import { blockLines } from '../shared/block-help.ts'
import { messages as making } from '../shared/making-messages.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import { DTYPE_LIST, readDtypeChoice } from '../shared/model-options.ts'
import {
  filledText,
  flag,
  hashesInputs,
  list,
  namedFiles,
  outputOptions,
  verification,
  withInputHashes,
  withOutputOptions,
} from '../shared/options.ts'
import { runOnce } from '../shared/run-for-each.ts'
import { messages } from './messages.ts'
import { methodLines } from './page.ts'

export const mergeCommand: Command = {
  positionals: '[files..]',
  get examples() {
    return [
      ['$0 merge a.safetensors b.safetensors --alpha 0.3', messages.example],
      ['$0 merge mine tuned base --method add-difference', messages.exampleDifference],
      ['$0 merge a b --blocks GRAD_V --keys "*attn2*=0.2"', messages.exampleBlocks],
      ['$0 merge a b c --method ties --density 0.3 --vae anime.vae.pt --dry-run', messages.exampleDryRun],
    ] as const
  },
  options: (yargs) =>
    withModelFolders(withInputHashes(withOutputOptions(yargs)))
      .positional('files', { type: 'string', array: true, describe: messages.files })
      .option('method', {
        choices: MERGE_METHODS.map(({ id }) => id),
        describe: messages.method,
        default: MERGE_METHODS[0]!.id,
      })
      .option('alpha', { type: 'string', nargs: 1, describe: messages.alpha })
      .option('beta', { type: 'string', nargs: 1, describe: messages.beta })
      .option('density', { type: 'string', nargs: 1, describe: messages.density })
      .option('seed', { type: 'string', nargs: 1, describe: messages.seed, defaultDescription: '0' })
      .option('blocks', { type: 'string', nargs: 1, describe: messages.blocks })
      .option('blocks-beta', { type: 'string', nargs: 1, describe: messages.blocksBeta })
      .option('keys', { type: 'string', nargs: 1, describe: messages.keys })
      .option('vae', { type: 'string', describe: messages.vae, defaultDescription: 'a' })
      .option('only', { choices: HALVES, describe: messages.only })
      .option('dtype', {
        type: 'string',
        describe: making.dtype(DTYPE_LIST),
        defaultDescription: messages.dtypeDefault,
      })
      .option('allow-missing', { type: 'boolean', describe: messages.allowMissing })
      .option('allow-mixed', { type: 'boolean', describe: messages.allowMixed })
      .option('verify', {
        type: 'boolean',
        describe: making.verifyComputed,
        defaultDescription: messages.verifyDefault,
      })
      .epilogue([...methodLines(), '', ...blockLines()].join('\n')),
  run: runMerge,
}

/** Two or more models, one output. */
async function runMerge(args: Arguments, world: World): Promise<ExitCode> {
  const names = namedFiles(args)
  if (names.includes('')) throw usage(library.emptyFileName)
  if (names.length < 2) throw usage(messages.twoModels, messages.twoModelsHint)
  const output = { ...outputOptions(args), verify: verification(args), hash: hashesInputs(args) }
  const vae = filledText(args, 'vae')
  const options = mergeOptions(
    args,
    vae === undefined ? undefined : (vaeOfModels(vae, names.length) ?? 'file'),
  )
  const folders = modelFolders(args, world)
  const paths: string[] = []
  for (const name of names) paths.push(await resolveModel(name, 'checkpoint', folders))
  if (options.vae === 'file') paths.push(await resolveModel(vae!, 'vae', folders))
  return runOnce(paths, { operation: merge, options }, output, world)
}

/** @throws USAGE (exit 2) for what makes no sense whatever the models are */
function mergeOptions(args: Arguments, vae: MergeOptions['vae']): MergeOptions {
  const alpha = list(args, 'alpha').map((text) => number(text, 'alpha'))
  const only = filledText(args, 'only') as MergeOptions['only']
  const options: MergeOptions = {
    method: filledText(args, 'method')!,
    ...(alpha.length === 0 ? {} : { alpha }),
    ...single(args, 'beta'),
    ...single(args, 'density'),
    ...single(args, 'seed'),
    blocks: list(args, 'blocks'),
    betaBlocks: list(args, 'blocks-beta'),
    keys: list(args, 'keys'),
    ...defined({ vae, only }),
    dtype: readDtypeChoice(args),
    allowMissing: flag(args, 'allowMissing'),
    allowMixed: flag(args, 'allowMixed'),
  }
  plannerOptions(options)
  return options
}

function single(args: Arguments, name: 'beta' | 'density' | 'seed'): Pick<MergeOptions, typeof name> {
  const text = filledText(args, name)
  return text === undefined ? {} : { [name]: number(text, name) }
}

function number(text: string, option: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!Number.isFinite(value)) throw usage(messages.notNumber(option, text))
  return value
}
