/** Makes a file of which the values have to be known before it can be laid out. */
import { basename } from 'node:path'
import type { Keep } from '../../model/lora/factors.ts'
import { type Environment, startProgress } from '../../system/world.ts'
import type { Plan } from '../plan.ts'
import type { OutputOptions } from './options.ts'
import { withSpool } from './output-spool.ts'
import {
  checkPlannedFile,
  type PlannedFile,
  type RehearsedFile,
  type WrittenFile,
  writePlannedFile,
} from './write-file.ts'

/** What a computation does with its values, and where it says how far it is. */
export interface Computing {
  /** Keeps computed bytes until they are written; without it nothing is to be kept. */
  readonly keep?: Keep
  readonly onProgress: (done: number, total: number) => void
}

interface Computation<P extends Plan> {
  /** As it is before anything is computed. */
  readonly planned: PlannedFile
  compute(work: Computing): Promise<P>
  /** The same file with what was computed. */
  finished(plan: P): PlannedFile
}

export type ComputedFile<P extends Plan> = { readonly plan: P } & (
  | WrittenFile
  | Pick<RehearsedFile, 'status' | 'output' | 'findings'>
)

/**
 * Computes it in any case: a rehearsal says what the result would be like, but not how large it is.
 * @throws what `checkPlannedFile`, `compute` and `writePlannedFile` throw
 */
export async function makeComputed<P extends Plan>(
  { planned, compute, finished }: Computation<P>,
  { output, environment }: { readonly output: OutputOptions; readonly environment: Environment },
): Promise<ComputedFile<P>> {
  const start = environment.now().getTime()
  // what speaks against the output is said before minutes of work, not after
  const { status, findings } = await checkPlannedFile(planned, output)
  const computed = async (keep?: Keep): Promise<P> => {
    const progress = startProgress(environment, basename(planned.output))
    try {
      return await compute({ ...(keep && { keep }), onProgress: progress.update })
    } finally {
      progress.end()
    }
  }
  if (output.dryRun) {
    const plan = await computed()
    return { status, output: planned.output, findings: [...new Set([...plan.findings, ...findings])], plan }
  }
  return withSpool(planned.output, async ({ keep }) => {
    const plan = await computed(keep)
    const { file } = await writePlannedFile(finished(plan), output, environment)
    return { ...file, seconds: (environment.now().getTime() - start) / 1000, plan }
  })
}
