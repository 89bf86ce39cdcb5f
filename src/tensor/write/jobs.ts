import { closeSync, fstatSync, openSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { readExactly, readExactlySync } from '../../system/bytes.ts'
import type { Checksum } from '../../system/checksum.ts'
import type { FileRef } from '../../system/file-ref.ts'
import { checkStamp, stampOf } from '../../system/stamp.ts'
import { PATCH_VALUES } from '../numeric/float-kernels.ts'
import { blockBytes, DTYPES, type DType, elementCount } from '../values/dtype.ts'
import { type Evaluation, evaluateInto, type ReadInto } from '../values/expr.ts'
import type { Source, Tensor } from '../values/table.ts'
import type { FileLayout } from './layout.ts'
import type { ReadSum } from './stated-sums.ts'

/**
 * Bytes of output made at once. The input of a block is read, and the block written, by copies inside the system:
 * while both fit the processor's caches, the second copy costs little. Blocks of 512 KiB were slower.
 */
export const BLOCK_BYTES = 128 * 1024

/**
 * The same for strided views. A block of a transposed tensor is made of pieces of all its bytes, which are read again
 * for each block: 512 KiB blocks of a tensor of 64 MiB would read 8 GiB. With what a block is made of, this takes up
 * to 90 MiB.
 */
export const STRIDED_BLOCK_BYTES = 32 * 1024 * 1024

/** The same for computed values: products should be worth their start, and all that a block is made of near. */
export const COMPUTED_BLOCK_BYTES = 2 * PATCH_VALUES

/** Elements [begin, end) of a tensor. */
export interface JobPart {
  readonly tensor: Tensor
  readonly begin: number
  readonly end: number
}

/** A run of output bytes: the end of one tensor, several small ones, or a block of a large one. */
export interface Job {
  /** Byte in the output file. */
  readonly offset: number
  readonly bytes: number
  readonly parts: readonly JobPart[]
}

/** Cuts a layout into jobs that cover it once, in order. What is computed shares no job with what is not. */
export function* jobsOf(layout: FileLayout, dataStart: number): Generator<Job> {
  let parts: JobPart[] = []
  let offset = dataStart
  let bytes = 0
  for (const { tensor, begin } of layout.entries) {
    let at = dataStart + begin
    for (const part of partsOf(tensor)) {
      const size = blockBytes(tensor.dtype, part.begin, part.end)
      const apart = parts.length > 0 && isComputed(parts[0]!.tensor) !== isComputed(tensor)
      const gap = at !== offset + bytes
      if (parts.length > 0 && (apart || gap || bytes + size > BLOCK_BYTES)) {
        yield { offset, bytes, parts }
        bytes = 0
        parts = []
      }
      if (parts.length === 0) offset = at
      at += size
      parts.push(part)
      bytes += size
    }
  }
  if (parts.length > 0) yield { offset, bytes, parts }
}

/** Blocks of whole rows where a row fits, of any whole blocks of the dtype where it does not. */
function* partsOf(tensor: Tensor): Generator<JobPart> {
  const count = elementCount(tensor.shape)
  const row = tensor.shape.length > 0 ? count / tensor.shape[0]! : 1
  const { elements } = DTYPES[tensor.dtype]
  const fitting = isStrided(tensor.source)
    ? stridedElements(tensor)
    : plainElements(tensor, isComputed(tensor) ? COMPUTED_BLOCK_BYTES : BLOCK_BYTES)
  const step = row > 0 && row <= fitting && row % elements === 0 ? Math.floor(fitting / row) * row : fitting
  for (let begin = 0; begin < count; begin += step)
    yield { tensor, begin, end: Math.min(begin + step, count) }
}

function plainElements({ dtype }: Tensor, block: number): number {
  const { elements, bytes } = DTYPES[dtype]
  return Math.max(elements, Math.floor(block / bytes) * elements)
}

/** Views have plain elements. What is computed from them lies in memory beside them, as binary32 on the way. */
function stridedElements({ dtype, source }: Tensor): number {
  const widest = Math.max(
    DTYPES[dtype].bytes,
    source.kind === 'cast' ? 4 : 1,
    DTYPES[storedDType(source, dtype)].bytes,
  )
  return Math.floor(STRIDED_BLOCK_BYTES / widest)
}

function storedDType(source: Source, dtype: DType): DType {
  if (source.kind === 'concat') return storedDType(source.of[0]!.source, source.of[0]!.dtype)
  return source.kind === 'cast' ? storedDType(source.of.source, source.of.dtype) : dtype
}

function isStrided(source: Source): boolean {
  if (source.kind === 'cast') return isStrided(source.of.source)
  if (source.kind === 'concat') return source.of.some((part) => isStrided(part.source))
  if (source.kind === 'patched') return isStrided(source.base.source)
  return source.kind === 'stored' && source.strides !== undefined
}

/**
 * A tensor for the calling thread, one job at a time: strided views take much memory for each job, and data that is
 * in memory already would be copied whole to another thread with every job.
 */
export function isLocal(source: Source): boolean {
  if (source.kind === 'cast') return isLocal(source.of.source)
  if (source.kind === 'concat') return source.of.some((part) => isLocal(part.source))
  if (source.kind === 'patched') return isLocal(source.base.source)
  return source.kind === 'bytes' || isStrided(source)
}

/** Jobs that lie one behind the other in the output, handed over together: a message to a thread has its price. */
export type Batch = readonly Job[]

/** Bytes of a batch: some milliseconds of work, so that progress moves and an interrupt is heard soon. */
const BATCH_BYTES = 8 * 1024 * 1024

/** Gathers jobs that follow each other. */
export function* batchesOf(jobs: Iterable<Job>): Generator<Batch> {
  let batch: Job[] = []
  let bytes = 0
  for (const job of jobs) {
    if (bytes >= BATCH_BYTES && !continues(batch.at(-1)!, job)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(job)
    bytes += job.bytes
  }
  if (batch.length > 0) yield batch
}

/** Blocks of a computed tensor stay together: they share factors, norms and whole products. */
function continues(last: Job, next: Job): boolean {
  const { tensor } = next.parts[0]!
  return isComputed(tensor) && last.parts.at(-1)!.tensor === tensor
}

/** Whether anything in it was computed, not just copied or cast. */
export function isPatched({ parts }: Job): boolean {
  return isComputed(parts[0]!.tensor)
}

function isComputed({ source }: Tensor): boolean {
  return source.kind === 'patched'
}

/** What a batch counted, for each tensor it wrote, and checksums of the jobs that were computed. */
export interface JobResult extends Pick<Evaluation, 'stats' | 'patches'> {
  readonly checksums: readonly Checksum[]
  /** NaN and infinite values, for each tensor that has any. */
  readonly notFinite: ReadonlyMap<string, number>
  /** Sums of what was read of `ExecutorTask.summed`. */
  readonly reads: readonly ReadSum[]
}

/** Evaluates the parts of a job into `buffer`, one behind the other. */
export async function evaluateJob(job: Job, buffer: Uint8Array, evaluation: Evaluation): Promise<void> {
  let at = 0
  for (const { tensor, begin, end } of job.parts) {
    const bytes = blockBytes(tensor.dtype, begin, end)
    await evaluateInto(tensor, begin, end, buffer.subarray(at, at + bytes), evaluation)
    at += bytes
  }
}

/** Input files of a run, each opened once. */
export interface Inputs {
  readonly read: ReadInto
  close(): Promise<void>
}

/** @throws from its `read`: INPUT_CHANGED (exit 1), FILE_TRUNCATED (exit 3), and what the file system says */
export function openInputs(): Inputs {
  const handles = new Map<string, Promise<FileHandle>>()
  const handleOf = (file: FileRef): Promise<FileHandle> => {
    let handle = handles.get(file.path)
    if (!handle) {
      handle = openUnchanged(file)
      handles.set(file.path, handle)
    }
    return handle
  }
  return {
    async read(file, offset, target) {
      await readExactly(await handleOf(file), file.path, target, offset)
    },
    async close() {
      const opened = await Promise.allSettled(handles.values())
      await Promise.all(
        opened.map((result) => (result.status === 'fulfilled' ? result.value.close() : undefined)),
      )
    },
  }
}

/** @throws INPUT_CHANGED (exit 1) where the path leads to another file than the one whose header was read */
async function openUnchanged(file: FileRef): Promise<FileHandle> {
  const handle = await open(file.path, 'r')
  try {
    if (file.stamp !== undefined) checkStamp(file, stampOf(await handle.stat({ bigint: true })))
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** The same for a thread that has nothing else to do. */
export function openInputsSync(): Inputs {
  const fds = new Map<string, number>()
  const fdOf = (file: FileRef): number => {
    let fd = fds.get(file.path)
    if (fd === undefined) {
      fd = openSync(file.path, 'r')
      fds.set(file.path, fd)
      if (file.stamp !== undefined) checkStamp(file, stampOf(fstatSync(fd, { bigint: true })))
    }
    return fd
  }
  return {
    async read(file, offset, target) {
      readExactlySync(fdOf(file), file.path, target, offset)
    },
    async close() {
      for (const fd of fds.values()) closeSync(fd)
      fds.clear()
    },
  }
}
