import { prunedName } from '../model/output-name.ts'
import { changesNothing } from '../model/plan.ts'
import { type EmaMode, type PruneOptions, planPrune } from '../model/prune.ts'
import { readValues } from '../tensor/expr.ts'
import type { Arguments, Command } from './command.ts'
import { listFiles } from './files.ts'
import { DTYPE_LIST, dtypeChoice, SELECTOR_LIST, selectors } from './model-options.ts'
import { flag, list, outputOptions, text, withOutputOptions } from './options.ts'
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
    withOutputOptions(yargs)
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
  async run(args, io) {
    const options = pruneOptions(args)
    const files = await listFiles((args.files as string[] | undefined) ?? [])
    const transform = {
      verb: 'prune',
      plan: ({ model, read }, identity) =>
        planPrune(model, identity, options, (tensor) => readValues(tensor, read)),
      outputName: prunedName,
      recipeOptions: {
        ema: options.ema,
        dtype: list(args, 'dtype'),
        keep: list(args, 'keep'),
        drop: list(args, 'drop'),
        keepSchedule: options.keepSchedule,
      },
      isNothing: (plan) => changesNothing(plan),
      nothingToDo: 'there is nothing to prune',
      nothingToDoHint: 'To change its type use --dtype; to change its container, sdtool convert.',
    } satisfies Parameters<typeof runTransform>[1]
    return runTransform(files, transform, outputOptions(args), io)
  },
}

function pruneOptions(args: Arguments): PruneOptions {
  const ema = text(args, 'ema') as EmaMode | undefined
  return {
    ...(ema === undefined ? {} : { ema }),
    dtype: dtypeChoice(args),
    keep: selectors(args, 'keep'),
    drop: selectors(args, 'drop'),
    keepSchedule: flag(args, 'keepSchedule'),
  }
}
