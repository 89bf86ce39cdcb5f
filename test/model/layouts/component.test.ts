import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { identify } from '../../../src/model/identify/identify.ts'
import { extractComponents } from '../../../src/model/layouts/component.ts'
import type { ComponentId, Selector } from '../../../src/model/networks/components.ts'
import { encoderPrefix } from '../../../src/model/networks/text-encoders/component.ts'
import { type CollapsedKeys, expandedKeys } from '../../collapsed-keys.ts'
import { tableOf, valuesOf } from '../tables.ts'

type Keys = Record<string, readonly number[]>

function golden<T>(file: string): T {
  return JSON.parse(readFileSync(`fixtures/goldens/${file}.json`, 'utf8')) as T
}

/** Made by fixtures/goldens/encoders.py and vaes.py. */
const { encoders } = golden<{ encoders: Record<string, Record<string, CollapsedKeys>> }>('encoders')
const vaes = golden<Record<'native' | 'diffusers', Record<string, CollapsedKeys>>>('vaes')

async function extracted(keys: Keys, selector: Selector) {
  const table = tableOf(Object.entries(keys), { dtype: 'BF16' })
  const found = extractComponents(table, await identify(table, valuesOf()), selector)
  return found.map(({ suffix, table: { tensors }, left }) => ({ suffix, names: [...tensors.keys()], left }))
}

const DIT: Keys = { 'model.diffusion_model.head.modulation': [1, 2, 5120] }

/**
 * Keys by which ComfyUI knows an encoder in a file of its own, `detect_te_model` in sd.py: those of Qwen3-VL have the
 * names of its whole model, all others those of the text model alone.
 */
const LOADED_BY: Readonly<Record<string, string>> = {
  qwen3_06b: 'model.layers.0.self_attn.q_norm.weight',
  qwen3_4b: 'model.layers.0.self_attn.q_norm.weight',
  qwen3_8b: 'model.layers.0.self_attn.q_norm.weight',
  qwen3vl_4b: 'model.visual.deepstack_merger_list.0.norm.weight',
  qwen3vl_8b: 'model.visual.deepstack_merger_list.0.norm.weight',
  qwen25_3b: 'model.layers.0.self_attn.k_proj.bias',
  qwen25_7b: 'model.layers.0.self_attn.k_proj.bias',
  mistral3_24b: 'model.layers.39.post_attention_layernorm.weight',
  ministral3_3b: 'model.layers.0.post_attention_layernorm.weight',
  llama3_8b: 'model.layers.0.post_attention_layernorm.weight',
  gemma2_2b: 'model.layers.0.post_feedforward_layernorm.weight',
  gemma3_12b: 'model.layers.47.self_attn.q_norm.weight',
  gpt_oss_20b: 'layers.0.self_attn.sinks',
  t5xxl: 'encoder.block.23.layer.1.DenseReluDense.wi_1.weight',
  t5xl: 'encoder.block.23.layer.1.DenseReluDense.wi_1.weight',
  umt5xxl: 'encoder.block.23.layer.1.DenseReluDense.wi_1.weight',
  byt5: 'encoder.block.0.layer.0.SelfAttention.k.weight',
}

