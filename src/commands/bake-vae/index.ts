import { resolveModel } from '../../library/resolve.ts'
import { DTYPE_NAMES, type DTypeName, isDTypeName } from '../../model/dtype-choice.ts'
import { bakeVae, wrongCount } from '../../operations/bake-vae/bake-vae.ts'
import { defined } from '../../system/defined.ts'
import { type ExitCode, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import {
  filledText,
  hashesInputs,
  outputOptions,
  withInputHashes,
  withOutputOptions,
} from '../shared/options.ts'
import { runOnce } from '../shared/run-for-each.ts'

export const bakeVaeCommand: Command = {
  positionals: '[model] [vae]',
  examples: [
    ['$0 bake-vae model.safetensors vae-ft-mse.safetensors', 'Write model-vae-ft-mse.safetensors'],
    ['$0 bake-vae model other-checkpoint --dtype fp32', 'The VAE of another checkpoint, in full precision'],
    ['$0 bake-vae model.ckpt anime.vae.pt --dry-run', 'What would be replaced; nothing is written'],
  ],
  options: (yargs) =>
    withModelFolders(withInputHashes(withOutputOptions(yargs)))
      .positional('model', { type: 'string', describe: 'Checkpoint' })
      .positional('vae', { type: 'string', describe: 'VAE file, or a checkpoint whose VAE is taken' })
      .option('dtype', {
        type: 'string',
        describe: `Type of the VAE: ${Object.keys(DTYPE_NAMES).join(', ')} (keep: that of its file)`,
        defaultDescription: 'that of the VAE it replaces',
      })
      .option('verify', {
        type: 'boolean',
        describe: 'Read back and compare every tensor; --no-verify leaves it out',
        defaultDescription: 'true',
      }),
  run: runBakeVae,
}

async function runBakeVae(args: Arguments, world: World): Promise<ExitCode> {
  const [model, vae, ...rest] = [args.model, args.vae, ...((args._ as unknown[]) ?? [])].filter(
    (name) => name !== undefined,
  )
  if (model === undefined || vae === undefined || rest.length > 0) throw wrongCount()
  if (model === '' || vae === '') throw usage('a file name is empty')
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
  throw usage(`--dtype ${name}: no such type`, `Types are ${Object.keys(DTYPE_NAMES).join(', ')}.`)
}
