/** convert between one file and a folder of diffusers. */
import { basename, dirname, join, resolve } from 'node:path'
import { aboutFile, usage } from '../errors.ts'
import { castWeight, DTYPE_NAMES, type DTypeChoice } from '../model/dtype-choice.ts'
import { counted, info } from '../model/finding.ts'
import { identify } from '../model/identify.ts'
import { fromPipeline, type PipelineFolder, toPipeline } from '../model/layout/pipeline.ts'
import { pipelineConfigs } from '../model/layout/pipeline-config.ts'
import { modelspecId } from '../model/modelspec-facts.ts'
import { stemOf } from '../model/output-name.ts'
import type { Io } from '../report/io.ts'
import { formatBytes, painter, plural } from '../report/text.ts'
import { tokenizerFiles } from '../runtime/text/tokenizer-files.ts'
import { readValues } from '../tensor/expr.ts'
import type { Finding, ModelFile, Tensor, TensorTable } from '../tensor/table.ts'
import { printable } from '../tensor/text.ts'
import { writeExtracted } from './extracted-files.ts'
import { identifyFile, withModel, withModels } from './files.ts'
import { findingLines } from './findings-text.ts'
import { toJson } from './inspect-json.ts'
import type { OutputOptions } from './options.ts'
import { rehearseFile, writePlannedFile } from './output-file.ts'
import { checkFree, schedulerOf, stageFolder, weightFiles, writeTexts } from './pipeline-folder.ts'
import { derivedMetadata } from './provenance.ts'

/** File names that the libraries look for. */
const WEIGHT_NAMES: Readonly<Record<PipelineFolder, string>> = {
  unet: 'diffusion_pytorch_model.safetensors',
  vae: 'diffusion_pytorch_model.safetensors',
  text_encoder: 'model.safetensors',
  text_encoder_2: 'model.safetensors',
}

/** Writes the folder `<name>-diffusers` beside the file, or what `-o` names. */
export async function convertToPipeline(
  path: string,
  dtype: DTypeChoice,
  output: OutputOptions,
  io: Io,
): Promise<void> {
  const target = (output.output ?? join(dirname(path), `${stemOf(basename(path))}-diffusers`)).replace(
    /\/+$/,
    '',
  )
  checkFree(target, output.force)
  await withModel(path, async (opened) => {
    const { model } = opened
    const identity = await identifyFile(path, opened)
    const pipeline = about(path, () => toPipeline(model, identity))
    const texts = new Map(
      [...pipelineConfigs(pipeline, identity)].map(([name, config]) => [
        name,
        `${JSON.stringify(config, null, 2)}\n`,
      ]),
    )
    for (const folder of ['tokenizer', ...(pipeline.tensors.text_encoder_2 ? ['tokenizer_2'] : [])]) {
      for (const [name, text] of tokenizerFiles()) texts.set(`${folder}/${name}`, text)
    }
    const staged = output.dryRun ? undefined : await stageFolder(target, output.force)
    const home = staged?.path ?? target
    const parts: { folder: string; tensors: number; bytesAfter: number }[] = []
    try {
      for (const [folder, tensors] of Object.entries(pipeline.tensors) as [
        PipelineFolder,
        ReadonlyMap<string, Tensor>,
      ][]) {
        const job = partJob(
          join(home, folder, WEIGHT_NAMES[folder]),
          typed(tensors, dtype),
          model,
          output,
          io,
        )
        const made = output.dryRun
          ? await rehearseFile(job, output)
          : (await writePlannedFile(job, output, io)).file
        parts.push({ folder, tensors: made.tensors, bytesAfter: made.bytesAfter })
      }
      if (staged) {
        await writeTexts(staged.path, texts)
        await staged.commit()
      }
    } finally {
      await staged?.abort()
    }
    const findings = leftFindings(pipeline.left)
    printFolder({ input: path, title: identity.title, output: target, parts, findings }, output, io)
  })
}

function about<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw aboutFile(path, error)
  }
}

function partJob(path: string, table: TensorTable, model: ModelFile, output: OutputOptions, io: Io) {
  const operation = { ...output, verb: 'convert', options: { to: 'diffusers' } }
  return {
    plan: { table, steps: [], findings: [] },
    output: path,
    inputs: [model.file],
    metadata: () => derivedMetadata([model], {}, {}, operation, io),
  }
}

/** One type for all: components have other names in a folder. */
function typed(tensors: ReadonlyMap<string, Tensor>, { all }: DTypeChoice): TensorTable {
  const dtype = all === undefined ? undefined : DTYPE_NAMES[all]
  return {
    tensors: new Map([...tensors].map(([name, tensor]) => [name, castWeight({ ...tensor, name }, dtype)])),
    metadata: {},
  }
}

