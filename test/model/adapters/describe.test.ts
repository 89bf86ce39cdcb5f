import { describe, expect, it } from 'vitest'
import { adapterKeys, describeAdapter, readAlphas } from '../../../src/model/adapters/describe.ts'
import { basesThatFit } from '../../../src/model/adapters/fit.ts'
import type { AdapterInfo } from '../../../src/model/adapters/info.ts'
import { openFileSource } from '../../../src/system/bytes.ts'
import { openModel } from '../../../src/tensor/formats/open.ts'
import { readValues } from '../../../src/tensor/values/expr.ts'
import { describeReal, realFile } from '../../real-files.ts'
import { realKeys, realTable, type Shapes, shapeTable } from '../shape-table.ts'

const TO_K = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k'
const SGM_TO_K = 'lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k'
const CONV = 'lora_unet_down_blocks_0_resnets_0_conv1'

function adapter(shapes: Shapes, metadata: Record<string, string> = {}) {
  return describeAdapter(shapeTable(shapes, metadata))
}

/** A LoRA of rank 4 on a linear layer. */
function lora(module: string, input: number, output = 320): Shapes {
  return {
    [`${module}.lora_down.weight`]: [4, input],
    [`${module}.lora_up.weight`]: [output, 4],
    [`${module}.alpha`]: [],
  }
}

function codes(info: AdapterInfo | undefined) {
  return info?.findings.map(({ code }) => code)
}

function counts(info: AdapterInfo | undefined) {
  return info?.algorithms.map(({ id, modules }) => `${id} ${modules}`)
}

function targets(info: AdapterInfo | undefined) {
  return info?.targets.map(({ target, modules }) => `${target} ${modules}`)
}

describe('describeAdapter: algorithms', () => {
  it('finds rank, target and base of a plain LoRA', () => {
    expect(adapter(lora(TO_K, 768))).toMatchObject({
      title: 'LoRA',
      modules: 1,
      parameters: 4 * 768 + 4 * 320 + 1,
      ranks: [{ value: 4, modules: 1 }],
      withoutAlpha: 0,
      textEncoderTrained: false,
      base: { architecture: 'sd1' },
      findings: [],
    })
  })

  it('calls a LoRA with k x k convolutions LoCon and counts them', () => {
    const info = adapter({
      ...lora(TO_K, 768),
      [`${CONV}.lora_down.weight`]: [8, 320, 3, 3],
      [`${CONV}.lora_up.weight`]: [320, 8, 1, 1],
    })
    expect(info).toMatchObject({ title: 'LoCon', convModules: 1, withoutAlpha: 1 })
    expect(info?.ranks).toEqual([
      { value: 4, modules: 1 },
      { value: 8, modules: 1 },
    ])
  })

  it('does not count 1x1 convolutions as convolutions', () => {
    const module = 'lora_unet_down_blocks_0_attentions_0_proj_in'
    const info = adapter({
      [`${module}.lora_down.weight`]: [4, 320, 1, 1],
      [`${module}.lora_up.weight`]: [320, 4, 1, 1],
    })
    expect(info).toMatchObject({ title: 'LoRA', convModules: 0 })
  })

  it('takes the kernel of a Tucker LoRA from lora_mid', () => {
    const info = adapter({
      [`${CONV}.lora_down.weight`]: [8, 320, 1, 1],
      [`${CONV}.lora_mid.weight`]: [8, 8, 3, 3],
      [`${CONV}.lora_up.weight`]: [320, 8, 1, 1],
    })
    expect(info).toMatchObject({ title: 'LoCon', convModules: 1, findings: [] })
  })

  it.each<[string, string, Shapes, number | undefined]>([
    [
      'LoHa',
      'loha',
      { hada_w1_a: [320, 6], hada_w1_b: [6, 768], hada_w2_a: [320, 6], hada_w2_b: [6, 768], alpha: [] },
      6,
    ],
    [
      'Tucker LoHa',
      'loha',
      {
        hada_w1_a: [6, 320],
        hada_w1_b: [6, 768],
        hada_t1: [6, 6, 1, 1],
        hada_w2_a: [6, 320],
        hada_w2_b: [6, 768],
        hada_t2: [6, 6, 1, 1],
      },
      6,
    ],
    [
      'LoKr of two products',
      'lokr',
      { lokr_w1_a: [16, 5], lokr_w1_b: [5, 24], lokr_w2_a: [20, 5], lokr_w2_b: [5, 32] },
      5,
    ],
    ['LoKr with a whole factor', 'lokr', { lokr_w1: [16, 24], lokr_w2_a: [20, 5], lokr_w2_b: [5, 32] }, 5],
    ['LoKr of two whole factors', 'lokr', { lokr_w1: [16, 24], lokr_w2: [20, 32] }, undefined],
    [
      'new GLoRA',
      'glora',
      { 'a1.weight': [768, 6], 'a2.weight': [6, 768], 'b1.weight': [320, 6], 'b2.weight': [6, 768] },
      6,
    ],
    [
      'old GLoRA',
      'glora',
      { 'a1.weight': [6, 768], 'a2.weight': [768, 6], 'b1.weight': [6, 768], 'b2.weight': [320, 6] },
      6,
    ],
    ['full difference', 'full', { diff: [320, 768], diff_b: [320] }, undefined],
  ])('reads a %s and the inputs of its target', (_, id, parts, rank) => {
    const info = adapter(prefixed(TO_K, parts))
    expect(counts(info)).toEqual([`${id} 1`])
    expect(info?.ranks).toEqual(rank === undefined ? [] : [{ value: rank, modules: 1 }])
    expect(info?.base).toMatchObject({
      architecture: 'sd1',
      evidence: ['attn2.to_k and to_v take 768 inputs'],
    })
    expect(info?.findings).toEqual([])
  })

  it.each<[string, Shapes]>([
    ['oft', { oft_blocks: [4, 80, 80], alpha: [], rescale: [320, 1] }],
    ['oft', { oft_diag: [4, 80, 80] }],
    ['boft', { oft_blocks: [3, 20, 16, 16], alpha: [] }],
    ['ia3', { weight: [320], on_input: [] }],
    ['norm', { w_norm: [320], b_norm: [320] }],
    ['set-weight', { set_weight: [320, 768] }],
  ])('recognises %s, which has no rank', (id, parts) => {
    const info = adapter(prefixed(TO_K, parts))
    expect(counts(info)).toEqual([`${id} 1`])
    expect(info).toMatchObject({ ranks: [], findings: [] })
  })

  it('counts the algorithms of a mixed file, most modules first', () => {
    const info = adapter({
      ...lora(TO_K, 768),
      ...lora(SGM_TO_K, 768),
      'lora_unet_conv_norm_out.w_norm': [320],
    })
    expect(counts(info)).toEqual(['lora 2', 'norm 1'])
    expect(info?.title).toBe('LoRA + norm layers')
  })

  it.each([
    { dora_scale: [1, 768] },
    { lora_magnitude_vector: [320] },
    { 'lora_magnitude_vector.weight': [320] },
  ])('sees DoRA by %o', (scale) => {
    const info = adapter({ ...lora(TO_K, 768), ...prefixed(TO_K, scale) })
    expect(info).toMatchObject({ title: 'LoRA with DoRA', doraModules: 1, findings: [] })
  })

  it('counts convolutions by name where the factors are flat', () => {
    const flat = { hada_w1_a: [320, 6], hada_w1_b: [6, 2880], hada_w2_a: [320, 6], hada_w2_b: [6, 2880] }
    expect(adapter(prefixed(CONV, flat))?.convModules).toBe(1)
  })
})

