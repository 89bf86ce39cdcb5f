import { describe, expect, it } from 'vitest'
import type { BlockLabel } from '../../../src/model/networks/blocks.ts'
import { LISTED_PRESETS } from '../../../src/operations/merge-lora/block-presets.ts'
import {
  BLOCK_LISTS,
  type BlockRule,
  blockFactor,
  checkBlocks,
  namesOf,
} from '../../../src/operations/merge-lora/block-ratios.ts'

/** The text that hako-mikan/sd-webui-lora-block-weight keeps its presets in. */
const PRESETS = `
INS:1,1,1,1,0,0,0,0,0,0,0,0,0,0,0,0,0
IND:1,0,0,0,1,1,1,0,0,0,0,0,0,0,0,0,0
INALL:1,1,1,1,1,1,1,0,0,0,0,0,0,0,0,0,0
MIDD:1,0,0,0,1,1,1,1,1,1,1,1,0,0,0,0,0
OUTD:1,0,0,0,0,0,0,0,1,1,1,1,0,0,0,0,0
OUTS:1,0,0,0,0,0,0,0,0,0,0,0,1,1,1,1,1
OUTALL:1,0,0,0,0,0,0,0,1,1,1,1,1,1,1,1,1
`

/** What it calls the places of a list. */
const LISTS = {
  12: 'BASE IN04 IN05 IN07 IN08 M00 OUT00 OUT01 OUT02 OUT03 OUT04 OUT05',
  17: 'BASE IN01 IN02 IN04 IN05 IN07 IN08 M00 OUT03 OUT04 OUT05 OUT06 OUT07 OUT08 OUT09 OUT10 OUT11',
  20: 'BASE IN00 IN01 IN02 IN03 IN04 IN05 IN06 IN07 IN08 M00 OUT00 OUT01 OUT02 OUT03 OUT04 OUT05 OUT06 OUT07 OUT08',
  26: `BASE IN00 IN01 IN02 IN03 IN04 IN05 IN06 IN07 IN08 IN09 IN10 IN11 M00
    OUT00 OUT01 OUT02 OUT03 OUT04 OUT05 OUT06 OUT07 OUT08 OUT09 OUT10 OUT11`,
}

it('presets are those of lora-block-weight', () => {
  const lines = PRESETS.trim().split('\n')
  const entries = lines
    .map((line) => line.split(':'))
    .map(([name, list]) => [name, list!.split(',').map(Number)])
  expect(LISTED_PRESETS).toEqual(Object.fromEntries(entries))
})

it('lists are those of lora-block-weight, by their length', () => {
  expect(BLOCK_LISTS).toEqual(
    Object.fromEntries(Object.entries(LISTS).map(([count, names]) => [count, names.split(/\s+/)])),
  )
  for (const [count, names] of Object.entries(BLOCK_LISTS)) expect(names).toHaveLength(Number(count))
})

const rule = (name: string, factor: number): BlockRule => ({
  name,
  factor,
  matches: (label) => (name.endsWith('*') ? label.startsWith(name.slice(0, -1)) : label === name),
})

describe('blockFactor', () => {
  it.each<[string, BlockRule[], BlockLabel, 'unet' | 'text', number]>([
    ['is 1 where nothing is said', [rule('IN01', 0.5)], 'IN02', 'unet', 1],
    ['is what is said', [rule('IN01', 0.5)], 'IN01', 'unet', 0.5],
    ['is what is said last', [rule('IN*', 0.5), rule('IN01', 2), rule('OUT*', 3)], 'IN01', 'unet', 2],
    ['of the middle by its other name', [rule('M00', 0.25)], 'MID', 'unet', 0.25],
    ['of text encoders as BASE', [rule('BASE', 0.75)], 'TE00', 'text', 0.75],
    ['of a UNet never as BASE', [rule('BASE', 0.75)], 'OUT03', 'unet', 1],
    ['may be 0', [rule('OUT*', 0)], 'OUT03', 'unet', 0],
  ])('%s', (_, rules, block, side, expected) => {
    expect(blockFactor({ rules }, block, side)).toBe(expected)
  })

  it('has no number for what a list leaves out', () => {
    const ratios = { rules: [rule('IN01', 0.5)], list: 17 }
    expect(blockFactor(ratios, 'IN01', 'unet')).toBe(0.5)
    expect(blockFactor(ratios, 'IN03', 'unet')).toBe(0)
    expect(() => blockFactor(ratios, 'D03', 'unet')).toThrow(
      expect.objectContaining({ code: 'BLOCK_WITHOUT_RATIO', exitCode: 2 }),
    )
  })

  it('names of the middle and of text encoders', () => {
    expect(namesOf('MID', 'unet')).toEqual(['MID', 'M00'])
    expect(namesOf('IN04', 'unet')).toEqual(['IN04'])
    expect(namesOf('TE00', 'text')).toEqual(['TE00', 'BASE'])
  })
})

it('checkBlocks names the rule that fits no block, and the blocks there are', () => {
  const unet = (['IN00', 'IN01', 'IN02', 'MID', 'OUT00'] as BlockLabel[]).map((block) => ({
    block,
    side: 'unet' as const,
  }))
  expect(() => checkBlocks({ rules: [rule('IN*', 1), rule('M00', 0)] }, unet)).not.toThrow()
  expect(() => checkBlocks({ rules: [rule('IN*', 1), rule('IN09', 0)] }, unet)).toThrow(
    expect.objectContaining({
      code: 'BLOCK_UNKNOWN',
      message: expect.stringContaining('IN09'),
      hint: 'It has IN00-IN02, MID, OUT00.',
    }),
  )
  const text = { block: 'TE00', side: 'text' } as const
  expect(() => checkBlocks({ rules: [rule('IN09', 0)] }, [...unet, text])).toThrow(
    expect.objectContaining({
      hint: 'It has TE00, IN00-IN02, MID, OUT00; BASE stands for the text encoders.',
    }),
  )
})
