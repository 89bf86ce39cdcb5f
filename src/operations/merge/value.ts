/** The matrix that a tensor of a merge is computed as. */

import { info } from '../../model/finding.ts'
import { fitOf } from '../../model/layouts/pairs.ts'
import { combined, firstColumns, matrixOf, overColumns } from '../../tensor/algebra/matrix.ts'
import type { MergeParameters } from '../../tensor/merge/method.ts'
import type { Matrix, Tensor } from '../../tensor/values/table.ts'
import { weightOf } from './block-weights.ts'
import type { MergeJob, PlannedBlend } from './job.ts'
import { messages } from './messages.ts'
import { misfitError } from './strict.ts'
import { isUnchecked } from './unchecked.ts'

export function parametersFor(
  { component, side, blockOf }: PlannedBlend,
  { name }: Tensor,
  place: string,
  job: MergeJob,
): MergeParameters {
  const block = blockOf(place)
  const { options, method } = job
  return {
    alpha: job.alphas.map((weights) => weightOf(weights, name, block, side, job.used)),
    beta: weightOf(job.beta, name, block, side, job.used),
    density: options.density ?? method.density ?? 1,
    seed: method.seeded ? placeSeed(options.seed ?? 0, `${component.id} ${place}`) : 0,
    range: options.range ?? [0, 1],
  }
}

/** Of each tensor another one, the same in every file layout: FNV-1a over its place. */
export function placeSeed(seed: number, place: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0
  for (const byte of Buffer.from(place)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}

/** @throws MERGE_MISFIT (exit 4) */
export function mergedValue(
  { component }: PlannedBlend,
  tensors: readonly Tensor[],
  job: MergeJob,
  parameters: MergeParameters,
): Matrix {
  const [first, ...others] = tensors as [Tensor, ...Tensor[]]
  const isExact = isUnchecked(component, job.models[0]!)
  const fits = others.map((other) => {
    const fit = fitOf(first.shape, other.shape)
    // that a first layer takes more channels is known of UNets
    return fit === 'first-inputs' && isExact ? undefined : fit
  })
  const odd = fits.indexOf(undefined)
  if (odd >= 0) {
    throw misfitError(job.models[odd + 1]!, odd + 1, first.name, [others[odd]!.shape, first.shape])
  }
  const whole = matrixOf(first)
  if (fits.every((fit) => fit === 'same')) {
    const of = [whole, ...others.map((other) => matrixOf(other, whole.rows))]
    return combined(job.method.id, of, first.shape, parameters)
  }
  const narrow = fits.indexOf('same')
  if (narrow >= 0)
    throw misfitError(job.models[narrow + 1]!, narrow + 1, first.name, [
      others[narrow]!.shape,
      others[fits.indexOf('first-inputs')]!.shape,
    ])
  const theirs = others.map((other) => matrixOf(other, whole.rows))
  const shape = others[0]!.shape
  const value = combined(
    job.method.id,
    [firstColumns(whole, theirs[0]!.columns), ...theirs],
    shape,
    parameters,
  )
  job.findings.push(info('merge-channels', messages.channels(first.name, shape[1]!, first.shape[1]!)))
  return overColumns(value, whole)
}

/** The matrices of the models, where a tensor is computed from them. */
export function modelsOf(value: Matrix): readonly Matrix[] {
  if (value.op === 'over-columns') return modelsOf(value.of)
  return value.op === 'combine' ? value.of : []
}

/** The model whose tensor it is, value for value; undefined where it has to be computed. */
export function copiedModel(
  value: Matrix,
  { method }: MergeJob,
  parameters: MergeParameters,
): number | undefined {
  const copied = method.copyOf?.(parameters)
  // a tensor with fewer channels than A's is not all of it
  return value.op === 'combine' || copied === 0 ? copied : undefined
}
