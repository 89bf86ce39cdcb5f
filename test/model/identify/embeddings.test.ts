import { describe, expect, it } from 'vitest'
import { embeddingChecksum, embeddingHash } from '../../../src/model/identify/embedding-checksum.ts'
import {
  bundledNames,
  describeEmbedding,
  type EmbeddingPart,
} from '../../../src/model/identify/embeddings.ts'
import { describeReal } from '../../real-files.ts'
import { realKeys, realTable, type Shapes, shapeTable } from '../shape-table.ts'

function embedding(shapes: Shapes, extras = {}) {
  return describeEmbedding({ ...shapeTable(shapes, {}, 'F32'), extras })
}

function roles(info: ReturnType<typeof describeEmbedding>) {
  return info && partTexts(info.parts)
}

function partTexts(parts: readonly EmbeddingPart[]) {
  return parts.map(({ role, vectors, dim }) => `${role} ${vectors}x${dim}`)
}

function codes(info: ReturnType<typeof describeEmbedding>) {
  return info?.findings.map(({ code }) => code)
}

describe('describeEmbedding', () => {
  it('reads the name, the steps and the checkpoint of an A1111 file', () => {
    const extras = {
      name: 'FloralMarble-400',
      step: 399,
      sd_checkpoint: '4bdfc29c',
      sd_checkpoint_name: 'SD2.1-768',
    }
    const info = embedding({ 'string_to_param/*': [4, 1024] }, extras)
    expect(info).toMatchObject({
      layout: 'a1111',
      name: 'FloralMarble-400',
      vectors: 4,
      steps: 399,
      architecture: 'sd2',
      trainedOn: { hash: '4bdfc29c', name: 'SD2.1-768' },
      // AutoV1 of the file Stability published
      findings: [{ code: 'trained-on-known', message: expect.stringContaining('v2-1_768-ema-pruned') }],
    })
    expect(info?.token).toBeUndefined() // "*" is in every such file
  })

  it('survives extras of the wrong type', () => {
    const info = embedding(
      { 'string_to_param/*': [1, 768] },
      { name: 5, step: null, sd_checkpoint: [1], sd_checkpoint_name: {} },
    )
    expect(info?.name).toBeUndefined()
    expect(info?.steps).toBeUndefined()
    expect(info?.trainedOn).toBeUndefined()
  })

  it('takes vectors out of a torch ParameterDict and ignores its token ids', () => {
    const info = embedding({ 'string_to_token/*': [], 'string_to_param{state}/_parameters/*': [1, 768] })
    expect(info).toMatchObject({ layout: 'ldm', vectors: 1, architecture: 'sd1' })
  })

  it('counts a vector of one dimension as one', () => {
    const info = embedding({ '<birb-style>': [768] })
    expect(info).toMatchObject({
      layout: 'diffusers',
      token: '<birb-style>',
      vectors: 1,
      architecture: 'sd1',
    })
  })

  it.each(['emb_params', '*', '<cat toy>', 'my-token'])('accepts one tensor called %s', (name) => {
    expect(roles(embedding({ [name]: [8, 768] }))).toEqual(['single 8x768'])
  })

  it.each<[string, Shapes, readonly string[][]]>([
    ['one token again', { '[0]/<a>': [768], '[1]/<a>': [768] }, [['single 1x768'], ['single 1x768']]],
    [
      'one token that grew',
      { '[0]/<a>': [768], '[1]/<a>': [768], '[2]/<a>': [2, 768] },
      [['single 1x768'], ['single 1x768'], ['single 2x768']],
    ],
    [
      'a dict with both encoders again',
      { '[0]/emb': [768], '[0]/emb2': [1280], '[1]/emb': [768], '[1]/emb2': [1280] },
      [
        ['clip_l 1x768', 'clip_g 1x1280'],
        ['clip_l 1x768', 'clip_g 1x1280'],
      ],
    ],
    [
      'a dict for each encoder, again',
      { '[0]/a': [768], '[1]/a': [1280], '[2]/a': [768], '[3]/a': [1280] },
      [
        ['clip_l 1x768', 'clip_g 1x1280'],
        ['clip_l 1x768', 'clip_g 1x1280'],
      ],
    ],
    [
      'two tokens again',
      { '[0]/<a>': [768], '[0]/<b>': [768], '[1]/<a>': [768], '[1]/<b>': [768] },
      [
        ['single 1x768', 'single 1x768'],
        ['single 1x768', 'single 1x768'],
      ],
    ],
  ])('a list with %s is the progress of a training, not one embedding', (_, shapes, states) => {
    const info = embedding(shapes)
    expect(info?.layout).toBe('snapshots')
    expect(info?.snapshots?.map(partTexts)).toEqual(states)
    expect(partTexts(info!.parts)).toEqual(states.at(-1))
    expect(codes(info)).toContain('embedding-snapshots')
  })

  it.each<[string, Shapes, readonly string[]]>([
    ['one dict', { '[0]/<a>': [3, 768] }, ['single 3x768']],
    ['a dict for each encoder', { '[0]/a': [768], '[1]/a': [1280] }, ['clip_l 1x768', 'clip_g 1x1280']],
    ['tokens of their own', { '[0]/<a>': [768], '[1]/<b>': [768] }, ['single 1x768', 'single 1x768']],
  ])('a list of %s is no progress', (_, shapes, parts) => {
    const info = embedding(shapes)
    expect([info?.layout, info?.snapshots]).toEqual(['list', undefined])
    expect(partTexts(info!.parts)).toEqual(parts)
  })

  it.each([[768], [1, 768], [1024], [1, 1280], [3, 768]])('a bare tensor of [%s, %s] is none', (...shape) => {
    expect(embedding({ tensor: shape })).toBeUndefined()
  })

  it('knows SDXL by clip_l and clip_g, which take the same places in a prompt', () => {
    const info = embedding({ clip_g: [6, 1280], clip_l: [6, 768] })
    expect(info).toMatchObject({ layout: 'encoders', architecture: 'sdxl', vectors: 6, findings: [] })
    expect(embedding({ text_encoders_0: [2, 768], text_encoders_1: [2, 1280] })).toMatchObject({
      architecture: 'sdxl',
      vectors: 2,
    })
  })

  it('knows SD3 by a third tensor for T5', () => {
    expect(embedding({ clip_l: [2, 768], clip_g: [2, 1280], t5xxl: [2, 4096] })?.architecture).toBe('sd3')
  })

  it('warns of half an SDXL embedding and does not call it SD 1.x', () => {
    const info = embedding({ clip_l: [6, 768] })
    expect(info?.architecture).toBeUndefined()
    expect(codes(info)).toEqual(['embedding-half'])
  })

  it('warns of encoders with different numbers of vectors', () => {
    expect(codes(embedding({ clip_l: [6, 768], clip_g: [5, 1280] }))).toEqual(['embedding-uneven'])
  })

  it('warns of several embeddings in one file', () => {
    expect(codes(embedding({ '<s1>': [768], '<s2>': [768] }))).toEqual(['embedding-several'])
  })

  it.each([
    ['a width that no text encoder has', { '<x>': [4, 320] }],
    ['a tensor for the wrong encoder', { clip_l: [4, 1280] }],
    ['a token table', { emb_params: [49408, 768] }],
    ['no vector', { emb_params: [0, 768] }],
    ['three dimensions', { emb_params: [1, 4, 768] }],
    ['a scalar', { emb_params: [] }],
    ['a position table', { positional_embedding: [77, 1024] }],
    ['a bias', { 'ln_final.bias': [1024] }],
    ['the norm of a network', { 'text_model.final_layer_norm.weight': [768] }],
    ['an embedding and a weight', { '<x>': [4, 768], 'conv.weight': [3, 768] }],
    ['a LoRA factor', { 'lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight': [4, 768] }],
    ['factors without names', { '[0]': [320, 768], '[1]': [4, 768] }],
    ['nothing', {}],
  ])('does not take %s for an embedding', (_, shapes) => {
    expect(embedding(shapes)).toBeUndefined()
  })

  it('does not take integers for an embedding', () => {
    expect(describeEmbedding(shapeTable({ '<x>': [4, 768] }, {}, 'I64'))).toBeUndefined()
  })
})

