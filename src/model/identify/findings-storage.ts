import { isEncoded } from '../../tensor/quantised/check.ts'
import { type QuantisedId, quantisedFormat } from '../../tensor/quantised/formats.ts'
import { quantisedParts } from '../../tensor/quantised/summary.ts'
import { type DType, elementCount } from '../../tensor/values/dtype.ts'
import { tensorBytes } from '../../tensor/values/expr.ts'
import type { Finding, Tensor, TensorTable } from '../../tensor/values/table.ts'
import { isCastable } from '../dtype-choice.ts'
import { info, warning } from '../finding.ts'
import { type Role, tensorsOf } from '../networks/components.ts'
import { coversAll, type EmaInfo, isOnlyCounters } from './ema.ts'
import type { Facts } from './facts.ts'
import { messages } from './messages.ts'
import { needsRepair, type PositionIds } from './position-ids.ts'

/** What is wrong with an EMA copy, gravest first, or that it is there at all. */
export function emaFindings(ema: EmaInfo | undefined): Finding[] {
  if (!ema) return []
  const { pairs, uncovered, bytes } = ema
  if (isOnlyCounters(ema)) {
    const message = messages.emaCounters
    return [info('ema-counters', message, bytes)]
  }
  if (pairs.size + uncovered.length === 0) {
    return [warning('ema-alone', messages.emaAlone, bytes)]
  }
  if (!coversAll(ema)) {
    const message = messages.emaPartial(pairs.size, pairs.size + uncovered.length)
    return [warning('ema-partial', message, bytes)]
  }
  if (ema.updates === 0) {
    const message = messages.emaNeverUpdated
    return [warning('ema-never-updated', message, bytes)]
  }
  if (ema.ofMerge) {
    const message = messages.emaOfMerge
    return [warning('ema-of-merge', message, bytes)]
  }
  return [info('ema-duplicate', messages.emaDuplicate(ema.updates === -1), bytes)]
}

export function trainingLeftovers({ file, identity }: Facts): Finding[] {
  const tensors = identity.components.filter(({ role }) => role === 'training')
  const leftovers = (file.leftovers ?? []).filter(({ bytes }) => bytes > 0)
  const bytes = [...tensors, ...leftovers].reduce((sum, part) => sum + part.bytes, 0)
  if (tensors.length + leftovers.length === 0) return []
  const what = [...leftovers.map(({ path }) => path), ...tensors.flatMap(({ names }) => names)]
  return [info('training-leftovers', messages.trainingLeftovers(what), bytes)]
}

export function scheduleFindings({ identity, schedule }: Facts): Finding[] {
  const buffers = identity.components.find(({ id }) => id === 'schedule')
  if (!buffers) return []
  if (schedule && !schedule.isDefault) {
    return [warning('custom-schedule', messages.customSchedule(schedule.lastAlpha))]
  }
  return [info('schedule-buffers', messages.scheduleBuffers(buffers.tensors), buffers.bytes)]
}

export function positionIdFindings(all: readonly PositionIds[]): Finding[] {
  return all.filter(needsRepair).map(({ tensor, wrong, example }) => {
    if (!example) {
      return info('position-ids-dtype', messages.positionIdsType(tensor.name, tensor.dtype))
    }
    const [index, value] = example
    return warning('position-ids-damaged', messages.damagedPositionIds(tensor.name, wrong, index, value))
  })
}

/** Roles whose weights inference does not need in full precision. */
const HALVES: ReadonlySet<Role> = new Set<Role>(['unet', 'text', 'vae', 'control', 'vision', 'depth'])

export function precisionFindings({ file, identity }: Facts): Finding[] {
  const components = identity.components
    .filter(({ role }) => HALVES.has(role))
    .map((component) => ({ ...component, weights: tensorsOf(file, component) }))
  const mixed = components.flatMap(({ title, weights }) => mixedTypes(title, weights.filter(isCastable)))
  // what cannot be converted is not recommended to be
  const wide = components
    .filter(({ weights }) => !weights.some(isEncoded))
    .flatMap(({ weights }) => weights.filter(isWide))
  if (wide.length === 0) return mixed
  const saved = wide.reduce((sum, tensor) => sum + tensorBytes(tensor) - 2 * elementCount(tensor.shape), 0)
  const enough =
    identity.architecture?.fp16Overflows === undefined ? messages.fullPrecision : messages.bf16Enough
  return [info('full-precision', enough(wide.length), saved), ...mixed]
}

/** A network in the one type of 16 bits that cannot hold what it computes. */
export function halfRangeFindings({ file, identity }: Facts): Finding[] {
  const why = identity.architecture?.fp16Overflows
  const denoiser = identity.components.find(({ role }) => role === 'unet')
  if (why === undefined || denoiser === undefined) return []
  const isHalf = tensorsOf(file, denoiser).some(({ dtype, shape }) => dtype === 'F16' && shape.length > 1)
  return isHalf ? [warning('fp16-overflow', messages.storedInHalf(why))] : []
}

function isWide(tensor: Tensor): boolean {
  return isCastable(tensor) && (tensor.dtype === 'F32' || tensor.dtype === 'F64')
}

function mixedTypes(title: string, weights: readonly Tensor[]): Finding[] {
  const counts = new Map<DType, number>()
  for (const { dtype } of weights) counts.set(dtype, (counts.get(dtype) ?? 0) + 1)
  if (counts.size < 2) return []
  const types = [...counts].map(([dtype, count]) => `${count} ${dtype}`).join(', ')
  return [info('mixed-dtypes', messages.mixedTypes(title, types))]
}

/** In which formats weights are stored, and what that means for what can be done with them. */
export function quantisedFindings(file: TensorTable): Finding[] {
  return quantisedParts(file).map(({ format, title, layers, tables }) => {
    const stored =
      layers > 0 ? messages.quantisedWeights(layers, title, tables) : messages.quantisedTables(title)
    return info(codeOf(format), `${stored}; ${meaningOf(format)}`)
  })
}

function codeOf(format: QuantisedId): string {
  if (format === 'fp8') return 'plain-fp8'
  return format.startsWith('fp8-') ? 'scaled-fp8' : 'quantised-weights'
}

function meaningOf(format: QuantisedId): string {
  const { copy, cast } = quantisedFormat(format).decisions
  if (cast === 'values') return messages.plainNumbers
  return copy === 'refused' ? messages.notDecodedOrMoved : messages.notDecoded
}

/** Tensors that are the same bytes of a file under two names. */
export function sharedTensors({ tensors }: TensorTable): Finding[] {
  const first = new Map<number, Tensor>()
  const shared: Tensor[] = []
  for (const tensor of tensors.values()) {
    const { source } = tensor
    if (source.kind !== 'stored' || source.nbytes === 0) continue
    const other = first.get(source.offset)?.source
    if (other === undefined) first.set(source.offset, tensor)
    else if (
      other.kind === 'stored' &&
      other.file.path === source.file.path &&
      other.nbytes === source.nbytes
    ) {
      shared.push(tensor)
    }
  }
  if (shared.length === 0) return []
  const bytes = shared.reduce((sum, tensor) => sum + tensorBytes(tensor), 0)
  const names = shared.map((tensor) => tensor.name)
  return [info('shared-tensors', messages.sharedBytes(names), bytes)]
}
