import { plural } from '../../report/text/text.ts'
import { quoted } from '../../system/text.ts'
import type { CastStats } from '../../tensor/numeric/float.ts'
import { type DType, elementCount } from '../../tensor/values/dtype.ts'
import type { Finding } from '../../tensor/values/table.ts'
import type { WriteResult } from '../../tensor/write/write.ts'
import type { Plan } from '../plan.ts'

/** A value in a thousand that vanishes is worth a word: half of a delta may lie there. */
const UNDERFLOW_SHARE = 1 / 1000

/** Rounding that destroyed values is said aloud, with the place and the way out. */
export function castFindings({ casts }: WriteResult, { table }: Plan): Finding[] {
  const dtypeOf = (name: string): DType | undefined => table.tensors.get(name)?.dtype
  const overflow = affected(casts, (stats) => stats.overflow)
  const underflow = affected(casts, (stats) => stats.underflow)
  const cast = [...casts.keys()].reduce(
    (sum, name) => sum + elementCount(table.tensors.get(name)?.shape ?? []),
    0,
  )
  const findings: Finding[] = []
  if (overflow) {
    const dtype = dtypeOf(overflow.first)
    const became = dtype === 'F8_E4M3' ? 'NaN, as F8_E4M3 has no infinity' : `infinite in ${dtype}`
    findings.push({
      code: 'cast-overflow',
      severity: 'warning',
      message: `${overflow.text} became ${became}; use bf16, or keep that component in fp32`,
    })
  }
  if (underflow && underflow.values > cast * UNDERFLOW_SHARE) {
    findings.push({
      code: 'cast-underflow',
      severity: 'info',
      message: `${underflow.text} became zero in ${dtypeOf(underflow.first)}`,
    })
  }
  return findings
}

interface Affected {
  readonly values: number
  readonly first: string
  /** "3 values in 2 tensors (first "a.weight")". */
  readonly text: string
}

function affected(
  casts: ReadonlyMap<string, CastStats>,
  count: (stats: CastStats) => number,
): Affected | undefined {
  const hit = [...casts].filter(([, stats]) => count(stats) > 0)
  if (hit.length === 0) return undefined
  const values = hit.reduce((sum, [, stats]) => sum + count(stats), 0)
  const first = hit[0]![0]
  return {
    values,
    first,
    text: `${plural(values, 'value')} in ${plural(hit.length, 'tensor')} (first ${quoted(first)})`,
  }
}