function prefixed(module: string, parts: Shapes): Shapes {
  return Object.fromEntries(Object.entries(parts).map(([suffix, shape]) => [`${module}.${suffix}`, shape]))
}

describe('describeAdapter: names', () => {
  const attention = 'down_blocks.0.attentions.0.transformer_blocks.0.attn2'
  const [down, up] = [
    [4, 768],
    [320, 4],
  ]

  it.each<[string, Shapes]>([
    ['kohya-diffusers', lora(TO_K, 768)],
    ['kohya-sgm', lora(SGM_TO_K, 768)],
    ['kohya-bfl', lora('lora_unet_double_blocks_0_img_attn_qkv', 3072, 9216)],
    ['lycoris', lora('lycoris_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k', 768)],
    ['onetrainer', lora('lora_transformer_single_transformer_blocks_0_attn_to_k', 3072)],
    [
      'peft',
      {
        [`base_model.model.${attention}.to_k.lora_A.weight`]: down,
        [`base_model.model.${attention}.to_k.lora_B.weight`]: up,
      },
    ],
    [
      'peft',
      {
        [`base_model.model.${attention}.to_k.lora_A.default.weight`]: down,
        [`base_model.model.${attention}.to_k.lora_B.default.weight`]: up,
      },
    ],
    [
      'diffusers',
      { [`unet.${attention}.to_k.lora.down.weight`]: down, [`unet.${attention}.to_k.lora.up.weight`]: up },
    ],
    [
      'diffusers',
      { [`unet.${attention}.to_k.lora_A.weight`]: down, [`unet.${attention}.to_k.lora_B.weight`]: up },
    ],
    [
      'diffusers-attn-processors',
      {
        [`${attention}.processor.to_k_lora.down.weight`]: down,
        [`${attention}.processor.to_k_lora.up.weight`]: up,
      },
    ],
    [
      'diffusers-attn-processors',
      {
        [`unet.${attention}.processor.to_k_lora.down.weight`]: down,
        [`unet.${attention}.processor.to_k_lora.up.weight`]: up,
      },
    ],
    [
      'diffusion-model',
      {
        'diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.lora_A.weight': down,
        'diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.lora_B.weight': up,
      },
    ],
    [
      'xlabs',
      {
        'double_blocks.0.processor.qkv_lora1.down.weight': [16, 3072],
        'double_blocks.0.processor.qkv_lora1.up.weight': [9216, 16],
      },
    ],
    [
      'bfl',
      {
        'double_blocks.0.img_attn.qkv.lora_A.weight': [16, 3072],
        'double_blocks.0.img_attn.qkv.lora_B.weight': [9216, 16],
      },
    ],
  ])('%s', (dialect, shapes) => {
    const info = adapter(shapes)
    expect(info?.dialects.map(({ id }) => id)).toEqual([dialect])
    expect(info?.targets.map(({ target }) => target)).toEqual(['unet'])
    expect(info?.ranks.length).toBe(1)
    // its alpha stands beside the file, if anywhere
    const unsaid = dialect === 'peft' ? ['adapter-alpha-unknown'] : []
    expect(info?.findings.map(({ code }) => code)).toEqual(unsaid)
  })

  it('knows the text encoders of every dialect', () => {
    const layer = 'text_model.encoder.layers.0.self_attn.q_proj'
    const info = adapter({
      ...lora(`lora_te1_${layer.replaceAll('.', '_')}`, 768, 768),
      ...lora(`lora_te2_${layer.replaceAll('.', '_')}`, 1280, 1280),
      ...lora('lora_te3_encoder_block_0_layer_0_SelfAttention_q', 4096, 4096),
      ...lora('lora_te2_encoder_block_1_layer_0_SelfAttention_q', 4096, 4096), // OneTrainer's T5
      [`text_encoder.${layer}.lora_linear_layer.down.weight`]: [4, 768],
      [`text_encoder.${layer}.lora_linear_layer.up.weight`]: [768, 4],
      ...lora(`text_encoder_2.${layer}`, 1280, 1280),
      ...lora(`text_encoders.clip_l.transformer.${layer}`, 768, 768),
    })
    expect(targets(info)).toEqual(['te1 3', 'te2 2', 'te3 2'])
    expect(info?.textEncoderTrained).toBe(true)
  })

  it('reads biases and norm scales of a Black Forest Labs control LoRA', () => {
    const info = adapter({
      'double_blocks.0.img_attn.qkv.lora_A.weight': [16, 3072],
      'double_blocks.0.img_attn.qkv.lora_B.weight': [9216, 16],
      'double_blocks.0.img_attn.qkv.lora_B.bias': [9216],
      'double_blocks.0.img_attn.norm.key_norm.scale': [128],
      ...lora('double_blocks.0.img_mlp.0', 3072, 12288),
      ...lora('vector_in.in_layer', 768, 3072),
    })
    expect(counts(info)).toEqual(['lora 3', 'set-weight 1'])
    expect(info).toMatchObject({ strays: [], findings: [], base: { architecture: 'flux' } })
  })

  it.each([
    'img_in',
    'txt_in',
    'time_in.in_layer',
    'vector_in.out_layer',
    'guidance_in.in_layer',
    'final_layer.linear',
  ])('knows %s of such a LoRA outside of the blocks', (name) => {
    const info = adapter({
      'double_blocks.0.img_attn.qkv.lora_A.weight': [16, 3072],
      'double_blocks.0.img_attn.qkv.lora_B.weight': [9216, 16],
      [`${name}.lora_A.weight`]: [16, 128],
      [`${name}.lora_B.weight`]: [3072, 16],
      [`${name}.lora_B.bias`]: [3072],
    })
    expect(info?.dialects.map(({ id }) => id)).toEqual(['bfl'])
    expect(targets(info)).toEqual(['unet 2'])
  })

  it.each([64, 128, 384])('fits Flux.1 also with %i inputs of its first layer', (inputs) => {
    const { modules } = adapterKeys(
      shapeTable({
        'img_in.lora_A.weight': [16, inputs],
        'img_in.lora_B.weight': [3072, 16],
        'vector_in.in_layer.lora_A.weight': [16, 768],
        'vector_in.in_layer.lora_B.weight': [3072, 16],
      }),
    )
    expect(basesThatFit(modules)).toEqual(['flux'])
  })

  it('recognises a control-lora by its mark, whatever else is in it', () => {
    const info = adapter({
      lora_controlnet: [0],
      'input_blocks.4.1.transformer_blocks.0.attn2.to_k.down': [16, 2048],
      'input_blocks.4.1.transformer_blocks.0.attn2.to_k.up': [640, 16],
      'input_hint_block.0.weight': [16, 3, 3, 3],
      'input_hint_block.0.bias': [16],
      'zero_convs.0.0.weight': [320, 320, 1, 1],
    })
    expect(info).toMatchObject({ title: 'control-lora', base: { architecture: 'sdxl' }, findings: [] })
    expect(targets(info)).toEqual(['controlnet 1'])
  })

  it('recognises ControlNet-LLLite', () => {
    const info = adapter({
      'lllite_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.down.0.weight': [16, 640],
      'lllite_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.mid.0.weight': [16, 48],
      'lllite_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_q.down.0.weight': [16, 640],
    })
    expect(info).toMatchObject({ title: 'ControlNet-LLLite', modules: 2, parameters: 16 * 640 * 2 + 16 * 48 })
  })

  it('tells how a mixed file is named', () => {
    expect(codes(adapter({ ...lora(TO_K, 768), ...lora(SGM_TO_K, 768) }))).toEqual(['adapter-mixed-names'])
  })

  it('lists embeddings that were bundled in', () => {
    const info = adapter({ ...lora(TO_K, 768), 'bundle_emb.my cat.string_to_param.*': [2, 768] })
    expect(info).toMatchObject({ embeddings: ['my cat'], strays: [] })
  })
})