function leftFindings(left: readonly string[]): Finding[] {
  return left.length === 0
    ? []
    : [info('no-place', `${counted(left, 'tensor')} left out: the other layout has no place for them`)]
}

interface FolderOutcome {
  readonly input: string
  readonly title: string
  readonly output: string
  readonly parts: readonly {
    readonly folder: string
    readonly tensors: number
    readonly bytesAfter: number
  }[]
  readonly findings: readonly Finding[]
}

function printFolder(outcome: FolderOutcome, { json, dryRun }: OutputOptions, io: Io): void {
  const { input, title, output, parts, findings } = outcome
  if (json) {
    const status = dryRun ? 'planned' : 'written'
    io.stdout.write(`${toJson({ command: 'convert', dryRun, results: [{ ...outcome, status }] })}\n`)
    return
  }
  const paint = painter(io.stdout, io.env)
  const bytes = parts.reduce((sum, { bytesAfter }) => sum + bytesAfter, 0)
  const lines = [
    `${paint('bold', printable(input, 300))}: ${printable(title)}`,
    ...parts.map(
      ({ folder, tensors, bytesAfter }) =>
        `  ${folder}: ${plural(tensors, 'tensor')}, ${formatBytes(bytesAfter)}`,
    ),
    ...findingLines(findings, paint),
    dryRun
      ? `  would write ${printable(output, 300)}/`
      : `  ${paint('green', 'wrote')} ${printable(output, 300)}/: ${formatBytes(bytes)}`,
  ]
  io.stdout.write(`${lines.join('\n')}\n`)
}

/** Writes `<folder>.safetensors` beside the folder, or what `-o` names. */
export async function convertFromPipeline(
  folder: string,
  dtype: DTypeChoice,
  output: OutputOptions,
  io: Io,
): Promise<void> {
  const files = await weightFiles(folder)
  const paths = [...files.values()].flat()
  const scheduler = await schedulerOf(folder)
  await withModels(paths, async (opened) => {
    const byPath = new Map(opened.map(({ model }, i) => [paths[i]!, model]))
    const tensors = Object.fromEntries(
      [...files].map(([part, own]) => [part, joined(own.map((path) => byPath.get(path)!))]),
    )
    const { table, left } = about(folder, () => fromPipeline(tensors))
    const whole = typed(withMarkers(table, scheduler).tensors, dtype)
    const identity = await identify(whole, (tensor) => readValues(tensor, opened[0]!.read), {
      fileName: basename(folder),
    })
    const isV = scheduler.prediction_type === 'v_prediction'
    const extracting = {
      verb: 'convert',
      models: opened.map(({ model }) => model),
      title: `folder of diffusers, ${identity.title}`,
      identity,
      recipeOptions: { to: 'single', dtype: dtype.all },
    }
    const file = {
      fileName: `${basename(resolve(folder))}.safetensors`,
      table: { ...whole, metadata: isV ? { 'modelspec.prediction_type': 'v' } : {} },
      what: `${identity.title}: ${plural(whole.tensors.size, 'tensor')}`,
      facts: { kind: identity.kind },
      findings: leftFindings(left),
      architecture: modelspecId(identity),
    }
    await writeExtracted(resolve(folder), [file], extracting, output, io)
  })
}

/** @throws USAGE when two shards have the same tensor */
function joined(models: readonly ModelFile[]): ReadonlyMap<string, Tensor> {
  const out = new Map<string, Tensor>()
  for (const { tensors, file } of models) {
    for (const [name, tensor] of tensors) {
      if (out.has(name)) throw usage(`${file.path}: ${name} stands in another file of the folder, too`)
      out.set(name, tensor)
    }
  }
  return out
}

/** SDXL has no other place in its weights for what the scheduler says: empty tensors that UIs look for. */
function withMarkers(
  table: TensorTable,
  { prediction_type: prediction, rescale_betas_zero_snr: zeroSnr }: Awaited<ReturnType<typeof schedulerOf>>,
): TensorTable {
  const isXl = table.tensors.has('conditioner.embedders.1.model.ln_final.weight')
  if (!isXl || prediction !== 'v_prediction') return table
  const marker = (name: string): [string, Tensor] => [
    name,
    { name, dtype: 'F32', shape: [0], source: { kind: 'bytes', data: new Uint8Array() } },
  ]
  const markers = ['v_pred', ...(zeroSnr === true ? ['ztsnr'] : [])].map(marker)
  return { ...table, tensors: new Map([...table.tensors, ...markers]) }
}
