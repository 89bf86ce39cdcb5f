import { describe, expect, it } from 'vitest'
import { ARCHITECTURES, architectureById } from '../../../src/model/networks/architectures/registry.ts'
import { blockNames, compareBlocks, unetBlocks } from '../../../src/model/networks/blocks.ts'
import type { Role } from '../../../src/model/networks/components.ts'
import { aliasedKeys } from '../../../src/model/networks/template/alias.ts'
import { diffusersAliases } from '../../../src/model/networks/template/network.ts'
import { unetNameInDiffusers } from '../../../src/model/networks/topology/diffusers.ts'
import { unetTopology } from '../../../src/model/networks/topology/unet.ts'

const sd1 = architectureById('stable-diffusion-v1')!
const sdxl = architectureById('stable-diffusion-xl-v1-base')!
const UNET = 'input_blocks.0.0.weight'

function blockOf(role: Role, key: string, architecture?: typeof sd1): string {
  return blockNames(role, role === 'unet' ? [UNET, key] : [key], architecture)(key)
}

it.each<[Role, string, string]>([
  ['unet', 'input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight', 'IN04'],
  ['unet', 'input_blocks.11.0.out_layers.3.weight', 'IN11'],
  ['unet', 'middle_block.1.proj_in.weight', 'MID'],
  ['unet', 'output_blocks.3.1.proj_in.weight', 'OUT03'],
  ['unet', 'out.2.weight', 'OUT11'],
  ['unet', 'time_embed.0.weight', 'IN00'],
  ['unet', 'label_emb.0.0.weight', 'IN00'],
  ['unet', 'double_blocks.7.img_attn.qkv.weight', 'D07'],
  ['unet', 'single_blocks.31.linear1.weight', 'S31'],
  ['unet', 'joint_blocks.23.x_block.attn.qkv.weight', 'J23'],
  ['unet', 'img_in.weight', 'BASE'],
  ['control', 'input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight', 'IN04'],
  ['text', 'text_model.encoder.layers.10.mlp.fc1.weight', 'TE10'],
  ['text', 'transformer.resblocks.31.attn.in_proj_weight', 'TE31'],
  ['text', 'encoder.block.5.layer.0.SelfAttention.q.weight', 'TE05'],
  ['text', 'model.layers.35.self_attn.q_proj.weight', 'TE35'],
  ['text', 'model.embed_tokens.weight', 'EMB'],
  ['text', 'text_model.embeddings.token_embedding.weight', 'EMB'],
  ['text', 'positional_embedding', 'EMB'],
  ['text', 'shared.weight', 'EMB'],
  ['text', 'text_model.final_layer_norm.weight', 'FINAL'],
  ['text', 'encoder.final_layer_norm.weight', 'FINAL'],
  ['text', 'text_projection', 'FINAL'],
  ['text', 'text_projection.weight', 'FINAL'],
  ['text', 'logit_scale', 'FINAL'],
  ['vae', 'encoder.down.0.block.0.conv1.weight', 'ENC'],
  ['vae', 'quant_conv.weight', 'ENC'],
  ['vae', 'decoder.up_blocks.0.resnets.0.conv1.weight', 'DEC'],
  ['vae', 'post_quant_conv.bias', 'DEC'],
  ['schedule', 'betas', 'BASE'],
])('in a %s, %s is in %s', (role, key, block) => {
  expect(blockOf(role, key, sd1)).toBe(block)
})

it('the last convolution belongs to the last block that the architecture has', () => {
  expect(blockOf('unet', 'out.2.weight', sdxl)).toBe('OUT08')
  expect(blockOf('unet', 'out.2.weight')).toBe('OUT11')
})

it('only a network with the blocks of a UNet has the ends of one', () => {
  const names = blockNames('unet', [
    'time_embedding.0.weight',
    'blocks.0.ffn.0.weight',
    'blocks.1.ffn.0.weight',
  ])
  expect(names('time_embedding.0.weight')).toBe('BASE')
  expect(names('blocks.1.ffn.0.weight')).toBe('blocks.1')
})

