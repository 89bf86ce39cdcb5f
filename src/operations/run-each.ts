import type { Environment } from '../system/world.ts'
import type { InputModel, Operation, PlanContext } from './operation.ts'
import type { OutputOptions } from './output/options.ts'
import { outputPlaces } from './output/place.ts'
import type { Plan } from './plan.ts'
import { executePlan, namedFile, type Outcome, type Run, runWithInputName, withInputs } from './run.ts'

/** One of several outputs: the options that make it, and what they plan. */
export interface Planned<Options extends object, P extends Plan> {
  readonly options: Options
  readonly plan: P
}

interface Each<Options extends object, P extends Plan> {
  readonly operation: Operation<Options, P>
  readonly paths: readonly string[]
  /** The outputs; at least one. */
  plans(
    inputs: readonly InputModel[],
    context: PlanContext,
  ): Promise<readonly Planned<Options, P>[]> | readonly Planned<Options, P>[]
}

/** Makes several files of the same inputs. What speaks against one of them is said before any is written. */
export function runEach<Options extends object, P extends Plan>(
  { operation, paths, plans }: Each<Options, P>,
  output: OutputOptions,
  environment: Environment,
): Promise<Outcome<P>[]> {
  const use = async (inputs: readonly InputModel[], context: PlanContext): Promise<Outcome<P>[]> => {
    const first = namedFile(paths[0]!)
    const planned = await runWithInputName([first.path], () => plans(inputs, context))
    const endings = operation.form?.(planned[0]!.options)?.endings
    const files = planned.map(() => first)
    const placeOf = await outputPlaces({ files, walked: false }, output.output, endings)
    const runs = planned.map(({ options, plan }) => {
      const target = placeOf(first, operation.outputName(plan, inputs, options))
      const run: Run<Options, P, unknown> = { operation, options, first, place: () => target, output }
      return { run, plan }
    })
    const rehearsal = { ...output, dryRun: true }
    for (const { run, plan } of runs)
      await executePlan({ ...run, output: rehearsal }, plan, inputs, context, environment)
    const outcomes: Outcome<P>[] = []
    for (const { run, plan } of runs) {
      const known = { input: paths[0]!, title: inputs[0]!.identity.title, plan }
      const described = operation.describe?.(plan, inputs, run.options)
      outcomes.push({
        ...known,
        ...described,
        ...(await executePlan(run, plan, inputs, context, environment)),
      })
    }
    return outcomes
  }
  return withInputs(paths, output, environment, use, operation.open)
}
