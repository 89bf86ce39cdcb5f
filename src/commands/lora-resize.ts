import { basename, extname } from 'node:path'
import { EXIT, type ExitCode, usage } from '../errors.ts'
import { resolveModel } from '../library/resolve.ts'
import { type OpenedModel, withModel } from '../library/session.ts'
import { baseById } from '../model/adapters/base.ts'
import { applyingFindings } from '../model/adapters/findings.ts'
import type { Keep } from '../model/lora/factors.ts'
import { rankMetadata } from '../model/lora/metadata.ts'
import type { LoraFile } from '../model/lora/modules.ts'
import { type Resized, type ResizeOptions, resizeLora } from '../model/lora/resize.ts'
import { stemOf } from '../model/output-name.ts'
import { engineOf, type MatMulEngine } from '../operations/engine.ts'
import { derivedMetadata } from '../operations/output/metadata.ts'
import type { OutputOptions } from '../operations/output/options.ts'
import { outputPlaces } from '../operations/output/place.ts'
import { plannedSidecars } from '../operations/output/source-sidecars.ts'
import { type PlannedFile, writePlannedFile } from '../operations/output/write-file.ts'
import { startProgress } from '../report/progress.ts'
import type { Io } from '../system/world.ts'
import { checkOutput } from '../tensor/atomic.ts'
import { newEvaluation } from '../tensor/expr.ts'
import type { ModelFile } from '../tensor/table.ts'
import type { Arguments, Command } from './command.ts'
import { printResize } from './extract-lora-page.ts'
import { loraFile } from './lora-files.ts'
import {
  FACTOR_DTYPES,
  FACTOR_READERS,
  factorRecipe,
  rankChoice,
  seedOf,
  withRankOptions,
} from './lora-options.ts'
import { modelFolders, withModelFolders } from './model-folders.ts'
import { filledText, namedFiles, outputOptions, withOutputOptions } from './options.ts'
import { recipeArguments } from './recipe-options.ts'
import { withSpool } from './spool-beside.ts'

const DEFAULT_RANK = 32

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
    withRankOptions(withModelFolders(withOutputOptions(yargs)), String(DEFAULT_RANK))
      .positional('files', { type: 'string', array: true, describe: 'The LoRA' })
      .option('seed', {
        type: 'string',
        nargs: 1,
        describe: 'Of the random sketches, for kinds that are no LoRA',
        defaultDescription: '0',
      }),
  run: runLoraResize,
  replay: (options, files) => ({ files, ...recipeArguments(options, FACTOR_READERS) }),
}

async function runLoraResize(args: Arguments, io: Io): Promise<ExitCode> {
  const [name, ...more] = namedFiles(args)
  if (name === undefined || name === '' || more.length > 0)
    throw usage('name one LoRA', 'For example: sdtool lora resize style.safetensors --rank 16.')
  const { rule, convLimit } = rankChoice(args, DEFAULT_RANK)
  const output = outputOptions(args)
  const path = await resolveModel(name, 'lora', modelFolders(args, io))
  const seed = seedOf(args)
  const dtype = filledText(args, 'dtype')
  const engine = await engineOf(io)
  await withModel(path, io, async (opened) => {
    const file = await loraFile(path, opened)
    const options = {
      rule,
      convLimit,
      dtype: dtype === undefined ? storedType(file) : FACTOR_DTYPES[dtype]!,
      seed,
    }
    await resizeOpened(file, opened, { options, output, io, engine })
  })
  return EXIT.ok
}

/** That of most factors; half precision for types that LoRAs are not written in. */
function storedType({ table }: LoraFile): ResizeOptions['dtype'] {
  const counts = new Map<string, number>()
  for (const { dtype, shape } of table.tensors.values())
    if (shape.length > 1) counts.set(dtype, (counts.get(dtype) ?? 0) + 1)
  const [most] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? []
  return Object.values(FACTOR_DTYPES).find((dtype) => dtype === most) ?? 'F16'
}

interface Run {
  readonly options: ResizeOptions
  readonly output: OutputOptions
  readonly io: Io
  readonly engine: MatMulEngine
}

async function resizeOpened(file: LoraFile, { model, read }: OpenedModel, run: Run): Promise<void> {
  const { options, output, io, engine } = run
  const start = io.now().getTime()
  const target = await outputPath(file.name, options, output)
  await checkOutput(target, { force: output.force, bytes: 0, inputs: [model.file] })
  const { force, sidecars: copies } = output
  const beside = { source: file.name, output: target, inputs: [model.file], copies, force }
  const besideFindings = await plannedSidecars(beside)
  const progress = startProgress(basename(target), io, output.quiet || output.json)
  const resized = async (keep?: Keep): Promise<Resized> => {
    try {
      return await resizeLora(file, options, {
        evaluation: newEvaluation(read, engine.matmul),
        ...(keep && { keep }),
        signal: io.signal,
        onProgress: (done, total) => progress.update((model.file.size * done) / total, model.file.size),
      })
    } finally {
      progress.end()
    }
  }
  const common = { input: file.name, title: file.adapter.title, output: target }
  const findings = applyingFindings(file.name, file.adapter)
  if (output.dryRun) {
    printResize(
      { ...common, status: 'planned', resized: await resized(), findings: [...findings, ...besideFindings] },
      output,
      io,
    )
    return
  }
  await withSpool(target, async ({ keep }) => {
    const made = await resized(keep)
    const { file: written } = await writePlannedFile(plannedFile(made, file, model, target, run), output, io)
    const seconds = (io.now().getTime() - start) / 1000
    const bytesBefore = model.file.size
    printResize({ ...common, ...written, resized: made, bytesBefore, seconds }, output, io)
  })
}

async function outputPath(path: string, { rule }: ResizeOptions, { output }: OutputOptions): Promise<string> {
  const file = { path, relative: basename(path) }
  const placeOf = await outputPlaces({ files: [file], walked: false }, output)
  const suffix = rule.method === 'fixed' ? `r${rule.limit}` : 'resized'
  return placeOf(file, `${stemOf(basename(path))}-${suffix}.safetensors`)
}

function plannedFile(
  { layers, tensors }: Resized,
  { name, adapter }: LoraFile,
  model: ModelFile,
  target: string,
  { options, output, io, engine }: Run,
): PlannedFile {
  const base = adapter.base.architecture
  const family = base && baseById(base).modelspec
  const facts = {
    title: basename(target, extname(target)),
    ...(family === undefined ? {} : { architecture: `${family}/lora` }),
  }
  // what a plain LoRA is scaled by is in its alphas; there is no one number for them
  const own = {
    ...model.metadata,
    ...rankMetadata({ ranks: layers.map(({ rank }) => rank) }),
    ss_network_alpha: 'Dynamic',
  }
  const operation = { ...output, verb: 'lora resize', options: factorRecipe(options, engine.name) }
  return {
    plan: {
      table: { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata: {} },
      steps: [],
      findings: applyingFindings(name, adapter),
    },
    output: target,
    source: model.file.path,
    inputs: [model.file],
    metadata: () => derivedMetadata([model], own, facts, operation, io),
  }
}
