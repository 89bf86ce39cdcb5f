/** Checks what was written of patched tensors: by its bytes, and by arithmetic that shares nothing with that of the bake. */
import { crc32 } from 'node:zlib'
import { EXIT, SdtoolError } from '../errors.ts'
import { fillRows } from './algebra/evaluate.ts'
import { newFloats, plainMatMul } from './algebra/matmul.ts'
import type { Checksum } from './checksum.ts'
import { decodeInto, newEvaluation, type ReadInto } from './expr.ts'
import { inParallel } from './parallel.ts'
import { borrow, giveBack } from './spare-buffers.ts'
import type { FileRef, PatchedSource, Tensor, TensorTable } from './table.ts'
import { quoted } from './text.ts'
import { distanceInUlps } from './ulp.ts'

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

/** Bytes read back at once, and in how many places: one is read while another is summed. */
const READ_BYTES = 512 * 1024
const READ_LANES = 2

/**
 * Reads back every byte that was computed, and computes rows of every patched tensor again from the inputs: in binary64
 * throughout, in plain loops, rounded by comparison with the exact value instead of by a kernel.
 * @throws VERIFY_FAILED (exit 4), naming the first tensor that is off by more than one unit in the last place
 */
export async function verifyPatches(
  { plan, written, checksums }: WrittenPatches,
  file: FileRef,
  read: ReadInto,
  signal?: AbortSignal,
): Promise<PatchCheck> {
  await inParallel(checksums, READ_LANES, async (checksum) => {
    signal?.throwIfAborted()
    await compareBytes(file, checksum, read)
  })
  const bytes = checksums.reduce((sum, checksum) => sum + checksum.bytes, 0)
  const total = { tensors: 0, bytes, rows: 0, values: 0, correct: 0, worst: 0 }
  for (const tensor of plan.tensors.values()) {
    if (tensor.source.kind !== 'patched') continue
    signal?.throwIfAborted()
    const found = await checkRows(tensor, tensor.source, written.tensors.get(tensor.name)!, read)
    if (found.worst > 1) throw offBy(tensor, found.worst)
    total.tensors++
    total.rows += found.rows
    total.values += found.values
    total.correct += found.correct
    total.worst = Math.max(total.worst, found.worst)
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
    const piece = borrow(Math.min(READ_BYTES, bytes - at))
    await read(file, offset + at, piece)
    found = crc32(piece, found)
    giveBack(piece)
  }
  if (found !== expected)
    throw failed(`bytes ${offset} to ${offset + bytes} of the file are not those that were computed`)
}

type RowCheck = Pick<PatchCheck, 'rows' | 'values' | 'correct' | 'worst'>

async function checkRows(
  { dtype }: Tensor,
  { value }: PatchedSource,
  written: Tensor,
  read: ReadInto,
): Promise<RowCheck> {
  const evaluation = newEvaluation(read)
  const exact = newFloats('F64', value.columns)
  const found = newFloats('F64', value.columns)
  const by = {
    precision: 'F64',
    matmul: plainMatMul,
    wholes: new Map(),
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
  return failed(
    `tensor ${quoted(name)} is off by ${worst.toPrecision(3)} units in the last place of ${dtype}`,
  )
}

function failed(detail: string): SdtoolError {
  return new SdtoolError('VERIFY_FAILED', `read back and computed again: ${detail}`, {
    exitCode: EXIT.unverified,
    hint: 'Nothing was kept. Run again; if an input changed meanwhile, wait until it is complete.',
  })
}
