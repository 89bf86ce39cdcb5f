/** convert from a folder of diffusers to one file. */
import { basename, dirname, resolve } from 'node:path'
import { namingFile, refuse, usage } from '../errors.ts'
import { schedulerOf } from '../library/hints.ts'
import { withModels } from '../library/session.ts'
import type { DTypeChoice } from '../model/dtype-choice.ts'
import { identify } from '../model/identify.ts'
import {
  fromPipeline,
  PIPELINE_FOLDERS,
  type PipelineFolder,
  type PipelineTensors,
} from '../model/layout/pipeline.ts'
import { modelspecId } from '../model/modelspec-facts.ts'
import { withKnownNames } from '../model/names/known-names.ts'
import type { SchedulerFacts } from '../model/prediction.ts'
import type { Recipe } from '../model/recipe.ts'
import { statedOf } from '../model/stated.ts'
import type { OutputOptions } from '../operations/output/options.ts'
import { plural } from '../report/text.ts'
import type { Io } from '../system/world.ts'
import { readValues } from '../tensor/expr.ts'
import type { Finding, ModelFile, Tensor, TensorTable } from '../tensor/table.ts'
import type { Arguments } from './command.ts'
import { writeExtracted } from './extracted-files.ts'
import { checkIndexes, weightFiles } from './pipeline-folder.ts'
import { leftFindings, typed } from './pipeline-tables.ts'

/** The files of a folder, each with the network it is of. */
export interface PipelineFiles {
  /** The folder, or what stands for it. */
  readonly name: string
  readonly files: readonly { readonly part: PipelineFolder; readonly path: string }[]
  readonly scheduler: SchedulerFacts
  readonly findings: readonly Finding[]
}

/** @throws NOT_A_PIPELINE, SHARDS_MISSING (exit 3) */
export async function pipelineFiles(folder: string): Promise<PipelineFiles> {
  const { files, findings } = await weightFiles(folder)
  return {
    name: folder,
    files: [...files].flatMap(([part, paths]) => paths.map((path) => ({ part, path }))),
    scheduler: await schedulerOf(folder),
    findings,
  }
}

/** Writes `<folder>.safetensors` beside the folder, or what `-o` names. */
export async function convertFromPipeline(
  { name, files, scheduler, findings }: PipelineFiles,
  dtype: DTypeChoice,
  output: OutputOptions,
  io: Io,
): Promise<void> {
  const paths = files.map(({ path }) => path)
  await withModels(paths, io, async (opened) => {
    const models = opened.map(({ model }) => model)
    const parts = files.map(({ part }) => part)
    await checkIndexes(paths, models)
    const { table, left } = namingFile(name, () => singleFile(models, parts, scheduler, dtype))
    // where the scheduler is silent, the file of the network may say what it predicts
    const { metadata = {} } = models[parts.indexOf('unet')] ?? {}
    const whole = { tensors: table.tensors, metadata }
    const identity = await identify(whole, (tensor) => readValues(tensor, opened[0]!.read), {
      fileName: basename(name),
      scheduler,
    })
    const extracting = {
      verb: 'convert',
      models,
      title: `folder of diffusers, ${identity.title}`,
      identity,
      recipeOptions: singleRecipe(parts, scheduler, dtype),
    }
    const file = {
      fileName: `${basename(resolve(name))}.safetensors`,
      table: { tensors: table.tensors, metadata: statedOf(identity) },
      what: `${identity.title}: ${plural(table.tensors.size, 'tensor')}`,
      facts: { kind: identity.kind },
      findings: [...findings, ...leftFindings(left)],
      architecture: modelspecId(identity),
    }
    await writeExtracted(resolve(name), [file], extracting, output, io)
  })
}

/** @throws NOT_A_PIPELINE */
export function singleFile(
  models: readonly ModelFile[],
  parts: readonly PipelineFolder[],
  scheduler: SchedulerFacts,
  dtype: DTypeChoice,
): { readonly table: TensorTable; readonly left: readonly string[] } {
  const tensors: PipelineTensors = Object.fromEntries(
    PIPELINE_FOLDERS.filter((part) => parts.includes(part)).map((part) => {
      return [part, joined(models.filter((_, i) => parts[i] === part))]
    }),
  )
  const { table, left } = fromPipeline(tensors)
  return { table: typed(withMarkers(table, scheduler).tensors, dtype), left }
}

function singleRecipe(
  parts: readonly PipelineFolder[],
  { prediction, zeroSnr }: SchedulerFacts,
  { all }: DTypeChoice,
): Recipe['options'] {
  return {
    to: 'single',
    parts,
    ...(prediction === undefined ? {} : { prediction }),
    ...(zeroSnr ? { zeroSnr } : {}),
    ...(all === undefined ? {} : { dtype: [all] }),
  }
}

/** How `recipeArguments` reads what a folder has said. */
export const SINGLE_READERS = { parts: 'texts', prediction: 'text', zeroSnr: 'flag' } as const

/** The files of a recipe, which lie where they lie: no folder says which is which. @throws RECIPE_INVALID */
export function replayedFiles(args: Arguments, paths: readonly string[]): PipelineFiles | undefined {
  if (args.parts === undefined) return undefined
  const names = args.parts as readonly string[]
  const parts = names.map((name) => PIPELINE_FOLDERS.find((part) => part === name))
  if (names.length !== paths.length || !parts.every((part) => part !== undefined))
    throw refuse('RECIPE_INVALID', 'the recipe does not say which network each of its inputs is')
  const prediction = args.prediction as string | undefined
  return {
    name: dirname(dirname(resolve(paths[0] ?? ''))),
    files: paths.map((path, i) => ({ part: parts[i]!, path })),
    scheduler: { ...(prediction === undefined ? {} : { prediction }), zeroSnr: args.zeroSnr === true },
    findings: [],
  }
}

/**
 * One network. A shard does not say by itself which encoder its layers are of: names are looked at again.
 * @throws USAGE when two shards have the same tensor
 */
function joined(models: readonly ModelFile[]): ReadonlyMap<string, Tensor> {
  const out = new Map<string, Tensor>()
  for (const { tensors, file } of models) {
    for (const [name, tensor] of tensors) {
      if (out.has(name)) throw usage(`${file.path}: ${name} stands in another file of the folder, too`)
      out.set(name, tensor)
    }
  }
  return withKnownNames({ tensors: out, metadata: {} }).tensors
}

const V_PREDICTION = 'v_prediction'

/**
 * Weights have no other place for what the scheduler says: empty tensors that UIs look for. `v_pred` is known of SDXL
 * alone; of the others the metadata say it.
 */
function withMarkers(table: TensorTable, { prediction, zeroSnr }: SchedulerFacts): TensorTable {
  const isXl = table.tensors.has('conditioner.embedders.1.model.ln_final.weight')
  const marker = (name: string): [string, Tensor] => [
    name,
    { name, dtype: 'F32', shape: [0], source: { kind: 'bytes', data: new Uint8Array() } },
  ]
  const names = [...(isXl && prediction === V_PREDICTION ? ['v_pred'] : []), ...(zeroSnr ? ['ztsnr'] : [])]
  return { ...table, tensors: new Map([...table.tensors, ...names.map(marker)]) }
}
