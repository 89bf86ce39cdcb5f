/** The last step of every command that makes a model file: write the plan, or do all of it but that. */

import { basename, dirname } from 'node:path'
import { besideStructure } from '../../model/metadata/carry.ts'
import { checkOutput } from '../../system/atomic.ts'
import type { FileRef } from '../../system/file-ref.ts'
import { OWNER, removeLeftovers } from '../../system/leftovers.ts'
import { type Environment, startProgress } from '../../system/world.ts'
import { SAFETENSORS } from '../../tensor/formats/safetensors-write.ts'
import type { Finding, TensorTable } from '../../tensor/values/table.ts'
import type { Container } from '../../tensor/write/container.ts'
import { type WriteResult, writeModelFile } from '../../tensor/write/write.ts'
import type { Plan } from '../plan.ts'
import { castFindings } from './cast-findings.ts'
import { checkFinite, finiteFindings } from './finite.ts'
import { startInputHashing } from './input-hashes.ts'
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
  planned: PlannedFile,
  { force, verify, sidecars: copies }: OutputOptions,
  environment: Environment,
): Promise<{ readonly file: WrittenFile; readonly written: WriteResult }> {
  const { plan, output, inputs, source } = planned
  const start = environment.now().getTime()
  const sidecars = source === undefined ? undefined : { source, output, inputs, copies, force }
  // a copy that has no place is said before minutes of work, not after
  if (sidecars) await plannedSidecars(sidecars)
  const written = await writeTensors(planned, { force, verify }, environment)
  const findings = [
    ...plan.findings,
    ...castFindings(written, plan),
    ...finiteFindings(plan, inputs, written),
    ...(sidecars ? await copySidecars(sidecars) : []),
  ]
  const facts = { output, tensors: plan.table.tensors.size, bytesAfter: written.bytes, findings }
  const seconds = (environment.now().getTime() - start) / 1000
  return { file: { status: 'written', ...facts, seconds }, written }
}

/** The tensors of the plan, with metadata for which the inputs are hashed meanwhile. */
async function writeTensors(
  { plan, output, inputs, metadata, check, container = SAFETENSORS }: PlannedFile,
  { force, verify }: Pick<OutputOptions, 'force' | 'verify'>,
  environment: Environment,
): Promise<WriteResult> {
  const pending = metadata()
  const standing = (texts: TensorTable['metadata']) => besideStructure(texts, container.reservedKeys ?? NONE)
  const progress = startProgress(environment, basename(output))
  const hashing = startInputHashing(environment)
  // hashes are for the recipe, which a container without metadata has no place for
  const finished = container.metadataOf ? pending.finish(hashing.hashesOf).then(standing) : undefined
  // it may fail before the writer waits for it
  finished?.catch(() => {})
  try {
    const table = { tensors: plan.table.tensors, metadata: standing(pending.draft) }
    await removeLeftovers(dirname(output))
    return await writeModelFile(table, output, container, {
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
        if (done === all) hashing.show()
        progress.update(done, all)
      },
    })
  } finally {
    hashing.stop()
    progress.end()
  }
}
