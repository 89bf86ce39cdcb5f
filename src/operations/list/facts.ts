/** What a list of a person's models says of each of them, and what makes two of them the same. */

import { createHash } from 'node:crypto'
import type { LibraryFacts, LibraryPart, VaeFacts } from '../../library/facts.ts'
import { baseById } from '../../model/adapters/base.ts'
import { DTYPE_NAMES, dtypeName } from '../../model/dtype-choice.ts'
import { familyFacts } from '../../model/families.ts'
import type { ValueReader } from '../../model/identify/evidence.ts'
import { possibleSpaces } from '../../model/identify/vae-latents.ts'
import type { Identity } from '../../model/identity.ts'
import { placesIn } from '../../model/layouts/pairs.ts'
import { textOf } from '../../model/metadata/facts.ts'
import { trainingData } from '../../model/metadata/training-data.ts'
import { type Component, tensorsOf } from '../../model/networks/components.ts'
import { defined } from '../../system/defined.ts'
import { isEncoded } from '../../tensor/quantised/check.ts'
import { blockBytes, DTYPES, elementCount, isFloat, type OutputDType } from '../../tensor/values/dtype.ts'
import { cast, evaluateInto, newEvaluation, type ReadInto } from '../../tensor/values/expr.ts'
import type { ModelFile, Tensor } from '../../tensor/values/table.ts'
import { layoutOf } from '../../tensor/write/layout.ts'
import { planPrune } from '../prune/plan.ts'

export async function libraryFacts(
  model: ModelFile,
  identity: Identity,
  read: ReadInto,
  values: ValueReader,
): Promise<LibraryFacts> {
  const parts = await partsOf(model, identity, read)
  const { kind, title, adapter, embedding } = identity
  const base = adapter?.base.architecture ?? embedding?.architecture
  const trainedOn = textOf(model.metadata, 'ss_sd_model_name') ?? embedding?.trainedOn?.name
  return {
    kind,
    title,
    ...familyFacts(identity),
    ...(kind === 'vae' ? { latents: vaeFacts(identity) } : {}),
    precision: precisionOf(model, identity.components),
    ...(base === undefined ? {} : { base: baseById(base).title }),
    ...defined({ trainedOn }),
    triggers: triggersOf(model, identity),
    prunable: await prunable(model, identity, values),
    ...(model.tensors.size === 0 ? {} : { digest: await digestOf(model, read) }),
    parts,
  }
}

function vaeFacts({ vae, latents }: Identity): VaeFacts {
  const { space, weak } = latents ?? {}
  return { ...defined({ space, weak }), possible: possibleSpaces(vae) }
}

function precisionOf(model: ModelFile, components: readonly Component[]): string {
  const counts = new Map<string, number>()
  for (const tensor of components.flatMap((component) => tensorsOf(model, component))) {
    const name = precisionName(tensor)
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + elementCount(tensor.shape))
  }
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([name]) => name)
    .join(', ')
}

const OUTPUT_TYPES = new Set<string | undefined>(Object.values(DTYPE_NAMES))

/** As people write it: a type, or the format of quantised weights. Undefined for what is no weight. */
function precisionName({ dtype, quantised }: Tensor): string | undefined {
  if (quantised?.role === 'table') return undefined
  if (quantised !== undefined && isEncoded({ quantised }) && quantised.format !== 'ggml')
    return quantised.format
  if (OUTPUT_TYPES.has(dtype)) return dtypeName(dtype as OutputDType)
  return isFloat(dtype) || quantised !== undefined ? dtype : undefined
}

/** Words that have to stand in a prompt: as the file says, or the tags that every training image has. */
function triggersOf({ metadata }: ModelFile, { adapter, embedding }: Identity): string[] {
  const phrase = textOf(metadata, 'modelspec.trigger_phrase')
  if (phrase !== undefined) return [phrase]
  if (embedding?.token !== undefined && embedding.token !== '*') return [embedding.token]
  if (adapter === undefined) return []
  const { tags, datasets } = trainingData(metadata)
  const images = datasets.reduce((sum, dataset) => sum + (dataset.images ?? Number.NaN), 0)
  return tags
    .filter(({ count }) => count === images)
    .slice(0, MAX_TRIGGERS)
    .map(({ tag }) => tag)
}

/** More tags that all images have say nothing: they are what the data set is, not its trigger. */
const MAX_TRIGGERS = 3

async function prunable(model: ModelFile, identity: Identity, values: ValueReader): Promise<number> {
  if (identity.kind !== 'checkpoint') return 0
  // a model that cannot be pruned as it is, saves nothing; sdtool prune says why
  const plan = await planPrune(model, identity, {}, values).catch(() => undefined)
  return plan === undefined
    ? 0
    : Math.max(0, model.file.size - layoutOf(plan.table).dataBytes - (model.headerBytes ?? 0))
}

