import { existsSync } from 'node:fs'
import { resolveLora } from '../../library/lora-aliases.ts'
import { FACTOR_DTYPES, type FactorDTypeName } from '../../model/lora/factors.ts'
import { loraMerge } from '../../operations/lora-merge/lora-merge.ts'
import { ignoredInTags, type LoraArgument, loraArguments } from '../../operations/merge-lora/lora-text.ts'
import { type ExitCode, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import { filledText, list, namedFiles, outputOptions, withOutputOptions } from '../shared/options.ts'
import { runOnce } from '../shared/run-for-each.ts'
import { messages } from './messages.ts'

export const loraMergeCommand: Command = {
  positionals: '[files..]',
  get examples() {
    return [
      ['$0 lora merge style.safetensors:0.7 detail.safetensors:0.5', messages.mergeExample],
      ['$0 lora merge a b --ratio 0.8 --dtype fp32 -o mix.safetensors', messages.mergeExampleFull],
    ] as const
  },
  options: (yargs) =>
    withModelFolders(withOutputOptions(yargs))
      .positional('files', {
        type: 'string',
        array: true,
        describe: messages.mergeFiles,
      })
      .option('ratio', {
        type: 'string',
        nargs: 1,
        describe: messages.ratio,
        defaultDescription: '1',
      })
      .option('dtype', {
        choices: Object.keys(FACTOR_DTYPES),
        describe: messages.factorType,
        defaultDescription: messages.widestType,
      }),
  run: runLoraMerge,
}

async function runLoraMerge(args: Arguments, world: World): Promise<ExitCode> {
  const named = namedFiles(args)
  if (named.length === 0) throw usage(messages.noLora, messages.nameTwo)
  const loras = loraArguments(named, list(args, 'ratio'), existsSync)
  if (loras.length < 2) throw usage(messages.oneLora, messages.nameTwo)
  checkNoBlocks(loras)
  const folders = modelFolders(args, world)
  for (const line of ignoredInTags(loras)) folders.note(line)
  const paths: string[] = []
  for (const { name } of loras) paths.push(await resolveLora(name, folders, world))
  const dtype = filledText(args, 'dtype') as FactorDTypeName | undefined
  const options = { ratios: loras.map(({ ratio }) => ratio), ...(dtype && { dtype }) }
  return runOnce(paths, { operation: loraMerge, options }, outputOptions(args), world)
}

/** @throws USAGE (exit 2) */
function checkNoBlocks(loras: readonly LoraArgument[]): void {
  const other = loras.find(({ blocks }) => blocks !== undefined)
  if (other === undefined) return
  throw usage(messages.blocksDependOnModel(other.name), messages.mergeIntoCheckpoint)
}
