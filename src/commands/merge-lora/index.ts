import { existsSync } from 'node:fs'
import { resolveLora } from '../../library/lora-aliases.ts'
import { resolveModel } from '../../library/resolve.ts'
import { type LoraArgument, loraArguments, lorasOption } from '../../operations/merge-lora/lora-text.ts'
import { mergeLora } from '../../operations/merge-lora/merge-lora.ts'
import type { MergeLoraOptions } from '../../operations/merge-lora/options.ts'
import { EMA_USES, SIDES } from '../../operations/merge-lora/plan-options.ts'
import { type ExitCode, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
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

export const mergeLoraCommand: Command = {
  positionals: '[base] [loras..]',
  examples: [
    ['$0 merge-lora model.safetensors style.safetensors --ratio 0.7', 'Write model-style-0.7.safetensors'],
    [
      '$0 merge-lora model a:0.8 b:0.5:0 "<lora:c:0.6>" -o mix.safetensors',
      'Three at once; b not in the text encoders. Bare names are looked up in your model folders',
    ],
    [
      '$0 merge-lora model.ckpt style.safetensors --blocks "OUT*=0" --only unet --dry-run',
      'What would change, and how well the LoRA fits; nothing is written',
    ],
  ],
  options: (yargs) =>
    withModelFolders(withInputHashes(withOutputOptions(yargs)))
      .positional('base', { type: 'string', describe: 'Checkpoint, UNet or text encoder' })
      .positional('loras', {
        type: 'string',
        array: true,
        describe:
          'LoRAs of any kind: name, name:0.7, name:0.7:0.5 (UNet:text encoder), "<lora:name:0.7:lbw=MIDD>"',
      })
      .option('ratio', {
        type: 'string',
        nargs: 1,
        describe: 'Strength, for all or one each: 0.7,0.3. May be negative or above 1. Repeatable',
        defaultDescription: '1',
      })
      .option('dtype', {
        type: 'string',
        describe: `Type of the weights: ${DTYPE_LIST.join(', ')}; for one component: vae=fp32. Repeatable`,
        defaultDescription: 'that of each weight of the base',
      })
      .option('blocks', {
        type: 'string',
        nargs: 1,
        describe:
          'Ratios of blocks: IN04=0.5,OUT*=0 (the last that fits counts), a list of 12, 17, 20 or 26, or MIDD, OUTD ..; given again: one for each LoRA',
      })
      .option('only', { choices: SIDES, describe: 'Merge into the UNet, or the text encoders, alone' })
      .option('include', {
        type: 'string',
        describe: 'Only modules or keys that fit this pattern. Repeatable',
      })
      .option('exclude', { type: 'string', describe: 'No modules or keys that fit this pattern. Repeatable' })
      .option('allow-unmatched', { type: 'boolean', describe: 'Leave out what does not fit, merge the rest' })
      .option('ema', {
        choices: EMA_USES,
        describe: 'A copy of changed weights: leave it out (default), or merge into it, too',
      })
      .option('verify', {
        type: 'boolean',
        describe: 'Read back and compare every tensor, the unchanged ones, too; --no-verify: none',
        defaultDescription: 'what was changed',
      }),
  run: runMergeLora,
}

/** One base, one or more adapters, one output. */
async function runMergeLora(args: Arguments, world: World): Promise<ExitCode> {
  const named = [args.base, ...((args.loras as unknown[]) ?? []), ...((args._ as unknown[]) ?? [])]
  const [base, ...others] = named.filter((name) => name !== undefined).map(String)
  if (base === undefined)
    throw usage('no base was named', 'Name the base, then the LoRAs: sdtool merge-lora base lora.')
  if (base === '') throw usage('a file name is empty')
  const loras = loraArguments(others, list(args, 'ratio'), existsSync, values(args, 'blocks'))
  const options = optionsOf(args, loras)
  const output = { ...outputOptions(args), verify: verification(args), hash: hashesInputs(args) }
  const folders = modelFolders(args, world)
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
