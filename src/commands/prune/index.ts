import { resolveModel } from '../../library/resolve.ts'
import { EMA_MODES, type EmaMode, type PruneOptions } from '../../operations/prune/plan-options.ts'
import { checkContradictions, prune } from '../../operations/prune/prune.ts'
import { defined } from '../../system/defined.ts'
import type { Arguments, Command } from '../command.ts'
import { listedFiles } from '../shared/listed-files.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import { DTYPE_LIST, readDtypeChoice, SELECTOR_LIST, selectors } from '../shared/model-options.ts'
import { filledText, flag, namedFiles, outputOptions, withOutputOptions } from '../shared/options.ts'
import { runForEach } from '../shared/run-for-each.ts'

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
