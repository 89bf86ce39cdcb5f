import type { WritingOptions } from '../shared/options.ts'
/** The common ways of commands that make model files: one of each input, going on after a bad one, or one of several. */

import type { FileList } from '../../library/files.ts'
import type { Operation } from '../../operations/operation.ts'
import { outputPlaces } from '../../operations/output/place.ts'
import type { Plan } from '../../operations/plan.ts'
import { namedFile, type Outcome, runOperation } from '../../operations/run.ts'
import { exitCodeOf } from '../../report/terminal/error.ts'
import { EXIT, type ExitCode } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import { resultPrinter } from './transform-report.ts'
import { outcomeViewOf } from './views.ts'

interface Asked<Options extends object> {
  readonly operation: Operation<Options>
  readonly options: Options
}

/**
 * Makes a file of each input; a failure does not stop the others.
 * @returns the exit code of the first failure
 * @throws USAGE (exit 2) for an output that cannot be one, and the reason of the signal
 */
export async function runForEach<Options extends object>(
  list: FileList,
  { operation, options }: Asked<Options>,
  output: WritingOptions,
  world: World,
): Promise<ExitCode> {
  const place = await outputPlaces(list, output.output, operation.form?.(options)?.endings)
  const printer = resultPrinter(operation.verb, output, world, outcomeViewOf(operation.verb))
  const outcomes: Outcome[] = []
  for (const first of list.files) {
    const run = { operation, options, first, place, output }
    const outcome = await runOperation<Options, Plan, unknown>(run, world).catch(
      (error: unknown): Outcome => {
        world.signal.throwIfAborted()
        return { input: first.path, status: 'failed', findings: [], error }
      },
    )
    outcomes.push(outcome)
    printer.print(outcome)
  }
  printer.end()
  return worstExitCode(outcomes)
}

/**
 * Makes one file of several.
 * @param paths of all inputs, in the order of a recipe
 * @throws what keeps the operation from planning
 */
export async function runOnce<Options extends object, P extends Plan, Part>(
  paths: readonly string[],
  { operation, options }: { readonly operation: Operation<Options, P, Part>; readonly options: Options },
  output: WritingOptions,
  world: World,
): Promise<ExitCode> {
  const [first, ...others] = paths as [string, ...string[]]
  const files = [namedFile(first)]
  const endings = operation.form?.(options)?.endings
  const place = await outputPlaces({ files, walked: false }, output.output, endings)
  const run = { operation, options, first: files[0]!, others, place, output }
  const outcome: Outcome = await runOperation(run, world)
  const printer = resultPrinter(operation.verb, output, world, outcomeViewOf(operation.verb))
  printer.print(outcome)
  printer.end()
  return worstExitCode([outcome])
}

export function worstExitCode(outcomes: readonly Pick<Outcome, 'status' | 'error'>[]): ExitCode {
  const failed = outcomes.find(({ status }) => status === 'failed')
  if (failed) return exitCodeOf(failed.error)
  return outcomes.every(({ status }) => status === 'skipped') ? EXIT.unverified : EXIT.ok
}
