/** Mersenne Twister MT19937, 32-bit output. Source: Matsumoto and Nishimura 1998; torch's `at::mt19937`. */

const SIZE = 624
const SHIFT = 397

/** Numbers 0 .. 2^32 - 1. */
export type Uint32Source = () => number

/** @param seed taken modulo 2^32, as torch does with larger ones */
export function mt19937(seed: number): Uint32Source {
  const state = initialState(seed)
  let index = SIZE
  return () => {
    if (index === SIZE) {
      regenerate(state)
      index = 0
    }
    return temper(state[index++]!)
  }
}

function initialState(seed: number): Uint32Array {
  const state = new Uint32Array(SIZE)
  state[0] = seed
  for (let i = 1; i < SIZE; i++) {
    const before = state[i - 1]!
    state[i] = Math.imul(1812433253, before ^ (before >>> 30)) + i
  }
  return state
}

function regenerate(state: Uint32Array): void {
  for (let i = 0; i < SIZE; i++) {
    const joined = (state[i]! & 0x80000000) | (state[(i + 1) % SIZE]! & 0x7fffffff)
    const twisted = (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0)
    state[i] = state[(i + SHIFT) % SIZE]! ^ twisted
  }
}

function temper(value: number): number {
  let y = value
  y ^= y >>> 11
  y ^= (y << 7) & 0x9d2c5680
  y ^= (y << 15) & 0xefc60000
  return (y ^ (y >>> 18)) >>> 0
}
