import { basename } from 'node:path'
import { EXIT, type ExitCode, SdtoolError, usage } from '../errors.ts'
import { resolveModel } from '../library/resolve.ts'
import { identifyFile, type OpenedModel, withModels } from '../library/session.ts'
import { type BakePlan, mayOverflow, overflowFindings, planBakeVae, type SdxlVae } from '../model/bake-vae.ts'
import { DTYPE_NAMES, type DTypeName, isDTypeName } from '../model/dtype-choice.ts'
import { knownVaesByAutoV1 } from '../model/hashes-known.ts'
import type { Model } from '../model/model.ts'
import { mergedName, stemOf } from '../model/output-name.ts'
import { knownVae, vaeContent } from '../model/vae-content.ts'
import { hashWithProgress } from '../operations/hashing.ts'
import { plannedOutput } from '../operations/output/one-output.ts'
import type { OutputOptions } from '../operations/output/options.ts'
import { rehearseFile, writePlannedFile } from '../operations/output/write-file.ts'
import type { Outcome } from '../operations/run.ts'
import { plural } from '../report/text.ts'
import type { Io } from '../system/world.ts'
import { sameValues } from '../tensor/same.ts'
import type { Finding } from '../tensor/table.ts'
import type { Arguments, Command } from './command.ts'
import { modelFolders, withModelFolders } from './model-folders.ts'
import { filledText, hashesInputs, outputOptions, withInputHashes, withOutputOptions } from './options.ts'
import { recipeArguments } from './recipe-options.ts'
import { readableVae } from './recognise-known.ts'
import { resultPrinter } from './transform-report.ts'
import { latentsByValues } from './vae-values.ts'

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
  replay: (options, [model, vae]) => ({ model, vae, ...recipeArguments(options, { dtype: 'text' }) }),
  replan(inputs, args) {
    const [base, vae] = inputs.map(({ path, opened, identity }): Model => {
      return { name: basename(path), file: opened.model, identity }
    })
    return planBakeVae(base!, vae!, bakeOptions(args))
  },
}

async function runBakeVae(args: Arguments, io: Io): Promise<ExitCode> {
  const [model, vae, ...rest] = [args.model, args.vae, ...((args._ as unknown[]) ?? [])].filter(
    (name) => name !== undefined,
  )
  if (model === undefined || vae === undefined || rest.length > 0)
    throw usage('a checkpoint and a VAE are needed', 'sdtool bake-vae model.safetensors vae.safetensors')
  if (model === '' || vae === '') throw usage('a file name is empty')
  const options = bakeOptions(args)
  const output: OutputOptions = {
    ...outputOptions(args),
    verify: args.verify !== false,
    hash: hashesInputs(args),
  }
  const folders = modelFolders(args, io)
  const paths = [
    await resolveModel(String(model), 'checkpoint', folders),
    await resolveModel(String(vae), 'vae', folders),
  ]
  const printer = resultPrinter('bake-vae', output, io)
  printer.print(await withModels(paths, io, (opened) => bakeOpened(paths, opened, options, { output, io })))
  printer.end()
  return EXIT.ok
}

function bakeOptions(args: Arguments): { readonly dtype?: DTypeName } {
  const dtype = vaeDtype(args)
  return dtype === undefined ? {} : { dtype }
}

function vaeDtype(args: Arguments): DTypeName | undefined {
  const name = filledText(args, 'dtype')?.toLowerCase()
  if (name === undefined || isDTypeName(name)) return name
  throw usage(`--dtype ${name}: no such type`, `Types are ${Object.keys(DTYPE_NAMES).join(', ')}.`)
}

interface Run {
  readonly output: OutputOptions
  readonly io: Io
}

async function bakeOpened(
  paths: readonly string[],
  opened: readonly OpenedModel[],
  options: { readonly dtype?: DTypeName },
  run: Run,
): Promise<Outcome> {
  const named: Model[] = []
  for (const [i, path] of paths.entries()) {
    named.push({
      name: basename(path),
      file: opened[i]!.model,
      identity: await identifyFile(path, opened[i]!),
    })
  }
  const [base, given] = named as [Model, Model]
  const quiet = run.output.quiet || run.output.json
  const vae = { ...given, ...(await latentsByValues(paths[1]!, opened[1]!, given.identity, quiet, run.io)) }
  const planned = planBakeVae(base, vae, options)
  await checkChanges(planned, opened[0]!, paths)
  const findings = [coverage(planned), ...(await fp16Findings(planned, base, paths[1]!, opened[1]!, run))]
  const plan = { ...planned, findings: [...planned.findings, ...findings] }
  const name = mergedName(basename(paths[0]!), [vaeInName(paths[1]!)], plan)
  const operation = { verb: 'bake-vae', options }
  const job = await plannedOutput(plan, name, opened, base.identity, operation, run)
  const made = run.output.dryRun
    ? await rehearseFile(job, run.output)
    : (await writePlannedFile(job, run.output, run.io)).file
  const { title } = base.identity
  return { input: paths[0]!, title, bytesBefore: opened[0]!.model.file.size, steps: plan.steps, ...made }
}

/** `vivid.vae.pt` -> `vivid-vae`: a name that ends in `.vae` would make UIs take the checkpoint for a VAE. */
function vaeInName(path: string): string {
  const stem = stemOf(basename(path)).replace(/\.vae$/i, '')
  return /vae/i.test(stem) ? stem : `${stem}-vae`
}

/** Refuses to write a copy. @throws NOTHING_CHANGED */
async function checkChanges(
  { baked }: BakePlan,
  { read }: OpenedModel,
  paths: readonly string[],
): Promise<void> {
  for (const { before, after } of baked) {
    if (before === undefined || !(await sameValues(before, after, read))) return
  }
  throw new SdtoolError(
    'NOTHING_CHANGED',
    `${paths[0]} has the VAE of ${paths[1]} already, value for value`,
    {
      exitCode: EXIT.unverified,
    },
  )
}

function coverage({ baked }: BakePlan): Finding {
  const added = baked.filter(({ before }) => before === undefined).length
  const message = `all ${plural(baked.length, 'tensor')} of the VAE are baked in: ${baked.length - added} replaced, ${added} added`
  return { code: 'vae-coverage', severity: 'info', message }
}

async function fp16Findings(
  plan: BakePlan,
  base: Model,
  path: string,
  opened: OpenedModel,
  { output, io }: Run,
): Promise<Finding[]> {
  if (!mayOverflow(base, plan)) return []
  return overflowFindings(await sdxlVae(path, opened, output.quiet || output.json, io))
}

/** By its values, or else by the 64 KiB that A1111's first hash is made of. */
async function sdxlVae(path: string, { model, read }: OpenedModel, quiet: boolean, io: Io): Promise<SdxlVae> {
  const { autoV1 = '' } = await hashWithProgress(path, ['autoV1'], quiet, io)
  const names = knownVaesByAutoV1(autoV1, model.file.size).map(({ name }) => name)
  if (names.some((name) => name.includes('fp16-fix'))) return 'fixed'
  const vae = readableVae({ model, read })
  const content = vae && (await vaeContent(vae))
  return content && knownVae(content).some(({ message }) => message.includes('SDXL'))
    ? 'published'
    : 'unknown'
}
