/** Writes a merge together with the figures that prove it. */

import { SdtoolError } from '../../system/errors.ts'
import type { Environment } from '../../system/world.ts'
import type { Finding } from '../../tensor/values/table.ts'
import type { PatchCheck } from '../../tensor/write/verify-patches.ts'
import type { WriteResult } from '../../tensor/write/write.ts'
import type { OutputOptions } from './options.ts'
import { type PlannedFile, type WrittenFile, writePlannedFile } from './write-file.ts'

type Counts = WriteResult['patches']

/** How the counts of the writer become figures, and what of them is an error. */
export interface ChangeReport<Part> {
  prove(counts: Counts): { readonly parts: readonly Part[]; readonly findings: readonly Finding[] }
  /** @throws what keeps the file from getting its name */
  check(counts: Counts): void
}

export type ProvenFile<Part> =
  | (WrittenFile & { readonly proof: readonly Part[]; readonly verified?: PatchCheck })
  | {
      readonly status: 'failed'
      readonly findings: readonly Finding[]
      readonly proof: readonly Part[]
      readonly error: SdtoolError
    }

/**
 * What went wrong after writing is returned with the figures that say so.
 * @throws what `writePlannedFile` throws before there are figures
 */
export async function writeProven<Part>(
  job: PlannedFile,
  prover: ChangeReport<Part>,
  { output, environment }: { readonly output: OutputOptions; readonly environment: Environment },
): Promise<ProvenFile<Part>> {
  let proof: ReturnType<typeof prover.prove> | undefined
  const check: PlannedFile['check'] = ({ patches }) => {
    proof = prover.prove(patches)
    prover.check(patches)
  }
  // a check of what was computed would check nothing where all is copied
  const isComputed = [...job.plan.table.tensors.values()].some(({ source }) => source.kind === 'patched')
  const verify = output.verify === 'patched' && !isComputed ? true : output.verify
  try {
    const { file, written } = await writePlannedFile({ ...job, check }, { ...output, verify }, environment)
    const verified = isComputed ? written.patchCheck : undefined
    const findings = [...file.findings, ...proof!.findings]
    return { ...file, findings, proof: proof!.parts, ...(verified && { verified }) }
  } catch (error) {
    if (proof === undefined || !(error instanceof SdtoolError)) throw error
    const findings = [...job.plan.findings, ...proof.findings]
    return { status: 'failed', findings, proof: proof.parts, error }
  }
}
