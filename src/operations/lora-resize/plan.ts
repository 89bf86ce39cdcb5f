/** A LoRA of other ranks: the leading singular vectors of what each module adds. */

import {
  type FactorDType,
  factorTensors,
  type Keep,
  matrixSize,
  roundedFactors,
} from '../../model/lora/factors.ts'
import {
  isAdditive,
  type LoraFile,
  layerShape,
  type PlacedLora,
  scaleOf,
  soundModules,
} from '../../model/lora/modules.ts'
import { writtenName, writtenTensors } from '../../model/lora/written-name.ts'
import { defined } from '../../system/defined.ts'
import { refuse, withFileName } from '../../system/errors.ts'
import { newPause } from '../../system/pause.ts'
import { matrixOf, sum } from '../../tensor/algebra/matrix.ts'
import { seedFor } from '../../tensor/algebra/random.ts'
import { newCastStats } from '../../tensor/numeric/cast-stats.ts'
import type { Evaluation } from '../../tensor/values/expr.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import type { ExtractedLayer } from '../extract-lora/plan.ts'
import { chosenRank, type RankRule } from '../lora/rank-rule.ts'
import { messages } from './messages.ts'
import { spectralOf } from './spectral.ts'

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
  /** `delta2` is of what the module added before, `error2` without the rounding of its factors; `base2` is not known. */
  readonly layers: readonly ExtractedLayer[]
  readonly tensors: readonly Tensor[]
  /** Modules that have no rank (norms, biases), kept as they are. */
  readonly kept: readonly string[]
}

/**
 * Resizes every module by the rule; the strength of a plain LoRA stays in its alpha, as kohya's `resize_lora.py` does it.
 * LoHa, LoKr, full differences and convolutions in Tucker form become plain LoRAs.
 * @throws LORA_UNRESIZABLE (exit 3) where the change depends on the model, LORA_MISSHAPEN, NOT_FINITE
 */
export async function resizeLora(file: LoraFile, options: ResizeOptions, work: ResizeWork): Promise<Resized> {
  const placed = await soundModules(file)
  const ranked = placed.filter((one) => isAdditive(one) && !isBiasAlone(one))
  const others = placed.filter((one) => !ranked.includes(one))
  checkResizable(file, others, ranked)
  const layers: ExtractedLayer[] = []
  const tensors: Tensor[] = [...keptTensors(file, ranked)]
  const pause = newPause(work.signal)
  for (const [i, one] of ranked.entries()) {
    work.signal.throwIfAborted()
    const made = await resizeModule(one, options, work).catch((error: unknown) => {
      throw withFileName(file.name, error)
    })
    layers.push(made.layer)
    tensors.push(...made.tensors)
    work.onProgress(i + 1, ranked.length)
    await pause()
  }
  return { layers, tensors, kept: others.map(({ module }) => module.name) }
}

function isBiasAlone({ module: { algorithm, parts } }: PlacedLora): boolean {
  return algorithm.id === 'full' && !parts.has('diff')
}

/** Norm layers and biases are added as they are and have nothing to resize. */
function checkResizable(
  { name }: LoraFile,
  others: readonly PlacedLora[],
  ranked: readonly PlacedLora[],
): void {
  const odd = others.filter((one) => one.module.algorithm.id !== 'norm' && !isBiasAlone(one))
  if (odd.length === 0 && ranked.length > 0) return
  const names = odd.map(({ module }) => module.name)
  const text =
    odd.length === 0
      ? messages.noRankedModule(name)
      : messages.dependsOnModel(name, names, odd[0]!.module.algorithm.title)
  throw refuse('LORA_UNRESIZABLE', text, messages.extractInstead)
}

/** Modules without a rank, and what belongs to no module: embeddings that are bundled, keys nobody knows. */
function keptTensors({ table }: LoraFile, ranked: readonly PlacedLora[]): Tensor[] {
  const taken = new Set(ranked.flatMap(({ module }) => [...module.parts.values()].map(({ name }) => name)))
  return [...table.tensors.values()].filter(({ name }) => !taken.has(name))
}

async function resizeModule(
  one: PlacedLora,
  { rule, convLimit, dtype, seed }: ResizeOptions,
  { evaluation, keep }: ResizeWork,
): Promise<{ layer: ExtractedLayer; tensors: Tensor[] }> {
  const shape = layerShape(one)
  if (shape === undefined) throw refuse('LORA_UNRESIZABLE', messages.unknownShape(one.module.name))
  const size = matrixSize(shape)
  const limit = shape.slice(2).some((side) => side > 1) ? convLimit : rule.limit
  const own = { ...rule, limit }
  const work = { name: one.module.name, rule: own, seed: seedFor(one.module.name, seed), evaluation }
  const { svd, count, sum: nuclear, squares, scale } = await spectralOf(one, shape, work)
  const rank = chosenRank(
    { values: padded(svd.values, limit), count, squares, ...defined({ sum: nuclear }) },
    own,
  )
  const kept = svd.values.slice(0, rank).reduce((total, value) => total + value * value, 0)
  const name = writtenName(one)
  const factors = roundedFactors(svd, rank, size, dtype, newCastStats())
  const delta2 = scale ** 2 * squares
  return {
    layer: {
      module: name,
      block: one.block,
      component: one.component,
      rank,
      base2: 0,
      delta2,
      error2: Math.max(0, delta2 - scale ** 2 * kept),
    },
    tensors: keep
      ? [
          ...writtenTensors(one, await factorTensors(name, shape, factors, scale * rank, dtype, keep), scale),
          ...biasTensors(one, name),
        ]
      : [],
  }
}

/** What is added to the bias of the layer has no rank, and stays; in kohya's spelling, which knows one of two ways. */
function biasTensors(one: PlacedLora, module: string): Tensor[] {
  const { parts } = one.module
  const [diff, up] = [parts.get('diff_b'), parts.get('lora_up_bias')]
  const name = `${module}.diff_b`
  if (up === undefined) return diff === undefined ? [] : [{ ...diff, name }]
  const scaled = { factor: scaleOf(one), of: matrixOf(up) }
  const value = diff === undefined ? sum(scaled) : sum(scaled, { factor: 1, of: matrixOf(diff) })
  return [{ name, dtype: up.dtype, shape: up.shape, source: { kind: 'patched', base: up, value } }]
}

/** A matrix of low rank has zeros after its last singular value, which the rules count, too. */
function padded(values: Float64Array, length: number): Float64Array {
  if (values.length >= length) return values
  const out = new Float64Array(length)
  out.set(values)
  return out
}
