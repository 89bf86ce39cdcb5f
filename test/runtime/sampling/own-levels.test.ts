import { describe, expect, it } from 'vitest'
import { noiseSchedule } from '../../../src/runtime/sampling/noise-schedule.ts'
import { findSampler, SAMPLERS } from '../../../src/runtime/sampling/samplers/registry.ts'
import { sigmasOf } from '../../../src/runtime/sampling/schedules/registry.ts'

const schedule = noiseSchedule()

describe('samplers with noise levels of their own', () => {
  /**
   * Computed in numpy: `interp` of log sigma over the 50 original timesteps for LCM, of log alpha over all 1000 for
   * UniPC, at evenly spaced places from the last to the first.
   */
  it.each<[string, number, number[]]>([
    ['lcm', 1, [14.614641, 0]],
    ['lcm', 2, [14.614641, 0.134451, 0]],
    ['lcm', 4, [14.614641, 2.991056, 0.972826, 0.134451, 0]],
    ['unipc', 4, [14.614641, 4.086082, 1.615582, 0.695151, 0.029167]],
    ['unipc', 8, [14.614641, 7.301983, 4.086082, 2.495968, 1.615582, 1.07116, 0.695151, 0.399703, 0.029167]],
  ])('%s of %d steps', (name, steps, expected) => {
    const own = sigmasOf(findSampler(name)!, undefined, steps, schedule)
    expect(own).toHaveLength(expected.length)
    own.forEach((sigma, i) => {
      expect(Math.abs(sigma - expected[i]!)).toBeLessThanOrEqual(2e-5 * expected[i]!)
    })
  })

  it('LCM of 50 steps takes those it was distilled on: 999, 979 .. 19', () => {
    const own = sigmasOf(findSampler('lcm')!, undefined, 50, schedule)
    expect(own.at(-1)).toBe(0)
    own.slice(0, 50).forEach((sigma, i) => {
      expect(sigma / schedule.sigmas[999 - 20 * i]!).toBeCloseTo(1, 12)
    })
  })
})

it.each(SAMPLERS.map((sampler) => [sampler.name, sampler] as const))(
  '%s of no steps asks no model and changes nothing',
  async (_, { sample }) => {
    const denoise = () => Promise.reject(new Error('asked'))
    const noise = () => Float32Array.of(1)
    expect(await sample({ denoise, x: Float32Array.of(3, 4), sigmas: [2], noise })).toEqual(
      Float32Array.of(3, 4),
    )
  },
)
