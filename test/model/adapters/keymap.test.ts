import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { modulesOf } from '../../../src/model/adapters/keymap.ts'
import type { TargetId } from '../../../src/model/adapters/targets.ts'
import { architectureById } from '../../../src/model/networks/architectures/registry.ts'
import { describeReal, realFile } from '../../real-files.ts'

function names(id: string, target: TargetId = 'unet') {
  return modulesOf(architectureById(id)!, target)
}

describe('modulesOf: UNets', () => {
  // Worked by hand from the block structure of SD 1.x
  it.each([
    [
      'down_blocks_0_attentions_1_transformer_blocks_0_attn2_to_k',
      'input_blocks.2.1.transformer_blocks.0.attn2.to_k',
    ],
    ['down_blocks_2_attentions_0_proj_in', 'input_blocks.7.1.proj_in'],
    ['down_blocks_1_downsamplers_0_conv', 'input_blocks.6.0.op'],
    ['down_blocks_3_resnets_1_conv2', 'input_blocks.11.0.out_layers.3'],
    ['mid_block_resnets_1_time_emb_proj', 'middle_block.2.emb_layers.1'],
    ['up_blocks_0_upsamplers_0_conv', 'output_blocks.2.1.conv'],
    ['up_blocks_1_upsamplers_0_conv', 'output_blocks.5.2.conv'],
    [
      'up_blocks_3_attentions_2_transformer_blocks_0_attn1_to_out_0',
      'output_blocks.11.1.transformer_blocks.0.attn1.to_out.0',
    ],
    [
      'up_blocks_3_attentions_2_transformer_blocks_0_attn1_to_out',
      'output_blocks.11.1.transformer_blocks.0.attn1.to_out.0',
    ],
  ])('%s is %s', (name, path) => {
    const target = names('stable-diffusion-v1').get(name)
    expect(target?.weight).toBe(`${path}.weight`)
    expect(target?.rows).toBeUndefined()
  })

  it('names the bias of a layer only where it has one', () => {
    const block = 'mid_block_attentions_0_transformer_blocks_0'
    expect(names('stable-diffusion-v1').get(`${block}_attn1_to_q`)?.bias).toBeUndefined()
    expect(names('stable-diffusion-v1').get(`${block}_attn1_to_out_0`)?.bias).toBe(
      'middle_block.1.transformer_blocks.0.attn1.to_out.0.bias',
    )
  })

  // UNet tensors less biases: the modules a trainer may take, each with its own name in both styles
  it.each([
    'stable-diffusion-v1',
    'stable-diffusion-v2',
    'stable-diffusion-xl-v1-base',
    'stable-diffusion-xl-v1-refiner',
    'ssd-1b',
    'koala-700m',
  ])('no layer of %s takes the name of another', (id) => {
    const all = names(id)
    const weights = new Set([...all.values()].map(({ weight }) => weight))
    for (const weight of weights) {
      expect(all.get(weight.slice(0, -'.weight'.length).replaceAll('.', '_'))?.weight).toBe(weight)
    }
    const template = architectureById(id)!.components[0]!
    const expected = [...template.topology().keys()].filter((key) => key.endsWith('.weight'))
    expect(weights).toEqual(new Set(expected))
  })
})

