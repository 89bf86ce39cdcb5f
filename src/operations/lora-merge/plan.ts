/** LoRAs put together: the factors side by side, so that the change is the sum of their changes. */

import { type BaseId, baseById } from '../../model/adapters/base.ts'
import { adapterKeys } from '../../model/adapters/describe.ts'
import { applyingFindings } from '../../model/adapters/findings.ts'
import type { AdapterBase } from '../../model/adapters/info.ts'
import { info, warning } from '../../model/finding.ts'
import { bundleName } from '../../model/identify/embeddings.ts'
import { areOtherExperts } from '../../model/identify/named-member.ts'
import { alphaTensor, type FactorDType } from '../../model/lora/factors.ts'
import {
  isPlainLora,
  type LoraFile,
  type PlacedLora,
  scaleOf,
  soundModules,
} from '../../model/lora/modules.ts'
import { isWithoutAlpha, writtenName, writtenTensors } from '../../model/lora/written-name.ts'
import { refuse } from '../../system/errors.ts'
import { matrixOf, scaled, sum } from '../../tensor/algebra/matrix.ts'
import { DTYPES, elementCount } from '../../tensor/values/dtype.ts'
import { canCast, cast } from '../../tensor/values/expr.ts'
import { concatenated, reshape } from '../../tensor/values/slices.ts'
import type { Finding, Tensor, TensorTable } from '../../tensor/values/table.ts'
import type { LoraRatio } from '../merge-lora/plan-options.ts'
import { sideOf } from '../merge-lora/sides.ts'
import { messages } from './messages.ts'
import { inOneNaming } from './one-naming.ts'

export interface LoraToMerge {
  readonly file: LoraFile
  readonly ratio: LoraRatio
}

/** A module of the result. */
export interface MergedModule {
  readonly name: string
  readonly rank: number
  readonly alpha: number
  /** How many of the LoRAs have it. */
  readonly of: number
  /** Factors were multiplied, and rounded for it. */
  readonly rounded: boolean
}

export interface LoraMerge {
  readonly table: TensorTable
  readonly modules: readonly MergedModule[]
  readonly dtype: FactorDType
  readonly findings: readonly Finding[]
}

interface Share {
  readonly one: PlacedLora
  readonly ratio: number
  /** ratio * alpha / rank. */
  readonly factor: number
}

/**
 * Plans the sum of LoRAs. Ranks add up; the factors of a layer stand side by side, and differences between their strengths
 * are multiplied into `lora_up`, so that one alpha is right for all. Exact but for that rounding, and for none where the
 * strengths are the same.
 * @throws MIXED_ARCHITECTURES, LORA_MISSHAPEN, LORA_NOT_PLAIN, LORA_UNKNOWN_KEYS, LAYER_SHAPES, LORA_BASE_UNKNOWN,
 *   LORA_NO_NAME, DTYPE_NOT_WRITABLE (exit 3)
 */
export async function mergeLoras(given: readonly LoraToMerge[], wanted?: FactorDType): Promise<LoraMerge> {
  checkSameBase(given)
  const files = await inOneNaming(given.map(({ file }) => file))
  const loras = given.map((lora, i) => ({ ...lora, file: files[i]! }))
  const layers = new Map<string, Share[]>()
  for (const { file, ratio: ratios } of loras) {
    checkKnownKeys(file)
    for (const one of await plainModules(file)) {
      const ratio = ratios[sideOf(one.module.target)]
      const share = { one, ratio, factor: ratio * scaleOf(one) }
      layers.set(one.layer, [...(layers.get(one.layer) ?? []), share])
    }
  }
  const dtype = wanted ?? widest([...layers.values()].flat())
  const tensors = new Map<string, Tensor>()
  const modules: MergedModule[] = []
  const idle: string[] = []
  for (const shares of layers.values()) {
    const acting = shares.filter(({ ratio }) => ratio !== 0)
    if (acting.length === 0) {
      idle.push(writtenName(shares[0]!.one))
      continue
    }
    const merged = mergedLayer(acting, dtype)
    modules.push(merged.module)
    for (const tensor of merged.tensors) tensors.set(tensor.name, tensor)
  }
  const bundles = bundledOf(loras)
  const table = { tensors: new Map([...tensors, ...bundles.tensors]), metadata: {} }
  const applying = loras.flatMap(({ file: { name, adapter } }) => applyingFindings(name, adapter))
  return { table, modules, dtype, findings: [...applying, ...idleFinding(idle), ...bundles.findings] }
}

