import { describe, expect, it } from 'vitest'
import {
  compareDrawn,
  comparisonJson,
  comparisonSheet,
  comparisonTable,
  gainFor,
} from '../../../src/commands/render/comparison.ts'
import type { RgbImage } from '../../../src/image/image.ts'

const SIZE = 16

function grey(value: number): RgbImage {
  return { width: SIZE, height: SIZE, data: new Uint8Array(SIZE * SIZE * 3).fill(value) }
}

const SHOTS = [
  { prompt: 'a cat', seed: 1 },
  { prompt: 'a dog', seed: 2n ** 40n },
]
const comparison = compareDrawn(SHOTS, { label: 'A', images: [grey(100), grey(50)] }, [
  { label: 'B', images: [grey(100), grey(60)] },
  { label: 'C', images: [grey(103), grey(50)] },
])

describe('a comparison', () => {
  it('holds each picture against that of the first model', () => {
    expect(comparison.others.map(({ similarities }) => similarities.map((s) => s.meanDifference))).toEqual([
      [0, 10],
      [3, 0],
    ])
    // 10 log10(255^2 / 100)
    expect(comparison.others[0]!.similarities[1]!.psnr).toBeCloseTo(28.1308, 4)
  })

  it('amplifies the differences of each model as far as eyes need', () => {
    // 10 x 32 = 320 and 3 x 32, below 510; 64 would be too much of either
    expect(comparison.others.map(gainFor)).toEqual([32, 32])
    const of = (value: number) =>
      compareDrawn([SHOTS[0]!], { label: 'A', images: [grey(0)] }, [
        { label: 'B', images: [grey(value)] },
      ]).others.map(gainFor)
    // 2 x 255 / 30 = 17, 2 x 255 / 165 = 3.1
    expect([of(1), of(30), of(165), of(255)]).toEqual([[32], [16], [2], [2]])
  })

  it('is a sheet: the first model, then each with its differences, which are stated', () => {
    const sheet = comparisonSheet(comparison, { title: 't' })
    expect(sheet.heads).toEqual(['A', 'B', 'difference x 32', 'C', 'difference x 32'])
    expect(sheet.rows.map(({ label }) => label)).toEqual(['a cat (seed 1)', 'a dog (seed 1099511627776)'])
    const dog = sheet.rows[1]!.cells
    expect(dog.map((cell) => cell!.image.data[0])).toEqual([50, 60, 255, 50, 0])
    expect(dog.map((cell) => cell!.caption)).toEqual([
      undefined,
      ['28.1 dB  SSIM 0.984', 'mean 10.00  changed 100%'],
      undefined,
      ['identical'],
      undefined,
    ])
    expect(sheet.notes![0]).toContain('times the number above them')
  })

  it('is a table', () => {
    expect(comparisonTable(comparison, 200).split('\n')).toEqual([
      '  model       PSNR    SSIM  mean |diff|  max  changed           seed  prompt',
      '  B      identical  1.0000         0.00    0     0.0%              1  a cat',
      '  B        28.1 dB  0.9836        10.00   10   100.0%  1099511627776  a dog',
      expect.stringMatching(/^ {2}C {8}38\.6 dB/),
      expect.stringMatching(/^ {2}C {6}identical/),
    ])
  })

  it('is JSON without infinities', () => {
    expect(JSON.parse(JSON.stringify(comparisonJson(comparison)))).toMatchObject({
      reference: 'A',
      models: [
        {
          name: 'B',
          images: [
            { prompt: 'a cat', seed: 1, identical: true, psnr: null, ssim: 1, maxDifference: 0 },
            { prompt: 'a dog', seed: 2 ** 40, identical: false, meanDifference: 10, changed: 1 },
          ],
        },
        { name: 'C' },
      ],
    })
  })
})
