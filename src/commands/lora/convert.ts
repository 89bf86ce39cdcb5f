import { resolveModel } from '../../library/resolve.ts'
import { NAMING_IDS, type NamingId } from '../../model/lora/naming/namings.ts'
import { convertLoraToFolder } from '../../operations/lora-convert/folder.ts'
import { loraConvert } from '../../operations/lora-convert/lora-convert.ts'
import { EXIT, type ExitCode, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { printFolder } from '../convert/page.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import { filledText, namedFiles, outputOptions, withOutputOptions } from '../shared/options.ts'
import { runOnce } from '../shared/run-for-each.ts'
import { messages } from './messages.ts'

export const loraConvertCommand: Command = {
  positionals: '[files..]',
  get examples() {
    return [
      ['$0 lora convert style.safetensors --to comfyui', messages.convertExample],
      [
        '$0 lora convert style --to diffusers -o style-for-diffusers.safetensors',
        messages.convertExampleNamed,
      ],
      ['$0 lora convert style.safetensors --to peft', messages.convertExamplePeft],
    ] as const
  },
  options: (yargs) =>
    withModelFolders(withOutputOptions(yargs))
      .positional('files', { type: 'string', array: true, describe: messages.file })
      .option('to', { choices: NAMING_IDS, describe: messages.to }),
  run: runLoraConvert,
}

async function runLoraConvert(args: Arguments, world: World): Promise<ExitCode> {
  const [name, ...more] = namedFiles(args)
  const to = filledText(args, 'to') as NamingId | undefined
  if (name === undefined || name === '' || more.length > 0)
    throw usage(messages.oneNamed, messages.convertHint)
  if (to === undefined) throw usage(messages.noNaming, messages.convertHint)
  const path = await resolveModel(name, 'lora', modelFolders(args, world))
  const output = outputOptions(args)
  if (to !== 'peft') return runOnce([path], { operation: loraConvert, options: { to } }, output, world)
  printFolder('lora convert', await convertLoraToFolder(path, output, world), output, world)
  return EXIT.ok
}
