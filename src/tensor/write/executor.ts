import { closeSync, openSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { writeFully, writeFullySync } from '../../system/bytes.ts'
import type { Checksum } from '../../system/checksum.ts'
import { startThread } from '../../system/thread.ts'
import type { MatMul } from '../algebra/matmul.ts'
import { wasmMatMul } from '../numeric/wasm-matmul.ts'
import { newEvaluation, type ReadInto } from '../values/expr.ts'
import { type Batch, evaluateJob, isPatched, type JobResult, openInputs, openInputsSync } from './jobs.ts'
import { noteNotFinite } from './not-finite.ts'
import { type ReadSum, summing } from './stated-sums.ts'
import { type Checker, type CheckPiece, checkPieces, type RowCheck } from './verify-patches.ts'

/** What an executor is for. Plain data: it crosses to a thread. */
export interface ExecutorTask {
  readonly outputPath: string
  /** Address of a `MatMulModule`; the kernel of this folder without it. */
  readonly matmul: string | undefined
  /** Keep checksums of what is computed, or of everything. */
  readonly checksums: boolean | 'all'
  /** Paths of inputs whose container states checksums of what it holds. */
  readonly summed: readonly string[]
}

/** Runs jobs of one output file: evaluates their tensors and writes the bytes to their place. Checks it afterwards. */
export interface Executor extends Checker {
  /** Batches it should have under way at the same time. */
  readonly lanes: number
  run(batch: Batch): Promise<JobResult>
  close(): Promise<void>
}

/** What of a thread's queue is always filled: it never waits for the next message. */
const QUEUED = 2

/** In one thread, under way at once: while one batch writes, others read. */
const INLINE_LANES = 3

/** Runs jobs in the calling thread. Best for little data: a thread of its own takes 50 ms to start. */
export async function inlineExecutor(task: ExecutorTask, lanes = INLINE_LANES): Promise<Executor> {
  const inputs = openInputs()
  const output = await open(task.outputPath, 'r+')
  return {
    lanes,
    run: jobRunner(task, inputs.read, matMulOf(task.matmul), (bytes, position) =>
      writeFully(output, bytes, position),
    ),
    check: (pieces) => checkOutput(task, pieces, inputs.read),
    async close() {
      await inputs.close()
      await output.close()
    },
  }
}

/**
 * Runs jobs in the calling thread, which waits for every read and write. For a thread that has nothing else to do:
 * a block is still in the processor's cache when it is written, and nothing is handed to the thread pool and back.
 */
export async function blockingExecutor(task: ExecutorTask): Promise<Executor> {
  const inputs = openInputsSync()
  const output = openSync(task.outputPath, 'r+')
  return {
    lanes: 1,
    run: jobRunner(task, inputs.read, matMulOf(task.matmul), async (bytes, position) =>
      writeFullySync(output, bytes, position),
    ),
    check: (pieces) => checkOutput(task, pieces, inputs.read),
    async close() {
      await inputs.close()
      closeSync(output)
    },
  }
}

/** Against its own reading of the file that was written. */
async function checkOutput(
  { outputPath }: ExecutorTask,
  pieces: readonly CheckPiece[],
  read: ReadInto,
): Promise<RowCheck> {
  const { size } = await stat(outputPath)
  return checkPieces(pieces, { path: outputPath, size }, read)
}

type Write = (bytes: Uint8Array, position: number) => Promise<void>

/** A module that multiplies matrices in its own way. */
export interface MatMulModule {
  readonly matmul: MatMul
  /** Its name and version, for recipes. */
  readonly engine: string
}

/**
 * A thread cannot be handed a function, so an engine is named by its module, and loaded for the first product: most
 * files are written without one. This also keeps the engine out of what this folder knows.
 */
function matMulOf(module: string | undefined): MatMul {
  if (module === undefined) return wasmMatMul
  let loading: Promise<MatMulModule> | undefined
  return async (...product) => {
    loading ??= import(module) as Promise<MatMulModule>
    const { matmul } = await loading
    return matmul(...product)
  }
}

function jobRunner(task: ExecutorTask, read: ReadInto, matmul: MatMul, write: Write): Executor['run'] {
  const buffers: Uint8Array[] = []
  const summed = new Set(task.summed)
  return async (batch) => {
    const reads: ReadSum[] = []
    const summedRead = summing(read, summed, (sum) => reads.push(sum))
    const evaluation = newEvaluation(summedRead, matmul)
    const checksums: Checksum[] = []
    const notFinite = new Map<string, number>()
    for (const job of batch) {
      const kept = buffers.pop()
      const buffer = kept && kept.byteLength >= job.bytes ? kept : new Uint8Array(job.bytes)
      const bytes = buffer.subarray(0, job.bytes)
      await evaluateJob(job, bytes, evaluation)
      noteNotFinite(job, bytes, notFinite)
      if (task.checksums === 'all' || (task.checksums && isPatched(job)))
        checksums.push({ offset: job.offset, bytes: job.bytes, crc32: crc32(bytes) })
      await write(bytes, job.offset)
      buffers.push(buffer)
    }
    return { stats: evaluation.stats, patches: evaluation.patches, checksums, notFinite, reads }
  }
}

/** What a thread is asked for, and what it answers. */
export type WorkerTask = { readonly batch: Batch } | { readonly pieces: readonly CheckPiece[] }
export type WorkerResult = JobResult | RowCheck

const WORKER_SCRIPT = new URL('./executor-worker.js', import.meta.url)

/** Runs jobs in a thread of its own. */
export function workerExecutor(task: ExecutorTask, script = WORKER_SCRIPT): Executor {
  const { ask, close } = startThread<WorkerTask, WorkerResult>(script, task)
  return {
    lanes: QUEUED,
    run: (batch) => ask({ batch }) as Promise<JobResult>,
    check: (pieces) => ask({ pieces }) as Promise<RowCheck>,
    close,
  }
}
