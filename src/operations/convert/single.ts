/** convert from the files of a folder of diffusers to one file. */

import { basename, dirname, resolve } from 'node:path'
import { warning } from '../../model/finding.ts'
import { identify } from '../../model/identify/identify.ts'
import type { SchedulerFacts } from '../../model/identify/prediction.ts'
import { contradictionFindings } from '../../model/identify/same-prediction.ts'
import type { Identity } from '../../model/identity.ts'
import { withKnownNames } from '../../model/layouts/known-names.ts'
import { emptyMarker, isContradicted, missingMarkers } from '../../model/layouts/markers.ts'
import {
  fromPipeline,
  PIPELINE_FOLDERS,
  type PipelineFolder,
  type PipelineTensors,
} from '../../model/layouts/pipeline.ts'
import { modelspecId, resolutionOf } from '../../model/metadata/modelspec-facts.ts'
import { statedOf } from '../../model/metadata/stated.ts'
import { sd1 } from '../../model/networks/architectures/sd1.ts'
import { defined } from '../../system/defined.ts'
import { refuse, runWithFileName, usage } from '../../system/errors.ts'
import { readValues } from '../../tensor/values/expr.ts'
import type { Finding, ModelFile, Tensor } from '../../tensor/values/table.ts'
import type { InputModel, Operation, PlanContext } from '../operation.ts'
import type { Plan } from '../plan.ts'
import { messages } from './messages.ts'
import { type SingleOptions, singleOptions } from './options.ts'
import { inType, leftFindings } from './pipeline-tables.ts'

interface SinglePlan extends Plan {
  /** Of the file that is made: each of the inputs is a part of it. */
  readonly identity: Identity
}

export const convertSingle: Operation<SingleOptions, SinglePlan> = {
  verb: 'convert',
  schema: singleOptions,
  verify: false,
  picture: 'same',
  standsAlone: true,
  plan: planSingle,
  decided: (options) => options,
  outputName: (_, inputs) => `${basename(folderOf(inputs))}.safetensors`,
  metadata({ table, identity }) {
    const [architecture, resolution] = [modelspecId(identity), resolutionOf(identity)]
    return {
      own: table.metadata,
      facts: {
        ...defined({ architecture, resolution }),
      },
    }
  },
  describe: ({ table, identity }, inputs) => ({
    what: messages.single(identity.title, table.tensors.size),
    facts: { kind: identity.kind },
    input: folderOf(inputs),
    title: messages.diffusersFolder(identity.title),
  }),
}

/** The folder of a pipeline has a folder for each network. */
function folderOf([first]: readonly InputModel[]): string {
  return dirname(dirname(resolve(first!.name)))
}

/** @throws RECIPE_INVALID, NOT_A_PIPELINE (exit 3); USAGE when two files of a network have the same tensor */
async function planSingle(
  inputs: readonly InputModel[],
  { parts, prediction, zeroSnr = false, dtype }: SingleOptions,
  { read }: PlanContext,
): Promise<SinglePlan> {
  if (parts.length !== inputs.length) throw refuse('RECIPE_INVALID', messages.inputsWithoutParts)
  const scheduler: SchedulerFacts = { ...defined({ prediction }), zeroSnr }
  const folder = folderOf(inputs)
  const files = inputs.map(({ file }) => file)
  const { table, left } = runWithFileName(folder, () => fromPipeline(networks(files, parts)))
  const tensors = inType(table.tensors, dtype)
  // where the scheduler is silent, the file of the network may say what it predicts
  const { metadata = {} } = files[parts.findIndex((part) => part === 'unet' || part === 'transformer')] ?? {}
  const hints = { fileName: basename(folder), scheduler }
  const identity = await identify({ tensors, metadata }, (tensor) => readValues(tensor, read), hints)
  return {
    table: { tensors: withMarkers(tensors, identity), metadata: statedOf(identity) },
    steps: [],
    findings: [
      ...leftFindings(left),
      ...contradictionFindings(identity.architecture?.prediction),
      ...unseenFindings(identity),
    ],
    identity,
  }
}

/** SDXL has a marker for it, and SD 2.x is known by its weights. */
function unseenFindings({ architecture }: Identity): Finding[] {
  if (architecture?.id !== sd1.id || architecture.prediction.type !== 'v') return []
  const { title, prediction } = architecture
  return [warning('prediction-unseen', messages.predictionUnseenInFile(title, prediction.evidence))]
}

/** Weights have no other place for what the scheduler says. */
function withMarkers(tensors: ReadonlyMap<string, Tensor>, identity: Identity): ReadonlyMap<string, Tensor> {
  const kept = [...tensors].filter(([name]) => !isContradicted(name, identity))
  const missing = missingMarkers({ tensors }, identity).map((name) => [name, emptyMarker(name)] as const)
  return new Map([...kept, ...missing])
}

function networks(files: readonly ModelFile[], parts: readonly PipelineFolder[]): PipelineTensors {
  const present = PIPELINE_FOLDERS.filter((part) => parts.includes(part))
  return Object.fromEntries(
    present.map((part) => [part, network(files.filter((_, i) => parts[i] === part))] as const),
  )
}

/**
 * One network. A shard does not say by itself which encoder its layers are of: names are looked at again.
 * @throws USAGE (exit 2) when two shards have the same tensor
 */
function network(shards: readonly ModelFile[]): ReadonlyMap<string, Tensor> {
  const out = new Map<string, Tensor>()
  for (const { tensors, file } of shards) {
    for (const [name, tensor] of tensors) {
      if (out.has(name)) throw usage(messages.twiceInFolder(file.path, name))
      out.set(name, tensor)
    }
  }
  return withKnownNames({ tensors: out, metadata: {} }).tensors
}