describe('modulesOf: text encoders', () => {
  const layer = 'text_model_encoder_layers_3'

  it('CLIP-L has the names of transformers', () => {
    expect(names('stable-diffusion-v1', 'te1').get(`${layer}_self_attn_q_proj`)).toMatchObject({
      weight: 'text_model.encoder.layers.3.self_attn.q_proj.weight',
      shape: [768, 768],
    })
  })

  it.each([
    ['q_proj', 0],
    ['k_proj', 1280],
    ['v_proj', 2560],
  ])('%s of bigG is rows %i and on of one weight', (part, start) => {
    expect(names('stable-diffusion-xl-v1-base', 'te2').get(`${layer}_self_attn_${part}`)).toEqual({
      weight: 'transformer.resblocks.3.attn.in_proj_weight',
      bias: 'transformer.resblocks.3.attn.in_proj_bias',
      shape: [1280, 1280],
      rows: { start, length: 1280 },
    })
  })

  it.each([
    ['self_attn_out_proj', 'attn.out_proj.weight'],
    ['mlp_fc1', 'mlp.c_fc.weight'],
    ['mlp_fc2', 'mlp.c_proj.weight'],
    ['layer_norm2', 'ln_2.weight'],
  ])('%s of OpenCLIP-H is %s', (name, key) => {
    expect(names('stable-diffusion-v2', 'te1').get(`${layer}_${name}`)?.weight).toBe(
      `transformer.resblocks.3.${key}`,
    )
  })

  it('the projection of bigG is stored transposed', () => {
    expect(names('stable-diffusion-xl-v1-base', 'te2').get('text_projection')).toMatchObject({
      transposed: true,
    })
  })

  it('the only encoder of the refiner is found as first and as second', () => {
    expect(names('stable-diffusion-xl-v1-refiner', 'te1').size).toBeGreaterThan(0)
    expect(names('stable-diffusion-xl-v1-refiner', 'te2')).toEqual(
      names('stable-diffusion-xl-v1-refiner', 'te1'),
    )
  })

  it('the first encoder of SDXL is CLIP-L, not the one the refiner has', () => {
    expect(names('stable-diffusion-xl-v1-base', 'te1').get(`${layer}_mlp_fc1`)?.shape).toEqual([3072, 768])
    expect(names('stable-diffusion-v1', 'te2').size).toBe(0)
  })

  it('T5 is the third', () => {
    expect(names('flux-1-dev', 'te3').get('encoder_block_0_layer_0_SelfAttention_q')?.shape).toEqual([
      4096, 4096,
    ])
  })
})

describe('modulesOf: diffusion transformers', () => {
  // Rows of the fused weights: q, k, v of width 3072, then 4 x 3072 of the MLP
  it.each([
    ['double_blocks_7_img_attn_qkv', 'double_blocks.7.img_attn.qkv.weight', undefined, 9216],
    ['transformer_blocks_7_attn_to_k', 'double_blocks.7.img_attn.qkv.weight', 3072, 3072],
    ['transformer_blocks_7_attn_add_v_proj', 'double_blocks.7.txt_attn.qkv.weight', 6144, 3072],
    ['transformer_blocks_7_ff_context_net_0_proj', 'double_blocks.7.txt_mlp.0.weight', undefined, 12288],
    [
      'transformer_blocks_7_attn_norm_added_k',
      'double_blocks.7.txt_attn.norm.key_norm.scale',
      undefined,
      128,
    ],
    ['single_transformer_blocks_37_attn_to_v', 'single_blocks.37.linear1.weight', 6144, 3072],
    ['single_transformer_blocks_37_proj_mlp', 'single_blocks.37.linear1.weight', 9216, 12288],
    ['time_text_embed_guidance_embedder_linear_2', 'guidance_in.out_layer.weight', undefined, 3072],
  ])('Flux: %s', (name, weight, start, length) => {
    const target = names('flux-1-dev').get(name)
    expect([target?.weight, target?.rows?.start, target?.shape[0]]).toEqual([weight, start, length])
  })

  it.each([
    [
      'stable-diffusion-v3-medium',
      'transformer_blocks_2_attn_to_v',
      'joint_blocks.2.x_block.attn.qkv.weight',
      3072,
    ],
    [
      'stable-diffusion-v3-medium',
      'transformer_blocks_2_attn_add_k_proj',
      'joint_blocks.2.context_block.attn.qkv.weight',
      1536,
    ],
    [
      'stable-diffusion-v3.5-medium',
      'transformer_blocks_2_attn2_to_q',
      'joint_blocks.2.x_block.attn2.qkv.weight',
      0,
    ],
    [
      'stable-diffusion-v3.5-large',
      'transformer_blocks_37_ff_net_2',
      'joint_blocks.37.x_block.mlp.fc2.weight',
      undefined,
    ],
  ])('%s: %s', (id, name, weight, start) => {
    const target = names(id).get(name)
    expect([target?.weight, target?.rows?.start]).toEqual([weight, start])
  })

  it('layers that an SD3 does not have get no name', () => {
    expect(names('stable-diffusion-v3-medium').has('transformer_blocks_2_attn2_to_q')).toBe(false)
    expect(names('stable-diffusion-v3-medium').has('transformer_blocks_23_ff_context_net_2')).toBe(false)
  })

  it('knows where diffusers has the halves of a modulation the other way round', () => {
    const sd3 = names('stable-diffusion-v3-medium')
    expect(names('flux-1-dev').get('norm_out_linear')?.swappedHalves).toBe(true)
    expect(sd3.get('norm_out_linear')?.swappedHalves).toBe(true)
    expect(sd3.get('transformer_blocks_23_norm1_context_linear')?.swappedHalves).toBe(true)
    expect(sd3.get('transformer_blocks_22_norm1_context_linear')?.swappedHalves).toBeUndefined()
  })
})