describe('a text encoder cut out of a whole model', () => {
  it.each(Object.entries(LOADED_BY))('%s has the names by which ComfyUI knows it', async (id, key) => {
    const layouts = encoders[id]!
    const inside = expandedKeys(layouts.transformers!, encoderPrefix(id as ComponentId))
    const found = await extracted({ ...DIT, ...inside }, id as ComponentId)
    expect(found).toMatchObject([{ suffix: id, left: [] }])
    expect(found[0]?.names).toContain(key)
    expect(found[0]?.names).toHaveLength(Object.keys(inside).length)
  })

  it.each(['mistral3_24b', 'gemma3_12b', 'qwen25_7b'])(
    '%s with the names of older and newer transformers becomes the same',
    async (id) => {
      const { transformers, transformers4 } = encoders[id]!
      const [newer] = await extracted(expandedKeys(transformers!), 'text')
      const [older] = await extracted(expandedKeys(transformers4!, 'text_encoder.'), 'text')
      expect(new Set(newer?.names)).toEqual(new Set(older?.names))
      expect(newer?.names).toContain('model.embed_tokens.weight')
    },
  )

  it('the BERT of HunyuanDiT has its prefix, whatever it had before', async () => {
    const plain = expandedKeys(encoders.hydit_clip!.transformers!)
    const bert = Object.keys(plain).map((name) => `bert.${name}`)
    const inside = Object.entries(plain).map(([name, shape]) => [
      `${encoderPrefix('hydit_clip')}bert.${name}`,
      shape,
    ])
    for (const keys of [plain, Object.fromEntries(inside) as Keys])
      expect((await extracted(keys, 'hydit_clip'))[0]?.names).toEqual(bert)
  })

  it('the tower of Gemma 3 stands where ComfyUI looks for it', async () => {
    const [found] = await extracted(expandedKeys(encoders.gemma3_4b!.transformers!), 'gemma3_4b')
    expect(found?.names).toContain('vision_model.embeddings.patch_embedding.weight')
    expect(found?.names).toContain('multi_modal_projector.mm_input_projection_weight')
  })

  it('takes its tokenizer and what else ComfyUI keeps above it', async () => {
    const prefix = encoderPrefix('umt5xxl')
    const keys = {
      ...DIT,
      ...expandedKeys(encoders.umt5xxl!.transformers!, prefix),
      'text_encoders.umt5xxl.logit_scale': [],
      'text_encoders.spiece_model': [4_548_313],
    }
    const [found, ...others] = await extracted(keys, 'text')
    expect(others).toEqual([])
    expect(found?.names.filter((name) => !name.startsWith('encoder.'))).toEqual([
      'shared.weight',
      'logit_scale',
      'spiece_model',
    ])
  })

  it('a GGUF keeps the names of llama.cpp', async () => {
    const keys = expandedKeys(encoders.qwen3_4b!['llama.cpp']!)
    expect(await extracted(keys, 'text')).toEqual([
      { suffix: 'qwen3_4b', names: Object.keys(keys), left: [] },
    ])
  })
})

describe('the VAE of a whole model', () => {
  it.each(Object.keys(vaes.native))('%s, cut out with the names of its authors', async (name) => {
    const keys = expandedKeys(vaes.native[name]!)
    const inside = Object.fromEntries(Object.entries(keys).map(([key, shape]) => [`vae.${key}`, shape]))
    const text = expandedKeys(encoders.umt5xxl!.transformers!, encoderPrefix('umt5xxl'))
    const found = await extracted({ ...inside, ...text }, 'vae')
    expect(found).toEqual([{ suffix: 'vae', names: Object.keys(keys), left: [] }])
  })

  it.each(['wan21', 'wan22'])('%s in the layout of diffusers gets the names of its authors', async (name) => {
    const [found] = await extracted(expandedKeys(vaes.diffusers[name]!, 'vae.'), 'vae')
    expect(new Set(found?.names)).toEqual(new Set(Object.keys(expandedKeys(vaes.native[name]!))))
  })

  it('of Flux.2 does, too, with its statistics and its attention as convolutions', async () => {
    const table = tableOf(Object.entries(expandedKeys(vaes.diffusers.flux2!)))
    const [found] = extractComponents(table, await identify(table, valuesOf()), 'vae')
    const { tensors } = found!.table
    expect(tensors.get('decoder.mid.attn_1.q.weight')?.shape).toEqual([512, 512, 1, 1])
    expect([...tensors.keys()]).toContain('bn.running_mean')
    expect(tensors.size).toBe(table.tensors.size)
  })

  it('the audio of LTX-2 is no part of it', async () => {
    const keys = {
      ...DIT,
      ...Object.fromEntries(
        Object.entries(expandedKeys(vaes.native['ltx 0.9.5']!)).map(([key, shape]) => [`vae.${key}`, shape]),
      ),
      'audio_vae.decoder.conv_in.conv.weight': [512, 8, 3, 3],
      'vocoder.conv_pre.weight': [1024, 128, 7],
    }
    const table = tableOf(Object.entries(keys))
    const { components } = await identify(table, valuesOf())
    expect(
      components.filter(({ id }) => id === 'audio').map(({ prefix, tensors }) => [prefix, tensors]),
    ).toEqual([
      ['audio_vae.', 1],
      ['vocoder.', 1],
    ])
  })
})
