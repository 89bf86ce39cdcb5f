import { resolve } from 'node:path'
import { resolveModel } from '../../library/resolve.ts'
import { checkTwoModels, extractLora } from '../../operations/extract-lora/extract-lora.ts'
import { LORA_ALGOS } from '../../operations/extract-lora/layers.ts'
import type { ExtractLoraOptions } from '../../operations/extract-lora/options.ts'
import { DEFAULT_RANK } from '../../operations/lora/factor-options.ts'
import { type ExitCode, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { messages as loraMessages } from '../lora/messages.ts'
import { readFactorOptions, withFactorOptions } from '../lora/options.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import { filledText, namedFiles, outputOptions, withOutputOptions } from '../shared/options.ts'
import { runOnce } from '../shared/run-for-each.ts'
import { messages } from './messages.ts'

export const extractLoraCommand: Command = {
  positionals: '[files..]',
  get examples() {
    return [
      ['$0 extract lora tuned.safetensors base.safetensors', messages.loraExample(DEFAULT_RANK)],
      ['$0 extract lora tuned base --algo locon --rank auto -o style.safetensors', messages.loraExampleLocon],
      ['$0 extract lora tuned base --rank 8 --dry-run', messages.loraExampleDryRun],
    ] as const
  },
  options: (yargs) =>
    withFactorOptions(withModelFolders(withOutputOptions(yargs)), loraMessages.seed)
      .positional('files', { type: 'string', array: true, describe: messages.loraFiles })
      .option('algo', { choices: LORA_ALGOS, describe: messages.algo })
      .option('only', { choices: ['unet', 'text'], describe: messages.onlySide }),
  run: runExtractLora,
}

async function runExtractLora(args: Arguments, world: World): Promise<ExitCode> {
  const named = namedFiles(args).filter((name) => name !== '')
  checkTwoModels(named.length)
  const options = extractOptions(args)
  const folders = modelFolders(args, world)
  const paths: string[] = []
  for (const name of named) paths.push(await resolveModel(name, 'checkpoint', folders))
  if (resolve(paths[0]!) === resolve(paths[1]!)) throw usage(messages.sameFile)
  return runOnce(paths, { operation: extractLora, options }, outputOptions(args), world)
}

function extractOptions(args: Arguments): ExtractLoraOptions {
  const algo = filledText(args, 'algo') as ExtractLoraOptions['algo']
  const only = filledText(args, 'only') as ExtractLoraOptions['only']
  return { ...readFactorOptions(args), ...(algo && { algo }), ...(only && { only }) }
}
