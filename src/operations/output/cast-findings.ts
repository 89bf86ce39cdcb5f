import { info, warning } from '../../model/finding.ts'
import type { CastStats } from '../../tensor/numeric/cast-stats.ts'
import { type DType, elementCount } from '../../tensor/values/dtype.ts'
import type { Finding } from '../../tensor/values/table.ts'
import type { WriteResult } from '../../tensor/write/write.ts'
import type { Plan } from '../plan.ts'
import { type Affected, messages } from './messages.ts'

/** A value in a thousand that vanishes is worth reporting: half of a delta may lie there. */
const UNDERFLOW_SHARE = 1 / 1000

/** Rounding that destroyed values is reported, with the first place and the way out. */
export function castFindings({ casts }: WriteResult, { table }: Plan): Finding[] {
  const dtypeOf = (name: string): DType => table.tensors.get(name)!.dtype
  const overflow = affected(casts, (stats) => stats.overflow)
  const underflow = affected(casts, (stats) => stats.underflow)
  const cast = [...casts.keys()].reduce(
    (sum, name) => sum + elementCount(table.tensors.get(name)?.shape ?? []),
    0,
  )
  return [
    ...(overflow ? [warning('cast-overflow', overflowText(overflow, dtypeOf(overflow.first)))] : []),
    ...(underflow && underflow.values > cast * UNDERFLOW_SHARE
      ? [info('cast-underflow', messages.underflow(underflow, dtypeOf(underflow.first)))]
      : []),
  ]
}

function overflowText(overflow: Affected, dtype: DType): string {
  return dtype === 'F8_E4M3' ? messages.overflowToNan(overflow, dtype) : messages.overflow(overflow, dtype)
}

function affected(
  casts: ReadonlyMap<string, CastStats>,
  count: (stats: CastStats) => number,
): Affected | undefined {
  const hit = [...casts].filter(([, stats]) => count(stats) > 0)
  if (hit.length === 0) return undefined
  const values = hit.reduce((sum, [, stats]) => sum + count(stats), 0)
  return { values, tensors: hit.length, first: hit[0]![0] }
}
