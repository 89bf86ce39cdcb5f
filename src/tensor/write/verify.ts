import { type ByteSource, openFileSource } from '../../system/bytes.ts'
import type { Checksum } from '../../system/checksum.ts'
import { EXIT, SdtoolError } from '../../system/errors.ts'
import { SAFETENSORS } from '../formats/safetensors-write.ts'
import { newEvaluation } from '../values/expr.ts'
import type { ModelFile, TensorTable } from '../values/table.ts'
import type { Container, Frame } from './container.ts'
import { BLOCK_BYTES, evaluateJob, isPatched, type Job, jobsOf, openInputs } from './jobs.ts'
import { messages } from './messages.ts'
import {
  type Checker,
  type CheckPiece,
  checkPieces,
  type PatchCheck,
  verifyPatches,
} from './verify-patches.ts'

export interface VerifyOptions {
  readonly signal?: AbortSignal
  /** Of everything that was computed while the file was written. */
  readonly checksums?: readonly Checksum[]
  /** Who checks the patched tensors; this thread if nobody is named. */
  readonly checkers?: readonly Checker[]
  /** What the file was written as; safetensors without it. */
  readonly container?: Container
  /** Leave out what was only copied or cast. */
  readonly patchedOnly?: boolean
  onProgress?(doneBytes: number, totalBytes: number): void
}

/**
 * Opens the file at `path` with the ordinary reader and holds its header and every byte of every tensor against the
 * plan, evaluated anew from the inputs; patched tensors as `verifyPatches` does. This finds mistakes of the writer, and bytes that changed before they were
 * read again. The system may answer from its cache of the file, so it does not test the disk itself.
 * @throws VERIFY_FAILED (exit 4), naming the first tensor that differs
 */
export async function verifyFile(
  plan: TensorTable,
  path: string,
  {
    signal,
    checksums = [],
    checkers,
    patchedOnly = false,
    container = SAFETENSORS,
    onProgress,
  }: VerifyOptions = {},
): Promise<PatchCheck> {
  const source = await openFileSource(path)
  const inputs = openInputs()
  let expected = new Uint8Array(BLOCK_BYTES)
  try {
    const written = await container.open(source)
    const frame = container.frame(plan)
    const { layout, dataStart } = frame
    compareHeaders(plan, frame, written)
    if (container.metadataOf) compareMetadata(plan.metadata, container.metadataOf(written))
    for (const job of patchedOnly ? [] : jobsOf(layout, dataStart)) {
      signal?.throwIfAborted()
      if (isPatched(job)) continue
      if (expected.byteLength < job.bytes) expected = new Uint8Array(job.bytes)
      await evaluateJob(job, expected, newEvaluation(inputs.read))
      if (!(await holds(source, job.offset, expected.subarray(0, job.bytes)))) throw differs(job)
      onProgress?.(job.offset + job.bytes - dataStart, layout.dataBytes)
    }
    const here = { check: (pieces: readonly CheckPiece[]) => checkPieces(pieces, source.file, inputs.read) }
    return await verifyPatches({ plan, written, checksums }, checkers ?? [here], signal)
  } finally {
    await inputs.close()
    await source.close()
  }
}

/** Whether the file has these bytes there; read in small pieces, as a block of a strided view has many MiB. */
async function holds(source: ByteSource, offset: number, expected: Uint8Array): Promise<boolean> {
  for (let at = 0; at < expected.byteLength; at += BLOCK_BYTES) {
    const piece = expected.subarray(at, at + BLOCK_BYTES)
    if (Buffer.compare(await source.read(offset + at, piece.byteLength), piece) !== 0) return false
  }
  return true
}

/** Names, types, shapes and places, as the reader understood them. */
function compareHeaders(plan: TensorTable, { layout, dataStart }: Frame, written: ModelFile): void {
  if (written.tensors.size !== plan.tensors.size) {
    throw failed(messages.otherTensorCount(written.tensors.size, plan.tensors.size))
  }
  for (const { tensor, begin } of layout.entries) {
    const { name, dtype, shape } = tensor
    const found = written.tensors.get(name)
    if (found?.dtype !== dtype || found.shape.join() !== shape.join()) {
      throw failed(messages.notWrittenAs(name, dtype, shape.join(', ')))
    }
    const planned = dataStart + begin
    if (found.source.kind !== 'stored' || found.source.offset !== planned) {
      throw failed(messages.notAtOffset(name, planned))
    }
  }
}

function compareMetadata(planned: TensorTable['metadata'], written: TensorTable['metadata']): void {
  const keys = new Set([...Object.keys(planned), ...Object.keys(written)])
  for (const key of keys) {
    if (planned[key] !== written[key]) {
      throw failed(messages.metadataDiffers(key))
    }
  }
}

function differs({ parts }: Job): SdtoolError {
  const { name } = parts[0]!.tensor
  return failed(
    parts.length === 1 ? messages.valuesDiffer(name) : messages.someValuesDiffer(name, parts.length - 1),
  )
}

function failed(detail: string): SdtoolError {
  return new SdtoolError('VERIFY_FAILED', messages.readBack(detail), {
    exitCode: EXIT.unverified,
    hint: messages.nothingKept,
  })
}
