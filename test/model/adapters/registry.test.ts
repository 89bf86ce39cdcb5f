import { describe, expect, it } from 'vitest'
import { splitKey } from '../../../src/model/adapters/modules.ts'
import { ALGORITHMS, MODIFIERS, SPELLINGS } from '../../../src/model/adapters/registry.ts'

describe('the registry of algorithms', () => {
  it('has each id, title and suffix once', () => {
    for (const of of ['id', 'title'] as const) {
      const values = ALGORITHMS.map((algorithm) => algorithm[of])
      expect(new Set(values).size).toBe(values.length)
    }
    const spellings = [...ALGORITHMS, ...MODIFIERS].flatMap((family) => family.spellings)
    expect(new Set(spellings.map(({ suffix }) => suffix)).size).toBe(spellings.length)
  })

  it.each(ALGORITHMS)('$id: some suffix stands for every role it knows', ({ required, optional }) => {
    const roles = new Set([...SPELLINGS.values()].map(({ role }) => role))
    for (const role of [...required.flat(), ...optional]) expect(roles).toContain(role)
  })

  it('modifiers change algorithms that exist', () => {
    const ids = ALGORITHMS.map(({ id }) => id)
    for (const { of } of MODIFIERS) expect(ids).toEqual(expect.arrayContaining([...of]))
  })
})

describe('splitKey', () => {
  it.each([
    ['lora_unet_conv_in.lora_down.weight', 'lora_unet_conv_in', 'lora_down'],
    ['a.b.lora_A.weight', 'a.b', 'lora_down'],
    ['a.b.lora_A.default.weight', 'a.b', 'lora_down'],
    ['a.b.lora_B.my-adapter.weight', 'a.b', 'lora_up'],
    ['a.b.lora_embedding_A.default', 'a.b', 'embedding_down'],
    ['a.b.lora_magnitude_vector.default.weight', 'a.b', 'magnitude'],
    ['a.b.lora_B.bias', 'a.b', 'lora_up_bias'],
    ['a.b.lora.up.weight', 'a.b', 'lora_up'],
    ['a.b.lora_linear_layer.down.weight', 'a.b', 'lora_down'],
    ['a.attn1.processor.to_out_lora.up.weight', 'a.attn1.processor.to_out', 'lora_up'],
    ['double_blocks.0.processor.qkv_lora1.down.weight', 'double_blocks.0.processor.qkv_lora1', 'lora_down'],
    ['text_encoder:17:up', 'text_encoder:17', 'lora_up'],
    ['a.lokr_w2_b', 'a', 'lokr_w2_b'],
    ['a.b.bias_indices', 'a.b', 'bias_indices'],
  ])('%s', (key, module, role) => {
    expect(splitKey(key)).toMatchObject({ module, role })
  })

  it.each(['', 'alpha', '.alpha', 'a.unknown', 'model.lora', 'unet:x:up', 'text:1:up'])(
    '%j is none',
    (key) => {
      expect(splitKey(key)).toBeUndefined()
    },
  )

  // backtracking over keys of this length would outlast the time any test has
  it.each<[string, number | undefined]>([
    // what stands behind the last role is the name of an adapter, as PEFT writes it
    ['.lora_A', '.lora_A'.length * 99_998],
    ['lora_A.', 'lora_A.'.length * 99_999 - 1],
    ['.to_q', undefined],
    ['_lora.down', undefined],
    ['unet:1:', undefined],
  ])('a key made to be slow of %j is read to its end', (piece, moduleLength) => {
    expect(splitKey(`${piece.repeat(100_000)}x`)?.module.length).toBe(moduleLength)
  })
})