it.each([
  ['z-image', 'noise_refiner.1.attention.qkv.weight', 'N01'],
  ['z-image', 'context_refiner.0.attention.qkv.weight', 'C00'],
  ['z-image', 'layers.29.attention.qkv.weight', 'L29'],
  ['z-image', 'siglip_refiner.1.attention.qkv.weight', 'siglip_refiner.1'],
  ['z-image', 'cap_embedder.1.weight', 'BASE'],
  ['lumina-2', 'layers.25.attention.qkv.weight', 'L25'],
  ['wan', 'blocks.39.ffn.0.weight', 'B39'],
  ['qwen-image', 'transformer_blocks.59.attn.to_q.weight', 'T59'],
  ['flux-2', 'double_blocks.7.img_attn.qkv.weight', 'D07'],
  ['flux-1-dev', 'single_transformer_blocks.37.attn.to_q.weight', 'S37'],
])('%s calls the block of %s %s, by its own table or by the number', (id, key, block) => {
  expect(blockNames('unet', [key], architectureById(id)!)(key)).toBe(block)
})

describe('layouts', () => {
  const unets = ARCHITECTURES.filter(({ network }) => network.kind === 'unet')
  it.each(unets.map((architecture) => [architecture.id, architecture] as const))(
    'a key of %s is in the same block by its diffusers name',
    (_, architecture) => {
      if (architecture.network.kind !== 'unet') throw new Error('no UNet')
      const { config } = architecture.network
      const keys = [...unetTopology(config).keys()]
      const inDiffusers = keys.map((key) => unetNameInDiffusers(key, config.resBlocks))
      const [ldm, diffusers] = [keys, inDiffusers].map((own) => blockNames('unet', own, architecture))
      expect(inDiffusers.map(diffusers!)).toEqual(keys.map(ldm!))
    },
  )

  const transformers = ARCHITECTURES.flatMap(({ id, network }) =>
    network.kind === 'dit' && diffusersAliases(network).length > 0 ? [[id, network] as const] : [],
  )
  it.each(transformers)('a layer of %s is in the same block by its name in diffusers', (_, network) => {
    const pairs = aliasedKeys(network.template, diffusersAliases(network), network.dims)
    const [theirs, native] = [pairs.map(({ name }) => name), pairs.map(({ key }) => key)].map((own) =>
      own.map(blockNames('unet', own, { network })),
    )
    expect(theirs).toEqual(native)
    expect(new Set(native).size).toBeGreaterThan(1)
  })
})

it('the blocks of an architecture are those its keys lie in', () => {
  expect(unetBlocks(sdxl).join(' ')).toBe(
    'IN00 IN01 IN02 IN03 IN04 IN05 IN06 IN07 IN08 MID OUT00 OUT01 OUT02 OUT03 OUT04 OUT05 OUT06 OUT07 OUT08',
  )
  const keys = [...sd1.components[0]!.topology().keys()]
  expect(new Set(unetBlocks(sd1))).toEqual(new Set(keys.map(blockNames('unet', keys, sd1))))
  expect(unetBlocks(architectureById('flux-1-dev')!)).toEqual([])
})

it('labels sort in the order of a model, numbers as numbers, kinds of files before BASE', () => {
  const labels = [
    'BASE',
    'DEC',
    'layers.10',
    'OUT02',
    'MID',
    'IN10',
    'layers.9',
    'IN09',
    'TE00',
    'EMB',
    'body.3',
  ]
  expect(labels.sort(compareBlocks)).toEqual(
    ['EMB', 'TE00', 'IN09', 'IN10', 'MID', 'OUT02', 'DEC', 'body.3', 'layers.9', 'layers.10', 'BASE'], // biome-ignore format: one line
  )
})
