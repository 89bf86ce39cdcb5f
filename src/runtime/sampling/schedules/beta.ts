import { evenly, type SigmaSchedule } from './schedule.ts'

/** Both parameters of the distribution: the defaults of A1111 (`beta_dist_alpha`, `beta_dist_beta`). */
const SHAPE = 0.6
/** B(0.6, 0.6) = Gamma(0.6)^2 / Gamma(1.2). */
const WHOLE = 2.4153442080024714
const TERMS = 80
const HALVINGS = 80

/**
 * Levels at the quantiles of a beta distribution, close together at both ends.
 * Source: Lee et al. 2024, "Beta Sampling is All You Need"; on the levels themselves as in A1111 and Forge,
 *   `beta_scheduler` (ComfyUI takes it on timesteps)
 */
export const beta: SigmaSchedule = {
  name: 'beta',
  label: 'Beta',
  aliases: [],
  sigmas: (steps, { sigmaMin, sigmaMax }) => [
    ...evenly(1, 0, steps).map((share) => sigmaMin + quantile(share) * (sigmaMax - sigmaMin)),
    0,
  ],
}

/** Where the distribution has gathered `share` of its mass. It is symmetric, and the series below is for its lower half. */
function quantile(share: number): number {
  return share > 0.5 ? 1 - lowerQuantile(1 - share) : lowerQuantile(share)
}

function lowerQuantile(share: number): number {
  let [low, high] = [0, 0.5]
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2
    if (massBelow(middle) < share) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** x^a / B(a, a) * sum of (1 - a)_n x^n / (n! (a + n)), 0 <= x <= 1/2. Source: DLMF 8.17.7 with 15.2.1 */
function massBelow(x: number): number {
  let [term, sum] = [1, 0]
  for (let n = 0; n < TERMS; n++) {
    sum += term / (SHAPE + n)
    term *= ((1 - SHAPE + n) * x) / (n + 1)
  }
  return (x ** SHAPE * sum) / WHOLE
}
