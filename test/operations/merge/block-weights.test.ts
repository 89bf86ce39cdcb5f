import { describe, expect, it } from 'vitest'
import { fluxDev as flux } from '../../../src/model/networks/architectures/flux.ts'
import { sd1 } from '../../../src/model/networks/architectures/sd1.ts'
import { sdxl } from '../../../src/model/networks/architectures/sdxl.ts'
import type { BlockLabel } from '../../../src/model/networks/blocks.ts'
import { blockRules, weightOf } from '../../../src/operations/merge/block-weights.ts'
import { BLOCK_PRESETS } from '../../../src/operations/merge/presets.ts'

function weights(numbers: readonly number[], architecture: typeof sd1) {
  const rules = blockRules({ numbers }, architecture)
  return (block: BlockLabel, side: 'unet' | 'text' = 'unet') =>
    weightOf({ keys: [], rules, otherwise: -1 }, 'key', block, side, new Set())
}

/** 0, 1, 2 ... */
const counting = (length: number) => Array.from({ length }, (_, i) => i)

describe('lists of block weights', () => {
  it('26 numbers are BASE, 12 IN, M00 and 12 OUT', () => {
    const of = weights(counting(26), sd1)
    expect([of('TE03', 'text'), of('IN00'), of('IN11'), of('MID'), of('OUT00'), of('OUT11')]).toEqual([
      0, 1, 12, 13, 14, 25,
    ])
  })

  it('25 leave the text encoders to alpha', () => {
    const of = weights(counting(25), sd1)
    expect([of('TE03', 'text'), of('IN00'), of('MID'), of('OUT11')]).toEqual([-1, 0, 12, 24])
  })

  it.each([
    [19, [-1, 0, 8, 9, 10, 18]],
    [20, [0, 1, 9, 10, 11, 19]],
    [21, [0, 1, 9, 10, 11, 19]],
    // of the long lists IN00-IN08, M00 and OUT00-OUT08, as supermerger reduces them
    [25, [-1, 0, 8, 12, 13, 21]],
    [26, [0, 1, 9, 13, 14, 22]],
  ])('%i numbers fit SDXL', (length, expected) => {
    const of = weights(counting(length), sdxl)
    expect([of('EMB', 'text'), of('IN00'), of('IN08'), of('MID'), of('OUT00'), of('OUT08')]).toEqual(expected)
  })

  it.each([
    [20, sd1],
    [26, flux],
    [24, sdxl],
  ])('refuses %i numbers that do not fit', (length, architecture) => {
    expect(() => weights(counting(length), architecture)).toThrow(
      `a list of ${length} block weights does not fit`,
    )
  })
})

