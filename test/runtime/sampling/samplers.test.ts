import { describe, expect, it } from 'vitest'
import { denoiserOf } from '../../../src/runtime/sampling/denoiser.ts'
import { composed, guided, rescaled } from '../../../src/runtime/sampling/guidance.ts'
import { findSampling, withSchedule } from '../../../src/runtime/sampling/named.ts'
import { noiseSchedule } from '../../../src/runtime/sampling/noise-schedule.ts'
import type { Denoise, StepNoise } from '../../../src/runtime/sampling/sampler.ts'
import { findSampler, SAMPLERS } from '../../../src/runtime/sampling/samplers/registry.ts'
import { findSchedule, SCHEDULES, sigmasOf } from '../../../src/runtime/sampling/schedules/registry.ts'
import { GOLDENS, type SamplerGolden, worst } from '../goldens.ts'

const SIZE = 8
const schedule = noiseSchedule()

/** The functions of fixtures/goldens/sampling.py. */
const start = (sigma: number) =>
  Float32Array.from({ length: SIZE }, (_, i) => Math.cos(1.3 * i + 0.2) * sigma)
const denoise: Denoise = async (x, sigma) =>
  x.map(
    (value, i) => value / (1 + sigma ** 2) + (0.5 * Math.sin(value / (1 + sigma) + i)) / (1 + 0.1 * sigma),
  )

function stepNoise(): StepNoise {
  let calls = 0
  return () => {
    const call = calls++
    return Float32Array.from({ length: SIZE }, (_, i) => Math.sin(1.7 * i + 2.3 * call + 0.5))
  }
}

describe('samplers', () => {
  const golden = [...GOLDENS.samplers, ...GOLDENS.diffusers]

  it('all have a golden', () => {
    expect(new Set(golden.map(({ sampler }) => sampler))).toEqual(new Set(SAMPLERS.map(({ name }) => name)))
  })

  it.each(GOLDENS.samplers)('$sampler does what k-diffusion does from $sigmas.0', async (golden) => {
    const x = start(golden.sigmas[0]!)
    expect(worst(await result(golden, x), golden.x)).toBeLessThan(2e-6 * Math.max(1, golden.sigmas[0]! / 2))
  })

  it.each(GOLDENS.diffusers)('$sampler does what diffusers does', async (golden) => {
    // its latents begin as unit noise
    const x = start(Math.hypot(golden.sigmas[0]!, 1))
    const tolerance = golden.sampler === 'lcm' ? 2e-5 : 4e-6 // LCM: c_skip on latents of another scale
    const own = await result(golden, x)
    const scale = 1 / Math.hypot(golden.sigmas.at(-1)!, 1)
    expect(
      worst(
        own.map((value) => value * scale),
        golden.x,
      ),
    ).toBeLessThan(tolerance)
  })

  async function result({ sampler, sigmas }: SamplerGolden, x: Float32Array): Promise<Float32Array> {
    const { sample, prepare } = findSampler(sampler)!
    const reports: number[] = []
    const own = await sample({
      denoise: prepare?.(denoise, schedule) ?? denoise,
      x,
      sigmas,
      noise: stepNoise(),
      onStep: ({ step }) => reports.push(step),
    })
    expect(reports).toEqual(sigmas.slice(1).map((_, i) => i))
    return own
  }

  it('know how often they ask the model', async () => {
    for (const { name, calls, sample } of SAMPLERS) {
      let asked = 0
      const counted: Denoise = (x, sigma) => {
        asked++
        return denoise(x, sigma)
      }
      await sample({ denoise: counted, x: start(9), sigmas: [9, 5, 2, 1, 0], noise: stepNoise() })
      // PLMS asks twice in its first step only
      expect(asked, name).toBe(name === 'plms' ? 5 : calls === 1 ? 4 : 7)
    }
  })

  describe('on unit Gaussian data', () => {
    const [high, low] = [14.6, 0.1]
    /** Relative error at `low`: with D(x, sigma) = x / (1 + sigma^2) the ODE has a closed solution. */
    async function error(name: string, steps: number): Promise<number> {
      const x = await findSampler(name)!.sample({
        denoise: async (x, sigma) => x.map((value) => value / (1 + sigma ** 2)),
        x: Float32Array.of(1),
        sigmas: Array.from({ length: steps + 1 }, (_, i) => high * (low / high) ** (i / steps)),
        noise: stepNoise(),
      })
      return Math.abs(x[0]! / Math.sqrt((1 + low ** 2) / (1 + high ** 2)) - 1)
    }

    it.each([
      ['euler', 1],
      ['ddim', 1],
      ['heun', 2],
      ['dpm2', 2],
      ['dpmpp_2m', 2],
      ['unipc', 2],
    ])('%s converges with order %d', async (name, order) => {
      const measured = Math.log2((await error(name, 40)) / (await error(name, 80)))
      expect(measured).toBeGreaterThan(order - 0.1)
      expect(measured).toBeLessThan(order + 0.2)
    })

    it('UniPC is ten times as near as DPM++ 2M', async () => {
      expect(await error('unipc', 20)).toBeLessThan((await error('dpmpp_2m', 20)) / 10)
    })
  })

  it('are found under the names of A1111, ComfyUI and k-diffusion', () => {
    expect(findSampler('DPM++ 2M SDE')?.name).toBe('dpmpp_2m_sde')
    expect(findSampler('euler_ancestral')?.name).toBe('euler_a')
    expect(findSampler('Euler a')?.name).toBe('euler_a')
    expect(findSampler('uni-pc')?.name).toBe('unipc')
    expect(findSampler('euler b')).toBeUndefined()
    const names = SAMPLERS.flatMap(({ name, label, aliases }) => [name, label, ...aliases])
    for (const name of names)
      expect(SAMPLERS.filter((sampler) => findSampler(name) === sampler)).toHaveLength(1)
  })
})

