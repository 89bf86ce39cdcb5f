/** convert from one model file to a whole folder of diffusers: a file for each network, and the texts that say what they are. */

import { basename, dirname, join } from 'node:path'
import { stemOf } from '../../model/file-name.ts'
import { warning } from '../../model/finding.ts'
import type { Identity } from '../../model/identity.ts'
import {
  PIPELINE_FOLDERS,
  type Pipeline,
  type PipelineFolder,
  toPipeline,
} from '../../model/layouts/pipeline.ts'
import { pipelineConfigs, tokenizerFolders } from '../../model/layouts/pipeline-config.ts'
import { tokenizerFiles } from '../../runtime/prompt/tokenizer-files.ts'
import { runWithFileName } from '../../system/errors.ts'
import type { Environment } from '../../system/world.ts'
import type { Finding } from '../../tensor/values/table.ts'
import type { InputModel, PlanContext } from '../operation.ts'
import type { OutputOptions } from '../output/options.ts'
import { sidecarsLeft } from '../output/source-sidecars.ts'
import { executePlan, namedFile, withInputs } from '../run.ts'
import { messages } from './messages.ts'
import type { FolderOptions } from './options.ts'
import { convertPart, planPart, tensorsOfPart } from './part.ts'
import { leftFindings } from './pipeline-tables.ts'
import { shardIndexText, shardName, shardsOf } from './shards.ts'
import { checkFree, stageFolder, writeTexts } from './staged-folder.ts'

/** File names that the libraries look for. */
const OF_DIFFUSERS = 'diffusion_pytorch_model.safetensors'
const OF_TRANSFORMERS = 'model.safetensors'

function weightName(folder: PipelineFolder): string {
  return folder.startsWith('text_encoder') ? OF_TRANSFORMERS : OF_DIFFUSERS
}

export interface FolderOutcome {
  readonly input: string
  readonly title: string
  readonly status: 'written' | 'planned'
  readonly output: string
  readonly parts: readonly FolderPart[]
  readonly findings: readonly Finding[]
}

interface FolderPart {
  readonly folder: string
  readonly tensors: number
  readonly bytesAfter: number
}

export interface FolderRun {
  readonly path: string
  readonly options: FolderOptions
  readonly output: OutputOptions
}

/**
 * Writes the folder `<name>-diffusers` next to the file, or what `output` names.
 * @throws NOT_A_PIPELINE (exit 3), OUTPUT_EXISTS, OUTPUT_NOT_A_PIPELINE (exit 2), and what writing its files throws
 */
export async function convertToFolder(run: FolderRun, environment: Environment): Promise<FolderOutcome> {
  return withInputs([run.path], run.output, environment, async (inputs, context) => {
    const { file, identity } = inputs[0]!
    const pipeline = runWithFileName(run.path, () => toPipeline(file, identity))
    return writeFolder({ run, pipeline, identity, inputs, context }, environment)
  })
}

/** A model taken apart. */
interface Parted {
  readonly run: FolderRun
  readonly pipeline: Pipeline
  readonly identity: Identity
  readonly inputs: readonly InputModel[]
  readonly context: PlanContext
}

async function writeFolder(parted: Parted, environment: Environment): Promise<FolderOutcome> {
  const { run, pipeline, identity } = parted
  const { path, output } = run
  const named = output.output ?? join(dirname(path), `${stemOf(basename(path))}-diffusers`)
  const target = named.replace(/\/+$/, '')
  checkFree(target, output.force)
  const texts = runWithFileName(path, () => textsOf(parted))
  const staged = output.dryRun ? undefined : await stageFolder(target, output.force)
  try {
    const { parts, findings: ofParts } = await writeParts(parted, staged?.path ?? target, environment)
    if (staged) {
      await writeTexts(staged.path, texts)
      await staged.commit()
    }
    const findings = [
      ...leftFindings(pipeline.left),
      ...tokenizerFindings(pipeline),
      ...ofParts,
      ...(await sidecarsLeft(path)),
    ]
    const status = output.dryRun ? 'planned' : 'written'
    return { input: path, title: identity.title, output: target, parts, findings, status }
  } finally {
    await staged?.abort()
  }
}

/** The configurations, the vocabulary, and in which of several files a tensor is. */
function textsOf({ pipeline, identity, run }: Parted): Map<string, string> {
  const configs = [...pipelineConfigs(pipeline, identity)]
  const texts = new Map(configs.map(([name, config]) => [name, `${JSON.stringify(config, null, 2)}\n`]))
  for (const folder of tokenizerFolders(pipeline))
    for (const [name, text] of tokenizerFiles()) texts.set(`${folder}/${name}`, text)
  for (const folder of PIPELINE_FOLDERS) {
    if (pipeline.tensors[folder] === undefined) continue
    const shards = shardsOf(tensorsOfPart(pipeline, { ...run.options, part: folder }))
    const name = weightName(folder)
    if (shards.length > 1) texts.set(`${folder}/${name}.index.json`, shardIndexText(name, shards))
  }
  return texts
}

/** Of text encoders whose vocabulary is in no model file, and not in sdtool. */
function tokenizerFindings(pipeline: Pipeline): Finding[] {
  const written = new Set(tokenizerFolders(pipeline))
  const lacking = Object.keys(pipeline.tensors)
    .filter((folder) => folder.startsWith('text_encoder'))
    .map((folder) => folder.replace('text_encoder', 'tokenizer'))
    .filter((folder) => !written.has(folder))
  return lacking.length === 0 ? [] : [warning('no-tokenizer', messages.noTokenizer(lacking))]
}

async function writeParts(
  parted: Parted,
  home: string,
  environment: Environment,
): Promise<{ readonly parts: FolderPart[]; readonly findings: Finding[] }> {
  const parts: FolderPart[] = []
  const findings: Finding[] = []
  for (const folder of PIPELINE_FOLDERS) {
    if (parted.pipeline.tensors[folder] === undefined) continue
    const made = await writePart(folder, parted, home, environment)
    parts.push(made.part)
    findings.push(
      ...made.findings.map((finding) => ({ ...finding, message: messages.ofPart(folder, finding.message) })),
    )
  }
  return { parts, findings }
}

/** One network, in as many files as it needs. */
async function writePart(
  folder: PipelineFolder,
  { run, pipeline, identity, inputs, context }: Parted,
  home: string,
  environment: Environment,
): Promise<{ readonly part: FolderPart; readonly findings: readonly Finding[] }> {
  const { path, output } = run
  const of = shardsOf(tensorsOfPart(pipeline, { ...run.options, part: folder })).length
  const part = { folder, tensors: 0, bytesAfter: 0 }
  const findings: Finding[] = []
  for (let number = 1; number <= of; number++) {
    const options = { ...run.options, part: folder, ...(of > 1 && { shard: { number, of } }) }
    const place = () => join(home, folder, shardName(weightName(folder), number, of))
    const one = { operation: convertPart, options, first: namedFile(path), place, output }
    const made = await executePlan(one, planPart(pipeline, identity, options), inputs, context, environment)
    part.tensors += made.tensors!
    part.bytesAfter += made.bytesAfter!
    findings.push(...made.findings)
  }
  return { part, findings }
}