describe('describeAdapter: base model', () => {
  it.each([
    [768, 'sd1'],
    [1024, 'sd2'],
    [2048, 'sdxl'],
    [1280, 'sdxl-refiner'],
  ])('%i inputs of attn2.to_k: %s', (input, architecture) => {
    expect(adapter(lora(SGM_TO_K, input))?.base.architecture).toBe(architecture)
  })

  it.each<[string, Shapes, string | undefined]>([
    ['SD3 with ldm names', lora('lora_unet_joint_blocks_0_x_block_attn_qkv', 1536, 4608), 'sd3'],
    ['SD3 with diffusers names', lora('transformer.transformer_blocks.0.attn.add_k_proj', 1536, 1536), 'sd3'],
    [
      'AnimateDiff',
      lora(
        'down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0.to_q',
        320,
      ),
      'animatediff',
    ],
    [
      'a text encoder of SD 2.x',
      lora('lora_te_text_model_encoder_layers_0_self_attn_q_proj', 1024, 1024),
      'sd2',
    ],
    [
      'a text encoder that SD 1.x and SDXL share',
      lora('lora_te1_text_model_encoder_layers_0_self_attn_q_proj', 768, 768),
      undefined,
    ],
    [
      'self attention alone',
      lora('lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q', 1280, 1280),
      undefined,
    ],
  ])('%s', (_, shapes, architecture) => {
    expect(adapter(shapes)?.base.architecture).toBe(architecture)
  })

  it('reports metadata that contradicts the shapes', () => {
    const info = adapter(lora(TO_K, 768), { ss_base_model_version: 'sdxl_base_v1-0' })
    expect(info?.base).toMatchObject({ architecture: 'sd1', claimed: 'sdxl' })
    expect(codes(info)).toEqual(['adapter-base-mismatch'])
  })

  it('believes metadata where the names are those of what they say, and the shapes of nothing', () => {
    const info = adapter(lora('lora_unet_mid_block_attentions_0_proj_in', 96, 96), { ss_v2: 'False' })
    expect([info?.base.architecture, info?.base.claimed]).toEqual([undefined, 'sd1'])
    expect(codes(info)).toEqual([])
  })

  it.each([
    ['modelspec.architecture', 'stable-diffusion-xl-v1-base/lora', 'sdxl'],
    ['modelspec.architecture', 'stable-diffusion-v1/lora', 'sd1'],
    ['modelspec.architecture', 'flux-1-dev/lora', 'flux'],
    ['ss_base_model_version', 'sd_v2_v', 'sd2'],
    // ai-toolkit, which says the first of Flux, too
    ['ss_base_model_version', 'sd_1.5', 'sd1'],
    ['ss_base_model_version', 'sd_2.1', 'sd2'],
    ['ss_base_model_version', 'sdxl_1.0', 'sdxl'],
    ['ss_v2', 'True', 'sd2'],
    ['ss_v2', 'None', undefined],
  ])('%s=%s claims %s', (key, value, claimed) => {
    expect(adapter(lora(TO_K, 768), { [key]: value })?.base.claimed).toBe(claimed)
  })

  it('reports modules for two base models in one file', () => {
    const info = adapter({ ...lora(TO_K, 768), ...lora(`${TO_K.slice(0, -1)}v`, 1024) })
    expect(codes(info)).toEqual(['adapter-mixed-base'])
    expect(info?.base.architecture).toBeUndefined()
  })
})

