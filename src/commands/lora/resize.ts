import { resolveModel } from '../../library/resolve.ts'
import { loraResize } from '../../operations/lora-resize/lora-resize.ts'
import { type ExitCode, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import { namedFiles, outputOptions, withOutputOptions } from '../shared/options.ts'
import { runOnce } from '../shared/run-for-each.ts'
import { messages } from './messages.ts'
import { readFactorOptions, withFactorOptions } from './options.ts'

export const loraResizeCommand: Command = {
  positionals: '[files..]',
  get examples() {
    return [
      ['$0 lora resize style.safetensors --rank 16', messages.resizeExample],
      ['$0 lora resize style --rank 64 --dynamic sv_ratio=10 --dry-run', messages.resizeExampleDynamic],
      ['$0 lora resize lokr.safetensors --rank auto -o plain.safetensors', messages.resizeExampleOther],
    ] as const
  },
  options: (yargs) =>
    withFactorOptions(withModelFolders(withOutputOptions(yargs)), messages.seedOfOtherKinds).positional(
      'files',
      { type: 'string', array: true, describe: messages.file },
    ),
  run: runLoraResize,
}

async function runLoraResize(args: Arguments, world: World): Promise<ExitCode> {
  const [name, ...more] = namedFiles(args)
  if (name === undefined || name === '' || more.length > 0)
    throw usage(messages.oneNamed, messages.resizeHint)
  const options = readFactorOptions(args)
  const path = await resolveModel(name, 'lora', modelFolders(args, world))
  return runOnce([path], { operation: loraResize, options }, outputOptions(args), world)
}