describe('bundledNames', () => {
  it('names each embedding inside another file once', () => {
    const keys = ['bundle_emb.cat.string_to_param.*', 'bundle_emb.dog.clip_l', 'bundle_emb.dog.clip_g', 'x.alpha'] // biome-ignore format: one line
    expect(bundledNames(keys)).toEqual(['cat', 'dog'])
  })
})

describe('embeddingHash', () => {
  it('is that of the values of the only tensor', async () => {
    const info = embedding({ emb_params: [1, 768] })!
    const values = new Float64Array(768)
    values.set([0.1, -0.2, 0.3, 1.5])
    // The formula in Python's unbounded integers over torch's float32 values
    expect(await embeddingHash(info, async () => values)).toBe('1476')
  })

  it('has no answer where there are several', async () => {
    const info = embedding({ clip_l: [1, 768], clip_g: [1, 1280] })!
    expect(await embeddingHash(info, async () => new Float64Array())).toBeUndefined()
  })
})

describe('embeddingChecksum', () => {
  // Values computed with the formula in Python's unbounded integers
  it('is the one A1111 shows', () => {
    expect(embeddingChecksum(new Float32Array([0.1, -0.2, 0.3, 1.5]))).toBe('91b6')
  })

  it('wraps at 32 bits as Python masks', () => {
    expect(embeddingChecksum(new Float32Array([1e6, -3.7e7, 12.345, -0.001, 99999.9]))).toBe('deb4')
  })

  it('has four digits for no values', () => {
    expect(embeddingChecksum(new Float32Array(0))).toBe('0000')
  })
})

describeReal('embeddings other people made', () => {
  it.each([
    ['cloneofsimo__lora__example_loras__lora_kiriko2.ti.pt', 'diffusers', '<krk>', ['single 1x768']],
    ['fastai__diffusion-nbs__learned_embeds.bin', 'diffusers', '<birb-style>', ['single 1x768']],
    [
      'huggingface__diffusers__examples__textual_inversion__automatic_embed__flora.pt',
      'a1111',
      undefined,
      ['single 4x1024'],
    ],
    [
      'huggingface__diffusers__examples__textual_inversion__textual_inversion_frida__learned_embeds_1.bin',
      'diffusers',
      '<frida>',
      ['single 10x768'],
    ],
    [
      'invoke-ai__InvokeAI__tests__backend__model_manager__data__test_files__test_embedding.safetensors',
      'emb_params',
      undefined,
      ['single 5x768'],
    ],
    ['eastonhill__stable-diffusion__embeddings.pt', 'ldm', undefined, ['single 1x768']],
  ])('%s', (file, layout, token, parts) => {
    const info = describeEmbedding(realTable(`embeddings/${file}`))
    expect({ layout: info?.layout, token: info?.token, parts: roles(info) }).toEqual({ layout, token, parts })
  })

  it.each([
    'vae/huggingface__diffusers__test__text_encoder__pytorch_model.bin',
    'loras/cloneofsimo__lora__contents__lora_kiriko.pt',
  ])('%s is none', (file) => expect(describeEmbedding(realTable(file))).toBeUndefined())

  it('an IP-Adapter is none', () => {
    expect(describeEmbedding(realKeys('Standard Reference (IP Adapter).safetensors'))).toBeUndefined()
  })
})