const SHARED: ReadonlySet<Component['role']> = new Set<Component['role']>(['unet', 'text', 'vae'])

async function partsOf(model: ModelFile, identity: Identity, read: ReadInto): Promise<LibraryPart[]> {
  const parts: LibraryPart[] = []
  for (const component of identity.components) {
    if (!SHARED.has(component.role)) continue
    const { id, title, bytes } = component
    parts.push({
      id,
      title,
      bytes,
      sample: await sampleOf(canonicalTensors(model, identity, component), read),
    })
  }
  return parts
}

/** Tensors of a component in the order of their places, which is the same in every file. */
function canonicalTensors(model: ModelFile, identity: Identity, component: Component): Tensor[] {
  const places = placesIn({ name: '', file: model, identity }, component)
  return [...places]
    .sort(([, a], [, b]) => (a < b ? -1 : 1))
    .map(([name]) => model.tensors.get(name)!)
    .filter(({ name }) => !name.endsWith('position_ids'))
}

/** Tensors that are looked at, evenly spread, and values of each, from its middle. */
const [SAMPLED_TENSORS, SAMPLED_VALUES] = [12, 64]

async function sampleOf(tensors: readonly Tensor[], read: ReadInto): Promise<string> {
  const hash = createHash('sha256').update(String(tensors.length))
  const floats = tensors.filter((tensor) => {
    return (isFloat(tensor.dtype) || isEncoded(tensor)) && elementCount(tensor.shape) > 1
  })
  const step = Math.max(1, floats.length / SAMPLED_TENSORS)
  for (let i = 0; i < floats.length; i += step) hash.update(await middleOf(floats[Math.floor(i)]!, read))
  return hash.digest('hex').slice(0, 32)
}

async function middleOf(tensor: Tensor, read: ReadInto): Promise<Uint8Array> {
  const block = DTYPES[tensor.dtype].elements
  const blocks = elementCount(tensor.shape) / block
  const length = Math.min(blocks, Math.ceil(SAMPLED_VALUES / block))
  const begin = block * Math.floor((blocks - length) / 2)
  return comparableValues(tensor, begin, begin + block * length, read)
}

async function digestOf(model: ModelFile, read: ReadInto): Promise<string> {
  const tensors = byName(model)
  const hash = createHash('sha256').update(await sampleOf(tensors, read))
  for (const tensor of tensors) hash.update(headOf(tensor))
  return hash.digest('hex').slice(0, 32)
}

/** Files of the same tensors may have them in another order. */
function byName({ tensors }: ModelFile): Tensor[] {
  return [...tensors.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function headOf({ name, dtype, shape }: Tensor): string {
  return `${JSON.stringify(name)} ${dtype} ${shape.join('x')}\n`
}

/** SHA-256 over all tensors of a file: the same for the same tensors in any order and container. Reads all of it. */
export async function fileContent(model: ModelFile, read: ReadInto): Promise<string> {
  const hash = createHash('sha256')
  for (const tensor of byName(model)) {
    hash.update(headOf(tensor))
    const count = elementCount(tensor.shape)
    for (let begin = 0; begin < count; begin += CONTENT_VALUES)
      hash.update(await storedValues(tensor, begin, Math.min(begin + CONTENT_VALUES, count), read))
  }
  return hash.digest('hex')
}

/** SHA-256 over all values of a component as fp16. Reads all of it. */
export async function partContent(
  model: ModelFile,
  identity: Identity,
  component: Component,
  read: ReadInto,
): Promise<string> {
  const hash = createHash('sha256')
  for (const tensor of canonicalTensors(model, identity, component)) {
    if (!isFloat(tensor.dtype) && !isEncoded(tensor)) continue
    const count = elementCount(tensor.shape)
    for (let begin = 0; begin < count; begin += CONTENT_VALUES)
      hash.update(await comparableValues(tensor, begin, Math.min(begin + CONTENT_VALUES, count), read))
  }
  return hash.digest('hex')
}

const CONTENT_VALUES = 1024 * 1024

/** As fp16, so that a copy in another precision is found; codes as they are. */
async function comparableValues(
  tensor: Tensor,
  begin: number,
  end: number,
  read: ReadInto,
): Promise<Uint8Array> {
  return storedValues(isEncoded(tensor) ? tensor : cast(tensor, 'F16'), begin, end, read)
}

async function storedValues(tensor: Tensor, begin: number, end: number, read: ReadInto): Promise<Uint8Array> {
  const out = new Uint8Array(blockBytes(tensor.dtype, begin, end))
  await evaluateInto(tensor, begin, end, out, newEvaluation(read))
  return out
}
