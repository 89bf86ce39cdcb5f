import { resolveModel } from '../../library/resolve.ts'
import { join } from '../../operations/join/join.ts'
import type { JoinedPart } from '../../operations/join/options.ts'
import { type ExitCode, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import { DTYPE_LIST, readDtypeChoice } from '../shared/model-options.ts'
import {
  filledText,
  hashesInputs,
  outputOptions,
  withInputHashes,
  withOutputOptions,
} from '../shared/options.ts'
import { runOnce } from '../shared/run-for-each.ts'
import { messages } from './messages.ts'

export const joinCommand: Command = {
  positionals: '[model]',
  get examples() {
    return [
      [
        '$0 join flux1-dev.safetensors --text clip_l.safetensors --text t5xxl_fp16.safetensors --vae ae.safetensors',
        messages.example,
      ],
      ['$0 join z_image_turbo --text qwen_3_4b', messages.exampleOne],
      ['$0 join wan2.1_t2v --text umt5_xxl --vae wan_2.1_vae --dtype unet=fp8_e4m3fn', messages.exampleTypes],
    ] as const
  },
  options: (yargs) =>
    withModelFolders(withInputHashes(withOutputOptions(yargs)))
      .positional('model', { type: 'string', describe: messages.model })
      .option('text', { type: 'string', array: true, nargs: 1, describe: messages.text })
      .option('vae', { type: 'string', describe: messages.vae })
      .option('verify', { type: 'boolean', describe: messages.verify, defaultDescription: 'true' })
      .option('dtype', { type: 'string', describe: messages.dtype(DTYPE_LIST) }),
  run: runJoin,
}

async function runJoin(args: Arguments, world: World): Promise<ExitCode> {
  const [model, ...rest] = [args.model, ...((args._ as unknown[]) ?? [])].filter((name) => name !== undefined)
  if (model === undefined || model === '' || rest.length > 0)
    throw usage(messages.noModel, messages.nameModel)
  const folders = modelFolders(args, world)
  const texts = ((args.text as unknown[] | undefined) ?? []).map(String)
  const vae = filledText(args, 'vae')
  const paths = [await resolveModel(String(model), 'checkpoint', folders)]
  for (const text of texts) paths.push(await resolveModel(text, 'any', folders))
  if (vae !== undefined) paths.push(await resolveModel(vae, 'vae', folders))
  const parts: JoinedPart[] = [
    ...texts.map(() => 'text' as const),
    ...(vae === undefined ? [] : ['vae' as const]),
  ]
  const dtype = readDtypeChoice(args)
  const output = { ...outputOptions(args), verify: args.verify !== false, hash: hashesInputs(args) }
  return runOnce(paths, { operation: join, options: { parts, dtype } }, output, world)
}