function idleFinding(idle: readonly string[]): Finding[] {
  return idle.length === 0 ? [] : [info('no-strength', messages.noStrength(idle))]
}

/** Embeddings that the LoRAs carry. A name can stand for one of them only. */
function bundledOf(loras: readonly LoraToMerge[]): { tensors: Map<string, Tensor>; findings: Finding[] } {
  const tensors = new Map<string, Tensor>()
  const owners = new Map<string, string>()
  const findings: Finding[] = []
  for (const { file } of loras) {
    const own = [...file.table.tensors.values()].filter(({ name }) => bundleName(name) !== undefined)
    const names = new Set(own.map(({ name }) => bundleName(name)!))
    const taken = [...names].filter((name) => owners.has(name))
    for (const tensor of own) if (!taken.includes(bundleName(tensor.name)!)) tensors.set(tensor.name, tensor)
    for (const name of names) owners.set(name, owners.get(name) ?? file.name)
    for (const name of taken) {
      const message = messages.bundleTaken(name, file.name, owners.get(name)!)
      findings.push(warning('bundle-taken', message))
    }
  }
  return { tensors, findings }
}

/** @throws LORA_UNKNOWN_KEYS (exit 3): what is not understood cannot be part of a sum */
function checkKnownKeys({ name, table }: LoraFile): void {
  const { modules } = adapterKeys(table)
  const known = new Set(modules.flatMap(({ parts }) => [...parts.values()].map(({ name }) => name)))
  const strange = [...table.tensors.keys()].filter((key) => !known.has(key) && bundleName(key) === undefined)
  if (strange.length === 0) return
  throw refuse('LORA_UNKNOWN_KEYS', messages.unknownKeys(name, strange), messages.seeInspect)
}

/** @throws MIXED_ARCHITECTURES (exit 3) */
function checkSameBase(loras: readonly LoraToMerge[]): void {
  for (const [i, { file: a }] of loras.entries()) {
    for (const { file: b } of loras.slice(i + 1)) checkSamePair(a, b)
  }
}

/** @throws MIXED_ARCHITECTURES (exit 3) */
function checkSamePair(a: LoraFile, b: LoraFile): void {
  const [ofA, ofB] = [a.adapter.base, b.adapter.base]
  if (areOther(ofA, ofB))
    throw refuse(
      'MIXED_ARCHITECTURES',
      messages.mixedArchitectures(a.name, titleOf(ofA), b.name, titleOf(ofB)),
    )
  if (!areOtherExperts(ofA.expert, ofB.expert)) return
  throw refuse(
    'MIXED_ARCHITECTURES',
    messages.mixedArchitectures(a.name, ofA.expert!.title, b.name, ofB.expert!.title),
    messages.eachToItsOwn,
  )
}

/** No family is left open for both. */
function areOther(a: AdapterBase, b: AdapterBase): boolean {
  const [ofA, ofB] = [familiesOf(a), familiesOf(b)]
  return ofA.length > 0 && ofB.length > 0 && !ofA.some((family) => ofB.includes(family))
}

function familiesOf({ architecture, possible = [] }: AdapterBase): readonly BaseId[] {
  return possible.length > 0 || architecture === undefined ? possible : [architecture]
}

function titleOf(base: AdapterBase): string {
  return (
    base.title ??
    familiesOf(base)
      .map((id) => baseById(id).title)
      .join(messages.or)
  )
}

/** @throws LORA_NOT_PLAIN (exit 3), and what `soundModules` throws */
export async function plainModules(file: LoraFile): Promise<PlacedLora[]> {
  const placed = await soundModules(file)
  const odd = placed.filter((one) => !isPlainLora(one))
  if (odd.length === 0) return placed
  const names = odd.map(({ module }) => module.name)
  throw refuse(
    'LORA_NOT_PLAIN',
    messages.notPlain(file.name, names, file.adapter.title),
    messages.resizeFirst,
  )
}

function widest(shares: readonly Share[]): FactorDType {
  const dtypes = new Set(shares.flatMap(({ one }) => [up(one).dtype, down(one).dtype]))
  if (dtypes.has('F32') || dtypes.has('F64') || (dtypes.has('F16') && dtypes.has('BF16'))) return 'F32'
  return dtypes.has('BF16') ? 'BF16' : 'F16'
}

