/** The one writer: streams any table of lazy tensors into a safetensors file, with bounded memory. */
import type { FileHandle } from 'node:fs/promises'
import { leavesOf } from './algebra/matrix.ts'
import { addPatchStats, NO_PATCH, type PatchStats } from './algebra/patch-stats.ts'
import { type AtomicFile, cannotWrite, createAtomic } from './atomic.ts'
import { writeFully } from './bytes.ts'
import type { Checksum } from './checksum.ts'
import { type Executor, type ExecutorTask, inlineExecutor, workerExecutor } from './executor.ts'
import type { CastStats } from './float.ts'
import { type Batch, batchesOf, isLocal, type Job, type JobResult, jobsOf } from './jobs.ts'
import { encodeHeader, type Layout, layoutOf } from './layout.ts'
import type { FileRef, Source, TensorTable } from './table.ts'
import { verifyFile } from './verify.ts'
import type { PatchCheck } from './verify-patches.ts'

export interface WriteOptions {
  /** Replace an existing file. */
  readonly force?: boolean
  /** For this run only: nobody waits until it is on the disk. */
  readonly temporary?: boolean
  /** Files of the run that must not be overwritten, besides those the table reads from. */
  readonly inputs?: readonly FileRef[]
  /** Worker threads for computed tensors; 0 computes in the calling thread. */
  readonly threads: number
  readonly signal?: AbortSignal
  /**
   * Before the file gets its name: read it back and compare every tensor with the plan, or only check those that were
   * computed, which is a fraction of the work.
   */
  readonly verify?: boolean | 'patched'
  /** Module that multiplies matrices, a `MatMulModule`; plain loops without it. */
  readonly matmul?: URL
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
  /** What was done to each patched tensor. */
  readonly patches: ReadonlyMap<string, PatchStats>
  /** What the check of the patched tensors found, where it was asked for. */
  readonly patchCheck?: PatchCheck
}

/**
 * Writes `table` to `path`: to a sibling temporary file first, made durable, then renamed. On any error, or when
 * `signal` fires, nothing stays behind and an existing file is as it was.
 * @throws SdtoolError OUTPUT_EXISTS, OUTPUT_IS_INPUT, DISK_FULL, USAGE, DTYPE_NOT_WRITABLE ..., or the signal's reason
 */
export async function writeSafetensors(
  table: TensorTable,
  path: string,
  options: WriteOptions,
): Promise<WriteResult> {
  const layout = layoutOf(table)
  const header = encodeHeader(layout, table.metadata)
  const bytes = header.byteLength + layout.dataBytes
  const inputs = [...inputsOf(table), ...(options.inputs ?? [])]
  const { force = false, temporary = false } = options
  const file = await createAtomic(path, { force, temporary, bytes, inputs })
  try {
    await writeFully(file.handle, header, 0)
    await file.handle.truncate(bytes)
    const { casts, patches, checksums } = await runJobs(
      layout,
      header.byteLength,
      file.tempPath,
      file.handle,
      options,
    )
    const result = { path, bytes, headerBytes: header.byteLength, casts, patches }
    options.check?.(result)
    const patchCheck = await verified(table, file, checksums, options)
    options.signal?.throwIfAborted()
    await file.commit()
    return patchCheck ? { ...result, patchCheck } : result
  } catch (error) {
    await file.abort()
    throw cannotWrite(path, error as NodeJS.ErrnoException)
  }
}

