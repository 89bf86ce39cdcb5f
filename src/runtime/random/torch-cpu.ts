import { type Gaussian, lowWord, type Seed } from './gaussian.ts'
import { mt19937, type Uint32Source } from './mt19937.ts'

/** torch fills blocks of 16 with the Box-Muller transform, smaller tensors one number after the other. */
const BLOCK = 16
const HALF = BLOCK / 2

/**
 * `torch.randn` of float32 on the CPU: what diffusers draws with a CPU generator, ComfyUI, and A1111 with "RNG: CPU".
 * Within 2e-6 of torch, whose own kernels differ by as much from machine to machine.
 * Source: ATen/native/cpu/DistributionTemplates.h (normal_fill), core/DistributionsHelper.h (normal_distribution)
 */
export function torchCpuGaussian(seed: Seed): Gaussian {
  const draw = mt19937(lowWord(seed))
  const next = oneByOne(draw)
  return (count) => (count < BLOCK ? Float32Array.from({ length: count }, next) : blocks(draw, count))
}

/** Uniform numbers come first, all of them; where the last block is not full, 16 new ones overlap the one before. */
function blocks(draw: Uint32Source, count: number): Float32Array {
  const values = Float32Array.from({ length: count }, () => uniform24(draw))
  for (let start = 0; start + BLOCK <= count; start += BLOCK) transform(values, start)
  if (count % BLOCK !== 0) {
    const start = count - BLOCK
    for (let i = start; i < count; i++) values[i] = uniform24(draw)
    transform(values, start)
  }
  return values
}

/** Box-Muller: radius from the first eight, angle from the last. */
function transform(values: Float32Array, start: number): void {
  for (let i = start; i < start + HALF; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - values[i]!))
    const angle = 2 * Math.PI * values[i + HALF]!
    values[i] = radius * Math.cos(angle)
    values[i + HALF] = radius * Math.sin(angle)
  }
}

/** Pairs of numbers in float64; the second waits for the next call, also that of another tensor. */
function oneByOne(draw: Uint32Source): () => number {
  let waiting: number | undefined
  return () => {
    if (waiting !== undefined) {
      const value = waiting
      waiting = undefined
      return value
    }
    const angle = 2 * Math.PI * uniform53(draw)
    const radius = Math.sqrt(-2 * Math.log1p(-uniform53(draw)))
    waiting = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }
}

function uniform24(draw: Uint32Source): number {
  return (draw() & 0xffffff) / 0x1000000
}

/** The low 53 bits of two draws, the first of which is the high word. */
function uniform53(draw: Uint32Source): number {
  const high = draw() & 0x1fffff
  return (high * 0x100000000 + draw()) / 2 ** 53
}
