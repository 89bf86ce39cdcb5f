/**
 * LoRAs of every family and naming, merged into its model in both layouts: what is added is what PEFT added (goldens, made
 * by fixtures/goldens/families.py).
 */
import { describe, expect, it } from 'vitest'
import type { TensorTable } from '../../../src/tensor/values/table.ts'
import {
  FAMILY_GOLDENS,
  type GoldenLayout,
  goldenChange,
  goldenLora,
  goldenModel,
  projected,
} from '../../family-goldens.ts'
import { adapter, planOf, valuesOf } from './small.ts'

const LAYOUTS: readonly GoldenLayout[] = ['diffusers', 'native']

const CASES = Object.entries(FAMILY_GOLDENS).flatMap(([family, { loras }]) =>
  Object.keys(loras).flatMap((dialect) => LAYOUTS.map((layout) => [family, dialect, layout] as const)),
)

/** What a merge adds to each weight, as the goldens have it. */
async function addedBy(base: TensorTable, lora: TensorTable): Promise<Map<string, Float64Array>> {
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

function expectClose(actual: ReadonlyMap<string, Float64Array>, expected: ReadonlyMap<string, Float64Array>) {
  expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort())
  for (const [key, values] of expected) {
    const size = Math.max(...values.map(Math.abs), 1e-3)
    const worst = Math.max(...values.map((value, i) => Math.abs(value - actual.get(key)![i]!)))
    expect([key, worst / size < 1e-5], `${key}: ${worst} of ${size}`).toEqual([key, true])
  }
}

describe('a LoRA of a family', () => {
  it.each(CASES)('%s in the names of %s, into the layout of %s', async (family, dialect, layout) => {
    const added = await addedBy(goldenModel(family, layout), goldenLora(family, dialect))
    expectClose(added, await goldenChange(family, dialect, layout))
  })
})
