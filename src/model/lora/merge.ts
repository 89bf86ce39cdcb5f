/** LoRAs put together: the factors side by side, so that the change is the sum of their changes. */
import { refuse } from '../../errors.ts'
import { matrixOf, scaled } from '../../tensor/algebra/matrix.ts'
import { DTYPES, elementCount } from '../../tensor/dtype.ts'
import { canCast, cast } from '../../tensor/expr.ts'
import { concatenated, shaped } from '../../tensor/slices.ts'
import type { Tensor, TensorTable } from '../../tensor/table.ts'
import { quoted } from '../../tensor/text.ts'
import { bundleName } from '../embeddings.ts'
import { counted } from '../finding.ts'
import { type LoraRatio, sideOf } from '../merge-lora/options.ts'
import { alphaTensor, type FactorDType } from './factors.ts'
import { isPlainLora, kohyaName, type LoraFile, type PlacedLora, placedModules, scaleOf } from './modules.ts'

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
}

interface Share {
  readonly one: PlacedLora
  /** ratio * alpha / rank. */
  readonly factor: number
}

/**
 * Plans the sum of LoRAs. Ranks add up; the factors of a layer stand side by side, and differences between their strengths
 * are multiplied into `lora_up`, so that one alpha is right for all. Exact but for that rounding, and for none where the
 * strengths are the same.
 * @throws MIXED_ARCHITECTURES, LORA_NOT_PLAIN, LAYER_SHAPES (exit 3)
 */
export async function mergeLoras(loras: readonly LoraToMerge[], wanted?: FactorDType): Promise<LoraMerge> {
  checkSameBase(loras)
  const layers = new Map<string, Share[]>()
  for (const { file, ratio } of loras) {
    for (const one of await plainModules(file)) {
      const factor = ratio[sideOf(one.module.target)] * scaleOf(one)
      layers.set(one.layer, [...(layers.get(one.layer) ?? []), { one, factor }])
    }
  }
  const dtype = wanted ?? widest([...layers.values()].flat())
  const tensors = new Map<string, Tensor>()
  const modules: MergedModule[] = []
  for (const shares of layers.values()) {
    const acting = shares.filter(({ factor }) => factor !== 0)
    if (acting.length === 0) continue
    const merged = mergedLayer(acting, dtype)
    modules.push(merged.module)
    for (const tensor of merged.tensors) tensors.set(tensor.name, tensor)
  }
  for (const { file } of loras) {
    for (const [name, tensor] of file.table.tensors) {
      if (bundleName(name) !== undefined && !tensors.has(name)) tensors.set(name, tensor)
    }
  }
  return { table: { tensors, metadata: {} }, modules, dtype }
}

/** @throws MIXED_ARCHITECTURES */
function checkSameBase(loras: readonly LoraToMerge[]): void {
  const known = loras.filter(({ file }) => file.adapter.base.architecture !== undefined)
  const other = known.find(
    ({ file }) => file.adapter.base.architecture !== known[0]!.file.adapter.base.architecture,
  )
  if (other === undefined) return
  const title = ({ file }: LoraToMerge) => `${file.name} is for ${file.adapter.base.title}`
  throw refuse('MIXED_ARCHITECTURES', `${title(known[0]!)}, but ${title(other)}`)
}

/** @throws LORA_NOT_PLAIN */
export async function plainModules(file: LoraFile): Promise<PlacedLora[]> {
  const placed = await placedModules(file)
  const odd = placed.filter((one) => !isPlainLora(one))
  if (odd.length === 0) return placed
  throw refuse(
    'LORA_NOT_PLAIN',
    `${file.name}: ${counted(
      odd.map(({ module }) => module.name),
      'module',
    )} are no plain LoRA but ${file.adapter.title}`,
    'sdtool lora resize makes LoRAs of most other kinds.',
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
  const name = kohyaName(first.one)
  checkShapes(shares)
  // the largest strength is that of the alpha, the others are shares of it: no factor grows
  const strength = Math.max(...shares.map(({ factor }) => Math.abs(factor)))
  const dims = { up: up(first.one).shape.slice(2), down: down(first.one).shape.slice(1) }
  const ups = shares.map(({ one, factor }) => {
    const [rows, rank] = up(one).shape as [number, number]
    return times(factor / strength, shaped(up(one), [rows, rank, ...dims.up]), dtype)
  })
  const downs = shares.map(({ one }) => inType(shaped(down(one), [down(one).shape[0]!, ...dims.down]), dtype))
  const rank = downs.reduce((sum, { shape }) => sum + shape[0]!, 0)
  const alpha = strength * rank
  const rounded = shares.some(
    ({ factor }, i) => Math.abs(factor) !== strength || narrows(up(shares[i]!.one), dtype),
  )
  return {
    module: { name, rank, alpha, of: shares.length, rounded },
    tensors: [
      alphaTensor(name, alpha),
      concatenated(`${name}.lora_down.weight`, downs, 0),
      concatenated(`${name}.lora_up.weight`, ups, 1),
    ],
  }
}

function narrows({ dtype }: Tensor, wanted: FactorDType): boolean {
  return dtype !== wanted && (wanted !== 'F32' || DTYPES[dtype].bytes > DTYPES.F32.bytes)
}

/** @throws LAYER_SHAPES */
function checkShapes(shares: readonly Share[]): void {
  const size = ({ one }: Share) => `${up(one).shape[0]} x ${elementCount(down(one).shape.slice(1))}`
  const other = shares.find((share) => size(share) !== size(shares[0]!))
  if (other === undefined) return
  throw refuse(
    'LAYER_SHAPES',
    `${quoted(shares[0]!.one.module.name)} is for ${size(shares[0]!)} weights, ${quoted(other.one.module.name)} of another LoRA for ${size(other)}`,
    'They are for different models.',
  )
}

function inType(tensor: Tensor, dtype: FactorDType): Tensor {
  if (!canCast(tensor.dtype, dtype))
    throw refuse('DTYPE_NOT_WRITABLE', `${quoted(tensor.name)} is ${tensor.dtype}`)
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
