/** Findings about the checksums that an archive states for its entries. */
import type { Finding, StatedSum } from '../../tensor/values/table.ts'
import { damageOf } from '../../tensor/write/stated-sums.ts'
import { messages } from './messages.ts'

/** For `withModel`, where damage is one fact about a file among others and no reason to stop. */
export function tolerated(): void {}

export function damageFindings(damaged: readonly StatedSum[]): Finding[] {
  return damaged.length === 0 ? [] : [{ code: 'checksum', severity: 'error', message: damageText(damaged) }]
}

/** @param damaged at least one */
export function damageText(damaged: readonly StatedSum[]): string {
  const [first, ...others] = damaged as readonly [StatedSum, ...StatedSum[]]
  return messages.damaged(damageOf(first), others.length)
}
