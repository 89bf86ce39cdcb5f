/** convert from one file to a folder of diffusers, or to one of the files in it. */
import { basename, dirname, join } from 'node:path'
import { namingFile, refuse } from '../errors.ts'
import { identifyFile, withModel } from '../library/session.ts'
import type { Role } from '../model/components.ts'
import type { DTypeChoice } from '../model/dtype-choice.ts'
import type { Identity } from '../model/identity.ts'
import { PIPELINE_FOLDERS, type Pipeline, type PipelineFolder, toPipeline } from '../model/layout/pipeline.ts'
import { pipelineConfigs, tokenizerFolders } from '../model/layout/pipeline-config.ts'
import { stemOf } from '../model/output-name.ts'
import type { JsonValue } from '../model/recipe.ts'
import { statedOfPart } from '../model/stated.ts'
import { derivedMetadata } from '../operations/output/metadata.ts'
import type { OutputOptions } from '../operations/output/options.ts'
import { sidecarsLeft } from '../operations/output/source-sidecars.ts'
import { rehearseFile, writePlannedFile } from '../operations/output/write-file.ts'
import { formatBytes, painter, plural } from '../report/text.ts'
import { tokenizerFiles } from '../runtime/text/tokenizer-files.ts'
import type { Io } from '../system/world.ts'
import type { Finding, ModelFile, TensorTable } from '../tensor/table.ts'
import { printable } from '../tensor/text.ts'
import { writeExtracted } from './extracted-files.ts'
import { findingLines } from './findings-text.ts'
import { toJson } from './inspect-json.ts'
import { checkFree, stageFolder, writeTexts } from './pipeline-folder.ts'
import { leftFindings, typed } from './pipeline-tables.ts'

/** File names that the libraries look for. */
const WEIGHT_NAMES: Readonly<Record<PipelineFolder, string>> = {
  unet: 'diffusion_pytorch_model.safetensors',
  vae: 'diffusion_pytorch_model.safetensors',
  text_encoder: 'model.safetensors',
  text_encoder_2: 'model.safetensors',
}

const ROLES: Readonly<Record<PipelineFolder, Role>> = {
  unet: 'unet',
  vae: 'vae',
  text_encoder: 'text',
  text_encoder_2: 'text',
}

export interface ToPipelineOptions {
  readonly dtype: DTypeChoice
  /** Only this network, as one file. */
  readonly part?: PipelineFolder
}

/** Writes the folder `<name>-diffusers` beside the file, or what `-o` names. */
export async function convertToPipeline(
  path: string,
  { dtype, part }: ToPipelineOptions,
  output: OutputOptions,
  io: Io,
): Promise<void> {
  await withModel(path, io, async (opened) => {
    const identity = await identifyFile(path, opened)
    const pipeline = namingFile(path, () => toPipeline(opened.model, identity))
    const made = { path, model: opened.model, identity, pipeline, dtype }
    if (part === undefined) await writeFolder(made, output, io)
    else await writePart(made, part, output, io)
  })
}

/** A model taken apart, and what its parts become. */
interface Made {
  readonly path: string
  readonly model: ModelFile
  readonly identity: Identity
  readonly pipeline: Pipeline
  readonly dtype: DTypeChoice
}

/** What one file of the folder holds. @throws NOT_A_PIPELINE where the model has no such network */
export function partOfPipeline(pipeline: Pipeline, part: PipelineFolder, dtype: DTypeChoice): TensorTable {
  const tensors = pipeline.tensors[part]
  if (tensors === undefined) throw refuse('NOT_A_PIPELINE', `the model has no ${part}`)
  return typed(tensors, dtype)
}

async function writePart(made: Made, part: PipelineFolder, output: OutputOptions, io: Io): Promise<void> {
  const { path, model, identity, pipeline, dtype } = made
  const { tensors } = namingFile(path, () => partOfPipeline(pipeline, part, dtype))
  const table = { tensors, metadata: statedOfPart(ROLES[part], identity) }
  const file = {
    fileName: `${stemOf(basename(path))}-${part}.safetensors`,
    table,
    what: `${part}: ${plural(table.tensors.size, 'tensor')} with the names of diffusers`,
    facts: { part },
    findings: [],
  }
  const recipeOptions = partRecipe(part, dtype)
  const extracting = { verb: 'convert', models: [model], title: identity.title, recipeOptions }
  await writeExtracted(path, [file], extracting, output, io)
}

function partRecipe(part: PipelineFolder, { all }: DTypeChoice): Record<string, JsonValue | undefined> {
  return { to: 'diffusers', part, dtype: all === undefined ? undefined : [all] }
}

async function writeFolder(made: Made, output: OutputOptions, io: Io): Promise<void> {
  const { path, identity, pipeline } = made
  const named = output.output ?? join(dirname(path), `${stemOf(basename(path))}-diffusers`)
  const target = named.replace(/\/+$/, '')
  checkFree(target, output.force)
  const texts = namingFile(path, () => textsOf(pipeline, identity))
  const staged = output.dryRun ? undefined : await stageFolder(target, output.force)
  try {
    const { parts, findings: ofParts } = await writeParts(made, staged?.path ?? target, output, io)
    if (staged) {
      await writeTexts(staged.path, texts)
      await staged.commit()
    }
    const beside = await sidecarsLeft(path)
    const findings = [...leftFindings(pipeline.left), ...ofParts, ...beside]
    printFolder({ input: path, title: identity.title, output: target, parts, findings }, output, io)
  } finally {
    await staged?.abort()
  }
}

/** The configurations, and the vocabulary. */
function textsOf(pipeline: Pipeline, identity: Identity): Map<string, string> {
  const configs = [...pipelineConfigs(pipeline, identity)]
  const texts = new Map(configs.map(([name, config]) => [name, `${JSON.stringify(config, null, 2)}\n`]))
  for (const folder of tokenizerFolders(pipeline))
    for (const [name, text] of tokenizerFiles()) texts.set(`${folder}/${name}`, text)
  return texts
}

async function writeParts(
  { pipeline, model, identity, dtype }: Made,
  home: string,
  output: OutputOptions,
  io: Io,
): Promise<Pick<FolderOutcome, 'parts' | 'findings'>> {
  const parts: { folder: string; tensors: number; bytesAfter: number }[] = []
  const findings: Finding[] = []
  for (const folder of PIPELINE_FOLDERS) {
    if (pipeline.tensors[folder] === undefined) continue
    const operation = { ...output, verb: 'convert', options: partRecipe(folder, dtype) }
    const job = {
      plan: { table: partOfPipeline(pipeline, folder, dtype), steps: [], findings: [] },
      output: join(home, folder, WEIGHT_NAMES[folder]),
      inputs: [model.file],
      metadata: () => derivedMetadata([model], statedOfPart(ROLES[folder], identity), {}, operation, io),
    }
    const made = output.dryRun
      ? await rehearseFile(job, output)
      : (await writePlannedFile(job, output, io)).file
    parts.push({ folder, tensors: made.tensors, bytesAfter: made.bytesAfter })
    findings.push(
      ...made.findings.map((finding) => ({ ...finding, message: `${folder}: ${finding.message}` })),
    )
  }
  return { parts, findings }
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
