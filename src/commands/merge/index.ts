import { resolveModel } from '../../library/resolve.ts'
import { plannerOptions, vaeOfModels } from '../../operations/merge/from-options.ts'
import { merge } from '../../operations/merge/merge.ts'
import { HALVES, type MergeOptions } from '../../operations/merge/options.ts'
import { defined } from '../../system/defined.ts'
import { type ExitCode, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import { MERGE_METHODS } from '../../tensor/merge/registry.ts'
import type { Arguments, Command } from '../command.ts'
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
import { methodLines } from './page.ts'

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
      .option('only', { choices: HALVES, describe: 'Merge the UNet, or the text encoders, alone' })
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
}

/** Two or more models, one output. */
async function runMerge(args: Arguments, world: World): Promise<ExitCode> {
  const names = namedFiles(args)
  if (names.includes('')) throw usage('a file name is empty')
  if (names.length < 2)
    throw usage('name two models or more', 'sdtool merge a.safetensors b.safetensors --alpha 0.3')
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

/** @throws USAGE for what makes no sense whatever the models are */
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
  if (!Number.isFinite(value)) throw usage(`--${option} ${text}: this is no number`)
  return value
}
