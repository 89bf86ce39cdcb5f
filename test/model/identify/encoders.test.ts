import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { identify } from '../../../src/model/identify/identify.ts'
import type { Identity } from '../../../src/model/identity.ts'
import { withKnownNames } from '../../../src/model/layouts/known-names.ts'
import { COMPONENTS, type ComponentId } from '../../../src/model/networks/components.ts'
import { encoderPrefix } from '../../../src/model/networks/text-encoders/component.ts'
import { MARKED_ENCODERS, TEXT_ENCODERS } from '../../../src/model/networks/text-encoders/registry.ts'
import { clip, clipTopology } from '../../../src/model/networks/topology/text.ts'
import { type CollapsedKeys, expandedKeys } from '../../collapsed-keys.ts'
import { tableOf, valuesOf } from '../tables.ts'

type Keys = Record<string, readonly number[]>

/** Names and shapes by transformers, diffusers and llama.cpp. Made by fixtures/goldens/encoders.py. */
const GOLDEN = JSON.parse(readFileSync('fixtures/goldens/encoders.json', 'utf8')) as {
  readonly encoders: Readonly<Record<string, Readonly<Record<string, CollapsedKeys>>>>
}

/** Language models whose tower has been left out are those of their relatives without one. */
const ALONE: Readonly<Record<string, ComponentId>> = {
  qwen3vl_4b: 'qwen3_4b',
  qwen3vl_8b: 'qwen3_8b',
  qwen3vl_32b: 'text',
}

interface Case {
  readonly name: string
  readonly id: ComponentId
  readonly layout: string
  readonly keys: CollapsedKeys
}

const CASES: readonly Case[] = Object.entries(GOLDEN.encoders).flatMap(([encoder, layouts]) =>
  Object.entries(layouts).map(([layout, keys]): Case => {
    const isAlone = layout === 'text' || layout === 'llama.cpp'
    const id = (isAlone && ALONE[encoder]) || (encoder as ComponentId)
    return { name: `${encoder}, names of ${layout}`, id, layout, keys }
  }),
)

function identifyKeys(keys: Keys, metadata: Record<string, string> = {}): Promise<Identity> {
  return identify(tableOf(Object.entries(keys), { dtype: 'BF16', metadata }), valuesOf())
}

/** Encoders of the table, and those that are known by marks. */
const WITH_LAYERS = new Set(TEXT_ENCODERS.flatMap(({ members }) => members.map(({ id }) => id)))
const MARKED = MARKED_ENCODERS.flatMap(({ is }) => (typeof is === 'string' ? [is] : Object.values(is.ids)))

/** Source: ComfyUI, `text_encoders/jina_clip_2.py`, with layers 0 to 23. */
const JINA: CollapsedKeys = {
  'model.embeddings.word_embeddings.weight': [250002, 1024],
  'model.embeddings.token_type_embeddings.weight': [1, 1024],
  'model.emb_ln.weight': [1024],
  'model.emb_ln.bias': [1024],
  'model.encoder.layers.[0-23].mixer.Wqkv.weight': [3072, 1024],
  'model.encoder.layers.[0-23].mixer.Wqkv.bias': [3072],
  'model.encoder.layers.[0-23].mixer.out_proj.weight': [1024, 1024],
  'model.encoder.layers.[0-23].mixer.out_proj.bias': [1024],
  'model.encoder.layers.[0-23].norm1.weight': [1024],
  'model.encoder.layers.[0-23].norm1.bias': [1024],
  'model.encoder.layers.[0-23].norm2.weight': [1024],
  'model.encoder.layers.[0-23].norm2.bias': [1024],
  'model.encoder.layers.[0-23].mlp.fc1.weight': [4096, 1024],
  'model.encoder.layers.[0-23].mlp.fc1.bias': [4096],
  'model.encoder.layers.[0-23].mlp.fc2.weight': [1024, 4096],
  'model.encoder.layers.[0-23].mlp.fc2.bias': [1024],
}

