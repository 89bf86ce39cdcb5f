import { type ExitCode, usage } from '../errors.ts'
import { resolveModel } from '../library/resolve.ts'
import { loraResize } from '../operations/lora-resize/lora-resize.ts'
import type { Io } from '../system/world.ts'
import type { Arguments, Command } from './command.ts'
import { factorOptions, withFactorOptions } from './lora-options.ts'
import { modelFolders, withModelFolders } from './model-folders.ts'
import { namedFiles, outputOptions, withOutputOptions } from './options.ts'
import { runOnce } from './run-for-each.ts'

export const loraResizeCommand: Command = {
  positionals: '[files..]',
  examples: [
    ['$0 lora resize style.safetensors --rank 16', 'Write style-r16.safetensors'],
    [
      '$0 lora resize style --rank 64 --dynamic sv_ratio=10 --dry-run',
      'What a rank for each layer would keep',
    ],
    [
      '$0 lora resize lokr.safetensors --rank auto -o plain.safetensors',
      'A LoKr or LoHa as a LoRA, which every program reads',
    ],
  ],
  options: (yargs) =>
    withFactorOptions(
      withModelFolders(withOutputOptions(yargs)),
      'Of the random sketches, for kinds that are no LoRA',
    ).positional('files', { type: 'string', array: true, describe: 'The LoRA' }),
  run: runLoraResize,
}

async function runLoraResize(args: Arguments, io: Io): Promise<ExitCode> {
  const [name, ...more] = namedFiles(args)
  if (name === undefined || name === '' || more.length > 0)
    throw usage('name one LoRA', 'For example: sdtool lora resize style.safetensors --rank 16.')
  const options = factorOptions(args)
  const path = await resolveModel(name, 'lora', modelFolders(args, io))
  return runOnce([path], { operation: loraResize, options }, outputOptions(args), io)
}
