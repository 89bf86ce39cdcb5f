import { defined } from '../../system/defined.ts'
import { inParallel, PARALLEL_READS } from '../../system/parallel.ts'
import { elementCount } from '../../tensor/values/dtype.ts'
import type { Tensor, TensorTable } from '../../tensor/values/table.ts'
import { bundledNames, bundleName } from '../identify/embeddings.ts'
import { isPlain, type ValueReader } from '../identify/evidence.ts'
import { trainedPrediction } from '../identify/prediction-statements.ts'
import { architectureById } from '../networks/architectures/registry.ts'
import { type BaseId, baseById, baseByShapes, type ShapeVerdict } from './base.ts'
import { baseByMetadata } from './base-claim.ts'
import { numberedPairs, tokenTensors } from './cloneofsimo.ts'
import { isNumbered, namedByOrder } from './cloneofsimo-order.ts'
import { DIALECTS } from './dialects.ts'
import { adapterFindings, alphaFindings } from './findings.ts'
import { basesThatFit, unknownModules } from './fit.ts'
import type {
  AdapterBase,
  AdapterInfo,
  AdapterTarget,
  AlgorithmCount,
  DialectCount,
  ValueCount,
} from './info.ts'
import { describeLllite } from './lllite.ts'
import { messages } from './messages.ts'
import { type AdapterKeys, type AdapterModule, splitKey, splitModules } from './modules.ts'
import { type AdapterTable, peftSettings } from './peft/sources.ts'
import { MODIFIERS } from './registry.ts'
import { MODULE_WRAPPERS, TARGETS, type TargetId } from './targets.ts'

/** Files that carry LoRA factors as a side matter (IP-Adapter FaceID) are something else. */
const NO_ADAPTER = /^(ip_adapter|image_proj)\./

/** A tensor of this name marks Stability's control-lora files. Source: ComfyUI `comfy/controlnet.py`. */
const CONTROL_LORA_MARK = 'lora_controlnet'

/**
 * Describes a LoRA or another adapter from names, shapes and metadata. Undefined if the table is none: at least
 * half of its tensors must belong to complete adapter modules, so a checkpoint with some LoRA keys in it is none.
 */
export function describeAdapter(table: AdapterTable): AdapterInfo | undefined {
  const lllite = describeLllite(table)
  if (lllite !== undefined) return lllite
  const { own, embeddings } = ownTensors(table)
  const split = splitFile(own)
  return isAdapter(own, split) ? summarise(own, split, embeddings) : undefined
}

/** The modules of a table that `describeAdapter` knows as an adapter, without the embeddings it may carry. */
export function adapterKeys(table: TensorTable): AdapterKeys {
  return splitFile(ownTensors(table).own)
}

function ownTensors(table: AdapterTable): { own: AdapterTable; embeddings: string[] } {
  const marked = tokenTensors(table).map(({ name }) => name)
  const embeddings = [...marked, ...bundledNames(table.tensors.keys())]
  return { own: embeddings.length > 0 ? withoutEmbeddings(table, new Set(marked)) : table, embeddings }
}

/** The tensors that hold an alpha. */
export function alphaTensors(table: TensorTable): Tensor[] {
  return [...table.tensors.values()].filter(({ name }) => splitKey(name)?.role === 'alpha')
}

/** The same with the values of alpha, which are tensors of one element each, and findings about them. */
export async function readAlphas(
  table: TensorTable,
  info: AdapterInfo,
  read: ValueReader,
): Promise<AdapterInfo> {
  const tensors = alphaTensors(table)
  const readable = tensors.filter(isOneNumber)
  const odd = tensors.filter((tensor) => !isOneNumber(tensor)).map(({ name }) => name)
  const alphas = await inParallel(readable, PARALLEL_READS, async (tensor) => (await read(tensor))[0]!)
  const counts = countValues(alphas)
  return { ...info, alphas: counts, findings: [...info.findings, ...alphaFindings(counts, odd)] }
}

