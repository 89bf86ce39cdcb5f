/** Checks what was written of patched tensors: by its bytes, and by arithmetic that shares nothing with that of the bake. */
import { crc32 } from 'node:zlib'
import type { Checksum } from '../../system/checksum.ts'
import { EXIT, SdtoolError } from '../../system/errors.ts'
import type { FileRef } from '../../system/file-ref.ts'
import { inParallel } from '../../system/parallel.ts'
import { fillRows } from '../algebra/evaluate.ts'
import { newFloats, plainMatMul } from '../algebra/matmul.ts'
import { acquireBuffer, releaseBuffers } from '../numeric/spare-buffers.ts'
import { distanceInUlps } from '../numeric/ulp.ts'
import { decodeInto, newEvaluation, type ReadInto } from '../values/expr.ts'
import type { PatchedSource, Tensor, TensorTable } from '../values/table.ts'
import { messages } from './messages.ts'

/** A plan, the file that was made of it, and what was computed on the way. */
export interface WrittenPatches {
  readonly plan: TensorTable
  readonly written: TensorTable
  readonly checksums: readonly Checksum[]
}

/** What the check of the patched tensors found, if it did not fail. */
export interface PatchCheck {
  readonly tensors: number
  /** Bytes read back and compared with what was computed. */
  readonly bytes: number
  /** Rows computed again in binary64, and the values in them. */
  readonly rows: number
  readonly values: number
  /** Values that are the exact result, correctly rounded. */
  readonly correct: number
  /** Largest distance from the exact result, in units of the last place of the output type. */
  readonly worst: number
}

/** Rows of each tensor that are computed again: the first, the last, and two in between. */
const SAMPLED_ROWS = 4

/** The exact result is itself rounded, to binary64: what is a tie of the exact numbers may seem to lie beside one. */
const HALF = 0.5 + 2 ** -24

/** Bytes read back at once. */
const READ_BYTES = 512 * 1024

/** A part of the check: a run of bytes, or rows of a tensor. Plain data: it crosses to a thread. */
export type CheckPiece = Checksum | { readonly planned: Tensor; readonly written: Tensor }

/** Runs pieces of the check, in a thread or here. */
export interface Checker {
  check(pieces: readonly CheckPiece[]): Promise<RowCheck>
}

/** Pieces handed over at once: a message to a thread has its price. */
const PIECES = 16

/**
 * Reads back every byte that was computed, and computes rows of every patched tensor again from the inputs: in binary64
 * throughout, in plain loops, rounded by comparison with the exact value instead of by a kernel.
 * @throws VERIFY_FAILED (exit 4), naming the first tensor that is off by more than one unit in the last place
 */
export async function verifyPatches(
  { plan, written, checksums }: WrittenPatches,
  checkers: readonly Checker[],
  signal?: AbortSignal,
): Promise<PatchCheck> {
  const patched = [...plan.tensors.values()].filter(({ source }) => source.kind === 'patched')
  const rows = patched.map((planned) => ({ planned, written: written.tensors.get(planned.name)! }))
  const pieces: CheckPiece[] = [...checksums, ...rows]
  const groups = Array.from({ length: Math.ceil(pieces.length / PIECES) }, (_, i) =>
    pieces.slice(i * PIECES, (i + 1) * PIECES),
  )
  const free = [...checkers]
  const found = await inParallel(groups, free.length, async (group) => {
    signal?.throwIfAborted()
    const checker = free.pop()!
    const result = await checker.check(group)
    free.push(checker)
    return result
  })
  const bytes = checksums.reduce((sum, checksum) => sum + checksum.bytes, 0)
  return { tensors: patched.length, bytes, ...found.reduce(addRowChecks, NO_ROWS) }
}

/** What of a check can be added up. */
export type RowCheck = Pick<PatchCheck, 'rows' | 'values' | 'correct' | 'worst'>

const NO_ROWS: RowCheck = { rows: 0, values: 0, correct: 0, worst: 0 }

function addRowChecks(a: RowCheck, b: RowCheck): RowCheck {
  return {
    rows: a.rows + b.rows,
    values: a.values + b.values,
    correct: a.correct + b.correct,
    worst: Math.max(a.worst, b.worst),
  }
}

/**
 * Some pieces of the check, one after the other.
 * @param file what was written
 * @throws VERIFY_FAILED (exit 4)
 */
export async function checkPieces(
  pieces: readonly CheckPiece[],
  file: FileRef,
  read: ReadInto,
): Promise<RowCheck> {
  let total = NO_ROWS
  for (const piece of pieces) {
    if ('crc32' in piece) await compareBytes(file, piece, read)
    else total = addRowChecks(total, await checkRows(piece.planned, piece.written, read))
  }
  return total
}

async function compareBytes(
  file: FileRef,
  { offset, bytes, crc32: expected }: Checksum,
  read: ReadInto,
): Promise<void> {
  let found = 0
  for (let at = 0; at < bytes; at += READ_BYTES) {
    const piece = acquireBuffer(Math.min(READ_BYTES, bytes - at))
    await read(file, offset + at, piece)
    found = crc32(piece, found)
    releaseBuffers(piece)
  }
  if (found !== expected) throw failed(messages.otherBytes(offset, offset + bytes))
}

async function checkRows(planned: Tensor, written: Tensor, read: ReadInto): Promise<RowCheck> {
  const { dtype } = planned
  const { value } = planned.source as PatchedSource
  const evaluation = newEvaluation(read)
  const exact = newFloats('F64', value.columns)
  const found = newFloats('F64', value.columns)
  const by = {
    precision: 'F64',
    fill: fillRows,
    matmul: plainMatMul,
    wholeMatrixCache: new Map(),
    decode: (tensor: Tensor, begin: number, end: number, out: typeof exact) =>
      decodeInto(tensor, begin, end, out, evaluation),
  } as const
  const rows = sampledRows(value.rows)
  let [correct, worst] = [0, 0]
  for (const row of rows) {
    await fillRows(value, row, row + 1, exact, by)
    await decodeInto(written, row * value.columns, (row + 1) * value.columns, found, evaluation)
    for (let i = 0; i < exact.length; i++) {
      const distance = distanceInUlps(found[i]!, exact[i]!, dtype)
      if (distance <= HALF) correct++
      if (distance > worst) worst = distance
    }
  }
  if (worst > 1) throw offBy(planned, worst)
  return { rows: rows.length, values: rows.length * value.columns, correct, worst }
}

/** Evenly spread, with both ends. */
function sampledRows(rows: number): number[] {
  const count = Math.min(rows, SAMPLED_ROWS)
  return Array.from({ length: count }, (_, i) =>
    count === 1 ? 0 : Math.round((i * (rows - 1)) / (count - 1)),
  )
}

function offBy({ name, dtype }: Tensor, worst: number): SdtoolError {
  return failed(messages.offByUlps(name, worst.toPrecision(3), dtype))
}

function failed(detail: string): SdtoolError {
  return new SdtoolError('VERIFY_FAILED', messages.recomputed(detail), {
    exitCode: EXIT.unverified,
    hint: messages.nothingKept,
  })
}
