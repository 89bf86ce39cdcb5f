import { describe, expect, it } from 'vitest'
import { peftSettings } from '../../../../src/model/adapters/peft/sources.ts'

function embedded(value: unknown) {
  return peftSettings({ tensors: new Map(), metadata: { lora_adapter_metadata: JSON.stringify(value) } })
}

const source = 'lora_adapter_metadata in the metadata'

describe('peftSettings', () => {
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
    expect(embedded(config)).toEqual({
      configs: [
        { source, target: 'unet', rank: 16, alpha: 32, rankStabilised: false, ranks: [], alphas: [] },
        {
          source,
          target: 'te2',
          rank: 4,
          alpha: 4,
          rankStabilised: true,
          ranks: [],
          alphas: [['q_proj', 8]],
        },
      ],
      problems: [],
    })
  })

  it('says what it cannot read', () => {
    expect(embedded({ 'transformer.r': '16', 'transformer.lora_alpha': null })).toEqual({
      configs: [],
      problems: [`${source}: its r is "16", not a number`],
    })
  })

  it.each([null, [], 'x', 5])('%j is no configuration', (value) => {
    expect(embedded(value)).toEqual({
      configs: [],
      problems: [`${source}: it is not a JSON object, or too deeply nested`],
    })
  })

  it('finds nothing in other files', () => {
    expect(peftSettings({ tensors: new Map(), metadata: {} })).toEqual({ configs: [], problems: [] })
    const other = { ss_network_alpha: '1', constructor: 'x' }
    expect(peftSettings({ tensors: new Map(), metadata: other })).toEqual({ configs: [], problems: [] })
  })
})
