import { messages as library } from '../../library/messages.ts'
import { resolveModel } from '../../library/resolve.ts'
import { type DTypeName, isDTypeName } from '../../model/dtype-choice.ts'
import { bakeVae, wrongCount } from '../../operations/bake-vae/bake-vae.ts'
import { defined } from '../../system/defined.ts'
import { type ExitCode, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { messages as shared } from '../shared/messages.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import { DTYPE_LIST } from '../shared/model-options.ts'
import {
  filledText,
  hashesInputs,
  outputOptions,
  withInputHashes,
  withOutputOptions,
} from '../shared/options.ts'
import { runOnce } from '../shared/run-for-each.ts'
import { messages } from './messages.ts'

export const bakeVaeCommand: Command = {
  positionals: '[model] [vae]',
  get examples() {
    return [
      ['$0 bake-vae model.safetensors vae-ft-mse.safetensors', messages.example],
      ['$0 bake-vae model other-checkpoint --dtype fp32', messages.exampleCheckpoint],
      ['$0 bake-vae model.ckpt anime.vae.pt --dry-run', messages.exampleDryRun],
    ] as const
  },
  options: (yargs) =>
    withModelFolders(withInputHashes(withOutputOptions(yargs)))
      .positional('model', { type: 'string', describe: messages.model })
      .positional('vae', { type: 'string', describe: messages.vae })
      .option('dtype', {
        type: 'string',
        describe: messages.dtype(DTYPE_LIST),
        defaultDescription: messages.dtypeDefault,
      })
      .option('verify', {
        type: 'boolean',
        describe: messages.verify,
        defaultDescription: 'true',
      }),
  run: runBakeVae,
}

async function runBakeVae(args: Arguments, world: World): Promise<ExitCode> {
  const [model, vae, ...rest] = [args.model, args.vae, ...((args._ as unknown[]) ?? [])].filter(
    (name) => name !== undefined,
  )
  if (model === undefined || vae === undefined || rest.length > 0) throw wrongCount()
  if (model === '' || vae === '') throw usage(library.emptyFileName)
  const dtype = vaeDtype(args)
  const options = defined({ dtype })
  const output = { ...outputOptions(args), verify: args.verify !== false, hash: hashesInputs(args) }
  const folders = modelFolders(args, world)
  const paths = [
    await resolveModel(String(model), 'checkpoint', folders),
    await resolveModel(String(vae), 'vae', folders),
  ]
  return runOnce(paths, { operation: bakeVae, options }, output, world)
}

function vaeDtype(args: Arguments): DTypeName | undefined {
  const name = filledText(args, 'dtype')?.toLowerCase()
  if (name === undefined || isDTypeName(name)) return name
  throw usage(shared.unknownType(name), shared.validTypes(DTYPE_LIST.join(', ')))
}
