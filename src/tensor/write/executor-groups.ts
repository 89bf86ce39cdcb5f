/** Who computes the blocks of an output: threads, or the thread of the caller. */
import type { StatedSum } from '../values/table.ts'
import type { Frame } from './container.ts'
import { type Executor, type ExecutorTask, inlineExecutor, workerExecutor } from './executor.ts'
import { type Batch, batchesOf, isLocal, type Job, jobsOf } from './jobs.ts'
import type { FileLayout } from './layout.ts'

/** Below this a thread takes longer to start than the work. */
const MIN_THREADED_BYTES = 64 * 1024 * 1024
/** More were not faster, as the work is bound by copies inside the system. A thread takes about 10 MB. */
const MAX_THREADS = 3

export interface ExecutorOptions {
  /** Worker threads for computed tensors; 0 computes in the calling thread. */
  readonly threads: number
  /** Module that multiplies matrices, a `MatMulModule`; the kernel of `tensor/numeric` without it. */
  readonly matmul?: URL
  /**
   * Before the file gets its name: read it back and compare every tensor with the plan, or only check those that were
   * computed, which is a fraction of the work.
   */
  readonly verify?: boolean | 'patched'
}

/** Executors that share the batches of one list. */
export interface ExecutorGroup {
  readonly batches: Generator<Batch>
  readonly executors: readonly Executor[]
}

/** Runs `work` with the executors for a file, and ends them. @throws what `work` throws, and what starting a thread throws */
export async function withExecutorGroups<R>(
  frame: Frame,
  outputPath: string,
  sums: ReadonlySet<StatedSum>,
  options: ExecutorOptions,
  work: (groups: readonly ExecutorGroup[]) => Promise<R>,
): Promise<R> {
  const groups = await executorGroups(frame, outputPath, sums, options)
  try {
    return await work(groups)
  } finally {
    await Promise.all(groups.flatMap(({ executors }) => executors.map((executor) => executor.close())))
  }
}

/** Jobs that must stay in this thread go one at a time beside the others, whose memory they would multiply. */
async function executorGroups(
  { layout, dataStart, needsChecksums }: Frame,
  outputPath: string,
  sums: ReadonlySet<StatedSum>,
  { threads, matmul, verify }: ExecutorOptions,
): Promise<ExecutorGroup[]> {
  const checksums = needsChecksums ? 'all' : Boolean(verify)
  const summed = [...new Set([...sums].map(({ file }) => file.path))]
  const task = { outputPath, matmul: matmul?.href, checksums, summed } as const
  const stays = ({ parts }: Job): boolean => parts.some(({ tensor }) => isLocal(tensor.source))
  const group = (executors: readonly Executor[], local: boolean): ExecutorGroup => {
    return { executors, batches: batchesOf(only(jobsOf(layout, dataStart), (job) => stays(job) === local)) }
  }
  const hasLocal = layout.entries.some(({ tensor }) => isLocal(tensor.source))
  const groups = [group(await executorsFor(layout, task, threads), false)]
  if (hasLocal) groups.push(group([await inlineExecutor(task, 1)], true))
  return groups
}

function* only(jobs: Generator<Job>, wanted: (job: Job) => boolean): Generator<Job> {
  for (const job of jobs) if (wanted(job)) yield job
}

/** Threads only where they save more than the time they take to start. */
async function executorsFor(layout: FileLayout, task: ExecutorTask, threads: number): Promise<Executor[]> {
  const bytes = layout.entries.reduce(
    (sum, { tensor, begin, end }) => sum + (isLocal(tensor.source) ? 0 : end - begin),
    0,
  )
  const count = bytes > MIN_THREADED_BYTES ? Math.min(threads, MAX_THREADS) : 0
  if (count === 0) return [await inlineExecutor(task)]
  return Array.from({ length: count }, () => workerExecutor(task))
}
