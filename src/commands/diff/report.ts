import type { TensorDiff } from '../../model/diff/diff.ts'
import type { MetadataDiff } from '../../model/diff/metadata.ts'
import type { Tally } from '../../model/diff/summary.ts'
import type { InputModel } from '../../operations/operation.ts'
import type { Finding } from '../../tensor/values/table.ts'

/** Everything `diff` found out. */
export interface DiffReport {
  readonly a: InputModel
  readonly b: InputModel
  /** EMA weights took the place of live ones where there were any. */
  readonly ema: boolean
  readonly tensors: readonly TensorDiff[]
  readonly total: Tally
  readonly metadata: MetadataDiff
  readonly findings: readonly Finding[]
  /** File of the heat map. */
  readonly plot?: string
}
