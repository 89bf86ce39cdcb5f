/** A LoRA of other ranks: the leading singular vectors of what each module adds. */
import { refuse } from '../../errors.ts'
import type { MatMul } from '../../tensor/algebra/matmul.ts'
import { matrixOf } from '../../tensor/algebra/matrix.ts'
import { seedFor } from '../../tensor/algebra/random.ts'
import { allSingularValues, leadingSvd, type Svd, svdOfProduct } from '../../tensor/algebra/svd.ts'
import { type Evaluation, matrixValues } from '../../tensor/expr.ts'
import { newCastStats } from '../../tensor/float.ts'
import type { Tensor } from '../../tensor/table.ts'
import { bundleName } from '../embeddings.ts'
import { counted } from '../finding.ts'
import { sumOfSquares } from './difference.ts'
import type { ExtractedLayer } from './extract.ts'
import { type FactorDType, factorTensors, type Keep, matrixSize, roundedFactors } from './factors.ts'
import {
  changeOf,
  isAdditive,
  isPlainLora,
  kohyaName,
  type LoraFile,
  layerShape,
  type PlacedLora,
  placedModules,
  scaleOf,
} from './modules.ts'
import { chosenRank, type RankRule } from './rank-rule.ts'

export interface ResizeOptions {
  readonly rule: RankRule
  readonly convLimit: number
  readonly dtype: FactorDType
  readonly seed: number
}

export interface ResizeWork {
  readonly evaluation: Evaluation
  /** Without it, ranks and energies are computed and nothing is kept. */
  readonly keep?: Keep
  readonly signal: AbortSignal
  onProgress(done: number, total: number): void
}

export interface Resized {
  /** `delta2` is of what the module added before, without its strength; `base2` is not known. */
  readonly layers: readonly ExtractedLayer[]
  readonly tensors: readonly Tensor[]
  /** Modules that have no rank (norms, biases), kept as they are. */
  readonly kept: readonly string[]
}

interface Spectral {
  readonly svd: Svd
  readonly count: number
  readonly sum?: number
  readonly squares: number
  /** Strength that is not in the singular values: alpha / rank of the file. */
  readonly scale: number
}

/**
 * Resizes every module by the rule; the strength of a plain LoRA stays in its alpha, as kohya's `resize_lora.py` does it.
 * LoHa, LoKr, full differences and convolutions in Tucker form become plain LoRAs.
 * @throws LORA_UNRESIZABLE (exit 3) where the change depends on the model
 */
export async function resizeLora(file: LoraFile, options: ResizeOptions, work: ResizeWork): Promise<Resized> {
  const placed = await placedModules(file)
  const ranked = placed.filter((one) => isAdditive(one))
  const others = placed.filter((one) => !isAdditive(one))
  checkResizable(file, others, ranked)
  const layers: ExtractedLayer[] = []
  const tensors: Tensor[] = [...keptTensors(file, others)]
  for (const [i, one] of ranked.entries()) {
    work.signal.throwIfAborted()
    const made = await resizeModule(one, options, work)
    layers.push(made.layer)
    tensors.push(...made.tensors)
    work.onProgress(i + 1, ranked.length)
    await new Promise((resolve) => void setImmediate(resolve))
  }
  return { layers, tensors, kept: others.map(({ module }) => module.name) }
}

/** Norm layers are added as they are and have nothing to resize. */
function checkResizable(
  { name }: LoraFile,
  others: readonly PlacedLora[],
  ranked: readonly PlacedLora[],
): void {
  const odd = others.filter(({ module }) => module.algorithm.id !== 'norm')
  if (odd.length === 0 && ranked.length > 0) return
  const modules = counted(
    odd.map(({ module }) => module.name),
    'module',
  )
  throw refuse(
    'LORA_UNRESIZABLE',
    odd.length === 0
      ? `${name}: there is no module with a rank`
      : `${name}: what ${modules} change depends on the model (${odd[0]!.module.algorithm.title})`,
    'Merge it into its model, and extract a LoRA of the difference.',
  )
}

