import { resolve } from 'node:path'
import { resolveModel } from '../../library/resolve.ts'
import { checkTwoModels, extractLora } from '../../operations/extract-lora/extract-lora.ts'
import { LORA_ALGOS } from '../../operations/extract-lora/layers.ts'
import type { ExtractLoraOptions } from '../../operations/extract-lora/options.ts'
import { DEFAULT_RANK } from '../../operations/lora/factor-options.ts'
import { type ExitCode, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { readFactorOptions, withFactorOptions } from '../lora/options.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import { filledText, namedFiles, outputOptions, withOutputOptions } from '../shared/options.ts'
import { runOnce } from '../shared/run-for-each.ts'

export const extractLoraCommand: Command = {
  positionals: '[files..]',
  examples: [
    [
      '$0 extract lora tuned.safetensors base.safetensors',
      `Write tuned-lora.safetensors, rank ${DEFAULT_RANK}`,
    ],
    [
      '$0 extract lora tuned base --algo locon --rank auto -o style.safetensors',
      'The convolutions, too; as many singular values of each layer as it needs',
    ],
    ['$0 extract lora tuned base --rank 8 --dry-run', 'How much of each block such a LoRA would hold'],
  ],
  options: (yargs) =>
    withFactorOptions(withModelFolders(withOutputOptions(yargs)), 'Of the random sketches')
      .positional('files', { type: 'string', array: true, describe: 'The fine-tuned model, then its base' })
      .option('algo', {
        choices: Object.keys(LORA_ALGOS),
        describe: 'Layers: lora, or locon (convolutions, too)',
      })
      .option('only', { choices: ['unet', 'text'], describe: 'The UNet, or the text encoders, alone' }),
  run: runExtractLora,
}

async function runExtractLora(args: Arguments, world: World): Promise<ExitCode> {
  const named = namedFiles(args).filter((name) => name !== '')
  checkTwoModels(named.length)
  const options = extractOptions(args)
  const folders = modelFolders(args, world)
  const paths: string[] = []
  for (const name of named) paths.push(await resolveModel(name, 'checkpoint', folders))
  if (resolve(paths[0]!) === resolve(paths[1]!)) throw usage('both models are the same file')
  return runOnce(paths, { operation: extractLora, options }, outputOptions(args), world)
}

function extractOptions(args: Arguments): ExtractLoraOptions {
  const algo = filledText(args, 'algo') as ExtractLoraOptions['algo']
  const only = filledText(args, 'only') as ExtractLoraOptions['only']
  return { ...readFactorOptions(args), ...(algo && { algo }), ...(only && { only }) }
}
