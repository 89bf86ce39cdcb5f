import type { TensorDiff } from '../../model/diff/diff.ts'
import type { MetadataDiff } from '../../model/diff/metadata.ts'
import type { Tally } from '../../model/diff/summary.ts'
import type { Identity } from '../../model/identify/identify.ts'
import type { Finding, ModelFile } from '../../tensor/values/table.ts'

/** One of the two files. */
export interface DiffFile {
  readonly path: string
  readonly model: ModelFile
  readonly identity: Identity
}

/** Everything `diff` found out. */
export interface DiffReport {
  readonly a: DiffFile
  readonly b: DiffFile
  /** EMA weights took the place of live ones where there were any. */
  readonly ema: boolean
  readonly tensors: readonly TensorDiff[]
  readonly total: Tally
  readonly metadata: MetadataDiff
  readonly findings: readonly Finding[]
  /** File of the heat map. */
  readonly plot?: string
}