function up({ module }: PlacedLora): Tensor {
  return module.parts.get('lora_up')!
}

function down({ module }: PlacedLora): Tensor {
  return module.parts.get('lora_down')!
}

function mergedLayer(
  shares: readonly Share[],
  dtype: FactorDType,
): { module: MergedModule; tensors: Tensor[] } {
  const [first] = shares as [Share]
  const name = writtenName(first.one)
  checkShapes(shares)
  // the largest strength is that of the alpha, the others are shares of it: no factor grows
  const largest = Math.max(...shares.map(({ factor }) => Math.abs(factor))) || 1
  const strength = isWithoutAlpha(first.one) ? 1 : largest
  const dims = { up: up(first.one).shape.slice(2), down: down(first.one).shape.slice(1) }
  const ups = shares.map(({ one, factor }) => {
    const [rows, rank] = up(one).shape as [number, number]
    return times(factor / strength, reshape(up(one), [rows, rank, ...dims.up]), dtype)
  })
  const downs = shares.map(({ one }) =>
    inType(reshape(down(one), [down(one).shape[0]!, ...dims.down]), dtype),
  )
  const rank = downs.reduce((sum, { shape }) => sum + shape[0]!, 0)
  const alpha = strength * rank
  const factors = [
    alphaTensor(name, alpha),
    concatenated(`${name}.lora_down.weight`, downs, 0),
    concatenated(`${name}.lora_up.weight`, ups, 1),
  ]
  const rounded = shares.some(
    ({ factor }, i) => Math.abs(factor) !== strength || narrows(up(shares[i]!.one), dtype),
  )
  return {
    module: { name, rank, alpha, of: shares.length, rounded },
    tensors: [...writtenTensors(first.one, factors, strength), ...biasTensor(name, shares, dtype)],
  }
}

/** The sum of what the LoRAs add to the bias of the layer; no alpha scales `diff_b`. */
function biasTensor(module: string, shares: readonly Share[], dtype: FactorDType): Tensor[] {
  const terms = shares.flatMap(
    ({
      one: {
        module: { parts },
      },
      ratio,
      factor,
    }) => {
      const [diff, up] = [parts.get('diff_b'), parts.get('lora_up_bias')]
      return [
        ...(diff === undefined ? [] : [{ factor: ratio, tensor: diff }]),
        ...(up === undefined ? [] : [{ factor, tensor: up }]),
      ]
    },
  )
  const [first] = terms
  if (first === undefined) return []
  const value = sum(...terms.map(({ factor, tensor }) => ({ factor, of: matrixOf(tensor) })))
  const { shape } = first.tensor
  return [{ name: `${module}.diff_b`, dtype, shape, source: { kind: 'patched', base: first.tensor, value } }]
}

function narrows({ dtype }: Tensor, wanted: FactorDType): boolean {
  return dtype !== wanted && (wanted !== 'F32' || DTYPES[dtype].bytes > DTYPES.F32.bytes)
}

/** @throws LAYER_SHAPES (exit 3) */
function checkShapes(shares: readonly Share[]): void {
  const size = ({ one }: Share) => `${up(one).shape[0]} x ${elementCount(down(one).shape.slice(1))}`
  const other = shares.find((share) => size(share) !== size(shares[0]!))
  if (other === undefined) return
  throw refuse(
    'LAYER_SHAPES',
    messages.layerShapes(shares[0]!.one.module.name, size(shares[0]!), other.one.module.name, size(other)),
    messages.differentModels,
  )
}

function inType(tensor: Tensor, dtype: FactorDType): Tensor {
  if (!canCast(tensor.dtype, dtype))
    throw refuse('DTYPE_NOT_WRITABLE', messages.notFloat(tensor.name, tensor.dtype))
  return cast(tensor, dtype)
}

/** The tensor times a factor, rounded once; its own bytes for a factor of 1. */
function times(factor: number, tensor: Tensor, dtype: FactorDType): Tensor {
  if (factor === 1) return inType(tensor, dtype)
  return {
    ...tensor,
    dtype,
    source: { kind: 'patched', base: tensor, value: scaled(factor, matrixOf(tensor)) },
  }
}