describe('a text encoder in a file of its own', () => {
  it('every encoder of the tables is among the cases', () => {
    const covered = new Set<string>([...Object.keys(GOLDEN.encoders), 'jina_clip_2'])
    expect([...WITH_LAYERS, ...MARKED].filter((id) => !covered.has(id))).toEqual([])
  })

  it.each(CASES)('$name is $id, and nothing is missing', async ({ id, layout, keys }) => {
    const { kind, title, components, findings } = await identifyKeys(expandedKeys(keys))
    expect({ kind, title }).toEqual({ kind: 'text-encoder', title: COMPONENTS[id].title })
    expect(components.map((one) => one.id)).toEqual([id])
    if (id === 'text') return
    expect(findings).toEqual([])
    const [{ match, layout: named } = {}] = components
    expect(named).toBe(layout === 'llama.cpp' ? 'llama.cpp' : 'transformers')
    if (!WITH_LAYERS.has(id)) return
    expect(match).toMatchObject({ missing: [], misshapen: [], extra: [] })
    expect(match?.expected).toBe(Object.keys(expandedKeys(keys)).length)
  })

  it.each(CASES)('$name: no word of it is taken for that of a trainer', ({ keys }) => {
    const names = Object.keys(expandedKeys(keys))
    const table = tableOf(Object.entries(expandedKeys(keys)), { dtype: 'BF16' })
    expect([...withKnownNames(table).tensors.keys()]).toEqual(names)
  })

  it('Jina CLIP 2 has the layers that ComfyUI builds', async () => {
    const { title, components, findings } = await identifyKeys(expandedKeys(JINA))
    expect(title).toBe('Jina CLIP 2 text encoder')
    expect(components[0]?.match).toMatchObject({ missing: [], misshapen: [], extra: [] })
    expect(findings).toEqual([])
  })

  it('general.architecture tells Qwen3-VL from Qwen3 in a GGUF, which has no tower', async () => {
    const keys = expandedKeys(GOLDEN.encoders.qwen3vl_4b!['llama.cpp']!)
    const said = (architecture: string) => identifyKeys(keys, { 'general.architecture': architecture })
    expect((await said('qwen3vl')).title).toBe('Qwen3-VL 4B text encoder')
    expect((await said('qwen3')).title).toBe('Qwen3 4B text encoder')
  })

  it.each(['spiece_model', 'tekken_model', 'tokenizer_json'])(
    'the tokenizer in "%s" belongs to it',
    async (key) => {
      const keys = { ...expandedKeys(GOLDEN.encoders.umt5xxl!.transformers!), [key]: [4_548_313] }
      const { components, findings } = await identifyKeys(keys)
      expect(components.map(({ id }) => id)).toEqual(['umt5xxl'])
      expect(findings).toEqual([])
    },
  )

  it('tokens that were added to the vocabulary change no name', async () => {
    const keys = expandedKeys(GOLDEN.encoders.qwen3_4b!.bare!)
    const { title } = await identifyKeys({ ...keys, 'embed_tokens.weight': [217_204, 2560] })
    expect(title).toBe('Qwen3 4B text encoder')
  })

  it('the tower of Gemma 3 may stand where ComfyUI has it', async () => {
    const keys = Object.entries(expandedKeys(GOLDEN.encoders.gemma3_4b!.transformers4!)).map(
      ([name, shape]) => {
        const spelled = name.replace('language_model.model.', 'model.').replace('language_model.', '')
        return [spelled.replace('vision_tower.', 'vision_model.'), shape] as const
      },
    )
    const { components, findings } = await identifyKeys(Object.fromEntries(keys))
    expect(components.map(({ id }) => id)).toEqual(['gemma3_4b'])
    expect(findings).toEqual([])
  })
})