describe('samplers with a schedule behind them', () => {
  /** As pictures of A1111 before 1.9 have them (`sd_samplers_kdiffusion.py` of 1.8), and as ComfyUI and Civitai do. */
  it.each([
    ['DPM++ 2M Karras', 'dpmpp_2m', 'karras'],
    ['DPM++ SDE Karras', 'dpmpp_sde', 'karras'],
    ['DPM++ 2M SDE Karras', 'dpmpp_2m_sde', 'karras'],
    ['DPM++ 2M SDE Exponential', 'dpmpp_2m_sde', 'exponential'],
    ['DPM++ 3M SDE Exponential', 'dpmpp_3m_sde', 'exponential'],
    ['DPM2 a Karras', 'dpm2_a', 'karras'],
    ['DPM++ 2S a Karras', 'dpmpp_2s_a', 'karras'],
    ['dpmpp_2m_karras', 'dpmpp_2m', 'karras'],
    ['Euler a SGM Uniform', 'euler_a', 'sgm_uniform'],
    ['euler_beta', 'euler', 'beta'],
  ])('%s', (name, sampler, schedule) => {
    expect(findSampling(name)).toEqual({ sampler: findSampler(sampler), schedule: findSchedule(schedule) })
  })

  it('do not hide a sampler that is called like a schedule', () => {
    for (const sampler of SAMPLERS) {
      for (const name of [sampler.name, sampler.label]) expect(findSampling(name)).toEqual({ sampler })
      for (const schedule of SCHEDULES)
        expect(findSampling(`${sampler.label} ${schedule.label}`)).toEqual({ sampler, schedule })
    }
    for (const name of ['Karras', 'LMS Karras', 'DPM++ 2M Caras', ''])
      expect(findSampling(name)).toBeUndefined()
  })

  it('take the same schedule again, and no other', () => {
    const named = findSampling('DPM++ 2M Karras')!
    expect(withSchedule(named, undefined)).toEqual(named)
    expect(withSchedule(named, findSchedule('karras'))).toEqual(named)
    expect(withSchedule({ sampler: named.sampler }, findSchedule('beta')).schedule?.name).toBe('beta')
    expect(() => withSchedule(named, findSchedule('beta'))).toThrow(
      'sampler DPM++ 2M has the schedule Karras in its name, and the schedule Beta was given, too',
    )
  })
})

