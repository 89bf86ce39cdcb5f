import { EXIT, SdtoolError } from '../errors.ts'
import { openFileSource } from './bytes.ts'
import { safetensorsFormat } from './formats/safetensors.ts'
import { BLOCK_BYTES, evaluateJob, type Job, jobsOf, openInputs } from './jobs.ts'
import { layoutOf } from './layout.ts'
import type { ModelFile, TensorTable } from './table.ts'
import { quoted } from './text.ts'

export interface VerifyOptions {
  readonly signal?: AbortSignal
  onProgress?(doneBytes: number, totalBytes: number): void
}

/**
 * Opens the file at `path` with the ordinary reader and holds every byte of every tensor against the plan,
 * evaluated anew from the inputs.
 * @throws VERIFY_FAILED (exit 4), naming the first tensor that differs
 */
export async function verifyFile(
  plan: TensorTable,
  path: string,
  { signal, onProgress }: VerifyOptions = {},
): Promise<void> {
  const source = await openFileSource(path)
  const inputs = openInputs()
  let expected = new Uint8Array(BLOCK_BYTES)
  try {
    const written = await safetensorsFormat.open(source)
    compareHeaders(plan, written)
    const layout = layoutOf(plan)
    const dataStart = written.headerBytes!
    for (const job of jobsOf(layout, dataStart)) {
      signal?.throwIfAborted()
      if (expected.byteLength < job.bytes) expected = new Uint8Array(job.bytes)
      await evaluateJob(job, expected, inputs.read)
      const actual = await source.read(job.offset, job.bytes)
      if (Buffer.compare(actual, expected.subarray(0, job.bytes)) !== 0) throw differs(job)
      onProgress?.(job.offset + job.bytes - dataStart, layout.dataBytes)
    }
  } finally {
    await inputs.close()
    await source.close()
  }
}

function compareHeaders(plan: TensorTable, written: ModelFile): void {
  if (written.tensors.size !== plan.tensors.size) {
    throw failed(`${written.tensors.size} tensors were written, ${plan.tensors.size} were planned`)
  }
  for (const { name, dtype, shape } of plan.tensors.values()) {
    const found = written.tensors.get(name)
    if (found?.dtype !== dtype || found.shape.join() !== shape.join()) {
      throw failed(`tensor ${quoted(name)} was not written as ${dtype} [${shape.join(', ')}]`)
    }
  }
}

function differs({ parts }: Job): SdtoolError {
  const more = parts.length > 1 ? ` or one of the ${parts.length - 1} tensors behind it` : ''
  return failed(`the values of tensor ${quoted(parts[0]!.tensor.name)}${more} are not those of the plan`)
}

function failed(detail: string): SdtoolError {
  return new SdtoolError('VERIFY_FAILED', `read back and compared: ${detail}`, {
    exitCode: EXIT.unverified,
    hint: 'Nothing was kept. Check the disk and the memory of this machine, then run again.',
  })
}
