/**
 * CRC-32s that a container states for runs of its bytes, checked against whatever reads these bytes: in pieces of any size,
 * in any order, by any thread. What nobody read whole can be read at the end.
 */
import { crc32 } from 'node:zlib'
import { combineCrc32 } from '../../system/crc.ts'
import { refuse } from '../../system/errors.ts'
import type { ReadInto } from '../values/strided.ts'
import type { StatedSum } from '../values/table.ts'
import { messages } from './messages.ts'

/** A run of bytes of a file, as it was read. */
export interface ReadSum {
  readonly path: string
  readonly offset: number
  readonly bytes: number
  readonly crc32: number
}

export interface SumCheck {
  note(read: ReadSum): void
  /** Reads the runs that were not read whole. @throws the reason of the signal */
  finish(read: ReadInto, signal?: AbortSignal): Promise<void>
  /** Runs found to be damaged. */
  readonly damaged: readonly StatedSum[]
}

/** Pieces of one run that are kept; views in strides may read it in ever other ones, and leave it to `finish`. */
const MAX_PIECES = 100_000
const CHUNK_BYTES = 1024 * 1024

/** @param onDamage called for each damaged run, once; what it throws ends the reading */
export function sumCheck(stated: Iterable<StatedSum>, onDamage: (run: StatedSum) => void): SumCheck {
  const runs = byPath(stated)
  const damaged: StatedSum[] = []
  const judge = (run: OpenRun, sum: number): void => {
    run.isSeen = true
    run.pieces.clear()
    if (sum === run.stated.crc32) return
    damaged.push(run.stated)
    onDamage(run.stated)
  }
  return {
    damaged,
    note(read) {
      const run = runAt(runs.get(read.path) ?? [], read.offset)
      if (run === undefined || !adds(run, read)) return
      const sum = run.covered < run.stated.bytes ? undefined : combinedCrc(run)
      if (sum !== undefined) judge(run, sum)
    },
    async finish(read, signal) {
      for (const run of [...runs.values()].flat()) {
        if (run.isSeen) continue
        // what is read now is not noted again
        run.isSeen = true
        judge(run, await sumOf(run.stated, read, signal))
      }
    },
  }
}

/** @throws ZIP_CRC (exit 3) */
export function refuseDamaged(run: StatedSum): void {
  throw refuse('ZIP_CRC', messages.damagedFile(run.file.path, damageOf(run)), messages.downloadAgain)
}

export function damageOf({ name }: StatedSum): string {
  return messages.checksumMismatch(name)
}

/** Notes the sum of whatever is read of these files. */
export function summing(read: ReadInto, paths: ReadonlySet<string>, note: (read: ReadSum) => void): ReadInto {
  if (paths.size === 0) return read
  return async (file, offset, target) => {
    await read(file, offset, target)
    if (!paths.has(file.path) || target.byteLength === 0) return
    note({ path: file.path, offset, bytes: target.byteLength, crc32: crc32(target) })
  }
}

interface OpenRun {
  readonly stated: StatedSum
  /** By their offsets, one at each. */
  readonly pieces: Map<number, ReadSum>
  covered: number
  isSeen: boolean
}

/** Runs of each file, in order. */
function byPath(stated: Iterable<StatedSum>): Map<string, OpenRun[]> {
  const runs = new Map<string, OpenRun[]>()
  for (const one of new Set(stated)) {
    const run: OpenRun = { stated: one, pieces: new Map(), covered: 0, isSeen: false }
    const list = runs.get(one.file.path)
    if (list === undefined) runs.set(one.file.path, [run])
    else list.push(run)
  }
  for (const list of runs.values()) list.sort((a, b) => a.stated.offset - b.stated.offset)
  return runs
}

/** The last run that begins at or before a place. */
function runAt(runs: readonly OpenRun[], offset: number): OpenRun | undefined {
  let [low, high] = [0, runs.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (runs[middle]!.stated.offset <= offset) low = middle + 1
    else high = middle
  }
  return runs[low - 1]
}

/** Keeps a piece that lies in the run and is new. */
function adds(run: OpenRun, read: ReadSum): boolean {
  const { stated, pieces } = run
  if (run.isSeen || read.offset + read.bytes > stated.offset + stated.bytes) return false
  if (pieces.has(read.offset) || pieces.size >= MAX_PIECES) return false
  pieces.set(read.offset, read)
  run.covered += read.bytes
  return true
}

/** The sum of the whole run, if its pieces follow each other. */
function combinedCrc({ stated, pieces }: OpenRun): number | undefined {
  let sum = 0
  let at = stated.offset
  while (at < stated.offset + stated.bytes) {
    const piece = pieces.get(at)
    if (piece === undefined) return undefined
    sum = combineCrc32(sum, piece.crc32, piece.bytes)
    at += piece.bytes
  }
  return sum
}

async function sumOf(
  { file, offset, bytes }: StatedSum,
  read: ReadInto,
  signal?: AbortSignal,
): Promise<number> {
  let sum = 0
  for (let done = 0; done < bytes; done += CHUNK_BYTES) {
    signal?.throwIfAborted()
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, bytes - done))
    await read(file, offset + done, chunk)
    sum = crc32(chunk, sum)
  }
  return sum
}
