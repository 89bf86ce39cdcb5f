import { quoted } from '../../system/text.ts'
import { isEncoded } from '../../tensor/quantised/check.ts'
import { type QuantisedId, quantisedFormat } from '../../tensor/quantised/formats.ts'
import { quantisedParts } from '../../tensor/quantised/summary.ts'
import { type DType, elementCount } from '../../tensor/values/dtype.ts'
import { tensorBytes } from '../../tensor/values/expr.ts'
import type { Finding, Tensor, TensorTable } from '../../tensor/values/table.ts'
import { isCastable } from '../dtype-choice.ts'
import { counted, info, warning } from '../finding.ts'
import { type Role, tensorsOf } from '../networks/components.ts'
import { coversAll, type EmaInfo, isOnlyCounters } from './ema.ts'
import type { Facts } from './findings.ts'
import { needsRepair, type PositionIds } from './position-ids.ts'

/** What is wrong with an EMA copy, gravest first, or that it is there at all. */
export function emaFindings(ema: EmaInfo | undefined): Finding[] {
  if (!ema) return []
  const { pairs, uncovered, bytes } = ema
  if (isOnlyCounters(ema)) {
    const message = 'counters of an EMA copy that is not there; sdtool prune drops them'
    return [info('ema-counters', message, bytes)]
  }
  if (pairs.size + uncovered.length === 0) {
    return [warning('ema-alone', 'an EMA copy without the weights it is a copy of', bytes)]
  }
  if (!coversAll(ema)) {
    const message = `the EMA copy covers ${pairs.size} of ${pairs.size + uncovered.length} weights, so it cannot replace them; sdtool prune --ema drop removes it`
    return [warning('ema-partial', message, bytes)]
  }
  if (ema.updates === 0) {
    const message =
      'the EMA copy was never updated (num_updates is 0), it holds the weights training began with; sdtool prune --ema drop removes it'
    return [warning('ema-never-updated', message, bytes)]
  }
  if (ema.ofMerge) {
    const message =
      'the file is a merge, and its EMA copy may be that of one parent; sdtool prune --ema drop removes it'
    return [warning('ema-of-merge', message, bytes)]
  }
  const warmUp = ema.updates === -1 ? ' (its decay had no warm-up: num_updates is -1)' : ''
  const message = `the weights are there twice, live and as EMA copy${warmUp}; sdtool prune keeps the EMA, --ema drop the live ones`
  return [info('ema-duplicate', message, bytes)]
}

export function trainingLeftovers({ file, identity }: Facts): Finding[] {
  const tensors = identity.components.filter(({ role }) => role === 'training')
  const leftovers = (file.leftovers ?? []).filter(({ bytes }) => bytes > 0)
  const bytes = [...tensors, ...leftovers].reduce((sum, part) => sum + part.bytes, 0)
  if (tensors.length + leftovers.length === 0) return []
  const what = [...leftovers.map(({ path }) => path), ...tensors.flatMap(({ names }) => names)]
  return [
    info(
      'training-leftovers',
      `training state nobody needs to use the model: ${counted(what, 'part')}`,
      bytes,
    ),
  ]
}

export function scheduleFindings({ identity, schedule }: Facts): Finding[] {
  const buffers = identity.components.find(({ id }) => id === 'schedule')
  if (!buffers) return []
  if (schedule && !schedule.isDefault) {
    const last =
      schedule.lastAlpha === undefined ? '' : `; alphas_cumprod ends at ${schedule.lastAlpha.toPrecision(3)}`
    const message = `the noise schedule is not the usual one${last}; it is kept, as some programs read it`
    return [warning('custom-schedule', message)]
  }
  return [
    info(
      'schedule-buffers',
      `${buffers.tensors} buffers of the usual noise schedule, which programs compute themselves`,
      buffers.bytes,
    ),
  ]
}

export function positionIdFindings(all: readonly PositionIds[]): Finding[] {
  return all.filter(needsRepair).map(({ tensor, wrong, example }) => {
    if (!example) {
      return info(
        'position-ids-dtype',
        `${quoted(tensor.name)} is ${tensor.dtype} instead of I64; sdtool prune repairs it`,
      )
    }
    const [index, value] = example
    const message = `${quoted(tensor.name)} has ${wrong} wrong ${wrong === 1 ? 'entry' : 'entries'} (entry ${index} is ${value}), which shifts the tokens of every prompt; sdtool prune repairs it`
    return warning('position-ids-damaged', message)
  })
}

/** Roles whose weights inference does not need in full precision. */
const HALVES: ReadonlySet<Role> = new Set<Role>(['unet', 'text', 'vae', 'control', 'vision', 'depth'])

export function precisionFindings({ file, identity }: Facts): Finding[] {
  const mixed: Finding[] = []
  let wide = 0
  let saved = 0
  for (const component of identity.components) {
    const { role, title } = component
    if (!HALVES.has(role)) continue
    const counts = new Map<DType, number>()
    const tensors = tensorsOf(file, component)
    // what cannot be converted is not recommended to be
    const isConvertible = !tensors.some(isEncoded)
    for (const tensor of tensors) {
      if (!isCastable(tensor)) continue
      counts.set(tensor.dtype, (counts.get(tensor.dtype) ?? 0) + 1)
      if (!isConvertible) continue
      if (tensor.dtype !== 'F32' && tensor.dtype !== 'F64') continue
      wide++
      saved += tensorBytes(tensor) - 2 * elementCount(tensor.shape)
    }
    if (counts.size > 1) {
      const types = [...counts].map(([dtype, count]) => `${count} ${dtype}`).join(', ')
      mixed.push(info('mixed-dtypes', `the ${title} has weights of several types: ${types}`))
    }
  }
  if (wide === 0) return mixed
  const message = `${wide} ${wide === 1 ? 'tensor is' : 'tensors are'} F32 or F64; fp16 is enough to make pictures (sdtool convert --dtype fp16)`
  return [info('full-precision', message, saved), ...mixed]
}

/** In which formats weights are stored, and what that means for what can be done with them. */
export function quantisedFindings(file: TensorTable): Finding[] {
  return quantisedParts(file).map(({ format, title, layers, tables }) => {
    const what = layers === 1 ? '1 weight is' : `${layers} weights are`
    const stored = layers > 0 ? `${what} stored in ${title}` : `the file has tables of ${title}`
    const beside = layers > 0 && tables > 0 ? `, with ${tables} ${tables === 1 ? 'table' : 'tables'}` : ''
    return info(codeOf(format), `${stored}${beside}; ${meaningOf(format)}`)
  })
}

function codeOf(format: QuantisedId): string {
  if (format === 'fp8') return 'plain-fp8'
  return format.startsWith('fp8-') ? 'scaled-fp8' : 'quantised-weights'
}

function meaningOf(format: QuantisedId): string {
  const { copy, cast } = quantisedFormat(format).decisions
  if (cast === 'values') return 'the values are the weights, rounded to 8 bits'
  return copy === 'refused'
    ? 'sdtool does not decode them yet, and no other container holds them: for anything but looking use the original'
    : 'sdtool carries them as they are and does not decode them yet: to cast, compare, merge or draw use the original'
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
  return [
    info(
      'shared-tensors',
      `${counted(names, 'tensor')} share the bytes of another; each is written in full`,
      bytes,
    ),
  ]
}
