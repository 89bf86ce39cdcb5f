import { describe, expect, it } from 'vitest'
import { peftConfigs } from '../../../src/model/adapters/peft-config.ts'

function configs(value: unknown) {
  return peftConfigs({ lora_adapter_metadata: JSON.stringify(value) })
}

describe('peftConfigs', () => {
  it('reads rank and alpha of each component', () => {
    const config = {
      'unet.r': 16,
      'unet.lora_alpha': 32,
      'unet.use_rslora': false,
      'unet.alpha_pattern': {},
      'text_encoder_2.r': 4,
      'text_encoder_2.lora_alpha': 4,
      'text_encoder_2.use_rslora': true,
      'text_encoder_2.alpha_pattern': { q_proj: 8 },
    }
    expect(configs(config)).toEqual([
      { target: 'unet', rank: 16, alpha: 32, rankStabilised: false, patterned: false, alphas: [] },
      { target: 'te2', rank: 4, alpha: 4, rankStabilised: true, patterned: true, alphas: [['q_proj', 8]] },
    ])
  })

  it('ignores numbers that are none', () => {
    expect(configs({ 'transformer.r': '16', 'transformer.lora_alpha': null })).toEqual([
      { target: 'unet', rankStabilised: false, patterned: false, alphas: [] },
    ])
  })

  it.each([null, [], 'x', 5])('finds nothing in %j', (value) => expect(configs(value)).toEqual([]))

  it('finds nothing in other files', () => {
    expect(peftConfigs({})).toEqual([])
    expect(peftConfigs({ lora_adapter_metadata: '{' })).toEqual([])
  })
})
