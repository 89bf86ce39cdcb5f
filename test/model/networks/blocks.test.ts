import { describe, expect, it } from 'vitest'
import { ARCHITECTURES, architectureById } from '../../../src/model/networks/architectures/registry.ts'
import { type BlockLabel, blockOf, compareBlocks, unetBlocks } from '../../../src/model/networks/blocks.ts'
import { unetNameInDiffusers } from '../../../src/model/networks/topology/diffusers.ts'
import { unetTopology } from '../../../src/model/networks/topology/unet.ts'

const sd1 = architectureById('stable-diffusion-v1')!
const sdxl = architectureById('stable-diffusion-xl-v1-base')!

it.each([
  ['input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight', 'IN04'],
  ['input_blocks.11.0.out_layers.3.weight', 'IN11'],
  ['middle_block.1.proj_in.weight', 'MID'],
  ['output_blocks.3.1.proj_in.weight', 'OUT03'],
  ['out.2.weight', 'OUT11'],
  ['time_embed.0.weight', 'IN00'],
  ['label_emb.0.0.weight', 'IN00'],
  ['double_blocks.7.img_attn.qkv.weight', 'D07'],
  ['single_blocks.31.linear1.weight', 'S31'],
  ['joint_blocks.23.x_block.attn.qkv.weight', 'J23'],
  ['img_in.weight', 'BASE'],
  ['text_model.encoder.layers.10.mlp.fc1.weight', 'TE10'],
  ['transformer.resblocks.31.attn.in_proj_weight', 'TE31'],
  ['encoder.block.5.layer.0.SelfAttention.q.weight', 'TE05'],
  ['text_model.embeddings.token_embedding.weight', 'EMB'],
  ['positional_embedding', 'EMB'],
  ['shared.weight', 'EMB'],
  ['text_model.final_layer_norm.weight', 'FINAL'],
  ['encoder.final_layer_norm.weight', 'FINAL'],
  ['text_projection', 'FINAL'],
  ['text_projection.weight', 'FINAL'],
  ['logit_scale', 'FINAL'],
  ['encoder.down.0.block.0.conv1.weight', 'ENC'],
  ['quant_conv.weight', 'ENC'],
  ['decoder.up_blocks.0.resnets.0.conv1.weight', 'DEC'],
  ['post_quant_conv.bias', 'DEC'],
  ['betas', 'BASE'],
])('%s of SD 1.x is in %s', (key, block) => {
  expect(blockOf(key, sd1)).toBe(block)
})

it('the last convolution belongs to the last block that the architecture has', () => {
  expect(blockOf('out.2.weight', sdxl)).toBe('OUT08')
  expect(blockOf('out.2.weight')).toBe('OUT11')
})

describe('layouts', () => {
  const unets = ARCHITECTURES.filter(({ network }) => network.kind === 'unet')
  it.each(unets.map((architecture) => [architecture.id, architecture] as const))(
    'a key of %s is in the same block by its diffusers name',
    (_, architecture) => {
      if (architecture.network.kind !== 'unet') throw new Error('no UNet')
      const { config } = architecture.network
      const moved = [...unetTopology(config).keys()].filter((key) => {
        const renamed = unetNameInDiffusers(key, config.resBlocks)
        return blockOf(renamed, architecture) !== blockOf(key, architecture)
      })
      expect(moved).toEqual([])
    },
  )
})

it('the blocks of an architecture are those its keys lie in', () => {
  expect(unetBlocks(sdxl).join(' ')).toBe(
    'IN00 IN01 IN02 IN03 IN04 IN05 IN06 IN07 IN08 MID OUT00 OUT01 OUT02 OUT03 OUT04 OUT05 OUT06 OUT07 OUT08',
  )
  const keys = sd1.components[0]!.topology().keys()
  expect(new Set(unetBlocks(sd1))).toEqual(new Set([...keys].map((key) => blockOf(key, sd1))))
  expect(unetBlocks(architectureById('flux-1-dev')!)).toEqual([])
})

it('labels sort in the order of a model, numbers as numbers', () => {
  const labels: BlockLabel[] = ['DEC', 'OUT02', 'MID', 'IN10', 'IN09', 'TE00', 'EMB', 'BASE']
  expect(labels.sort(compareBlocks)).toEqual(['EMB', 'TE00', 'IN09', 'IN10', 'MID', 'OUT02', 'DEC', 'BASE'])
})