describe('schedules', () => {
  const sdxl = noiseSchedule(false, true)
  const levels = [
    ...SCHEDULES.map(({ name, sigmas }) => [name, sigmas, schedule] as const),
    ['align_your_steps_sdxl', findSchedule('Align Your Steps')!.sigmas, sdxl] as const,
  ]

  it('have the noise levels of k-diffusion and A1111', () => {
    for (const [name, sigmas, model] of levels) {
      for (const [steps, expected] of Object.entries(GOLDENS.schedules.sigmas[name]!)) {
        const own = sigmas(Number(steps), model)
        const relative = own.map((sigma, i) => (expected[i] === 0 ? sigma : sigma / expected[i]! - 1))
        expect(own.length, name).toBe(expected.length)
        expect(
          worst(
            relative,
            expected.map(() => 0),
          ),
          name,
        ).toBeLessThan(3e-6)
      }
    }
  })

  it('go between noise levels and timesteps as k-diffusion does', () => {
    for (const [sigma, t] of GOLDENS.schedules.timesteps)
      expect(Math.abs(schedule.timestepOf(sigma) - t)).toBeLessThan(1e-3)
    for (const [t, sigma] of GOLDENS.schedules.levels)
      expect(Math.abs(schedule.sigmaOf(t) / sigma - 1)).toBeLessThan(3e-6)
    expect(schedule.timestepOf(100)).toBe(999)
    expect(schedule.timestepOf(1e-4)).toBe(0)
  })

  it('of zero terminal SNR have the levels of diffusers and end where A1111 and ComfyUI do', () => {
    const { sigmas, sigmaMax } = noiseSchedule(true)
    const own = sigmas.filter((_, i) => i < 999 && i % 111 === 0)
    own.forEach((sigma, i) => {
      expect(Math.abs(sigma / GOLDENS.zeroTerminal[i]! - 1)).toBeLessThan(2e-3 / (1 + i))
    })
    expect(sigmaMax).toBeCloseTo(4518.76, 1)
  })

  it('run the samplers that A1111 gives a step more without the last level but one', () => {
    const karras = findSchedule('Karras')!
    const own = sigmasOf(findSampler('dpm2')!, karras, 4, schedule)
    const all = karras.sigmas(5, schedule)
    expect(own).toEqual([...all.slice(0, 4), 0])
  })

  it('fall from step to step, for every sampler and any number of steps', () => {
    for (const sampler of SAMPLERS) {
      for (const chosen of [undefined, ...SCHEDULES]) {
        for (const steps of [1, 2, 3, 7, 30, 50, 333, 1000]) {
          const own = sigmasOf(sampler, chosen, steps, schedule)
          expect(own.length, `${sampler.name} ${chosen?.name} ${steps}`).toBeGreaterThan(1)
          expect(own.every((sigma, i) => i === 0 || sigma < own[i - 1]!)).toBe(true)
        }
      }
    }
  })

  it("are A1111's choice unless one is asked for: DDIM ends above 0, as does UniPC", () => {
    const own = sigmasOf(findSampler('ddim')!, undefined, 20, schedule)
    expect(own).toHaveLength(20) // 19 steps: from 951 to 1
    expect(own[0]).toBe(schedule.sigmas[951])
    expect(own.at(-1)).toBe(schedule.sigmas[1])
    expect(sigmasOf(findSampler('ddim')!, undefined, 1, schedule)).toEqual([schedule.sigmaMax, 0])
    expect(sigmasOf(findSampler('plms')!, undefined, 20, schedule)).toEqual(own)
    const unipc = sigmasOf(findSampler('unipc')!, undefined, 20, schedule)
    expect(unipc).toHaveLength(21)
    expect(unipc[0]).toBeCloseTo(schedule.sigmaMax, 6)
    expect(unipc.at(-1)).toBeCloseTo(schedule.sigmaMin, 6)
    expect(sigmasOf(findSampler('euler')!, undefined, 5, schedule)).toEqual(
      findSchedule('uniform')!.sigmas(5, schedule),
    )
  })
})

