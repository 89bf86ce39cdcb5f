/** What merges add to weights, and how close that is to what the goldens have. */
import { expect } from 'vitest'
import type { TensorTable } from '../../../src/tensor/values/table.ts'
import { projected } from '../../family-goldens.ts'
import { adapter, planOf, valuesOf } from './small.ts'

/** What a merge adds to each weight, as the goldens have it. */
export async function addedBy(base: TensorTable, lora: TensorTable): Promise<Map<string, Float64Array>> {
  const plan = await planOf(base, [adapter([...lora.tensors.values()])])
  expect(plan.problems.map(({ message }) => message)).toEqual([])
  const changes = new Map<string, Float64Array>()
  for (const key of plan.patches.keys()) {
    const [before, after] = [await valuesOf(base, key), await valuesOf(plan.table, key)]
    const columns = before.length / plan.table.tensors.get(key)!.shape[0]!
    const difference = Float64Array.from(after, (value, i) => value - before[i]!)
    changes.set(key, projected(difference, columns))
  }
  return changes
}

export function expectClose(
  actual: ReadonlyMap<string, Float64Array>,
  expected: ReadonlyMap<string, Float64Array>,
) {
  expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort())
  for (const [key, values] of expected) {
    const size = Math.max(...values.map(Math.abs), 1e-3)
    const worst = Math.max(...values.map((value, i) => Math.abs(value - actual.get(key)![i]!)))
    expect([key, worst / size < 1e-5], `${key}: ${worst} of ${size}`).toEqual([key, true])
  }
}
