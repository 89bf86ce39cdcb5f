import { resolveModel } from '../../library/resolve.ts'
import { EMA_MODES, type EmaMode, type PruneOptions } from '../../operations/prune/plan-options.ts'
import { checkContradictions, prune } from '../../operations/prune/prune.ts'
import { defined } from '../../system/defined.ts'
import type { Arguments, Command } from '../command.ts'
import { listedFiles } from '../shared/listed-files.ts'
import { messages as making } from '../shared/making-messages.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import { DTYPE_LIST, readDtypeChoice, SELECTOR_LIST, selectors } from '../shared/model-options.ts'
import { filledText, flag, namedFiles, outputOptions, withOutputOptions } from '../shared/options.ts'
import { runForEach } from '../shared/run-for-each.ts'
import { messages } from './messages.ts'

export const pruneCommand: Command = {
  positionals: '[files..]',
  get examples() {
    return [
      ['$0 prune model.ckpt', messages.example],
      ['$0 prune model.ckpt --dtype fp16', messages.exampleHalf],
      ['$0 prune model.ckpt --ema drop --dry-run', messages.exampleDryRun],
      ['$0 prune model.safetensors --drop vae', messages.exampleDrop],
    ] as const
  },
  options: (yargs) =>
    withModelFolders(withOutputOptions(yargs))
      .positional('files', { type: 'string', array: true, describe: making.modelFiles })
      .option('ema', {
        choices: EMA_MODES,
        describe: messages.ema,
      })
      .option('dtype', {
        type: 'string',
        describe: making.dtype(DTYPE_LIST),
      })
      .option('keep', {
        type: 'string',
        describe: messages.keep(SELECTOR_LIST.slice(0, 6)),
      })
      .option('drop', { type: 'string', describe: messages.drop })
      .option('keep-schedule', { type: 'boolean', describe: messages.keepSchedule }),
  async run(args, world) {
    const options = pruneOptions(args)
    const folders = modelFolders(args, world)
    const files = await listedFiles(
      namedFiles(args),
      (name) => resolveModel(name, 'checkpoint', folders),
      world,
    )
    return runForEach(files, { operation: prune, options }, outputOptions(args), world)
  },
}

function pruneOptions(args: Arguments): PruneOptions {
  const ema = filledText(args, 'ema') as EmaMode | undefined
  const options = {
    ...defined({ ema }),
    dtype: readDtypeChoice(args),
    keep: selectors(args, 'keep'),
    drop: selectors(args, 'drop'),
    keepSchedule: flag(args, 'keepSchedule'),
  }
  checkContradictions(options)
  return options
}
