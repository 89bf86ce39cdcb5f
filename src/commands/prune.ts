import { usage } from '../errors.ts'
import { type Selector, sameSelector } from '../model/components.ts'
import { prunedName } from '../model/output-name.ts'
import { changesNothing } from '../model/plan.ts'
import { type EmaMode, type PruneOptions, planPrune } from '../model/prune.ts'
import { readValues } from '../tensor/expr.ts'
import type { Arguments, Command } from './command.ts'
import { listFiles } from './files.ts'
import { modelFolders, resolveModel, withModelFolders } from './model-folders.ts'
import { DTYPE_LIST, dtypeChoice, SELECTOR_LIST, selectors } from './model-options.ts'
import {
  filledText,
  flag,
  list,
  listOrNothing,
  namedFiles,
  outputOptions,
  withOutputOptions,
} from './options.ts'
import { recipeArguments } from './recipe-options.ts'
import { runTransform } from './transform.ts'

const EMA_MODES = ['only', 'drop', 'keep'] as const satisfies readonly EmaMode[]

export const pruneCommand: Command = {
  positionals: '[files..]',
  examples: [
    ['$0 prune model.ckpt', 'EMA weights only if it has them, no training leftovers'],
    ['$0 prune model.ckpt --dtype fp16', 'The same in half precision: model-emaonly-fp16.safetensors'],
    ['$0 prune model.ckpt --ema drop --dry-run', 'What would go if the live weights were kept, and why'],
    ['$0 prune model.safetensors --drop vae', 'Without its VAE'],
  ],
  options: (yargs) =>
    withModelFolders(withOutputOptions(yargs))
      .positional('files', { type: 'string', array: true, describe: 'Model files or folders' })
      .option('ema', {
        choices: EMA_MODES,
        describe:
          'only: EMA values replace the live ones (default if there are any); drop: live only; keep: both',
      })
      .option('dtype', {
        type: 'string',
        describe: `Type of the weights: ${DTYPE_LIST.join(', ')}; for one component: vae=fp32. Repeatable`,
      })
      .option('keep', {
        type: 'string',
        describe: `Keep only these components: ${SELECTOR_LIST.slice(0, 6).join(', ')} ... Repeatable`,
      })
      .option('drop', { type: 'string', describe: 'Leave out these components. Repeatable' })
      .option('keep-schedule', { type: 'boolean', describe: 'Keep the usual noise schedule buffers, too' }),
  replay: (options, files) => ({
    files,
    ...recipeArguments(options, {
      ema: 'text',
      dtype: 'texts',
      keep: 'texts',
      drop: 'texts',
      keepSchedule: 'flag',
    }),
  }),
  replan(inputs, args) {
    const { opened, identity } = inputs[0]!
    return planPrune(opened.model, identity, pruneOptions(args), (tensor) => readValues(tensor, opened.read))
  },
  async run(args, io) {
    const options = pruneOptions(args)
    const folders = modelFolders(args, io)
    const files = await listFiles(namedFiles(args), (name) => resolveModel(name, 'checkpoint', folders), io)
    const transform = {
      verb: 'prune',
      plan: ({ model, read }, identity) =>
        planPrune(model, identity, options, (tensor) => readValues(tensor, read)),
      outputName: prunedName,
      recipeOptions: (plan) => ({
        // what was done where nothing was asked: the default depends on the file
        ema: options.ema ?? (plan.steps.some(({ action }) => action === 'promote') ? 'only' : undefined),
        dtype: listOrNothing(list(args, 'dtype')),
        keep: listOrNothing(list(args, 'keep')),
        drop: listOrNothing(list(args, 'drop')),
        keepSchedule: options.keepSchedule || undefined,
      }),
      isNothing: (plan) => changesNothing(plan),
      nothingToDo: 'there is nothing to prune, and its weights have the types asked for',
    } satisfies Parameters<typeof runTransform>[1]
    return runTransform(files, transform, outputOptions(args), io)
  },
}

function pruneOptions(args: Arguments): PruneOptions {
  const ema = filledText(args, 'ema') as EmaMode | undefined
  const options = {
    ...(ema === undefined ? {} : { ema }),
    dtype: dtypeChoice(args),
    keep: selectors(args, 'keep'),
    drop: selectors(args, 'drop'),
    keepSchedule: flag(args, 'keepSchedule'),
  }
  checkContradictions(options)
  return options
}

/** @throws USAGE for a component that shall stay and go */
function checkContradictions({ dtype, keep, drop, keepSchedule }: Required<Omit<PruneOptions, 'ema'>>): void {
  const kept: readonly Selector[] = keepSchedule ? [...keep, 'schedule'] : keep
  const both = drop.find((name) => kept.some((other) => sameSelector(other, name)))
  if (both !== undefined) throw usage(`${both} is to be kept and to be dropped`, 'Name it once.')
  const cast = Object.keys(dtype.by ?? {}) as Selector[]
  const recast = drop.find((name) => cast.some((other) => sameSelector(other, name)))
  if (recast !== undefined) throw usage(`${recast} has a type in --dtype, but --drop leaves it out`)
}