describe('describeAdapter: layers of the base model', () => {
  const attn1 = 'transformer_blocks_0_attn1_to_q'

  it('names modules that the base model does not have', () => {
    const info = adapter({ ...lora(TO_K, 768), ...lora('lora_unet_down_blocks_9_attentions_0_proj_in', 320) })
    expect(info?.unknownModules).toEqual(['lora_unet_down_blocks_9_attentions_0_proj_in'])
    expect(codes(info)).toEqual(['adapter-unknown-modules'])
  })

  it('knows layers that only a smaller relative of SDXL has', () => {
    // SSD-1B: attention at output_blocks.2 is 10 deep as in SDXL; KOALA has attention at input_blocks.3
    const info = adapter(lora('lora_unet_input_blocks_3_1_transformer_blocks_0_attn2_to_k', 2048, 640))
    expect(info).toMatchObject({ base: { architecture: 'sdxl' }, unknownModules: [] })
  })

  it('finds the base of an adapter without cross attention by all of its layers', () => {
    const info = adapter(
      lora(`lora_unet_input_blocks_4_1_${attn1}`.replace('blocks_0_attn1', 'blocks_1_attn1'), 640, 640),
    )
    expect(info?.base).toMatchObject({
      architecture: 'sdxl',
      evidence: ['all modules fit only Stable Diffusion XL'],
    })
  })

  it('says which base models remain where several fit', () => {
    const info = adapter(lora(`lora_unet_up_blocks_3_attentions_0_${attn1}`, 320, 320))
    expect(info?.base.architecture).toBeUndefined()
    expect(info?.base.evidence).toEqual(['all modules fit Stable Diffusion 1.x and Stable Diffusion 2.x'])
  })

  it('does not call layers unknown where the file numbers them', () => {
    const info = adapter({ 'unet:0:up': [320, 4], 'unet:0:down': [4, 768] })
    expect(info).toMatchObject({ base: { architecture: 'sd1' }, unknownModules: [] })
  })
})

