/**
 * Brownian motion that is the same whichever intervals are asked for, and in whatever order: the noise of the SDE
 * samplers of k-diffusion, A1111 and ComfyUI.
 * Source: torchsde (google-research), `BrownianTree` = `BrownianInterval(halfway_tree=True, tol=1e-6, pool_size=24)`.
 */
import type { Gaussian, Seed } from './gaussian.ts'
import { seedSequence } from './seed-sequence.ts'

const POOL_SIZE = 24
/** Times are rounded to these digits, which ends the bisection. */
const DIGITS = 6

interface Interval {
  readonly start: number
  readonly end: number
  /** Increment over the interval. */
  readonly increment: Float32Array
  readonly key: bigint
  readonly depth: bigint
  /** Once the interval has been halved. */
  children?: readonly [Interval, Interval]
}

interface Motion {
  readonly entropy: Seed
  readonly count: number
  readonly gaussian: (seed: Seed) => Gaussian
}

/** @returns the increment between two times, the first of which is the smaller */
export type BrownianMotion = (from: number, to: number) => Float32Array

/**
 * @param gaussian source of normal numbers for the seed of a node
 * @param count numbers in one increment
 */
export function brownianTree(
  entropy: Seed,
  [start, end]: readonly [number, number],
  count: number,
  gaussian: (seed: Seed) => Gaussian,
): BrownianMotion {
  const motion = { entropy, count, gaussian }
  const [seed] = seedSequence(entropy, [], POOL_SIZE)(3)
  const noise = gaussian(BigInt(seed!))(count)
  const scale = Math.sqrt(end - start)
  const root: Interval = {
    start: rounded(start),
    end: rounded(end),
    increment: noise.map((value) => value * scale),
    key: 0n,
    depth: 0n,
  }
  return (from, to) => sum(covering(root, clamped(from, root), clamped(to, root), motion), count)
}

/**
 * As Python rounds: by the binary value, not by a product with 1e6, and ties to even. Middles often lie between two
 * digits; exact ties are odd multiples of 1/128.
 */
function rounded(time: number): number {
  const ticks = Math.floor(time * 1e6)
  const isTie = Number.isInteger(time * 128) && time * 1e6 - ticks === 0.5
  return isTie ? (ticks + (ticks % 2)) / 1e6 : Number(time.toFixed(DIGITS))
}

function clamped(time: number, { start, end }: Interval): number {
  return Math.min(end, Math.max(start, rounded(time)))
}

/** Nodes that make up an interval, first to last. Nodes are halved until a time is a boundary. */
function covering(node: Interval, from: number, to: number, motion: Motion): Float32Array[] {
  if (from >= to) return []
  if (from <= node.start && to >= node.end) return [node.increment]
  const [left, right] = halves(node, motion)
  return [
    ...covering(left, from, Math.min(to, left.end), motion),
    ...covering(right, Math.max(from, right.start), to, motion),
  ]
}

function halves(node: Interval, motion: Motion): readonly [Interval, Interval] {
  node.children ??= split(node, motion)
  return node.children
}

/** A Brownian bridge: the left half is normal around its share of the whole, the right half is what remains. */
function split({ start, end, increment, key, depth }: Interval, motion: Motion): [Interval, Interval] {
  const middle = rounded(0.5 * (end + start))
  const [seed] = seedSequence(motion.entropy, [key, depth], POOL_SIZE)(4)
  const noise = motion.gaussian(BigInt(seed!))(motion.count)
  const share = (middle - start) / (end - start)
  const deviation = Math.sqrt(share * (end - middle))
  const left = increment.map((value, i) => value * share + deviation * noise[i]!)
  const right = increment.map((value, i) => value - left[i]!)
  return [
    { start, end: middle, increment: left, key: 2n * key, depth: depth + 1n },
    { start: middle, end, increment: right, key: 2n * key + 1n, depth: depth + 1n },
  ]
}

function sum(parts: readonly Float32Array[], count: number): Float32Array {
  const total = new Float32Array(count)
  for (const part of parts) for (let i = 0; i < count; i++) total[i] = total[i]! + part[i]!
  return total
}
