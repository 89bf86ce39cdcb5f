import { expect, it } from 'vitest'
import { blockLabel } from '../../src/model/blocks.ts'

it.each([
  ['input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight', 12, 'IN04'],
  ['input_blocks.11.0.out_layers.3.weight', 12, 'IN11'],
  ['middle_block.1.proj_in.weight', 12, 'M00'],
  ['output_blocks.3.1.proj_in.weight', 12, 'OUT03'],
  ['out.2.weight', 12, 'OUT11'],
  ['out.2.weight', 9, 'OUT08'],
  ['time_embed.0.weight', 12, 'IN00'],
  ['label_emb.0.0.weight', 9, 'IN00'],
  ['double_blocks.7.img_attn.qkv.weight', 12, 'D07'],
  ['single_blocks.31.linear1.weight', 12, 'S31'],
  ['text_model.final_layer_norm.weight', 12, 'BASE'],
])('%s of %i output blocks is in %s', (key, blocks, label) => {
  expect(blockLabel(key, blocks)).toBe(label)
})
