import { type Gaussian, highWord, lowWord, type Seed } from './gaussian.ts'

/** Philox4x32-10. Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3". */
const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57] as const
const WEYL = [0x9e3779b9, 0xbb67ae85] as const
const ROUNDS = 10

const TO_UNIT = 2 ** -32
const TO_ANGLE = 2 * Math.PI * TO_UNIT

/**
 * What `torch.randn` gives on an NVIDIA GPU, for pictures of usual size: A1111's "RNG: NV".
 * Source: modules/rng_philox.py of A1111; curand_normal.h (`_curand_box_muller`)
 */
export function philoxGaussian(seed: Seed): Gaussian {
  const key = [lowWord(seed), highWord(seed)] as const
  let call = 0
  return (count) => {
    const offset = call++
    return Float32Array.from({ length: count }, (_, i) => gaussianAt(offset, i, key))
  }
}

function gaussianAt(offset: number, index: number, key: readonly [number, number]): number {
  const [first, second] = philox([offset, 0, index, 0], key)
  const u = first! * TO_UNIT + TO_UNIT / 2
  const v = second! * TO_ANGLE + TO_ANGLE / 2
  return Math.sqrt(-2 * Math.log(u)) * Math.sin(v)
}

/** One block of four random words. */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): Uint32Array {
  const words = Uint32Array.from(counter)
  const keys = Uint32Array.from(key)
  for (let round = 0; round < ROUNDS; round++) {
    const [c0, c1, c2, c3] = words as unknown as [number, number, number, number]
    words[0] = highProduct(c2, MULTIPLIERS[1]) ^ c1 ^ keys[0]!
    words[1] = Math.imul(c2, MULTIPLIERS[1])
    words[2] = highProduct(c0, MULTIPLIERS[0]) ^ c3 ^ keys[1]!
    words[3] = Math.imul(c0, MULTIPLIERS[0])
    keys[0] = keys[0]! + WEYL[0]
    keys[1] = keys[1]! + WEYL[1]
  }
  return words
}

/** Upper 32 bits of the product of two words. */
function highProduct(a: number, b: number): number {
  const [a0, a1, b0, b1] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16]
  const middle = a1 * b0 + ((a0 * b0) >>> 16)
  const low = a0 * b1 + (middle & 0xffff)
  return (a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(low / 0x10000)) >>> 0
}