describe('describeAdapter: damage', () => {
  it('names modules that lack a tensor', () => {
    const info = adapter({ ...lora(TO_K, 768), 'lora_unet_conv_in.lora_up.weight': [320, 4] })
    expect(codes(info)).toEqual(['adapter-incomplete-modules'])
    expect(info?.findings[0]?.message).toContain('"lora_unet_conv_in" has only lora_up')
  })

  it.each<[string, Shapes]>([
    ['up and down of different ranks', { 'lora_down.weight': [8, 768], 'lora_up.weight': [320, 4] }],
    [
      'a mid that joins other ranks',
      { 'lora_down.weight': [8, 768], 'lora_up.weight': [320, 8], 'lora_mid.weight': [8, 4, 3, 3] },
    ],
    [
      'LoHa factors for different weights',
      { hada_w1_a: [320, 6], hada_w1_b: [6, 768], hada_w2_a: [640, 6], hada_w2_b: [6, 768] },
    ],
    [
      'LoHa factors of different ranks',
      { hada_w1_a: [320, 6], hada_w1_b: [6, 768], hada_w2_a: [320, 4], hada_w2_b: [6, 768] },
    ],
    [
      'half a Tucker LoHa',
      {
        hada_w1_a: [6, 320],
        hada_w1_b: [6, 768],
        hada_t1: [6, 6, 3, 3],
        hada_w2_a: [6, 320],
        hada_w2_b: [6, 768],
      },
    ],
    ['LoKr factors of different ranks', { lokr_w1: [16, 24], lokr_w2_a: [20, 5], lokr_w2_b: [4, 32] }],
    [
      'GLoRA factors of different ranks',
      { 'a1.weight': [768, 6], 'a2.weight': [5, 768], 'b1.weight': [320, 6], 'b2.weight': [6, 768] },
    ],
    ['rotations that are not square', { oft_blocks: [4, 80, 79] }],
    ['butterfly rotations that are not square', { oft_blocks: [3, 4, 80, 79] }],
    ['an IA3 matrix', { weight: [320, 768], on_input: [] }],
  ])('reports %s', (_, parts) => {
    expect(codes(adapter(prefixed(TO_K, parts)))).toEqual(['adapter-misshapen-modules'])
  })

  it.each([
    ['lora_unet_double_blocks_0_img_attn_proj', 3072, 'sd_1.5'],
    ['transformer.single_transformer_blocks.0.proj_out', 3072, 'sd_1.5'],
    ['lora_unet_joint_blocks_0_x_block_attn_qkv', 1536, 'sd_1.5'],
    [TO_K, 2048, 'sd_1.5'],
    [TO_K, 768, 'sdxl_1.0'],
    [TO_K, 768, 'flux1'],
    // names of Wan, LTX, Hunyuan: of no model that is known here
    ['diffusion_model.blocks.0.self_attn.q', 1536, 'sd_1.5'],
    ['transformer.transformer_blocks.0.attn1.to_q', 2048, 'sd_1.5'],
    ['lora_unet_individual_token_refiner_blocks_0_mlp_0', 3072, 'sdxl_1.0'],
  ])('reports that %s of %i inputs is not of %s', (module, inputs, claim) => {
    expect(codes(adapter(lora(module, inputs), { ss_base_model_version: claim }))).toContain(
      'adapter-base-mismatch',
    )
  })

  it.each([
    ['lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_toq', 'adapter-broken-names'],
    ['lora_unet_downblocks_0_attentions_0_proj_in', 'adapter-broken-names'],
    ['unet/down_blocks/0/attentions/0/to_q', 'adapter-broken-names'],
    ['lora_unet_input_blocks_99_1_proj_in', 'adapter-broken-names'],
    ['unet.mid-block.attentions.0.proj_in', 'adapter-broken-names'],
    ['foo_1_bar', 'adapter-foreign-names'],
    ['7', 'adapter-foreign-names'],
    ['blocks.0.self_attn.mystery', 'adapter-foreign-names'],
    ['transformer.transformer_blocks.0.attn.img_to_q', 'adapter-foreign-names'],
  ])('says that %s is a layer of no model: %s', (name, code) => {
    const names = [name, `lora_unet_mid_block_attentions_0_proj_in`]
    const info = adapter(Object.assign({}, ...names.map((module) => lora(module, 1280, 1280))))
    const found = info?.findings.filter((finding) => finding.code === code)
    expect(found?.map(({ message }) => message)).toEqual([expect.stringContaining(`1 module ("${name}")`)])
  })

  it('does not take layers of Qwen3 for unknown ones of Anima, nor for CLIP of SD 2.x, whose width it has', () => {
    const info = adapter({
      ...lora('lora_unet_llm_adapter_blocks_0_self_attn_q_proj', 1024, 1024),
      ...lora('lora_unet_blocks_0_self_attn_q_proj', 2048, 2048),
      ...lora('lora_te_layers_0_self_attn_q_proj', 1024, 2048),
    })
    expect([info?.base.architecture, info?.unknownModules]).toEqual(['anima', []])
  })

  it('reports a prefix that was written twice', () => {
    expect(codes(adapter(lora(`lora_unet_${TO_K}`, 768)))).toContain('adapter-doubled-prefix')
  })

  it('takes tokens of cloneofsimo for embeddings where they look so, or the metadata says it', () => {
    const factors = Object.fromEntries(
      [0, 1, 2, 3].flatMap((i) => [
        [`text_encoder:${i}:up`, [768, 4]],
        [`text_encoder:${i}:down`, [4, 768]],
      ]),
    )
    const tokens = { '<s1>': [768], mystyle: [2, 768], other: [768], odd: [768], '<s2>': [1, 2, 768] }
    const info = adapter({ ...factors, ...tokens }, { mystyle: '<embed>', other: 'x', '<s2>': '<embed>' })
    expect(info).toMatchObject({ embeddings: ['<s1>', 'mystyle'], strays: ['other', 'odd', '<s2>'] })
  })

  // 320 channels and their multiples by 2, 4, 8 and 16 are inside of every UNet, and tell nothing of it
  it.each([
    [768, 'sd1'],
    [1024, 'sd2'],
    [2048, 'sdxl'],
  ])('knows a numbered list by %i inputs of its cross attention: %s', (context, architecture) => {
    const widths = [320, 640, 1280, 2560, 5120, context]
    const keys = widths.flatMap((width, i) => [
      [`unet:${i}:up`, [320, 4]],
      [`unet:${i}:down`, [4, width]],
    ])
    expect(adapter(Object.fromEntries(keys))?.base).toMatchObject({
      architecture,
      evidence: [`cross attention takes ${context} inputs`],
    })
  })

  it('reports keys that belong to no module', () => {
    const info = adapter({ ...lora(TO_K, 768), 'something.else': [3] })
    expect(info?.strays).toEqual(['something.else'])
    expect(codes(info)).toEqual(['adapter-stray-keys'])
  })

  it('takes names that mean little without others for no module where their shapes do not fit', () => {
    const names = ['net.down.weight', 'net.up.weight']
    const fitting = { [names[0]!]: [4, 8], [names[1]!]: [6, 4] }
    expect(adapter({ ...lora(TO_K, 768), ...fitting })?.strays).toEqual([])
    const others = { [names[0]!]: [4, 8], [names[1]!]: [6, 5] }
    expect(adapter({ ...lora(TO_K, 768), ...others })?.strays).toEqual(names)
  })

  it('reports tensors that the algorithm does not use', () => {
    expect(codes(adapter({ ...lora(TO_K, 768), [`${TO_K}.hada_w1_a`]: [3, 3] }))).toEqual([
      'adapter-surplus-tensors',
    ])
  })

  it('reports the second spelling of a factor and keeps the first', () => {
    const info = adapter({ ...lora(TO_K, 768), [`${TO_K}.lora_A.weight`]: [99, 768] })
    expect(info?.strays).toEqual([`${TO_K}.lora_A.weight`])
    expect(info?.ranks).toEqual([{ value: 4, modules: 1 }])
  })

  it('reports a rank the metadata has from before a resize', () => {
    expect(codes(adapter(lora(TO_K, 768), { ss_network_dim: '128' }))).toEqual(['adapter-rank-claim'])
    expect(codes(adapter(lora(TO_K, 768), { ss_network_dim: '4' }))).toEqual([])
    for (const text of ['Dynamic', '', ' 128', '1e3', '-4', '4.5', '100000'])
      expect(codes(adapter(lora(TO_K, 768), { ss_network_dim: text }))).toEqual([])
    expect(codes(adapter(lora(TO_K, 768), { ss_network_dim: '99999' }))).toEqual(['adapter-rank-claim'])
  })

  it('tells the ranks that are there, from the smallest to the largest', () => {
    const wide = {
      ...lora(CONV, 320),
      [`${CONV}.lora_down.weight`]: [8, 320],
      [`${CONV}.lora_up.weight`]: [320, 8],
    }
    const message = (shapes: Shapes) => {
      const info = adapter(shapes, { ss_network_dim: '128' })
      return info?.findings.find(({ code }) => code === 'adapter-rank-claim')?.message
    }
    expect(message(lora(TO_K, 768))).toBe('the metadata says rank 128, the shapes have 4')
    expect(message({ ...wide, ...lora(TO_K, 768) })).toBe(
      'the metadata says rank 128, the shapes have 4 to 8',
    )
  })

  it.each([
    ['ss_sd_model_hash', '81761151'],
    ['ss_new_sd_model_hash', 'cc6cb27103417325ff94f52b7a5d2dde45a7515b25c255d8e396c90014281516'],
  ])('names the published checkpoint it was trained on by %s', (key, hash) => {
    const info = adapter(lora(TO_K, 768), { [key]: hash })
    expect(codes(info)).toEqual(['trained-on-known'])
    expect(info?.findings[0]?.message).toContain('v1-5-pruned-emaonly.ckpt')
    expect(codes(adapter(lora(TO_K, 768), { [key]: hash.replaceAll('1', '0') }))).toEqual([])
  })

  it('escapes control characters of names in messages', () => {
    const info = adapter({ ...lora(TO_K, 768), 'evil\u001b[31m\nname': [3] })
    const message = info!.findings[0]!.message
    expect(message).toContain('evil')
    expect([...message].every((c) => c >= ' ')).toBe(true)
  })
})

