/** A LoRA that makes one model into another: the leading singular vectors of the difference of each layer. */

import { type BasePart, baseParts, partLike } from '../../model/adapters/base-parts.ts'
import { info, warning } from '../../model/finding.ts'
import { withNativeNames } from '../../model/layouts/align.ts'
import {
  inNarrowerType,
  type Outside,
  outsideOf,
  type Sides,
  sameSize,
  squaredDistance,
  subtract,
  sumOfSquares,
} from '../../model/lora/difference.ts'
import {
  decoded,
  type FactorDType,
  factorTensors,
  type Keep,
  matrixSize,
  roundedFactors,
} from '../../model/lora/factors.ts'
import type { Model } from '../../model/model.ts'
import { architectureById } from '../../model/networks/architectures/registry.ts'
import { tensorsOf } from '../../model/networks/components.ts'
import { isMainNetwork } from '../../model/unknown-networks.ts'
import { defined } from '../../system/defined.ts'
import { refuse, type SdtoolError, unverified } from '../../system/errors.ts'
import { newPause } from '../../system/pause.ts'
import { matrixOf, sum } from '../../tensor/algebra/matrix.ts'
import { seedFor } from '../../tensor/algebra/random.ts'
import { allSingularValues, leadingSvd } from '../../tensor/algebra/svd.ts'
import { type CastStats, newCastStats } from '../../tensor/numeric/cast-stats.ts'
import { checkOperation } from '../../tensor/quantised/check.ts'
import { type Evaluation, matrixValues } from '../../tensor/values/expr.ts'
import type { Finding, Matrix, Tensor } from '../../tensor/values/table.ts'
import { chosenRank, type RankRule } from '../lora/rank-rule.ts'
import { viewOf } from '../merge-lora/place.ts'
import { sideOfPart } from '../merge-lora/sides.ts'
import { messages as shared } from '../messages.ts'
import { isNoNetwork, sameKeys } from '../plan.ts'
import { type LoraAlgo, type LoraLayer, loraLayers } from './layers.ts'
import { messages } from './messages.ts'

export interface ExtractLoraPlanOptions {
  readonly algo: LoraAlgo
  readonly rule: RankRule
  /** Limit for convolutions with a kernel larger than 1x1. */
  readonly convLimit: number
  readonly dtype: FactorDType
  readonly only?: 'unet' | 'text'
  /** Of the random sketches: the same seed gives the same file. */
  readonly seed: number
}

/** What the world does for an extraction. */
export interface ExtractWork {
  readonly evaluation: Evaluation
  /** Without it, ranks and errors are computed and nothing is kept. */
  readonly keep?: Keep
  readonly signal: AbortSignal
  onProgress(doneBytes: number, totalBytes: number): void
}

/** One layer of the LoRA. The names say sums of squares over its elements. */
export interface ExtractedLayer extends Pick<LoraLayer, 'module' | 'block'> {
  readonly component: string
  readonly rank: number
  /** Of the weights of the base. */
  readonly base2: number
  /** Of the difference between the models. */
  readonly delta2: number
  /** Of what of it the rounded factors do not give back. */
  readonly error2: number
}

export interface Extraction {
  readonly layers: readonly ExtractedLayer[]
  /** Covered layers that are the same in both models. */
  readonly unchanged: number
  readonly outside: Outside
  readonly tensors: readonly Tensor[]
  readonly findings: readonly Finding[]
}

interface Pair {
  readonly layer: LoraLayer
  readonly tuned: Tensor
  readonly base: Tensor
  readonly baseLayer: LoraLayer['place']
}

/**
 * Extracts a LoRA of tuned - base. What is the same once both are in the narrower of their two types counts as the
 * same: what saving in half precision does to a layer is not training.
 * @throws SdtoolError (exit 3) SCALED_FP8, QUANTISED, LAYOUT_MISFIT, EXTRACT_NOT_A_MODEL, MIXED_ARCHITECTURES, LAYER_SHAPES, NOT_FINITE, NO_LAYERS; (exit 4) NOTHING_DIFFERS
 */
