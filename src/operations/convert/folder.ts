/** convert from one model file to a whole folder of diffusers: a file for each network, and the texts that say what they are. */

import { basename, dirname, join } from 'node:path'
import { stemOf } from '../../model/file-name.ts'
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
import { convertPart, planPart } from './part.ts'
import { leftFindings } from './pipeline-tables.ts'
import { checkFree, stageFolder, writeTexts } from './staged-folder.ts'

/** File names that the libraries look for. */
const WEIGHT_NAMES: Readonly<Record<PipelineFolder, string>> = {
  unet: 'diffusion_pytorch_model.safetensors',
  vae: 'diffusion_pytorch_model.safetensors',
  text_encoder: 'model.safetensors',
  text_encoder_2: 'model.safetensors',
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
  const texts = runWithFileName(path, () => textsOf(pipeline, identity))
  const staged = output.dryRun ? undefined : await stageFolder(target, output.force)
  try {
    const { parts, findings: ofParts } = await writeParts(parted, staged?.path ?? target, environment)
    if (staged) {
      await writeTexts(staged.path, texts)
      await staged.commit()
    }
    const findings = [...leftFindings(pipeline.left), ...ofParts, ...(await sidecarsLeft(path))]
    const status = output.dryRun ? 'planned' : 'written'
    return { input: path, title: identity.title, output: target, parts, findings, status }
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
  { run, pipeline, identity, inputs, context }: Parted,
  home: string,
  environment: Environment,
): Promise<{ readonly parts: FolderPart[]; readonly findings: Finding[] }> {
  const { path, output } = run
  const parts: FolderPart[] = []
  const findings: Finding[] = []
  for (const folder of PIPELINE_FOLDERS) {
    if (pipeline.tensors[folder] === undefined) continue
    const options = { ...run.options, part: folder }
    const place = () => join(home, folder, WEIGHT_NAMES[folder])
    const part = { operation: convertPart, options, first: namedFile(path), place, output }
    const made = await executePlan(part, planPart(pipeline, identity, options), inputs, context, environment)
    parts.push({ folder, tensors: made.tensors!, bytesAfter: made.bytesAfter! })
    findings.push(
      ...made.findings.map((finding) => ({ ...finding, message: messages.ofPart(folder, finding.message) })),
    )
  }
  return { parts, findings }
}
