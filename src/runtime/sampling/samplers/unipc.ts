import { solve } from '../../../tensor/algebra/solve.ts'
import { mix } from '../latents.ts'
import type { NoiseSchedule } from '../noise-schedule.ts'
import type { Sampler, SamplerRun } from '../sampler.ts'
import { towards } from '../steps.ts'

/** A1111's default. */
const MAX_ORDER = 3

/** A picture the model saw, and at which noise level. */
interface Seen {
  readonly sigma: number
  readonly denoised: Float32Array
}

/**
 * Source: Zhao et al. 2023, "UniPC", multistep, predicting the picture, B(h) = h ("bh1"), lower orders at the end; as in
 * A1111. Its programs keep the variance of the latents; in `x = picture + sigma * noise` all alphas cancel.
 */
export const unipc: Sampler = {
  name: 'unipc',
  label: 'UniPC',
  aliases: ['uni_pc', 'UniPCMultistepScheduler'],
  schedule: 'uniform',
  calls: 1,
  variancePreserving: true,
  sigmas: evenTimes,
  sample: sampleUniPc,
}

/**
 * A1111's "time_uniform": from the last timestep to the first, log alpha linear between two; it does not go to 0. Asked
 * for 12 steps it takes 13: as many as there are timesteps 0, s, 2s .. with the whole stride s.
 * Source: A1111, modules/sd_samplers_timesteps.py, sd_samplers_timesteps_impl.py
 */
function evenTimes(asked: number, { sigmas }: NoiseSchedule): number[] {
  const steps = Math.ceil(sigmas.length / Math.floor(sigmas.length / asked))
  const logAlphas = sigmas.map((sigma) => -Math.log1p(sigma * sigma))
  const last = sigmas.length - 1
  return Array.from({ length: steps + 1 }, (_, i) => {
    const position = last * (1 - i / steps)
    const low = Math.floor(position)
    const high = Math.min(low + 1, last)
    const logAlpha = logAlphas[low]! + (position - low) * (logAlphas[high]! - logAlphas[low]!)
    return Math.sqrt(Math.expm1(-logAlpha))
  })
}

async function sampleUniPc(run: SamplerRun): Promise<Float32Array> {
  const { sigmas } = run
  const steps = sigmas.length - 1
  let x = run.x
  let seen: Seen[] = []
  const look = async (at: Float32Array, step: number): Promise<Seen> => {
    const denoised = await run.denoise(at, sigmas[step]!)
    run.onStep?.({ step, sigma: sigmas[step]!, denoised })
    return { sigma: sigmas[step]!, denoised }
  }
  if (steps > 0) seen = [await look(x, 0)]
  for (let step = 1; step <= steps; step++) {
    const next = sigmas[step]!
    const order = Math.min(MAX_ORDER, step, steps + 1 - step, ...(next === 0 ? [1] : []))
    const predicted = predict(x, seen, next, order)
    if (step === steps) return predicted
    const newest = await look(predicted, step)
    x = correct(x, seen, newest, order)
    seen = [newest, ...seen].slice(0, MAX_ORDER)
  }
  return x
}

function predict(x: Float32Array, seen: readonly Seen[], next: number, order: number): Float32Array {
  const base = baseStep(x, seen, next)
  if (order === 1) return base
  const { matrix, right, gain, slopes } = equations(seen, next, order)
  const weights = order === 2 ? [0.5] : solution(matrix, right, order - 1)
  return mix([1, base], ...slopes.map((slope, i) => [-gain * weights[i]!, slope] as const))
}

function correct(x: Float32Array, seen: readonly Seen[], newest: Seen, order: number): Float32Array {
  const { matrix, right, gain, slopes } = equations(seen, newest.sigma, order)
  const weights = order === 1 ? [0.5] : solution(matrix, right, order)
  const all = [...slopes, mix([1, newest.denoised], [-1, seen[0]!.denoised])]
  return mix(
    [1, baseStep(x, seen, newest.sigma)],
    ...all.map((slope, i) => [-gain * weights[i]!, slope] as const),
  )
}

function baseStep(x: Float32Array, [latest]: readonly Seen[], next: number): Float32Array {
  return towards(x, latest!.denoised, latest!.sigma, next)
}

interface Equations {
  /** [order, order]: powers of the distances r of older pictures and of the new one, 1. */
  readonly matrix: readonly (readonly number[])[]
  readonly right: readonly number[]
  /** B(h). */
  readonly gain: number
  /** How the picture changed since each older one, per step. */
  readonly slopes: readonly Float32Array[]
}

function equations(seen: readonly Seen[], next: number, order: number): Equations {
  const [latest, ...older] = seen
  const h = Math.log(latest!.sigma / next)
  const distances = older.slice(0, order - 1).map(({ sigma }) => Math.log(latest!.sigma / sigma) / h)
  const slopes = distances.map((r, i) => mix([1 / r, older[i]!.denoised], [-1 / r, latest!.denoised]))
  const r = [...distances, 1]
  const matrix = r.map((_, power) => r.map((distance) => distance ** power))
  return { matrix, right: rightSide(-h, order), gain: -h, slopes }
}

/** b_i = phi_(i+1)(hh) i! / B(h), with B(h) = hh. */
function rightSide(hh: number, order: number): number[] {
  const right: number[] = []
  let phi = Math.expm1(hh) / hh - 1
  let factorial = 1
  for (let i = 1; i <= order; i++) {
    right.push((phi * factorial) / hh)
    factorial *= i + 1
    phi = phi / hh - 1 / factorial
  }
  return right
}

/** The first `n` equations, which are for the first `n` weights. */
function solution(matrix: readonly (readonly number[])[], right: readonly number[], n: number): number[] {
  const left = Float64Array.from(matrix.slice(0, n).flatMap((row) => row.slice(0, n)))
  const values = new Float64Array(n * n)
  for (let row = 0; row < n; row++) values[row * n] = right[row]!
  const solved = solve(left, values, n)
  return Array.from({ length: n }, (_, row) => solved[row * n]!)
}