describe('describeAdapter: other files', () => {
  it.each<[string, Shapes]>([
    ['nothing', {}],
    [
      'a checkpoint with some LoRA keys in it',
      {
        ...lora(TO_K, 768),
        ...Object.fromEntries(
          Array.from({ length: 4 }, (_, i) => [`model.diffusion_model.out.${i}.weight`, [3]]),
        ),
      },
    ],
    [
      'a network with layers called up and down',
      { 'block.down.weight': [64, 64], 'block.up.weight': [128, 32] },
    ],
    ['an IP-Adapter with LoRA layers', { ...lora(TO_K, 768), 'image_proj.norm.weight': [768] }],
    ['a list of square matrices', { '[0]': [64, 64], '[1]': [64, 64] }],
    ['ordinary weights', { 'conv.weight': [3, 3], 'conv.bias': [3], 'norm.scale': [3] }],
  ])('%s: no adapter', (_, shapes) => expect(adapter(shapes)).toBeUndefined())
})

describe('readAlphas', () => {
  it('counts the values of alpha and leaves other tensors unread', async () => {
    const table = shapeTable({ ...lora(TO_K, 768), ...lora(SGM_TO_K, 768), ...lora(CONV, 320) })
    const info = describeAdapter(table)!
    const read: string[] = []
    const values = async ({ name }: { name: string }) => {
      read.push(name)
      return Float64Array.of(name.startsWith(CONV) ? 1 : 16)
    }
    const { alphas } = await readAlphas(table, info, values)
    expect(alphas).toEqual([
      { value: 1, modules: 1 },
      { value: 16, modules: 2 },
    ])
    expect(read.every((name) => name.endsWith('.alpha'))).toBe(true)
  })
})