export async function extractFactors(
  tunedModel: Model,
  baseModel: Model,
  options: ExtractLoraPlanOptions,
  work: ExtractWork,
): Promise<Extraction> {
  for (const model of [tunedModel, baseModel]) checkDecoded(model, options)
  // programs read LoRAs of transformers with the names of their authors
  const [tuned, base] = [withNativeNames(tunedModel), withNativeNames(baseModel)] as const
  checkSameArchitecture(tuned, base)
  const parts = { tuned: chosenParts(tuned, options), base: chosenParts(base, options) }
  const pairs = pairLayers(tuned, base, parts, options.algo)
  const [layers, tensors]: [ExtractedLayer[], Tensor[]] = [[], []]
  const stats = newCastStats()
  const total = pairs.reduce((bytes, pair) => bytes + bytesOf(pair), 0)
  const pause = newPause(work.signal)
  let done = 0
  for (const pair of pairs) {
    // products are synchronous for the event loop: an interrupt is heard between two layers
    await pause()
    work.signal.throwIfAborted()
    const layer = await extractLayer(pair, options, work, stats)
    if (layer !== undefined) {
      layers.push(layer.extracted)
      tensors.push(...layer.tensors)
    }
    done += bytesOf(pair)
    work.onProgress(done, total)
  }
  const covered = new Set(pairs.map(({ layer }) => layer.place.weight))
  const outside = await outsideOf({ tuned: tuned.file, base: base.file }, parts, covered, work.evaluation)
  if (layers.length === 0) throw nothingDiffers(tuned, base, outside.tensors)
  const findings = [...overflowFinding(stats), ...uncheckedFinding(tuned)]
  return { layers, unchanged: pairs.length - layers.length, outside, tensors, findings }
}

/** Nothing but names and shapes says that the models belong together. */
function uncheckedFinding({ identity }: Model): Finding[] {
  return identity.architecture === undefined ? [info('extract-unchecked', messages.onlyNamesAndShapes)] : []
}

function overflowFinding({ overflow }: CastStats): Finding[] {
  return overflow === 0 ? [] : [warning('cast-overflow', messages.overflow(overflow))]
}

/** Before the architectures are compared, which packed shapes may hide. @throws SCALED_FP8, QUANTISED (exit 3) */
function checkDecoded({ name, file, identity }: Model, { only }: ExtractLoraPlanOptions): void {
  for (const component of identity.components) {
    const { role } = component
    const isChosen =
      role === 'unet' || role === 'text'
        ? only === undefined || role === only
        : role === 'other' || isMainNetwork(component, identity)
    if (isChosen) checkOperation('extract lora', tensorsOf(file, component), name)
  }
}

/** @throws EXTRACT_NOT_A_MODEL, MIXED_ARCHITECTURES (exit 3) */
function checkSameArchitecture(tuned: Model, base: Model): void {
  for (const model of [tuned, base]) checkNetwork(model)
  const [a, b] = [tuned, base].map(({ identity }) => identity.architecture?.id)
  if (a === b || ((a === undefined || b === undefined) && sameKeys(tuned.file, base.file))) return
  throw refuse(
    'MIXED_ARCHITECTURES',
    messages.mixedArchitectures(tuned.name, tuned.identity.title, base.name, base.identity.title),
    messages.fromItsBase,
  )
}

/** @throws EXTRACT_NOT_A_MODEL (exit 3) */
function checkNetwork({ name, identity }: Model): void {
  if (!isNoNetwork(identity)) return
  throw refuse('EXTRACT_NOT_A_MODEL', messages.notANetwork(name, identity.title), messages.fromItsBase)
}

/**
 * Of models without a table of layers, a tensor that one of them lacks says that they are not the same network.
 * @throws MIXED_ARCHITECTURES (exit 3)
 */
function checkSameTensors(tuned: Model, base: Model, parts: Sides<BasePart[]>): void {
  if (tuned.identity.architecture !== undefined) return
  for (const part of parts.tuned) {
    const other = partLike(parts.base, part)
    checkNames(base.name, namesIn(part), other)
    if (other !== undefined) checkNames(tuned.name, namesIn(other), part)
  }
}

function namesIn({ component, localOf }: BasePart): string[] {
  return component.names.map(localOf)
}

/** @throws MIXED_ARCHITECTURES (exit 3) where a part of that file lacks some of the names */
function checkNames(file: string, names: readonly string[], part: BasePart | undefined): void {
  const own = new Set(part === undefined ? [] : namesIn(part))
  const lacking = names.filter((name) => !own.has(name))
  if (lacking.length > 0)
    throw refuse('MIXED_ARCHITECTURES', messages.lacksTensors(file, lacking), messages.fromItsBase)
}

function chosenParts({ file, identity }: Model, { only }: ExtractLoraPlanOptions): BasePart[] {
  return baseParts(file, identity).filter((part) => only === undefined || sideOfPart(part) === only)
}

