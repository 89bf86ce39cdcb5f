/** The one writer: streams any table of lazy tensors into a file, with bounded memory. */
import type { FileHandle } from 'node:fs/promises'
import { type AtomicFile, cannotWrite, createAtomic } from '../../system/atomic.ts'
import { writeFully } from '../../system/bytes.ts'
import type { Checksum } from '../../system/checksum.ts'
import { combineCrc32 } from '../../system/crc.ts'
import type { FileRef } from '../../system/file-ref.ts'
import { checkUnchanged } from '../../system/stamp.ts'
import { leavesOf } from '../algebra/matrix.ts'
import { addPatchStats, NO_PATCH, type PatchStats } from '../algebra/patch-stats.ts'
import { SAFETENSORS } from '../formats/safetensors-write.ts'
import type { CastStats } from '../numeric/cast-stats.ts'
import type { Source, StatedSum, StoredSource, TensorTable } from '../values/table.ts'
import type { Container, Frame } from './container.ts'
import type { Executor } from './executor.ts'
import { type ExecutorGroup, type ExecutorOptions, withExecutorGroups } from './executor-groups.ts'
import { type Batch, type JobResult, openInputs } from './jobs.ts'
import { refuseDamaged, type SumCheck, sumCheck } from './stated-sums.ts'
import { verifyFile } from './verify.ts'
import type { PatchCheck } from './verify-patches.ts'

export interface WriteOptions extends ExecutorOptions {
  /** Replace an existing file. */
  readonly force?: boolean
  /** For this run only: nobody waits until it is on the disk. */
  readonly temporary?: boolean
  /** Whose temporary file it is, see `AtomicOptions`. */
  readonly owner?: string
  /** Files of the run that must not be overwritten, besides those the table reads from. */
  readonly inputs?: readonly FileRef[]
  readonly signal?: AbortSignal
  /**
   * The metadata to be written in the end, where that of the table is only a draft of the same size: with zeros for
   * hashes that are computed while the tensors are written.
   */
  readonly metadata?: Promise<TensorTable['metadata']>
  /** Called before the file gets its name; what it throws ends the run, and nothing stays. */
  check?(result: WriteResult): void
  onProgress?(doneBytes: number, totalBytes: number): void
}

export interface WriteResult {
  readonly path: string
  readonly bytes: number
  readonly headerBytes: number
  /** What rounding did, for each tensor where it did anything. */
  readonly casts: ReadonlyMap<string, CastStats>
  /** NaN and infinite values in what was written, for each tensor that has any. */
  readonly notFinite: ReadonlyMap<string, number>
  /** What was done to each patched tensor. */
  readonly patches: ReadonlyMap<string, PatchStats>
  /** What the check of the patched tensors found, where it was asked for. */
  readonly patchCheck?: PatchCheck
}

/**
 * Writes `table` to `path`: to a sibling temporary file first, made durable, then renamed. On any error, or when
 * `signal` fires, nothing stays behind and an existing file is as it was.
 * @throws INPUT_CHANGED (exit 1), ZIP_CRC (exit 3), what `container.frame` and `createAtomic` throw, what `options.check` throws, or
 *   the signal's reason
 */
export async function writeModelFile(
  table: TensorTable,
  path: string,
  container: Container,
  options: WriteOptions,
): Promise<WriteResult> {
  // it may fail before it is waited for; where something else fails first, that is the reason to be told
  options.metadata?.catch(() => {})
  const frame = container.frame(table)
  const { dataStart, bytes } = frame
  const sources = [...storedIn(table)]
  const read = new Map(sources.map(({ file }) => [file.path, file]))
  const inputs = [...read.values(), ...(options.inputs ?? [])]
  const sums = new Set(sources.flatMap(({ sum }) => sum ?? []))
  const { force = false, temporary = false, owner } = options
  const file = await createAtomic(path, { force, temporary, bytes, inputs, ...(owner && { owner }) })
  try {
    await file.handle.truncate(bytes)
    const result = await withExecutorGroups(frame, file.tempPath, sums, options, async (groups) => {
      const { checksums, ...counts } = await runJobs(frame, groups, file.handle, sums, options)
      const made = { path, bytes, headerBytes: dataStart, ...counts }
      options.check?.(made)
      const final = { ...table, metadata: (await options.metadata) ?? table.metadata }
      await writeFrame(finalFrame(final, container, frame), checksums, file.handle)
      const patchCheck = await verified(final, container, file, checksums, groups, options)
      return patchCheck ? { ...made, patchCheck } : made
    })
    options.signal?.throwIfAborted()
    await checkUnchanged(inputs)
    await file.commit()
    return result
  } catch (error) {
    await file.abort()
    throw cannotWrite(path, error as NodeJS.ErrnoException)
  }
}

/** The same as safetensors. */
export function writeSafetensors(
  table: TensorTable,
  path: string,
  options: WriteOptions,
): Promise<WriteResult> {
  return writeModelFile(table, path, SAFETENSORS, options)
}

/** The frame with the final metadata, which must not move the tensors that are written already. */
function finalFrame(table: TensorTable, container: Container, draft: Frame): Frame {
  const final = container.frame(table)
  if (final.dataStart !== draft.dataStart)
    throw new RangeError(`a header of ${final.dataStart} bytes for a place of ${draft.dataStart}`)
  return final
}