describe('model calls of A1111', () => {
  /** `len(range(0, 1000, 1000 // steps))`, which Python gives for these. */
  const TIMESTEPS = [
    [1, 1],
    [4, 4],
    [6, 7],
    [7, 8],
    [9, 10],
    [12, 13],
    [15, 16],
    [20, 20],
    [25, 25],
    [30, 31],
    [40, 40],
    [60, 63],
    [150, 167],
    [501, 1000],
  ] as const

  async function calls(name: string, steps: number): Promise<number> {
    const sampler = findSampler(name)!
    const sigmas = sigmasOf(sampler, undefined, steps, noiseSchedule())
    let count = 0
    const denoise = async (x: Float32Array) => {
      count++
      return x
    }
    const noise = () => new Float32Array(1)
    await sampler.sample({ denoise, x: Float32Array.of(1), sigmas, noise })
    return count
  }

  it.each(TIMESTEPS)(
    '%i steps are %i timesteps: UniPC calls at each, DDIM at all but the lowest',
    async (steps, timesteps) => {
      expect(await calls('unipc', steps)).toBe(timesteps)
      // timestep 1000 is kept below it, where 999 already is: a step of no length
      const ddim = timesteps === 1000 ? timesteps - 2 : Math.max(1, timesteps - 1)
      expect(await calls('ddim', steps)).toBe(ddim)
    },
  )

  // get_sigmas of k-diffusion, and the step more of samplers that leave out the last level but one
  it.each(SAMPLERS.filter(({ sigmas }) => !sigmas).map((sampler) => [sampler.name, sampler] as const))(
    '%s: as many steps as it is asked for',
    async (name, sampler) => {
      for (const steps of [6, 7, 12, 30]) {
        // a second call in all steps but the last, which goes to 0
        expect(await calls(name, steps)).toBe(sampler.calls === 2 ? 2 * steps - 1 : steps)
      }
    },
  )
})

describe('guidance', () => {
  it('and its rescaling are those of diffusers', () => {
    const [text, empty] = [GOLDENS.guidance.text, GOLDENS.guidance.empty].map((v) => Float32Array.from(v))
    const own = guided(text!, empty!, 7.5)
    expect(worst(own, GOLDENS.guidance.guided)).toBeLessThan(1e-5)
    expect(worst(rescaled(own, text!, 0.7), GOLDENS.guidance.rescaled)).toBeLessThan(1e-5)
  })

  it('of composed prompts adds what each pulls away from the empty one, as A1111 does', () => {
    const [one, two, empty] = [Float32Array.of(1, 2), Float32Array.of(3, -1), Float32Array.of(0.5, 0)]
    const both = composed(
      [
        [1, one],
        [0.5, two],
      ],
      empty,
    )
    // 0.5 + 1 (1 - 0.5) + 0.5 (3 - 0.5), and 0 + 1 x 2 + 0.5 x -1
    expect([...both]).toEqual([2.25, 1.5])
    // 0.5 + 7 x 1.75, and 7 x 1.5
    expect([...guided(both, empty, 7)]).toEqual([12.75, 10.5])
    expect(composed([[1, one]], empty)).toBe(one)
  })

  it('turns noise and velocity into the same picture', async () => {
    // x = picture + sigma noise; velocity = (noise - sigma picture) / sqrt(1 + sigma^2)
    const [picture, noise, sigma] = [Float32Array.of(0.3, -2), Float32Array.of(1.1, 0.4), 3]
    const x = picture.map((value, i) => value + sigma * noise[i]!)
    const velocity = noise.map((value, i) => (value - sigma * picture[i]!) / Math.hypot(1, sigma))
    const seen: { x: number; t: number }[] = []
    for (const [prediction, output] of [
      ['epsilon', noise],
      ['v', velocity],
    ] as const) {
      const denoise = denoiserOf(
        async (x, t) => {
          seen.push({ x: x[0]!, t })
          return { text: output }
        },
        { schedule, prediction, cfg: 5 },
      )
      expect(worst(await denoise(x, sigma), picture)).toBeLessThan(1e-6)
    }
    expect(seen[0]!.x).toBeCloseTo(x[0]! / Math.sqrt(10), 6)
    expect(seen[0]!.t).toBe(schedule.timestepOf(3))
  })

  it('counts on what the network predicts with and without the prompt', async () => {
    const denoise = denoiserOf(async () => ({ text: Float32Array.of(2), empty: Float32Array.of(1) }), {
      schedule,
      prediction: 'epsilon',
      cfg: 3,
    })
    // noise 1 + 3 (2 - 1) = 4; 10 - 0.5 * 4
    expect((await denoise(Float32Array.of(10), 0.5))[0]).toBeCloseTo(8, 6)
  })
})