describe('a text encoder that is damaged or unknown', () => {
  /** One key of each kind, of the first layer that has it. */
  const firstKeys = (keys: CollapsedKeys) =>
    Object.keys(keys).map((one) => Object.keys(expandedKeys({ [one]: keys[one]! }))[0]!)

  it.each(
    CASES.filter(({ id, layout }) => id !== 'text' && layout !== 'transformers4' && layout !== 'pruned'),
  )('$name without any one key is never called another', async ({ id, keys }) => {
    const whole = expandedKeys(keys)
    for (const name of firstKeys(keys)) {
      const { [name]: _, ...rest } = whole
      const { components } = await identifyKeys(rest)
      expect([id, 'text']).toContain(components[0]?.id)
      const match = components[0]?.match
      const isOptional =
        /^(?:.*\.)?(?:lm_head|output|output_layer|embed_tokens|rotary_pos_emb|pooler)\./.test(name)
      if (components[0]?.id !== id || match === undefined || isOptional) continue
      expect(match.missing.map((one) => one.name)).toEqual([name])
    }
  })

  it.each(CASES.filter(({ id, layout }) => id !== 'text' && layout !== 'transformers4'))(
    '$name without one kind of key in all layers is never called another',
    async ({ id, keys }) => {
      for (const pattern of Object.keys(keys)) {
        const { [pattern]: _, ...rest } = keys
        const { components } = await identifyKeys(expandedKeys(rest))
        const relative = id.replace('qwen3vl', 'qwen3')
        const allowed = [id, 'text', 'weights', ...(pattern.includes('visual') ? [relative] : [])]
        expect(allowed, pattern).toContain(components[0]?.id)
      }
    },
  )

  const QWEN3_14B: CollapsedKeys = {
    'model.embed_tokens.weight': [151936, 5120],
    'model.layers.[0-39].self_attn.q_proj.weight': [5120, 5120],
    'model.layers.[0-39].self_attn.k_proj.weight': [1024, 5120],
    'model.layers.[0-39].self_attn.v_proj.weight': [1024, 5120],
    'model.layers.[0-39].self_attn.o_proj.weight': [5120, 5120],
    'model.layers.[0-39].self_attn.q_norm.weight': [128],
    'model.layers.[0-39].self_attn.k_norm.weight': [128],
    'model.layers.[0-39].mlp.gate_proj.weight': [17408, 5120],
    'model.layers.[0-39].mlp.up_proj.weight': [17408, 5120],
    'model.layers.[0-39].mlp.down_proj.weight': [5120, 17408],
    'model.layers.[0-39].input_layernorm.weight': [5120],
    'model.layers.[0-39].post_attention_layernorm.weight': [5120],
    'model.norm.weight': [5120],
  }

  it('Mistral 7B, with the shapes of Llama 3 8B and another vocabulary, is not called that', async () => {
    const llama = expandedKeys(GOLDEN.encoders.llama3_8b!.bare!)
    const { components } = await identifyKeys({ ...llama, 'embed_tokens.weight': [32_768, 4096] })
    expect(components[0]?.id).toBe('text')
  })

  it('Qwen3 14B, as wide as Mistral Small 3, is called neither and the nearest is named', async () => {
    const { title, findings } = await identifyKeys(expandedKeys(QWEN3_14B))
    expect(title).toBe('text encoder')
    expect(findings).toMatchObject([{ code: 'unknown-text-encoder', severity: 'warning' }])
    expect(findings[0]?.message).toMatch(/the nearest is .* \(/)
  })

  it('a copy with one weight of another shape keeps its name, and says so', async () => {
    const keys = expandedKeys(GOLDEN.encoders.qwen3_4b!.transformers!)
    const name = 'model.layers.0.self_attn.q_proj.weight'
    const { title, findings } = await identifyKeys({ ...keys, [name]: [4095, 2560] })
    expect(title).toBe('Qwen3 4B text encoder')
    expect(findings.map(({ code }) => code)).toEqual(['incomplete-qwen3-4b'])
    expect(findings[0]?.message).toContain(`"${name}" is [4095,2560] instead of [4096,2560]`)
  })
})

describe('a text encoder in a file of a whole model', () => {
  /** Source: ComfyUI, `clip_target` in supported_models.py and the modules of its text_encoders. */
  it.each([
    ['llama3_8b', 'llama'],
    ['byt5', 'byt5_small'],
    ['t5xl', 'pile_t5xl'],
    ['t5_11b', 't5xxl'],
    ['gpt_oss_20b', 'gpt_oss'],
    ['umt5xxl', 'umt5xxl'],
    ['qwen25_7b', 'qwen25_7b'],
    ['qwen3_4b', 'qwen3_4b'],
    ['mistral3_24b', 'mistral3_24b'],
    ['gemma2_2b', 'gemma2_2b'],
    ['ministral3_3b', 'ministral3_3b'],
    ['qwen3vl_8b', 'qwen3vl_8b'],
  ] as const)('%s is called %s by ComfyUI', (id, name) => {
    expect(encoderPrefix(id)).toBe(`text_encoders.${name}.transformer.`)
  })

  const inComfyui = CASES.filter(({ layout }) => layout === 'text' || layout === 'transformers')

  it.each(inComfyui.filter(({ id }) => id !== 'text'))(
    '$name is $id under the name of ComfyUI',
    async ({ id, keys }) => {
      const prefix = encoderPrefix(id)
      const vae = { 'vae.decoder.conv_in.weight': [512, 16, 3, 3] }
      const { components } = await identifyKeys({ ...expandedKeys(keys, prefix), ...vae })
      expect(components.map((one) => [one.id, one.prefix])).toContainEqual([id, prefix])
      expect(components.filter(({ role }) => role === 'text')).toHaveLength(1)
    },
  )

  it.each(['text_encoder.', 'text_encoder_2.', 'text_encoder_3.', 'text_encoder_4.'])(
    'a folder of diffusers has one in "%s"',
    async (prefix) => {
      const keys = expandedKeys(GOLDEN.encoders.llama3_8b!.bare!, prefix)
      const { components } = await identifyKeys(keys)
      expect(components.map(({ id, prefix: own }) => [id, own])).toEqual([['llama3_8b', prefix]])
    },
  )
})

describe('a whole model without its network', () => {
  const inside = (id: ComponentId, layout = 'transformers') =>
    expandedKeys(GOLDEN.encoders[id]![layout]!, encoderPrefix(id))
  const CLIP = (id: 'clip_l' | 'clip_g', width: number, layers: number): Keys =>
    Object.fromEntries(
      [...clipTopology(clip(width, layers, true))].map(([name, shape]) => [
        `text_encoders.${id}.transformer.${name}`,
        shape,
      ]),
    )
  const VAE: Keys = { 'vae.decoder.conv_in.weight': [512, 16, 3, 3] }

  it('is not named by a language model, which families share', async () => {
    for (const id of ['qwen3_4b', 'qwen25_7b', 'umt5xxl', 't5xxl'] as const) {
      const { architecture, title } = await identifyKeys({ ...inside(id), ...VAE })
      expect(architecture, title).toBeUndefined()
    }
  })

  it('is not named after a family that has fewer encoders', async () => {
    const sd3 = { ...CLIP('clip_l', 768, 12), ...CLIP('clip_g', 1280, 32), ...inside('t5xxl') }
    expect((await identifyKeys({ ...sd3, ...VAE })).architecture?.id).toBe('stable-diffusion-v3-medium')
    const hidream = { ...sd3, ...inside('llama3_8b'), ...VAE }
    expect((await identifyKeys(hidream)).architecture).toBeUndefined()
  })
})