describe('readAlphas: damage', () => {
  it('reports alphas that ruin or undo a module', async () => {
    const table = shapeTable({ ...lora(TO_K, 768), ...lora(SGM_TO_K, 768), ...lora(CONV, 320) })
    const values = async ({ name }: { name: string }) => {
      return Float64Array.of(name.startsWith(CONV) ? Number.NaN : name.startsWith(TO_K) ? 0 : 4)
    }
    const info = await readAlphas(table, describeAdapter(table)!, values)
    expect(codes(info)).toEqual(['adapter-mixed-names', 'adapter-alpha-not-finite', 'adapter-alpha-zero'])
  })

  it.each([
    ['complex', [], 'C64'],
    ['several numbers', [2], 'F32'],
  ] as const)('reports an alpha that is %s, and leaves it unread', async (_, shape, dtype) => {
    const table = shapeTable({ ...lora(TO_K, 768), ...lora(SGM_TO_K, 768) })
    const odd = { ...table.tensors.get(`${TO_K}.alpha`)!, shape, dtype }
    const damaged = { ...table, tensors: new Map(table.tensors).set(odd.name, odd) }
    const info = await readAlphas(damaged, describeAdapter(damaged)!, async ({ name }) => {
      if (name === odd.name) throw new Error('these are no numbers')
      return Float64Array.of(4)
    })
    expect(info.alphas).toEqual([{ value: 4, modules: 1 }])
    expect(codes(info)).toEqual(['adapter-mixed-names', 'adapter-alpha-odd'])
    expect(info.findings.at(-1)?.message).toContain(`1 alpha ("${odd.name}")`)
  })
})

