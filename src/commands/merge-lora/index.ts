import { existsSync } from 'node:fs'
import { resolveLora } from '../../library/lora-aliases.ts'
import { messages as library } from '../../library/messages.ts'
import { resolveModel } from '../../library/resolve.ts'
import {
  ignoredInTags,
  type LoraArgument,
  loraArguments,
  lorasOption,
} from '../../operations/merge-lora/lora-text.ts'
import { mergeLora } from '../../operations/merge-lora/merge-lora.ts'
import type { MergeLoraOptions } from '../../operations/merge-lora/options.ts'
import { EMA_USES } from '../../operations/merge-lora/plan-options.ts'
import { SIDES } from '../../operations/merge-lora/sides.ts'
import { type ExitCode, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
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
  outputOptions,
  values,
  verification,
  withInputHashes,
  withOutputOptions,
} from '../shared/options.ts'
import { runOnce } from '../shared/run-for-each.ts'
import { messages } from './messages.ts'

export const mergeLoraCommand: Command = {
  positionals: '[base] [loras..]',
  get examples() {
    return [
      ['$0 merge-lora model.safetensors style.safetensors --ratio 0.7', messages.example],
      ['$0 merge-lora model a:0.8 b:0.5:0 "<lora:c:0.6>" -o mix.safetensors', messages.exampleThree],
      [
        '$0 merge-lora model.ckpt style.safetensors --blocks "OUT*=0" --only unet --dry-run',
        messages.exampleDryRun,
      ],
    ] as const
  },
  options: (yargs) =>
    withModelFolders(withInputHashes(withOutputOptions(yargs)))
      .positional('base', { type: 'string', describe: messages.base })
      .positional('loras', { type: 'string', array: true, describe: messages.loras })
      .option('ratio', {
        type: 'string',
        nargs: 1,
        describe: messages.ratio,
        defaultDescription: '1',
      })
      .option('dtype', {
        type: 'string',
        describe: making.dtype(DTYPE_LIST),
        defaultDescription: messages.dtypeDefault,
      })
      .option('blocks', { type: 'string', nargs: 1, describe: messages.blocks })
      .option('only', { choices: SIDES, describe: messages.only })
      .option('include', { type: 'string', describe: messages.include })
      .option('exclude', { type: 'string', describe: messages.exclude })
      .option('allow-unmatched', { type: 'boolean', describe: messages.allowUnmatched })
      .option('ema', { choices: EMA_USES, describe: messages.ema })
      .option('verify', {
        type: 'boolean',
        describe: making.verifyComputed,
        defaultDescription: messages.verifyDefault,
      })
      .epilogue(blockLines().join('\n')),
  run: runMergeLora,
}

/** One base, one or more adapters, one output. */
async function runMergeLora(args: Arguments, world: World): Promise<ExitCode> {
  const named = [args.base, ...((args.loras as unknown[]) ?? []), ...((args._ as unknown[]) ?? [])]
  const [base, ...others] = named.filter((name) => name !== undefined).map(String)
  if (base === undefined) throw usage(messages.noBase, messages.noBaseHint)
  if (base === '') throw usage(library.emptyFileName)
  const loras = loraArguments(others, list(args, 'ratio'), existsSync, values(args, 'blocks'))
  const options = optionsOf(args, loras)
  const output = { ...outputOptions(args), verify: verification(args), hash: hashesInputs(args) }
  const folders = modelFolders(args, world)
  for (const line of ignoredInTags(loras)) folders.note(line)
  const paths = [await resolveModel(base, 'checkpoint', folders)]
  for (const { name } of loras) paths.push(await resolveLora(name, folders, world))
  return runOnce(paths, { operation: mergeLora, options }, output, world)
}

function optionsOf(args: Arguments, loras: readonly LoraArgument[]): MergeLoraOptions {
  const only = filledText(args, 'only') as MergeLoraOptions['only']
  const ema = filledText(args, 'ema') as MergeLoraOptions['ema']
  return {
    loras: lorasOption(loras),
    dtype: readDtypeChoice(args),
    ...(only && { only }),
    include: list(args, 'include'),
    exclude: list(args, 'exclude'),
    allowUnmatched: flag(args, 'allowUnmatched'),
    ...(ema && { ema }),
  }
}