function keptTensors({ table }: LoraFile, others: readonly PlacedLora[]): Tensor[] {
  const bundled = [...table.tensors.values()].filter(({ name }) => bundleName(name) !== undefined)
  return [...others.flatMap(({ module }) => [...module.parts.values()]), ...bundled]
}

async function resizeModule(
  one: PlacedLora,
  { rule, convLimit, dtype, seed }: ResizeOptions,
  { evaluation, keep }: ResizeWork,
): Promise<{ layer: ExtractedLayer; tensors: Tensor[] }> {
  const shape = layerShape(one)
  if (shape === undefined)
    throw refuse('LORA_UNRESIZABLE', `${one.module.name}: the shape of its layer is not known`)
  const size = matrixSize(shape)
  const limit = shape.slice(2).some((side) => side > 1) ? convLimit : rule.limit
  const own = { ...rule, limit }
  const spectral = isPlainLora(one)
    ? await ofFactors(one, size, evaluation)
    : await ofChange(one, shape, own, seedFor(one.module.name, seed), evaluation)
  const { svd, count, sum, squares, scale } = spectral
  const rank = chosenRank(
    { values: padded(svd.values, limit), count, squares, ...(sum === undefined ? {} : { sum }) },
    own,
  )
  const kept = svd.values.slice(0, rank).reduce((total, value) => total + value * value, 0)
  const name = kohyaName(one)
  const factors = roundedFactors(svd, rank, size, dtype, newCastStats())
  return {
    layer: {
      module: name,
      block: one.block,
      component: one.component,
      rank,
      base2: 0,
      delta2: squares,
      error2: Math.max(0, squares - kept),
    },
    tensors: keep ? await factorTensors(name, shape, factors, scale * rank, dtype, keep) : [],
  }
}

/** A matrix of low rank has zeros behind its last singular value, which the rules count, too. */
function padded(values: Float64Array, length: number): Float64Array {
  if (values.length >= length) return values
  const out = new Float64Array(length)
  out.set(values)
  return out
}

async function ofFactors(
  one: PlacedLora,
  [m, n]: readonly [number, number],
  evaluation: Evaluation,
): Promise<Spectral> {
  const up = await doubles(one.module.parts.get('lora_up')!, evaluation)
  const down = await doubles(one.module.parts.get('lora_down')!, evaluation)
  const rank = one.module.parts.get('lora_down')!.shape[0]!
  const svd = await svdOfProduct(up, down, [m, rank, n], evaluation.matmul)
  const squares = svd.values.reduce((total, value) => total + value * value, 0)
  const sum = svd.values.reduce((total, value) => total + value, 0)
  return { svd, count: Math.min(m, n), sum, squares, scale: scaleOf(one) }
}

async function doubles(tensor: Tensor, evaluation: Evaluation): Promise<Float64Array<ArrayBuffer>> {
  return Float64Array.from(await matrixValues(matrixOf(tensor), evaluation))
}

async function ofChange(
  one: PlacedLora,
  shape: readonly number[],
  { method, limit }: RankRule,
  seed: number,
  evaluation: Evaluation,
): Promise<Spectral> {
  const size = matrixSize(shape)
  const change = await matrixValues(changeOf(one, shape), evaluation)
  const svd = await leadingSvd(change, size, limit, { matmul: evaluation.matmul, seed })
  const sum = method === 'sv_cumulative' ? await sumOfAll(change, size, evaluation.matmul) : undefined
  const known = sum === undefined ? {} : { sum }
  return { svd, count: Math.min(...size), squares: sumOfSquares(change), scale: 1, ...known }
}

async function sumOfAll(
  change: Float32Array,
  size: readonly [number, number],
  matmul: MatMul,
): Promise<number> {
  return (await allSingularValues(change, size, matmul)).reduce((total, value) => total + value, 0)
}