function isOneNumber(tensor: Tensor): boolean {
  return elementCount(tensor.shape) === 1 && isPlain(tensor)
}

function withoutEmbeddings(table: AdapterTable, marked: ReadonlySet<string>): AdapterTable {
  const kept = [...table.tensors].filter(([name]) => bundleName(name) === undefined && !marked.has(name))
  return { ...table, tensors: new Map(kept) }
}

function splitFile(table: TensorTable): AdapterKeys {
  const pairs = numberedPairs(table)
  if (pairs !== undefined) return { modules: named(pairs), incomplete: [], strays: [] }
  const split = splitModules(table)
  if (table.tensors.has(CONTROL_LORA_MARK)) return asControlLora(split)
  return { ...split, modules: named(split.modules) }
}

/** Modules that are numbered, with the paths of their layers where the order is known. */
function named(modules: readonly AdapterModule[]): readonly AdapterModule[] {
  return (modules.some(isNumbered) && namedByOrder(modules)) || modules
}

/** What is not a factor in a control-lora (biases, norms, the hint encoder) belongs to the ControlNet it makes. */
function asControlLora(split: AdapterKeys): AdapterKeys {
  const modules = split.modules.map((module) => {
    return { ...module, dialect: 'control-lora', target: 'controlnet' } as const
  })
  return { modules, incomplete: [], strays: [] }
}

function isAdapter(table: TensorTable, { modules }: AdapterKeys): boolean {
  if (modules.length === 0) return false
  if (table.tensors.has(CONTROL_LORA_MARK)) return true
  for (const name of table.tensors.keys()) if (NO_ADAPTER.test(name)) return false
  const tensors = modules.reduce((sum, { parts }) => sum + parts.size, 0)
  return 2 * tensors >= table.tensors.size
}

function summarise(table: AdapterTable, split: AdapterKeys, embeddings: readonly string[]): AdapterInfo {
  const { modules } = split
  const verdict = verdictOf(modules, baseByMetadata(table.metadata)?.base)
  const ranks = modules.map(({ algorithm, parts }) => algorithm.rank?.(parts))
  const facts = {
    title: adapterTitle(modules),
    algorithms: countBy(modules, ({ algorithm }) => algorithm.id).map(([id, modules, first]) => {
      return { id, title: first.algorithm.title, modules } satisfies AlgorithmCount
    }),
    dialects: countBy(modules, ({ dialect }) => dialect).map(([id, modules]) => {
      return { id, title: DIALECTS[id], modules } satisfies DialectCount
    }),
    targets: targetsOf(modules),
    modules: modules.length,
    parameters: modules.reduce((sum, module) => sum + parametersOf(module), 0),
    convModules: modules.filter(isConvolution).length,
    ranks: countValues(ranks.filter((rank) => rank !== undefined)),
    withoutAlpha: modules.filter(({ parts }) => !parts.has('alpha')).length,
    settings: peftSettings(table),
    doraModules: modules.filter(hasDora).length,
    textEncoderTrained: modules.some(({ target }) => target.startsWith('te')),
    base: baseOf(verdict, table),
    embeddings,
    wrapped: wrappedModules(modules),
    strays: split.strays.map(({ name }) => name),
    unknownModules: unknownModules(modules, verdict.base),
  }
  return { ...facts, findings: adapterFindings(facts, split, verdict, table.metadata) }
}

function wrappedModules(modules: readonly AdapterModule[]): AdapterInfo['wrapped'] {
  const wrapped = modules.flatMap(({ wrapper }) => wrapper ?? [])
  return countBy(wrapped, (id) => id).map(([id, modules]) => ({ title: MODULE_WRAPPERS[id].title, modules }))
}

