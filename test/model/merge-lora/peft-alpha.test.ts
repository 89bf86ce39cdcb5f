import { describe, expect, it } from 'vitest'
import { splitModules } from '../../../src/model/adapters/modules.ts'
import { peftConfigs } from '../../../src/model/adapters/peft-config.ts'
import { withPeftAlpha } from '../../../src/model/merge-lora/peft-alpha.ts'
import { shapeTable } from '../shape-table.ts'

const PATH = 'down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q'
const [MODULE] = splitModules(
  shapeTable({ [`unet.${PATH}.lora_A.weight`]: [4, 8], [`unet.${PATH}.lora_B.weight`]: [8, 4] }),
).modules

function alphaOf(config: object, own = new Map<string, Float64Array>()): number | undefined {
  const configs = peftConfigs({ lora_adapter_metadata: JSON.stringify(config) })
  return withPeftAlpha(MODULE!, own, configs).get('alpha')?.[0]
}

describe('withPeftAlpha', () => {
  it.each([
    ['that of the part', { 'unet.lora_alpha': 16 }, 16],
    ['none for another part', { 'text_encoder.lora_alpha': 16 }, undefined],
    // alpha / sqrt(4) is 2 alpha / 4
    ['rank-stabilised', { 'unet.lora_alpha': 16, 'unet.use_rslora': true }, 32],
    ['of the end of the path', { 'unet.lora_alpha': 16, 'unet.alpha_pattern': { 'attn1.to_q': 2 } }, 2],
    ['of the whole path', { 'unet.lora_alpha': 16, 'unet.alpha_pattern': { [`^${PATH}`]: 2 } }, 2],
    ['not of a part of a word', { 'unet.lora_alpha': 16, 'unet.alpha_pattern': { o_q: 2 } }, 16],
    ['not of the end by ^', { 'unet.lora_alpha': 16, 'unet.alpha_pattern': { '^to_q': 2 } }, 16],
    ['the first that fits', { 'unet.alpha_pattern': { to_q: 3, 'attn1.to_q': 2 } }, 3],
  ])('%s', (_, config, alpha) => expect(alphaOf(config)).toBe(alpha))

  it('leaves an alpha in the tensors what it is', () => {
    expect(alphaOf({ 'unet.lora_alpha': 16 }, new Map([['alpha', Float64Array.of(1)]]))).toBe(1)
  })

  it('does not run regular expressions of a file', () => {
    expect(() => alphaOf({ 'unet.alpha_pattern': { '(a+)+$': 2 } })).toThrow(
      expect.objectContaining({ code: 'PEFT_PATTERN', exitCode: 3 }),
    )
    const many = Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`x${i}`, 1]))
    expect(() => alphaOf({ 'unet.alpha_pattern': many })).toThrow(
      expect.objectContaining({ code: 'PEFT_PATTERN' }),
    )
  })
})
