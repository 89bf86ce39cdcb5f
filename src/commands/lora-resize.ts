import { basename, dirname, extname, resolve } from 'node:path'
import { EXIT, type ExitCode, usage } from '../errors.ts'
import { baseById } from '../model/adapters/base.ts'
import { rankMetadata } from '../model/lora/metadata.ts'
import type { LoraFile } from '../model/lora/modules.ts'
import { type Resized, type ResizeOptions, resizeLora } from '../model/lora/resize.ts'
import { stemOf } from '../model/output-name.ts'
import type { Io } from '../report/io.ts'
import { startProgress } from '../report/progress.ts'
import { checkOutput } from '../tensor/atomic.ts'
import { newEvaluation } from '../tensor/expr.ts'
import { openSpool } from '../tensor/spool.ts'
import type { ModelFile } from '../tensor/table.ts'
import type { Arguments, Command } from './command.ts'
import { printResize } from './extract-lora-page.ts'
import { type OpenedModel, withModel } from './files.ts'
import { loraFile } from './lora-files.ts'
import { FACTOR_DTYPES, rankChoice, rankText, seedOf, withRankOptions } from './lora-options.ts'
import { matmulOf } from './matmul.ts'
import { modelFolders, resolveModel, withModelFolders } from './model-folders.ts'
import { filledText, namedFiles, type OutputOptions, outputOptions, withOutputOptions } from './options.ts'
import { type PlannedFile, writePlannedFile } from './output-file.ts'
import { existingFolder, outputPlaces } from './output-path.ts'
import { derivedMetadata } from './provenance.ts'

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
        type: 'number',
        nargs: 1,
        describe: 'Of the random sketches, for kinds that are no LoRA',
        defaultDescription: '0',
      }),
  run: runLoraResize,
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
  await withModel(path, async (opened) => {
    const file = await loraFile(path, opened)
    const options = {
      rule,
      convLimit,
      dtype: dtype === undefined ? storedType(file) : FACTOR_DTYPES[dtype]!,
      seed,
    }
    await resizeOpened(file, opened, options, output, io)
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

async function resizeOpened(
  file: LoraFile,
  { model, read }: OpenedModel,
  options: ResizeOptions,
  output: OutputOptions,
  io: Io,
): Promise<void> {
  const start = io.now().getTime()
  const target = await outputPath(file.name, options, output)
  await checkOutput(target, { force: output.force, bytes: 0, inputs: [model.file] })
  const spool = output.dryRun ? undefined : await openSpool(existingFolder(dirname(resolve(target))))
  const progress = startProgress(basename(target), io, output.quiet || output.json)
  try {
    const resized = await resizeLora(file, options, {
      evaluation: newEvaluation(read, await matmulOf(io)),
      ...(spool && { keep: spool.keep }),
      signal: io.signal,
      onProgress: (done, total) => progress.update((model.file.size * done) / total, model.file.size),
    })
    progress.end()
    const common = { input: file.name, title: file.adapter.title, resized, output: target }
    if (output.dryRun) {
      printResize({ ...common, status: 'planned', findings: [] }, output, io)
      return
    }
    const { file: written } = await writePlannedFile(
      plannedFile(resized, file, model, target, options, output, io),
      output,
      io,
    )
    printResize(
      { ...common, ...written, bytesBefore: model.file.size, seconds: (io.now().getTime() - start) / 1000 },
      output,
      io,
    )
  } finally {
    progress.end()
    await spool?.remove()
  }
}

async function outputPath(path: string, { rule }: ResizeOptions, { output }: OutputOptions): Promise<string> {
  const file = { path, relative: basename(path) }
  const placeOf = await outputPlaces({ files: [file], walked: false }, output)
  const suffix = rule.method === 'fixed' ? `r${rule.limit}` : 'resized'
  return placeOf(file, `${stemOf(basename(path))}-${suffix}.safetensors`)
}

function plannedFile(
  { layers, tensors }: Resized,
  { adapter }: LoraFile,
  model: ModelFile,
  target: string,
  { rule, convLimit, dtype, seed }: ResizeOptions,
  output: OutputOptions,
  io: Io,
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
  const options = {
    rank: rankText(rule),
    convRank: convLimit === rule.limit ? undefined : convLimit,
    dtype,
    seed,
  }
  const operation = { ...output, verb: 'lora resize', options }
  return {
    plan: {
      table: { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata: {} },
      steps: [],
      findings: [],
    },
    output: target,
    inputs: [model.file],
    metadata: () => derivedMetadata([model], own, facts, operation, io),
  }
}
