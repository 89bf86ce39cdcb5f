/**
 * numpy's SeedSequence: words of good quality out of any seed, and independent seeds for the nodes of a tree.
 * Source: numpy/random/bit_generator.pyx, after O'Neill's `seed_seq`.
 */
import type { Seed } from './gaussian.ts'

const INIT_A = 0x43b0d7e5
const MULT_A = 0x931e8875
const INIT_B = 0x8b51f9dd
const MULT_B = 0x58f38ded
const MIX_LEFT = 0xca01f9dd
const MIX_RIGHT = 0x4973f715

/** @param spawnKey place in a tree of seeds; none for the root */
export function seedSequence(
  entropy: Seed,
  spawnKey: readonly bigint[],
  poolSize: number,
): (count: number) => Uint32Array {
  const pool = mixedPool(assembled(entropy, spawnKey, poolSize), poolSize)
  return (count) => generate(pool, count)
}

/** Entropy, padded to the pool where a spawn key follows, then the words of the key. */
function assembled(entropy: Seed, spawnKey: readonly bigint[], poolSize: number): number[] {
  const words = wordsOf(entropy)
  if (spawnKey.length === 0) return words
  const padding = new Array<number>(Math.max(0, poolSize - words.length)).fill(0)
  return [...words, ...padding, ...spawnKey.flatMap(wordsOf)]
}

/** Words of 32 bits, lowest first; one for 0. */
function wordsOf(value: bigint): number[] {
  const words = [Number(value & 0xffffffffn)]
  for (let rest = value >> 32n; rest > 0n; rest >>= 32n) words.push(Number(rest & 0xffffffffn))
  return words
}

function mixedPool(words: readonly number[], poolSize: number): Uint32Array {
  const hash = hasher(INIT_A, MULT_A)
  const pool = Uint32Array.from({ length: poolSize }, (_, i) => hash(words[i] ?? 0))
  for (let from = 0; from < poolSize; from++) {
    for (let to = 0; to < poolSize; to++) if (to !== from) pool[to] = mix(pool[to]!, hash(pool[from]!))
  }
  for (const word of words.slice(poolSize)) {
    for (let to = 0; to < poolSize; to++) pool[to] = mix(pool[to]!, hash(word))
  }
  return pool
}

function generate(pool: Uint32Array, count: number): Uint32Array {
  const hash = hasher(INIT_B, MULT_B)
  return Uint32Array.from({ length: count }, (_, i) => hash(pool[i % pool.length]!))
}

/** A hash whose constant changes with each call. */
function hasher(init: number, multiplier: number): (value: number) => number {
  let constant = init
  return (value) => {
    const mixed = value ^ constant
    constant = Math.imul(constant, multiplier)
    const product = Math.imul(mixed, constant)
    return (product ^ (product >>> 16)) >>> 0
  }
}

function mix(x: number, y: number): number {
  const mixed = (Math.imul(x, MIX_LEFT) - Math.imul(y, MIX_RIGHT)) | 0
  return (mixed ^ (mixed >>> 16)) >>> 0
}
