import { describe, expect, it } from 'vitest'
import { brownianTree } from '../../../src/runtime/random/brownian-tree.ts'
import { mt19937 } from '../../../src/runtime/random/mt19937.ts'
import { philox, philoxGaussian } from '../../../src/runtime/random/philox.ts'
import { seedSequence } from '../../../src/runtime/random/seed-sequence.ts'
import { torchCpuGaussian } from '../../../src/runtime/random/torch-cpu.ts'
import { brownianNoise } from '../../../src/runtime/sampling/step-noise.ts'
import { GOLDENS, goldenTensors, worst } from '../goldens.ts'

const tensors = await goldenTensors('sampling.safetensors')

describe("torch's normal numbers", () => {
  it('are those of torch within 2e-6 for 100 pairs of seed and size', async () => {
    const { pairs } = GOLDENS.random
    expect(pairs.length).toBe(100)
    const own = pairs.flatMap(([seed, count]) => [...torchCpuGaussian(BigInt(seed))(count)])
    expect(worst(own, tensors('numbers'))).toBeLessThan(2e-6)
  })

  it('are those of torch in a latent of 512 x 512 pixels', async () => {
    const { seed, count, stride } = GOLDENS.random.big
    const own = torchCpuGaussian(BigInt(seed))(count).filter((_, i) => i % stride === 0)
    expect(worst(own, tensors('big'))).toBeLessThan(2e-6)
  })

  it('go on where the tensor before ended, with the number that waits between small ones', async () => {
    const { seed, counts } = GOLDENS.random.following
    const next = torchCpuGaussian(BigInt(seed))
    const own = counts.flatMap((count) => [...next(count)])
    expect(worst(own, tensors('following'))).toBeLessThan(2e-6)
  })

  it('come from the first outputs of MT19937 that its authors publish for seed 5489', () => {
    const draw = mt19937(5489)
    expect([draw(), draw(), draw()]).toEqual([3499211612, 581869302, 3890346734])
  })
})

describe('Philox', () => {
  // Known answers of Random123, kat_vectors: philox4x32, 10 rounds
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('gives the known answer of counter %j', (counter, key, answer) => {
    const words = philox(counter as [number, number, number, number], key as [number, number])
    expect([...words]).toEqual(answer)
  })

  it('gives the numbers of an NVIDIA GPU that A1111 documents for seed 0', () => {
    const documented = [-0.92466259, -0.42534415, -2.6438457, 0.14518388, -0.12086647]
    expect(worst(philoxGaussian(0n)(5), documented)).toBeLessThan(2e-6)
  })

  it('gives other numbers at every call, and the same ones for the same seed', () => {
    const [one, two] = [philoxGaussian(9n), philoxGaussian(9n)]
    expect(one(4)).toEqual(two(4))
    expect(one(4)).not.toEqual(philoxGaussian(9n)(4))
  })
})

describe('seed sequences', () => {
  it("give numpy's words for seeds of any length, with and without spawn keys", () => {
    for (const { entropy, key, words } of GOLDENS.seedSequences) {
      const own = seedSequence(BigInt(entropy), key.map(BigInt), 24)(4)
      expect([...own], `${entropy} ${key}`).toEqual(words)
    }
  })
})

describe('the Brownian tree', () => {
  it('gives the noise of torchsde for steps and their middles, within 4e-6', async () => {
    const own = GOLDENS.brownian.flatMap(({ seed, low, high, count, queries }) => {
      const noise = brownianNoise(BigInt(seed), [high, low, 0], count, torchCpuGaussian)
      return queries.flatMap(([sigma, next]) => [...noise(sigma, next)])
    })
    expect(worst(own, tensors('brownian'))).toBeLessThan(4e-6)
  })

  it('gives the same increments in any order, and parts that add up to the whole', () => {
    const one = brownianTree(5n, [0, 1], 8, torchCpuGaussian)
    const two = brownianTree(5n, [0, 1], 8, torchCpuGaussian)
    const [left, right] = [one(0.1, 0.377), one(0.377, 0.9)]
    expect(two(0.377, 0.9)).toEqual(right)
    expect(
      worst(
        two(0.1, 0.9),
        left.map((value, i) => value + right[i]!),
      ),
    ).toBeLessThan(1e-6)
  })
})
