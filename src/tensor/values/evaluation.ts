import type { Arithmetic } from '../algebra/arithmetic.ts'
import { type MatMul, plainMatMul } from '../algebra/matmul.ts'
import type { PatchStats } from '../algebra/patch-stats.ts'
import { type CastStats, newCastStats } from '../numeric/cast-stats.ts'
import type { ReadInto } from './strided.ts'
import type { PatchedSource, StoredSource } from './table.ts'

/** What evaluation needs of the world, and where it notes what happened. One for each batch of jobs, never shared. */
export interface Evaluation {
  readonly read: ReadInto
  readonly matmul: MatMul
  /** What rounding did to each tensor that was cast or patched, by the name it is written under. */
  readonly stats: Map<string, CastStats>
  /** What was done to each patched tensor, by the same name. */
  readonly patches: Map<string, PatchStats>
  /** What the blocks of the tensor that is computed now share. */
  wholeMatrixCache?: {
    readonly of: PatchedSource
    readonly values: Arithmetic['wholeMatrixCache']
    readonly views: TransposedViews
  }
  /** Where what is computed reads transposed tensors from; without it, from the file. */
  readonly views?: TransposedViews
}

/** Bytes of transposed tensors, by where they are stored. */
export type TransposedViews = Map<StoredSource, Promise<Uint8Array>>

export function newEvaluation(read: ReadInto, matmul: MatMul = plainMatMul): Evaluation {
  return { read, matmul, stats: new Map(), patches: new Map() }
}

/** What rounding does to the tensor of that name, to be added to. */
export function statsOf(name: string, evaluation: Evaluation): CastStats {
  let stats = evaluation.stats.get(name)
  if (!stats) {
    stats = newCastStats()
    evaluation.stats.set(name, stats)
  }
  return stats
}
