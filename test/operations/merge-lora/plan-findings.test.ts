import { describe, expect, it } from 'vitest'
import type { BlockRule } from '../../../src/operations/merge-lora/block-ratios.ts'
import { floatTensor } from '../../tables.ts'
import { adapter, CLIP, planOf, rankOne } from './small.ts'

const ONES = [1, 1, 1, 1]
const Q = rankOne({ lora_te_text_model_encoder_layers_0_self_attn_q_proj: [ONES, ONES] })
const UNET = rankOne({ lora_unet_mid_block_attentions_0_proj_in: [ONES, ONES] })

describe('what a plan reports', () => {
  it.each([
    [false, 'error'],
    [true, 'warning'],
  ])('of modules without a layer, if that is allowed: %s', async (allowUnmatched, severity) => {
    const { problems, findings } = await planOf(CLIP, [adapter([...Q, ...UNET])], { allowUnmatched })
    expect(problems).toHaveLength(allowUnmatched ? 0 : 1)
    expect(findings).toEqual([expect.objectContaining({ severity })])
  })

  it('of modules that have numbers, which no known trainer gave', async () => {
    const numbered = [
      floatTensor('unet:0:up', [5, 1], [1, 1, 1, 1, 1]),
      floatTensor('unet:0:down', [1, 7], [1, 1, 1, 1, 1, 1, 1]),
    ]
    await expect(planOf(CLIP, [adapter(numbered)])).rejects.toMatchObject({
      code: 'LORA_UNSUPPORTED',
      exitCode: 3,
    })
  })
})

describe('ratios of blocks', () => {
  const rule = (name: string): BlockRule => ({ name, factor: 0.5, matches: (label) => label === name })
  const withRule = (name: string, tensors = Q) => ({ ...adapter(tensors), blocks: { rules: [rule(name)] } })

  it.each(['IN00', 'M00', 'OUT11', 'D05', 'TE01'])('are refused where the base has no %s', async (block) => {
    await expect(planOf(CLIP, [withRule(block)])).rejects.toMatchObject({
      code: 'BLOCK_UNKNOWN',
      exitCode: 2,
    })
  })

  it('are refused of any of several adapters', async () => {
    const loras = [adapter(Q), withRule('BASE'), withRule('OUT11')]
    await expect(planOf(CLIP, loras)).rejects.toMatchObject({ code: 'BLOCK_UNKNOWN' })
  })

  it('are told of parts that have modules in the base', async () => {
    const lora = withRule('BASE', [...Q, ...UNET])
    const { loras } = await planOf(CLIP, [lora], { allowUnmatched: true })
    const told = loras[0]!.parts.map(({ target, blockRatios }) => [target, blockRatios])
    expect(Object.fromEntries(told)).toEqual({ unet: undefined, te1: [0.5, 0.5] })
  })
})
