import { existsSync } from 'node:fs'
import { resolveLora } from '../../library/lora-aliases.ts'
import { FACTOR_DTYPES, type FactorDTypeName } from '../../model/lora/factors.ts'
import { loraMerge } from '../../operations/lora-merge/lora-merge.ts'
import { type LoraArgument, loraArguments } from '../../operations/merge-lora/lora-text.ts'
import { type ExitCode, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import { filledText, list, namedFiles, outputOptions, withOutputOptions } from '../shared/options.ts'
import { runOnce } from '../shared/run-for-each.ts'

export const loraMergeCommand: Command = {
  positionals: '[files..]',
  examples: [
    [
      '$0 lora merge style.safetensors:0.7 detail.safetensors:0.5',
      'Write style-0.7-detail-0.5.safetensors, the exact sum of both',
    ],
    [
      '$0 lora merge a b --ratio 0.8 --dtype fp32 -o mix.safetensors',
      'In full precision, under a name of its own',
    ],
  ],
  options: (yargs) =>
    withModelFolders(withOutputOptions(yargs))
      .positional('files', {
        type: 'string',
        array: true,
        describe: 'LoRAs: name, name:0.7, name:0.7:0.5 (UNet:text encoder)',
      })
      .option('ratio', {
        type: 'string',
        nargs: 1,
        describe: 'Strength, for all or one each: 0.7,0.3. Repeatable',
        defaultDescription: '1',
      })
      .option('dtype', {
        choices: Object.keys(FACTOR_DTYPES),
        describe: 'Type of the factors',
        defaultDescription: 'the widest of the LoRAs',
      }),
  run: runLoraMerge,
}

async function runLoraMerge(args: Arguments, world: World): Promise<ExitCode> {
  const named = namedFiles(args)
  if (named.length === 0) throw usage('no LoRA was named', 'Name two or more: sdtool lora merge a:0.7 b:0.5.')
  const loras = loraArguments(named, list(args, 'ratio'), existsSync)
  if (loras.length < 2)
    throw usage('one LoRA cannot be merged with nothing', 'Name two or more: sdtool lora merge a:0.7 b:0.5.')
  checkNoBlocks(loras)
  const folders = modelFolders(args, world)
  const paths: string[] = []
  for (const { name } of loras) paths.push(await resolveLora(name, folders, world))
  const dtype = filledText(args, 'dtype') as FactorDTypeName | undefined
  const options = { ratios: loras.map(({ ratio }) => ratio), ...(dtype && { dtype }) }
  return runOnce(paths, { operation: loraMerge, options }, outputOptions(args), world)
}

/** @throws USAGE */
function checkNoBlocks(loras: readonly LoraArgument[]): void {
  const other = loras.find(({ blocks }) => blocks !== undefined)
  if (other === undefined) return
  throw usage(
    `${other.name} has ratios of blocks, which depend on the model it is for`,
    'Merge it into the checkpoint: sdtool merge-lora takes them.',
  )
}