async function writeFrame(frame: Frame, checksums: readonly Checksum[], handle: FileHandle): Promise<void> {
  for (const piece of frame.pieces(frame.needsChecksums ? entryChecksums(frame, checksums) : []))
    await writeFully(handle, piece.data, piece.offset)
}

/** CRC-32 of each entry, from those of its jobs, none of which has parts of two. */
function entryChecksums({ layout, dataStart }: Frame, checksums: readonly Checksum[]): number[] {
  const sorted = checksums.toSorted((a, b) => a.offset - b.offset)
  let next = 0
  return layout.entries.map(({ end }) => {
    let sum = 0
    for (; next < sorted.length && sorted[next]!.offset < dataStart + end; next++) {
      sum = combineCrc32(sum, sorted[next]!.crc32, sorted[next]!.bytes)
    }
    return sum
  })
}

async function verified(
  table: TensorTable,
  container: Container,
  { handle, tempPath }: AtomicFile,
  checksums: readonly Checksum[],
  groups: readonly ExecutorGroup[],
  { verify, ...options }: WriteOptions,
): Promise<PatchCheck | undefined> {
  if (!verify) return undefined
  const checkers = groups[0]!.executors
  // the disk works while the processor compares; what it refuses counts first
  const checking = verifyFile(table, tempPath, {
    ...options,
    container,
    checksums,
    checkers,
    patchedOnly: verify === 'patched',
  })
  await Promise.allSettled([handle.sync(), checking]).then(([synced]) => {
    if (synced.status === 'rejected') throw synced.reason
  })
  return checking
}

/**
 * Bytes between two flushes. Flushing while the next blocks are made keeps the disk busy from the start, so that
 * the final one has little left to wait for.
 */
const FLUSH_BYTES = 32 * 1024 * 1024

async function runJobs(
  { layout }: Frame,
  groups: readonly ExecutorGroup[],
  handle: FileHandle,
  sums: ReadonlySet<StatedSum>,
  { temporary, signal, onProgress }: WriteOptions,
): Promise<Counts> {
  const check = sumCheck(sums, refuseDamaged)
  const counts: Counts = { casts: new Map(), patches: new Map(), notFinite: new Map(), checksums: [] }
  let done = 0
  let flushed = 0
  let flush = Promise.resolve()
  const finish = (batch: Batch, result: JobResult): void => {
    addCounts(counts, result)
    for (const read of result.reads) check.note(read)
    done += batch.reduce((sum, { bytes }) => sum + bytes, 0)
    onProgress?.(done, layout.dataBytes)
    if (!temporary && done - flushed >= FLUSH_BYTES) {
      flushed = done
      // an error here comes again, and is reported, at the final sync
      flush = flush.then(() => handle.datasync()).catch(() => {})
    }
  }
  const lane = async (executor: Executor, batches: Generator<Batch>): Promise<void> => {
    for (let next = batches.next(); !next.done; next = batches.next()) {
      signal?.throwIfAborted()
      finish(next.value, await executor.run(next.value))
    }
  }
  const lanes = groups.flatMap(({ executors, batches }) =>
    executors.flatMap((executor) => Array.from({ length: executor.lanes }, () => lane(executor, batches))),
  )
  try {
    await Promise.all(lanes)
  } finally {
    // the other lanes stop at the end of their batches; their writes must be over before the file is closed
    for (const { batches } of groups) batches.return(undefined)
    await Promise.allSettled([...lanes, flush])
  }
  await finishCheck(check, signal)
  return counts
}

/** Parts of storages that no tensor is a view of, and views in strides, were not read in the order of the file. */
async function finishCheck(check: SumCheck, signal: AbortSignal | undefined): Promise<void> {
  const inputs = openInputs()
  try {
    await check.finish(inputs.read, signal)
  } finally {
    await inputs.close()
  }
}

interface Counts {
  readonly casts: Map<string, CastStats>
  readonly patches: Map<string, PatchStats>
  readonly notFinite: Map<string, number>
  readonly checksums: Checksum[]
}

function addCounts({ casts, patches, notFinite, checksums }: Counts, result: JobResult): void {
  checksums.push(...result.checksums)
  for (const [name, count] of result.notFinite) notFinite.set(name, (notFinite.get(name) ?? 0) + count)
  for (const [name, { overflow, underflow }] of result.stats) {
    if (overflow === 0 && underflow === 0) continue
    const sum = casts.get(name) ?? { overflow: 0, underflow: 0 }
    casts.set(name, { overflow: sum.overflow + overflow, underflow: sum.underflow + underflow })
  }
  for (const [name, stats] of result.patches) {
    patches.set(name, addPatchStats(patches.get(name) ?? NO_PATCH, stats))
  }
}

/** Where the values of the table lie. */
function storedIn(table: TensorTable): Set<StoredSource> {
  const found = new Set<StoredSource>()
  const visit = (source: Source): void => {
    if (source.kind === 'stored') found.add(source)
    if (source.kind === 'cast') visit(source.of.source)
    if (source.kind === 'concat') for (const part of source.of) visit(part.source)
    if (source.kind === 'patched') for (const { source: leaf } of leavesOf(source)) visit(leaf)
  }
  for (const { source } of table.tensors.values()) visit(source)
  return found
}
