/** What is wrong with a baked file, told from its weights: component by component against base and recipe. */
import { NO_COMPARISON, relativeChange, type TensorComparison } from '../../tensor/values/compare.ts'
import type { Finding } from '../../tensor/values/table.ts'
import { warning } from '../finding.ts'
import type { TensorDiff } from './diff.ts'
import { messages } from './messages.ts'
import { byComponent, type Group } from './summary.ts'

/** Comparisons of the same three models. */
export interface BakeDiffs {
  /** From the base to what the recipe says. */
  readonly planned: readonly TensorDiff[]
  /** From the base to the file. */
  readonly made: readonly TensorDiff[]
  /** From what the recipe says to the file. */
  readonly apart: readonly TensorDiff[]
}

/** A finding for each component that is not what the recipe says. */
export function diagnoseBake({ planned, made, apart }: BakeDiffs): Finding[] {
  const [plannedBy, madeBy] = [groupsOf(planned), groupsOf(made)]
  return byComponent(apart)
    .filter(({ comparison, removed, added }) => comparison.differences > 0 || removed + added > 0)
    .map((group) => diagnose(group, comparisonOf(plannedBy, group), comparisonOf(madeBy, group)))
}

function groupsOf(diffs: readonly TensorDiff[]): ReadonlyMap<string, Group> {
  return new Map(byComponent(diffs).map((group) => [group.component, group]))
}

function comparisonOf(groups: ReadonlyMap<string, Group>, { component }: Group): TensorComparison {
  return groups.get(component)?.comparison ?? NO_COMPARISON
}

/** Part of the change that may be something else where a file is said to have the right change in the wrong strength. */
const MAX_REST = 0.1
/** Changes of less are rounding. */
const SAME_STRENGTH = 0.005

function diagnose(group: Group, planned: TensorComparison, made: TensorComparison): Finding {
  const { title, removed, tensors, comparison } = group
  const say = (what: string) => warning('not-the-recipe', `${title}: ${what}`)
  if (removed > 0) return say(messages.tensorsMissing(removed, tensors))
  if (planned.differences > 0 && made.differences === 0) {
    return say(messages.notApplied)
  }
  if (planned.differences === 0) {
    return say(messages.shouldBeBase(percent(relativeChange(made))))
  }
  const { strength, rest } = strengthOf(planned, made, comparison)
  if (rest < MAX_REST && Math.abs(strength - 1) > SAME_STRENGTH) {
    return say(messages.otherStrength(Number(strength.toPrecision(3))))
  }
  return say(messages.otherWeights(percent(relativeChange(comparison))))
}

/**
 * The factor of the planned change that comes nearest to the change that was made, and what is left of that, as part
 * of it. From the three sides of the triangle base, recipe, file, so that no two changes need to be held in memory.
 */
function strengthOf(planned: TensorComparison, made: TensorComparison, apart: TensorComparison) {
  const product = (planned.differences + made.differences - apart.differences) / 2
  const strength = product / planned.differences
  const rest = Math.max(0, made.differences - strength * product)
  return { strength, rest: Math.sqrt(rest / made.differences) }
}

function percent(part: number): string {
  return `${Number((100 * part).toPrecision(2))}%`
}