/** @throws MIXED_ARCHITECTURES, NO_LAYERS, LAYER_SHAPES (exit 3) */
function pairLayers(tuned: Model, base: Model, parts: Sides<BasePart[]>, algo: LoraAlgo): Pair[] {
  checkSameTensors(tuned, base, parts)
  const architecture = architectureById(tuned.identity.architecture?.id ?? '')
  const pairs = loraLayers(parts.tuned, architecture, algo).flatMap((layer): Pair[] => {
    const baseLayer = partLike(parts.base, layer.part)?.names.get(layer.path)
    if (baseLayer === undefined) return []
    if (!sameSize(layer.place.shape, baseLayer.shape)) {
      throw refuse(
        'LAYER_SHAPES',
        messages.layerShapes(tuned.name, layer.place.weight, layer.place.shape, base.name, baseLayer.shape),
      )
    }
    return [
      {
        layer,
        baseLayer,
        tuned: tuned.file.tensors.get(layer.place.weight)!,
        base: base.file.tensors.get(baseLayer.weight)!,
      },
    ]
  })
  if (pairs.length === 0) throw refuse('NO_LAYERS', messages.noCommonLayers(tuned.name, base.name))
  return pairs
}

function bytesOf({ layer: { place } }: Pair): number {
  const [m, n] = matrixSize(place.shape)
  return m * n * Float32Array.BYTES_PER_ELEMENT
}

async function extractLayer(
  pair: Pair,
  options: ExtractLoraPlanOptions,
  { evaluation, keep }: ExtractWork,
  stats: CastStats,
): Promise<{ extracted: ExtractedLayer; tensors: Tensor[] } | undefined> {
  const { layer } = pair
  if (await isSame(pair, evaluation)) return undefined
  const delta = await matrixValues(viewOf(matrixOf(pair.tuned), pair.layer.place), evaluation)
  const base = await matrixValues(viewOf(matrixOf(pair.base), pair.baseLayer), evaluation)
  const { delta2, base2 } = subtract(delta, base)
  if (delta2 === 0) return undefined
  if (!Number.isFinite(delta2)) throw notFinite(layer)
  const size = matrixSize(layer.place.shape)
  const limit = isKernel(layer.place.shape) ? options.convLimit : options.rule.limit
  const { matmul } = evaluation
  const rule = { ...options.rule, limit }
  const svd = await leadingSvd(delta, size, limit, { matmul, seed: seedFor(layer.module, options.seed) })
  const sum = rule.method === 'sv_cumulative' ? await nuclearNorm(delta, size, evaluation) : undefined
  const spectrum = { values: svd.values, count: Math.min(...size), squares: delta2 }
  const rank = chosenRank({ ...spectrum, ...defined({ sum }) }, rule)
  const factors = roundedFactors(svd, rank, size, options.dtype, stats)
  const up = decoded(factors.up, options.dtype, size[0] * rank)
  const down = decoded(factors.down, options.dtype, rank * size[1])
  const product = new Float32Array(delta.length)
  await matmul(up, down, product, [size[0], rank, size[1]])
  const extracted = {
    module: layer.module,
    block: layer.block,
    component: layer.part.component.title,
    rank,
    base2,
    delta2,
    error2: squaredDistance(delta, product),
  }
  const tensors = keep
    ? await factorTensors(layer.module, layer.place.shape, factors, rank, options.dtype, keep)
    : []
  return { extracted, tensors }
}

async function nuclearNorm(
  delta: Float32Array,
  size: readonly [number, number],
  { matmul }: Evaluation,
): Promise<number> {
  return (await allSingularValues(delta, size, matmul)).reduce((sum, value) => sum + value, 0)
}

function differenceOf(tuned: Tensor, base: Tensor, { layer, baseLayer }: Pair): Matrix {
  return sum(
    { factor: 1, of: viewOf(matrixOf(tuned), layer.place) },
    { factor: -1, of: viewOf(matrixOf(base), baseLayer) },
  )
}

/** Whether nothing differs once both are in the narrower of their types. */
async function isSame(pair: Pair, evaluation: Evaluation): Promise<boolean> {
  if (pair.tuned.dtype === pair.base.dtype) return false
  const [tuned, base] = inNarrowerType(pair.tuned, pair.base)
  return sumOfSquares(await matrixValues(differenceOf(tuned, base, pair), evaluation)) === 0
}

function isKernel(shape: readonly number[]): boolean {
  return shape.slice(2).some((side) => side > 1)
}

function notFinite({ place: { weight } }: LoraLayer): SdtoolError {
  return refuse('NOT_FINITE', messages.notFinite(weight), shared.seeScanFile)
}

function nothingDiffers(tuned: Model, base: Model, outside: readonly string[]): SdtoolError {
  const text =
    outside.length === 0
      ? messages.nothingDiffers(tuned.name, base.name)
      : messages.onlyOthersDiffer(tuned.name, base.name, outside.length)
  return unverified('NOTHING_DIFFERS', text, messages.seeDiff)
}