interface KeyMap {
  readonly ldm_diffusers_keymap: Record<string, string>
  readonly diffusers_ldm_operator_map: Record<string, { slice: [key: string, rows: string] }>
}

describeReal('key maps of ai-toolkit', () => {
  function keyMap(file: string): KeyMap {
    return JSON.parse(
      readFileSync(
        realFile(`keys/ostris__ai-toolkit__toolkit__keymaps__stable_diffusion_${file}.json`)!,
        'utf8',
      ),
    )
  }

  const flat = (key: string) => key.replace(/\.weight$/, '').replaceAll('.', '_')

  it.each([
    ['sd1', 'stable-diffusion-v1'],
    ['sd2', 'stable-diffusion-v2'],
    ['sdxl', 'stable-diffusion-xl-v1-base'],
    ['refiner', 'stable-diffusion-xl-v1-refiner'],
  ])('the UNet of %s', (file, id) => {
    const prefix = 'model.diffusion_model.'
    const pairs = Object.entries(keyMap(file).ldm_diffusers_keymap).filter(
      ([key]) => key.startsWith(prefix) && key.endsWith('.weight'),
    )
    expect(pairs.length).toBeGreaterThan(300)
    for (const [key, name] of pairs) {
      expect(names(id).get(flat(name.slice('unet_'.length)))?.weight).toBe(key.slice(prefix.length))
    }
  })

  it.each([
    ['sd1', 'stable-diffusion-v1', 'te1', 'te_', 'cond_stage_model.transformer.'],
    ['sd2', 'stable-diffusion-v2', 'te1', 'te_', 'cond_stage_model.model.'],
    ['sdxl', 'stable-diffusion-xl-v1-base', 'te1', 'te0_', 'conditioner.embedders.0.transformer.'],
    ['sdxl', 'stable-diffusion-xl-v1-base', 'te2', 'te1_', 'conditioner.embedders.1.model.'],
    ['refiner', 'stable-diffusion-xl-v1-refiner', 'te2', 'te1_', 'conditioner.embedders.0.model.'],
  ] as const)('a text encoder of %s (%s, %s)', (file, id, target, theirs, prefix) => {
    const { ldm_diffusers_keymap, diffusers_ldm_operator_map } = keyMap(file)
    const plain = Object.entries(ldm_diffusers_keymap).filter(
      ([key, name]) => name.startsWith(theirs) && /layers.*\.weight$/.test(name) && key.startsWith(prefix),
    )
    expect(plain.length).toBeGreaterThan(50)
    for (const [key, name] of plain) {
      expect(names(id, target).get(flat(name.slice(theirs.length)))?.weight).toBe(key.slice(prefix.length))
    }
    for (const [name, { slice }] of Object.entries(diffusers_ldm_operator_map)) {
      if (!name.endsWith('.weight') || !name.startsWith(theirs)) continue
      const found = names(id, target).get(flat(name.slice(theirs.length)))!
      expect(prefix + found.weight).toBe(slice[0])
      expect(found.rows?.start).toBe(Number(slice[1].split(':')[0]))
    }
  })

  it('a LoCon on every layer of SDXL, in both styles', () => {
    const pairs = Object.entries(keyMap('locon_sdxl').ldm_diffusers_keymap).filter(([key]) =>
      key.endsWith('.alpha'),
    )
    expect(pairs.length).toBe(1050)
    const all = names('stable-diffusion-xl-v1-base')
    const target = (key: string) => all.get(key.replace('lora_unet_', '').replace('.alpha', ''))?.weight
    for (const [sgm, diffusers] of pairs) {
      expect(target(sgm), sgm).toBeDefined()
      expect(target(sgm)).toBe(target(diffusers))
    }
  })
})
