import { expect, it } from 'vitest'
import { diagnoseBake } from '../../../src/model/diff/bake-diagnosis.ts'
import type { TensorDiff } from '../../../src/model/diff/diff.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'

/** A model with two weights in its UNet, and one in its VAE. */
type Weights = readonly [number, number, number]

const PLACES = [
  { component: 'unet', title: 'UNet' },
  { component: 'unet', title: 'UNet' },
  { component: 'vae', title: 'VAE' },
] as const

function diffs(a: Weights, b: readonly (number | undefined)[]): TensorDiff[] {
  return a.map((value, i) => {
    const other = b[i]
    const name = `weight ${i}`
    const tensor: Tensor = {
      name,
      dtype: 'F32',
      shape: [1],
      source: { kind: 'bytes', data: new Uint8Array(4) },
    }
    const place = { ...PLACES[i]!, key: name, block: 'BASE', layer: 'other' } as const
    const common = { name, place, a: tensor, retyped: false, reshaped: false }
    if (other === undefined) return { ...common, change: 'removed' }
    const difference = (other - value) ** 2
    const comparison = {
      values: 1,
      squares: value ** 2,
      differences: difference,
      largest: Math.abs(other - value),
      changed: Number(difference > 0),
      brokenA: 0,
      brokenB: 0,
    }
    return { ...common, b: tensor, change: difference > 0 ? 'changed' : 'same', comparison }
  })
}

const BASE: Weights = [1, 2, 5]
/** The recipe adds 1 and -2 to the UNet. */
const PLAN: Weights = [2, 0, 5]

function said(made: readonly (number | undefined)[]): string[] {
  const found = diagnoseBake({
    planned: diffs(BASE, PLAN),
    made: diffs(BASE, made),
    apart: diffs(PLAN, made),
  })
  return found.map(({ message }) => message)
}

it.each([
  ['nothing wrong', [2, 0, 5], []],
  ['nothing applied', [1, 2, 5], ['UNet: it equals the base: the recipe was not applied to it']],
  ['half of it', [1.5, 1, 5], ['UNet: it changed 0.5 times as much as the recipe says']],
  ['too much', [3, -2, 5], ['UNet: it changed 2 times as much as the recipe says']],
  ['the other way', [0, 4, 5], ['UNet: it changed -1 times as much as the recipe says']],
  // sqrt(9 + 0) / sqrt(4 + 0)
  ['something else', [2, 3, 5], ['UNet: its weights are 150% apart from those of the recipe']],
  ['another VAE', [2, 0, 6], ['VAE: it should equal the base, but is different (20% apart)']],
  ['no VAE', [2, 0, undefined], ['VAE: 1 of its 1 tensors are missing']],
] as const)('%s', (_, made, expected) => {
  expect(said(made)).toEqual(expected)
})
