import { describe, expect, it } from 'vitest'
import type { BlockLabel } from '../../../src/model/networks/blocks.ts'
import {
  BLOCK_LISTS,
  blockFactor,
  checkBlocks,
  isFilled,
} from '../../../src/operations/merge-lora/block-ratios.ts'
import { blockRatios } from '../../../src/operations/merge-lora/block-text.ts'

function factor(blocks: string, block: BlockLabel, side: 'unet' | 'text' = 'unet'): number {
  return blockFactor(blockRatios(blocks), block, side)
}

describe('--blocks with names', () => {
  it.each([
    ['IN04=0.5,OUT*=0', 'IN04', 0.5],
    ['IN04=0.5,OUT*=0', 'OUT11', 0],
    ['IN04=0.5,OUT*=0', 'IN05', 1],
    ['OUT*=0,OUT03=1', 'OUT03', 1],
    ['OUT1=0', 'OUT10', 1],
    ['in04=-2', 'IN04', -2],
    ['M00=0.5', 'MID', 0.5],
    ['MID=0.5', 'MID', 0.5],
    ['IN0?=3', 'IN07', 3],
  ] as const)('%s gives %s the factor %d', (blocks, block, expected) => {
    expect(factor(blocks, block)).toBe(expected)
  })

  it('BASE is the text encoders', () => {
    expect(factor('BASE=0', 'TE03', 'text')).toBe(0)
    expect(factor('BASE=0,TE03=1', 'TE03', 'text')).toBe(1)
    expect(factor('BASE=0', 'IN03')).toBe(1)
  })

  it.each(['IN04', 'IN04=', 'IN04=x', 'IN04=Infinity', '=1', 'IN04=1,x'])('%s is refused', (blocks) => {
    expect(() => blockRatios(blocks)).toThrow(expect.objectContaining({ exitCode: 2 }))
  })

  it('says which blocks there are if one is not', () => {
    const known = (['IN00', 'IN01', 'MID', 'OUT00', 'OUT01'] as const).map((block) => {
      return { block, side: 'unet' } as const
    })
    const all = [...known, { block: 'TE00', side: 'text' } as const]
    expect(() => checkBlocks(blockRatios('OUT07=1'), all)).toThrow(
      expect.objectContaining({
        code: 'BLOCK_UNKNOWN',
        exitCode: 2,
        message: 'the base has no block "OUT07"',
        hint: 'It has TE00, IN00-IN01, MID, OUT00-OUT01; BASE stands for the text encoders.',
      }),
    )
    expect(() => checkBlocks(blockRatios('OUT*=1,BASE=0'), all)).not.toThrow()
  })
})

describe('--blocks with the name of a list', () => {
  // the presets of hako-mikan/sd-webui-lora-block-weight
  it.each([
    ['MIDD', 'IN04', 0],
    ['MIDD', 'IN05', 1],
    ['MIDD', 'MID', 1],
    ['MIDD', 'OUT06', 1],
    ['MIDD', 'OUT07', 0],
    ['outs', 'OUT06', 0],
    ['outs', 'OUT07', 1],
    ['OUTD', 'OUT06', 1],
    ['INS', 'IN04', 1],
    ['IND', 'IN04', 0],
    ['INALL', 'MID', 0],
    ['ALL0.5', 'IN03', 0.5],
    ['ALL', 'OUT00', 1],
  ] as const)('%s gives %s the factor %d', (blocks, block, expected) => {
    expect(factor(blocks, block)).toBe(expected)
  })

  it('says which there are', () => {
    expect(() => blockRatios('MIDDLE')).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: '--blocks MIDDLE: there are no block weights with that name',
        hint: 'There are ALL, ALL0.5, INS, IND, INALL, MIDD, OUTD, OUTS, OUTALL.',
      }),
    )
  })
})

describe('--blocks with a list', () => {
  const list = (n: number) => Array.from({ length: n }, (_, i) => i).join(',')

  // the order of hako-mikan/sd-webui-lora-block-weight
  it.each([
    [12, 'IN04', 1],
    [12, 'MID', 5],
    [12, 'OUT05', 11],
    [17, 'IN01', 1],
    [17, 'IN08', 6],
    [17, 'MID', 7],
    [17, 'OUT03', 8],
    [17, 'OUT11', 16],
    [20, 'IN08', 9],
    [20, 'OUT00', 11],
    [26, 'IN11', 12],
    [26, 'MID', 13],
    [26, 'OUT11', 25],
  ] as const)('number %s of %s', (n, block, expected) => {
    expect(factor(list(n), block)).toBe(expected)
    expect(factor(list(n), 'TE00', 'text')).toBe(0)
  })

  // `to26` of hako-mikan/sd-webui-lora-block-weight: output = [0]*26
  it.each([
    [17, ['IN00', 'IN03', 'IN06', 'IN09', 'IN10', 'IN11', 'OUT00', 'OUT01', 'OUT02']],
    [12, ['IN00', 'IN01', 'IN02', 'IN03', 'IN06', 'OUT06', 'OUT07', 'OUT08']],
    [20, []],
    [26, []],
  ] as const)('of %i numbers gives 0 to blocks that only a LoCon has', (n, filled) => {
    const ratios = blockRatios(list(n))
    const full = BLOCK_LISTS[n === 12 || n === 20 ? 20 : 26]!
    const blocks = full.filter((name) => name !== 'BASE' && name !== 'M00') as BlockLabel[]
    expect(blocks.filter((block) => isFilled(ratios, block, 'unet'))).toEqual(filled)
    for (const block of filled) expect(blockFactor(ratios, block, 'unet')).toBe(0)
    expect(isFilled(ratios, 'MID', 'unet')).toBe(false)
    expect(isFilled(ratios, 'TE00', 'text')).toBe(false)
  })

  it('does not guess what a block gets that no list for such a model knows', () => {
    for (const [n, block] of [
      [12, 'OUT09'],
      [20, 'IN09'],
      [17, 'D00'],
      [26, 'J00'],
      [12, 'IN11'],
    ] as const)
      expect(() => factor(list(n), block)).toThrow(
        expect.objectContaining({ code: 'BLOCK_WITHOUT_RATIO', exitCode: 2 }),
      )
  })

  it.each(['1', '1,2', list(25), `${list(16)},x`, `${list(16)},`])('%s is refused', (blocks) => {
    expect(() => blockRatios(blocks)).toThrow(expect.objectContaining({ exitCode: 2 }))
  })
})