describeReal('adapters other people made', () => {
  // Module counts: 192 + 72 (SD 1.x), 722 + 72 + 192 (SDXL) of kohya's trainer, formats notes 2.2 and 2.3
  it('a kohya LoRA for SDXL', () => {
    const info = describeAdapter(realKeys('Alien Style.safetensors'))
    expect(targets(info)).toEqual(['unet 722', 'te1 72', 'te2 192'])
    expect(info).toMatchObject({
      title: 'LoRA',
      ranks: [{ value: 32, modules: 986 }],
      base: { architecture: 'sdxl' },
      findings: [],
    })
  })

  it('a kohya LoRA for SD 1.x', () => {
    const info = describeAdapter(realKeys('shinkai_makoto_offset.safetensors'))
    expect(targets(info)).toEqual(['unet 192', 'te1 72'])
    expect(info).toMatchObject({ ranks: [{ value: 128 }], base: { architecture: 'sd1' }, findings: [] })
  })

  it('a PEFT adapter for Flux', () => {
    const info = describeAdapter(realKeys('stripped_models__peft_adapter_model.safetensors'))
    expect(info).toMatchObject({
      modules: 381,
      withoutAlpha: 381,
      base: { architecture: 'flux' },
      // no alpha in the file, and no adapter_config.json beside it
      findings: [{ code: 'adapter-alpha-unknown', severity: 'warning' }],
    })
    expect(info?.dialects.map(({ id }) => id)).toEqual(['peft'])
  })

  // conv_rank was set: 192 attention modules and 86 of the res blocks, of which 44 + 6 have 3x3 kernels
  it.each([4, 8, 16])('a LyCORIS LoKr of dim %i', (dim) => {
    const info = describeAdapter(
      realTable(`loras/KohakuBlueleaf__LyCORIS__result__smart_falcon_${dim}_lokr.safetensors`),
    )
    expect(counts(info)).toEqual(['lokr 350'])
    expect(targets(info)).toEqual(['unet 278', 'te1 72'])
    expect(info).toMatchObject({
      ranks: [{ value: dim, modules: 350 }],
      convModules: 50,
      base: { architecture: 'sd1', claimed: 'sd1' },
      findings: [],
    })
  })

  it('reads the alphas that the training metadata names', async () => {
    const file = 'loras/KohakuBlueleaf__LyCORIS__result__smart_falcon_8_lokr.safetensors'
    const source = await openFileSource(realFile(file)!)
    const model = await openModel(source)
    const read = async (_: unknown, offset: number, target: Uint8Array) => {
      target.set(await source.read(offset, target.byteLength))
    }
    const info = await readAlphas(model, describeAdapter(model)!, (tensor) => readValues(tensor, read))
    await source.close()
    expect(model.metadata.ss_network_alpha).toBe('8.0')
    expect(info.alphas).toEqual([{ value: 8, modules: 350 }])
  })

  it('a cloneofsimo list without names', () => {
    const info = describeAdapter(realTable('loras/cloneofsimo__lora__contents__lora_kiriko.pt'))
    expect(info).toMatchObject({ modules: 128, ranks: [{ value: 4 }], base: { architecture: 'sd2' } })
    expect(targets(info)).toEqual(['unet 128'])
  })

  it('a cloneofsimo file with its tokens', () => {
    const info = describeAdapter(realTable('loras/cloneofsimo__lora__example_loras__lora_disney.safetensors'))
    expect(info).toMatchObject({ embeddings: ['<s1>', '<s2>'], strays: [], base: { architecture: 'sd1' } })
    expect(info?.dialects.map(({ id, modules }) => `${id} ${modules}`)).toEqual(['cloneofsimo 192'])
    expect(targets(info)).toEqual(['unet 144', 'te1 48'])
  })

  it.each([
    'Juggernaut XL v9__unet__diffusion_pytorch_model.fp16.safetensors',
    'Hard Edge Detection (canny)__diffusion_pytorch_model.fp16.safetensors',
    'Standard Reference (IP Adapter).safetensors',
    'clip-vit-large-patch14__model.safetensors',
  ])('%s is none', (name) => expect(describeAdapter(realKeys(name))).toBeUndefined())

  it.each([
    'vae/huggingface__diffusers__test__vae__diffusion_pytorch_model.bin',
    'vae/madebyollin__taesd__taef2_decoder.pth',
    'embeddings/huggingface__diffusers__examples__textual_inversion__automatic_embed__flora.pt',
  ])('%s is none', (file) => expect(describeAdapter(realTable(file))).toBeUndefined())
})
