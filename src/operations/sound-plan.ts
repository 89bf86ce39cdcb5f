import type { InputModel, Operation, PlanContext } from './operation.ts'
import type { Plan } from './plan.ts'

/**
 * What an operation makes of its inputs, for whoever uses it without writing it.
 * @throws what the planner of the operation throws, and what would keep the plan from being written
 */
export async function soundPlan<Options extends object, P extends Plan, Part>(
  operation: Operation<Options, P, Part>,
  inputs: readonly InputModel[],
  options: Options,
  context: PlanContext,
): Promise<P> {
  const plan = await operation.plan(inputs, options, context)
  const problem = operation.problem?.(plan)
  if (problem) throw problem.error
  return plan
}
