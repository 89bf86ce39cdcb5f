import { describe, expect, it } from 'vitest'
import { compareLayers, layersOf, MAX_OWN_LAYERS } from '../../../src/model/diff/layers.ts'
import { ARCHITECTURES } from '../../../src/model/networks/architectures/registry.ts'
import { unetNameInDiffusers, vaeNameInDiffusers } from '../../../src/model/networks/topology/diffusers.ts'

it.each([
  ['input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight', 'attn1 q'],
  ['output_blocks.3.1.transformer_blocks.9.attn2.to_out.0.bias', 'attn2 out'],
  ['middle_block.1.transformer_blocks.0.ff.net.0.proj.weight', 'ff in'],
  ['middle_block.1.proj_out.weight', 'proj out'],
  ['middle_block.1.norm.weight', 'attn norms'],
  ['input_blocks.1.0.in_layers.2.weight', 'res conv 1'],
  ['input_blocks.1.0.emb_layers.1.bias', 'res time'],
  ['output_blocks.5.2.conv.weight', 'resample'],
  ['input_blocks.0.0.weight', 'conv in'],
  ['out.2.weight', 'conv out'],
  ['text_model.encoder.layers.3.self_attn.out_proj.weight', 'attn out'],
  ['transformer.resblocks.3.attn.in_proj_weight', 'attn qkv'],
  ['encoder.block.3.layer.1.DenseReluDense.wi_1.weight', 'mlp in'],
  ['decoder.mid.attn_1.proj_out.weight', 'attn out'],
  ['decoder.up.1.upsample.conv.weight', 'resample'],
  ['double_blocks.3.txt_attn.qkv.weight', 'txt attn qkv'],
  ['single_blocks.1.norm.query_norm.scale', 'norms'],
  ['joint_blocks.3.x_block.attn2.ln_q.weight', 'img norms'],
  ['layers.3.attention.qkv.weight', 'attention qkv'],
  ['blocks.3.modulation', 'modulation'],
  ['cap_embedder.1.weight', 'cap_embedder'],
  ['a\u001b[31m.3.b\u001b[0m.weight', 'other'],
  ['3.weight', 'other'],
])('%s is %s', (key, layer) => {
  expect(layersOf([key])(key)).toBe(layer)
})

describe.each(ARCHITECTURES.map((architecture) => [architecture.id, architecture] as const))(
  '%s',
  (_, { components, network }) => {
    const keys = components.flatMap(({ id, topology }) => [...topology().keys()].map((key) => ({ id, key })))

    it('has no layer without a name', () => {
      const layerOf = layersOf(keys.map(({ key }) => key))
      const unnamed = keys.filter(({ key }) => layerOf(key) === 'other')
      expect(unnamed).toEqual([])
    })

    it('has the same layers by their names in diffusers', () => {
      const renamed = (id: string, key: string) => {
        if (id === 'unet' && network.kind === 'unet')
          return [unetNameInDiffusers(key, network.config.resBlocks)]
        return id === 'vae' ? [vaeNameInDiffusers(key, 4), vaeNameInDiffusers(key, 4, true)] : []
      }
      const moved = keys.filter(({ id, key }) =>
        renamed(id, key).some((name) => layersOf([name])(name) !== layersOf([key])(key)),
      )
      expect(moved).toEqual([])
    })
  },
)

it('layers sort as in a block, unknown ones last', () => {
  const layers = ['other', 'res conv 1', 'ff in', 'attn2 k', 'attn1 q']
  expect(layers.sort(compareLayers)).toEqual(['attn1 q', 'attn2 k', 'ff in', 'res conv 1', 'other'])
})

it('more names of layers than networks have are one kind', () => {
  const keys = Array.from({ length: MAX_OWN_LAYERS + 1 }, (_, i) => `blocks.0.made_up_${i}.weight`)
  expect(layersOf(keys.slice(1))(keys[1]!)).toBe('made_up_1')
  expect(layersOf(keys)(keys[1]!)).toBe('other')
})