async function verified(
  table: TensorTable,
  { handle, tempPath }: AtomicFile,
  checksums: readonly Checksum[],
  { verify, ...options }: WriteOptions,
): Promise<PatchCheck | undefined> {
  if (!verify) return undefined
  // the disk works while the processor compares; what it refuses counts first
  const checking = verifyFile(table, tempPath, { ...options, checksums, patchedOnly: verify === 'patched' })
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
  layout: Layout,
  dataStart: number,
  tempPath: string,
  handle: FileHandle,
  { threads, matmul, verify, temporary, signal, onProgress }: WriteOptions,
): Promise<Counts> {
  const task = { outputPath: tempPath, matmul: matmul?.href, checksums: Boolean(verify) }
  const teams = await teamsFor(layout, dataStart, task, threads)

  const counts: Counts = { casts: new Map(), patches: new Map(), checksums: [] }
  let done = 0
  let flushed = 0
  let flush = Promise.resolve()
  const finish = (batch: Batch, result: JobResult): void => {
    addCounts(counts, result)
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
  const lanes = teams.flatMap(({ executors, batches }) =>
    executors.flatMap((executor) => Array.from({ length: executor.lanes }, () => lane(executor, batches))),
  )
  try {
    await Promise.all(lanes)
  } finally {
    // the other lanes stop at the end of their batches; their writes must be over before the file is closed
    for (const { batches } of teams) batches.return(undefined)
    await Promise.allSettled([...lanes, flush])
    await Promise.all(teams.flatMap(({ executors }) => executors.map((executor) => executor.close())))
  }
  return counts
}

interface Counts {
  readonly casts: Map<string, CastStats>
  readonly patches: Map<string, PatchStats>
  readonly checksums: Checksum[]
}

/** Executors that share the batches of one list. */
interface Team {
  readonly batches: Generator<Batch>
  readonly executors: readonly Executor[]
}

/** Jobs that must stay in this thread go one at a time beside the others, whose memory they would multiply. */
async function teamsFor(
  layout: Layout,
  dataStart: number,
  task: ExecutorTask,
  threads: number,
): Promise<Team[]> {
  const stays = ({ parts }: Job): boolean => parts.some(({ tensor }) => isLocal(tensor.source))
  const team = (executors: readonly Executor[], local: boolean): Team => {
    return { executors, batches: batchesOf(only(jobsOf(layout, dataStart), (job) => stays(job) === local)) }
  }
  const hasLocal = layout.entries.some(({ tensor }) => isLocal(tensor.source))
  const teams = [team(await executorsFor(layout, task, threads), false)]
  if (hasLocal) teams.push(team([await inlineExecutor(task, 1)], true))
  return teams
}

function* only(jobs: Generator<Job>, wanted: (job: Job) => boolean): Generator<Job> {
  for (const job of jobs) if (wanted(job)) yield job
}

/** Threads only where they save more than the time they take to start. */
async function executorsFor(layout: Layout, task: ExecutorTask, threads: number): Promise<Executor[]> {
  const bytes = layout.entries.reduce(
    (sum, { tensor, begin, end }) => sum + (isLocal(tensor.source) ? 0 : end - begin),
    0,
  )
  const count = bytes > MIN_THREADED_BYTES ? Math.min(threads, MAX_THREADS) : 0
  if (count === 0) return [await inlineExecutor(task)]
  return Array.from({ length: count }, () => workerExecutor(task))
}

/** Below this a thread takes longer to start than the work. */
const MIN_THREADED_BYTES = 64 * 1024 * 1024
/** More were not faster, as the work is bound by copies inside the system. A thread takes about 10 MB. */
const MAX_THREADS = 3

function addCounts({ casts, patches, checksums }: Counts, result: JobResult): void {
  checksums.push(...result.checksums)
  for (const [name, { overflow, underflow }] of result.stats) {
    if (overflow === 0 && underflow === 0) continue
    const sum = casts.get(name) ?? { overflow: 0, underflow: 0 }
    casts.set(name, { overflow: sum.overflow + overflow, underflow: sum.underflow + underflow })
  }
  for (const [name, stats] of result.patches) {
    patches.set(name, addPatchStats(patches.get(name) ?? NO_PATCH, stats))
  }
}

/** The files the table reads from. */
function inputsOf(table: TensorTable): FileRef[] {
  const files = new Map<string, FileRef>()
  const visit = (source: Source): void => {
    if (source.kind === 'stored') files.set(source.file.path, source.file)
    if (source.kind === 'cast') visit(source.of.source)
    if (source.kind === 'patched') for (const { source: leaf } of leavesOf(source)) visit(leaf)
  }
  for (const { source } of table.tensors.values()) visit(source)
  return [...files.values()]
}