describe('presets', () => {
  // as mbwpresets.txt of supermerger lists them
  it.each<[string, string]>([
    [
      'GRAD_V',
      '0,1,0.9166666667,0.8333333333,0.75,0.6666666667,0.5833333333,0.5,0.4166666667,0.3333333333,0.25,0.1666666667,0.0833333333,0,0.0833333333,0.1666666667,0.25,0.3333333333,0.4166666667,0.5,0.5833333333,0.6666666667,0.75,0.8333333333,0.9166666667,1.0',
    ],
    ['WRAP08', '0,1,1,1,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,1,1,1'],
    ['WRAP16', '0,1,1,1,1,1,1,1,1,0,0,0,0,0,0,0,0,0,1,1,1,1,1,1,1,1'],
    ['MID12_50', '0,0,0,0,0,0,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0,0,0,0,0,0'],
    ['OUT07', '0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,1,1,1,1,1,1'],
    ['OUT12', '0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,1,1,1,1,1,1,1,1,1,1,1'],
    ['OUT12_5', '0,0,0,0,0,0,0,0,0,0,0,0,0,0.5,1,1,1,1,1,1,1,1,1,1,1,1'],
    ['RING08_SOFT', '0,0,0,0,0,0,0.5,1,1,1,0.5,0,0,0,0,0,0.5,1,1,1,0.5,0,0,0,0,0'],
    ['RING08_5', '0,0,0,0,0,0,0,1,1,1,1,0,0,0,0,0,1,1,1,1,0,0,0,0,0,0'],
    ['RING10_5', '0,0,0,0,0,0,1,1,1,1,1,0,0,0,0,0,1,1,1,1,1,0,0,0,0,0'],
    ['RING10_3', '0,0,0,0,0,0,0,1,1,1,1,1,0,0,0,1,1,1,1,1,0,0,0,0,0,0'],
    [
      'R_SMOOTHSTEP*3',
      '0,1,0.984809027777778,0.940972222222222,0.87109375,0.777777777777778,0.663628472222222,0.53125,0.383246527777778,0.222222222222222,0.05078125,0.128472222222222,0.312934027777778,0.5,0.687065972222222,0.871527777777778,0.94921875,0.777777777777778,0.616753472222222,0.46875,0.336371527777777,0.222222222222222,0.12890625,0.0590277777777777,0.0151909722222232,0',
    ],
    [
      'SMOOTHSTEP/4',
      '0,0,0.0740740740740741,0.259259259259259,0.5,0.740740740740741,0.925925925925926,1.,0.925925925925926,0.740740740740741,0.5,0.259259259259259,0.0740740740740741,0.,0.0740740740740741,0.259259259259259,0.5,0.740740740740741,0.925925925925926,1.,0.925925925925926,0.740740740740741,0.5,0.259259259259259,0.0740740740740741,0',
    ],
    [
      'COSINE',
      '0,1,0.995722430686905,0.982962913144534,0.961939766255643,0.933012701892219,0.896676670145617,0.853553390593274,0.80438071450436,0.75,0.691341716182545,0.62940952255126,0.565263096110026,0.5,0.434736903889974,0.37059047744874,0.308658283817455,0.25,0.195619285495639,0.146446609406726,0.103323329854382,0.0669872981077805,0.0380602337443566,0.0170370868554658,0.00427756931309475,0',
    ],
    [
      'TRUE_CUBIC_HERMITE',
      '0,0,0.199031876929012,0.325761959876543,0.424641927083333,0.498456790123457,0.549991560570988,0.58203125,0.597360869984568,0.598765432098765,0.589029947916667,0.570939429012346,0.547278886959876,0.520833333333333,0.49438777970679,0.470727237654321,0.45263671875,0.442901234567901,0.444305796682099,0.459635416666667,0.491675106095678,0.543209876543211,0.617024739583333,0.715904706790124,0.842634789737655,1',
    ],
    ['ALL_B', '1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1'],
  ])('%s has the numbers of the published list', (name, text) => {
    const expected = text.split(',').map(Number)
    const found = BLOCK_PRESETS[name]!
    expect(found).toHaveLength(26)
    expect(Math.max(...found.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-9)
  })

  it('all have 26 numbers between 0 and 1', () => {
    const odd = Object.entries(BLOCK_PRESETS).filter(
      ([, values]) =>
        values.length !== 26 || values.some((value) => !(value >= -1e-12 && value <= 1 + 1e-12)),
    )
    expect(odd).toEqual([])
  })
})

it('a key counts more than a block, a block more than the number for all, the last rule more than the first', () => {
  const rule = (name: string, factor: number) => ({
    name,
    factor,
    matches: (label: string) => label === name,
  })
  const keys = [{ text: '--keys x', matches: (name: string) => name.includes('to_k'), value: 0.9 }]
  const all = { keys, rules: [rule('IN04', 0.1), rule('IN04', 0.2), rule('BASE', 0.3)], otherwise: 0.5 }
  const used = new Set<(typeof keys)[number]>()
  const of = (name: string, block: BlockLabel, side: 'unet' | 'text') =>
    weightOf(all, name, block, side, used as never)
  expect([of('a', 'IN04', 'unet'), of('a', 'IN05', 'unet'), of('a', 'TE00', 'text')]).toEqual([0.2, 0.5, 0.3])
  expect(used.size).toBe(0)
  expect(of('a.to_k', 'IN04', 'unet')).toBe(0.9)
  expect(used.size).toBe(1)
})