/** Where no layer is telling by itself, all of them together may be. */
function verdictOf(modules: readonly AdapterModule[], claimed: BaseId | undefined): ShapeVerdict {
  const verdict = baseByShapes(modules, claimed)
  const { base: known, possible, contradiction } = verdict
  if (known !== undefined || possible !== undefined || contradiction !== undefined) return verdict
  const fitting = basesThatFit(modules)
  const [base] = fitting
  if (base === undefined) return verdict
  const titles = fitting.map((id) => baseById(id).title)
  const evidence = [...verdict.evidence, messages.allModulesFit(titles)]
  return fitting.length === 1 ? { base, evidence } : { evidence }
}

/** Groups with their size and first member, biggest first. */
function countBy<T, K extends string>(items: readonly T[], keyOf: (item: T) => K): [K, number, T][] {
  const groups = new Map<K, [K, number, T]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [key, 1, item])
    else group[1]++
  }
  return [...groups.values()].sort((a, b) => b[1] - a[1])
}

/** Distinct values with how many modules have each, sorted by value. */
function countValues(values: readonly number[]): ValueCount[] {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].map(([value, modules]) => ({ value, modules })).sort((a, b) => a.value - b.value)
}

function adapterTitle(modules: readonly AdapterModule[]): string {
  if (modules[0]?.dialect === 'control-lora') return 'control-lora'
  return countBy(modules, ({ algorithm }) => algorithm.id)
    .map(([id, , first]) => {
      const own = modules.filter(({ algorithm }) => algorithm.id === id)
      const title = id === 'lora' && own.some(isConvolution) ? 'LoCon' : first.algorithm.title
      return own.some(hasDora) ? `${title} with DoRA` : title
    })
    .join(' + ')
}

function hasDora({ parts, algorithm }: AdapterModule): boolean {
  return MODIFIERS.some(
    ({ markerRoles, of }) => of.includes(algorithm.id) && markerRoles.some((role) => parts.has(role)),
  )
}

/** Layers with a kernel larger than 1x1, for factors whose shapes do not tell (LoHa, LoKr). */
const CONV_NAME =
  /(?:conv1|conv2|conv_in|conv_out|in_layers[._]2|out_layers[._]3|[._]0[._]op|[._]conv|input_blocks[._]0[._]0)$/

function isConvolution({ shape: { kernel }, path }: AdapterModule): boolean {
  return kernel === undefined ? CONV_NAME.test(path) : kernel[0] * kernel[1] > 1
}

function parametersOf({ parts }: AdapterModule): number {
  let sum = 0
  for (const { shape } of parts.values()) sum += elementCount(shape)
  return sum
}

function targetsOf(modules: readonly AdapterModule[]): AdapterTarget[] {
  return (Object.keys(TARGETS) as TargetId[]).flatMap((target) => {
    const own = modules.filter((module) => module.target === target)
    if (own.length === 0) return []
    return {
      target,
      title: TARGETS[target],
      modules: own.length,
      tensors: own.reduce((sum, { parts }) => sum + parts.size, 0),
      parameters: own.reduce((sum, module) => sum + parametersOf(module), 0),
      convModules: own.filter(isConvolution).length,
    }
  })
}

function baseOf({ base, title, possible, evidence }: ShapeVerdict, table: TensorTable): AdapterBase {
  const claim = baseByMetadata(table.metadata)
  const prediction = isOfFlow(base ?? claim?.base) ? undefined : trainedPrediction(table)
  return {
    evidence,
    ...defined({ possible }),
    ...(base === undefined ? {} : { architecture: base, title: title ?? baseById(base).title }),
    ...(claim === undefined ? {} : { claimed: claim.base, claimedBy: claim.source }),
    ...defined({ prediction }),
  }
}

/** Trainers write "epsilon" for such families, too. */
function isOfFlow(base: BaseId | undefined): boolean {
  const ids: readonly string[] = base === undefined ? [] : baseById(base).architectures
  return ids.some((id) => architectureById(id)?.prediction === 'flow')
}
