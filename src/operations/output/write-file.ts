/** The last step of every command that makes a model file: write the plan, or do all of it but that. */

import { basename, dirname } from 'node:path'
import { openHashCache } from '../../library/caches/hash-cache.ts'
import { hashModel } from '../../library/shards.ts'
import { besideStructure } from '../../model/metadata/carry.ts'
import { checkOutput } from '../../system/atomic.ts'
import { defined } from '../../system/defined.ts'
import type { FileRef } from '../../system/file-ref.ts'
import type { Hashes, HashName } from '../../system/hash.ts'
import { OWNER, removeLeftovers } from '../../system/leftovers.ts'
import { type Environment, type Progress, startProgress } from '../../system/world.ts'
import { SAFETENSORS } from '../../tensor/formats/safetensors-write.ts'
import type { Finding, TensorTable } from '../../tensor/values/table.ts'
import type { Container } from '../../tensor/write/container.ts'
import { type WriteResult, writeModelFile } from '../../tensor/write/write.ts'
import { messages as shared } from '../messages.ts'
import type { Plan } from '../plan.ts'
import { castFindings } from './cast-findings.ts'
import { checkFinite, finiteFindings } from './finite.ts'
import type { PendingMetadata } from './metadata.ts'
import type { OutputOptions } from './options.ts'
import { copySidecars, plannedSidecars } from './source-sidecars.ts'

/** A plan and the place it is for. */
export interface PlannedFile {
  readonly plan: Plan
  readonly output: string
  /** Files of the run that must not be overwritten. */
  readonly inputs: readonly FileRef[]
  readonly metadata: () => PendingMetadata
  /** What it is written as; safetensors without it. */
  readonly container?: Container
  /** Looks at what was written before the file gets its name. */
  readonly check?: (result: WriteResult) => void
  /** The model it is another form of: files next to that with its name belong to this as well. */
  readonly source?: string
}

const NONE: ReadonlySet<string> = new Set()

interface OutputFacts {
  readonly output: string
  readonly tensors: number
  readonly bytesAfter: number
  readonly findings: readonly Finding[]
}

export interface RehearsedFile extends OutputFacts {
  readonly status: 'planned'
}

export interface WrittenFile extends OutputFacts {
  readonly status: 'written'
  readonly seconds: number
}

/**
 * What `writePlannedFile` would do, up to the point where it would touch the disk; the same refusals.
 * @throws what `checkOutput` and `plannedSidecars` throw
 */
export async function checkPlannedFile(
  { plan, output, inputs, source, container = SAFETENSORS }: PlannedFile,
  { force, sidecars: copies }: OutputOptions,
): Promise<RehearsedFile> {
  const { bytes } = container.frame(plan.table)
  await checkOutput(output, { force, bytes, inputs })
  const tensors = plan.table.tensors.size
  const beside = source === undefined ? [] : await plannedSidecars({ source, output, inputs, copies, force })
  const findings = [...plan.findings, ...beside]
  return { status: 'planned', output, tensors, bytesAfter: bytes, findings }
}

/** @throws NOT_FINITE (exit 3), what `check`, `plannedSidecars` and `writeModelFile` throw */
export async function writePlannedFile(
  { plan, output, inputs, metadata, check, source, container = SAFETENSORS }: PlannedFile,
  { force, verify, sidecars: copies }: OutputOptions,
  environment: Environment,
): Promise<{ readonly file: WrittenFile; readonly written: WriteResult }> {
  const start = environment.now().getTime()
  const sidecars = source === undefined ? undefined : { source, output, inputs, copies, force }
  // a copy that has no place is said before minutes of work, not after
  if (sidecars) await plannedSidecars(sidecars)
  const pending = metadata()
  const standing = (texts: TensorTable['metadata']) => besideStructure(texts, container.reservedKeys ?? NONE)
  const progress = startProgress(environment, basename(output))
  const hashing = new AbortController()
  const signal = AbortSignal.any([environment.signal, hashing.signal])
  let isWritten = false
  // hashing is mostly done before the file is written; only what still goes on then is shown
  const hash = async (path: string, only: readonly HashName[]): Promise<Hashes> => {
    let shown: Progress | undefined
    const onProgress = (done: number, all: number): void => {
      if (!isWritten) return
      shown ??= startProgress(environment, shared.hashing(basename(path)))
      shown.update(done, all)
    }
    return hashModel(path, { only, signal, onProgress }).finally(() => shown?.end())
  }
  // hashes are for the recipe, which a container without metadata has no place for
  const finished = container.metadataOf
    ? pending.finish(({ file }, wanted) => inputHashes(file, wanted, hash, environment)).then(standing)
    : undefined
  // it may fail before the writer waits for it
  finished?.catch(() => {})
  try {
    const table = { tensors: plan.table.tensors, metadata: standing(pending.draft) }
    await removeLeftovers(dirname(output))
    const written = await writeModelFile(table, output, container, {
      owner: OWNER,
      force,
      verify,
      inputs,
      ...(finished && { metadata: finished }),
      threads: environment.threads,
      ...(environment.matmul && { matmul: environment.matmul }),
      check(result) {
        // what a command says of its own work comes first
        check?.(result)
        checkFinite(plan, inputs, result)
      },
      signal: environment.signal,
      onProgress(done, all) {
        isWritten = done === all
        progress.update(done, all)
      },
    })
    const file: WrittenFile = {
      status: 'written',
      output,
      tensors: plan.table.tensors.size,
      bytesAfter: written.bytes,
      findings: [
        ...plan.findings,
        ...castFindings(written, plan),
        ...finiteFindings(plan, inputs, written),
        ...(sidecars ? await copySidecars(sidecars) : []),
      ],
      seconds: (environment.now().getTime() - start) / 1000,
    }
    return { file, written }
  } finally {
    hashing.abort()
    progress.end()
  }
}

/** Smaller files are hashed faster than a list of them is read. */
const REMEMBERED_BYTES = 64 * 1024 * 1024

async function inputHashes(
  { path, size }: FileRef,
  wanted: readonly HashName[],
  hash: (path: string, only: readonly HashName[]) => Promise<Hashes>,
  environment: Environment,
): Promise<Hashes> {
  if (size < REMEMBERED_BYTES || !wanted.includes('sha256')) return hash(path, wanted)
  const cache = await openHashCache(environment, hash)
  const { autoV1 } = await hash(path, ['autoV1'])
  const hashes = await cache.hashes(path)
  await cache.save()
  return { ...hashes, ...defined({ autoV1 }) }
}
