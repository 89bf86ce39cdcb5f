import { describe, expect, it } from 'vitest'
import { describeAdapter } from '../../../src/model/adapters/describe.ts'
import type { AdapterInfo } from '../../../src/model/adapters/info.ts'
import { publishedLora, type Trainer } from '../../published-loras.ts'
import { tableOf } from '../tables.ts'

function adapterOf(keys: ReadonlyMap<string, number[]>, metadata: Record<string, string> = {}): AdapterInfo {
  return describeAdapter(tableOf(keys, { dtype: 'BF16', metadata }))!
}

interface Trained {
  readonly model: string
  readonly layout: 'native' | 'diffusers'
  /** Layers that its trainers choose. */
  readonly layers: RegExp
  readonly by: readonly Trainer[]
  readonly base: string
  /** Where its shapes are those of one published model alone. */
  readonly title?: string
}

const FLUX_NATIVE = /(double|single)_blocks\.\d+\.(?!.*norm)/
const BLOCKS = /blocks\.\d+\.(?!.*norm)/
const ANY: readonly Trainer[] = ['kohya', 'ai-toolkit', 'diffusers', 'bare']

/** Source of what is trained: the `*_TARGET_REPLACE_MODULES` of sd-scripts and musubi-tuner, the examples of diffusers. */
const TRAINED: readonly Trained[] = [
  // a few blocks, as many train them
  {
    model: 'flux-dev',
    layout: 'native',
    layers: /single_blocks\.(7|20)\.linear/,
    by: ['kohya', 'ai-toolkit'],
    base: 'flux',
  },
  { model: 'flux-dev', layout: 'native', layers: /single_blocks\.7\.linear/, by: ['kohya'], base: 'flux' },
  {
    model: 'flux-dev',
    layout: 'native',
    layers: FLUX_NATIVE,
    by: ['kohya', 'ai-toolkit', 'bare', 'ai-toolkit lokr'],
    base: 'flux',
  },
  {
    model: 'flux-dev',
    layout: 'diffusers',
    layers: BLOCKS,
    by: [
      'diffusers',
      'peft',
      'peft of a pipeline',
      'peft with the name of the adapter',
      'onetrainer',
      'simpletuner',
    ],
    base: 'flux',
  },
  ...(['dev', 'klein-4b', 'klein-9b'] as const).flatMap((size): Trained[] => {
    const shared = {
      model: `flux2-${size}`,
      base: 'flux-2',
      title: `Flux.2 ${size.replace('-', ' ').replace('b', 'B')}`,
    }
    return [
      { ...shared, layout: 'native', layers: FLUX_NATIVE, by: ['kohya', 'ai-toolkit', 'ai-toolkit lokr'] },
      { ...shared, layout: 'diffusers', layers: BLOCKS, by: ['diffusers', 'simpletuner'] },
    ]
  }),
  // attention alone has the shapes of Flux.1, but in as many blocks as klein has
  {
    model: 'flux2-klein-4b',
    layout: 'diffusers',
    layers: /blocks\.\d+\.attn\.to_(q|k|v|qkv_mlp_proj)/,
    by: ['diffusers'],
    base: 'flux-2',
  },
  {
    model: 'chroma',
    layout: 'native',
    layers: /blocks\.\d+\.(?!.*norm)|distilled_guidance_layer\.layers/,
    by: ['kohya'],
    base: 'chroma',
  },
  { model: 'sd3-medium', layout: 'native', layers: /joint_blocks/, by: ['kohya'], base: 'sd3' },
  {
    model: 'sd3.5-large',
    layout: 'diffusers',
    layers: /transformer_blocks\.\d+\.(attn|ff)/,
    by: ['diffusers', 'kohya'],
    base: 'sd3',
  },
  {
    model: 'z-image',
    layout: 'native',
    layers: /layers\.\d+\.(attention|feed_forward)(?!.*norm)/,
    by: [...ANY, 'a dot in front, flattened'],
    base: 'z-image',
  },
  {
    model: 'z-image',
    layout: 'diffusers',
    layers: /layers\.\d+\.(attention|feed_forward)(?!.*norm)/,
    by: [...ANY, 'simpletuner', 'peft with the name of the adapter'],
    base: 'z-image',
  },
  {
    model: 'lumina2',
    layout: 'native',
    layers: /layers\.\d+\.(?!.*norm)/,
    by: ['kohya', 'ai-toolkit'],
    base: 'lumina-2',
  },
  {
    model: 'qwen-image',
    layout: 'native',
    layers: /transformer_blocks\.\d+\.attn/,
    by: [...ANY, 'simpletuner', 'peft with the name of the adapter'],
    base: 'qwen-image',
  },
  {
    model: 'qwen-image',
    layout: 'native',
    layers: /transformer_blocks\.0\.attn\.to_k/,
    by: ['bare'],
    base: 'qwen-image',
  },
  {
    model: 'wan-t2v-14b',
    layout: 'native',
    layers: BLOCKS,
    by: [...ANY, 'a dot in front, flattened'],
    base: 'wan',
  },
  { model: 'wan-t2v-1.3b', layout: 'diffusers', layers: BLOCKS, by: ['diffusers', 'kohya'], base: 'wan' },
  { model: 'wan2.2-ti2v-5b', layout: 'native', layers: BLOCKS, by: ['kohya', 'ai-toolkit'], base: 'wan' },
  { model: 'wan2.1-i2v-14b', layout: 'native', layers: BLOCKS, by: ['kohya', 'ai-toolkit'], base: 'wan' },
  {
    model: 'anima',
    layout: 'native',
    layers: /^blocks\.\d+\.(?!.*norm)/,
    by: ['kohya', 'ai-toolkit'],
    base: 'anima',
  },
  {
    model: 'anima',
    layout: 'native',
    layers: /^(llm_adapter\.)?blocks\.\d+\.(?!.*norm)/,
    by: ['kohya', 'ai-toolkit'],
    base: 'anima',
  },
  {
    model: 'cosmos-predict2-14b',
    layout: 'native',
    layers: BLOCKS,
    by: ['ai-toolkit'],
    base: 'cosmos-predict2',
  },
  {
    model: 'hunyuan-video',
    layout: 'native',
    layers: FLUX_NATIVE,
    by: ['kohya', 'ai-toolkit'],
    base: 'hunyuan-video',
  },
  {
    model: 'hunyuan-video',
    layout: 'diffusers',
    layers: /transformer_blocks\.\d+\.(attn|ff|proj)/,
    by: ['diffusers', 'kohya'],
    base: 'hunyuan-video',
  },
  { model: 'hunyuan-image', layout: 'native', layers: FLUX_NATIVE, by: ['kohya'], base: 'hunyuan-image-2.1' },
  {
    model: 'hunyuan-video-1.5',
    layout: 'native',
    layers: /double_blocks\.\d+\.(?!.*norm)/,
    by: ['kohya'],
    base: 'hunyuan-video-1.5',
  },
  {
    model: 'hidream-i1',
    layout: 'native',
    layers: /blocks\.\d+\.block\.(attn1\.to|ff_t|ff_i\.(shared_)?experts)/,
    by: ['ai-toolkit', 'diffusers', 'simpletuner'],
    base: 'hidream-i1',
  },
  { model: 'auraflow', layout: 'native', layers: /layers\.\d+\./, by: ['ai-toolkit'], base: 'auraflow' },
  { model: 'auraflow', layout: 'diffusers', layers: BLOCKS, by: ['diffusers'], base: 'auraflow' },
  { model: 'pixart-sigma', layout: 'diffusers', layers: BLOCKS, by: ['diffusers', 'peft'], base: 'pixart' },
  {
    model: 'ltx-video-2b',
    layout: 'native',
    layers: BLOCKS,
    by: ['ai-toolkit', 'diffusers'],
    base: 'ltx-video',
  },
  {
    model: 'krea2',
    layout: 'native',
    layers: /^blocks\.\d+\.(?!.*norm)/,
    by: ['kohya', 'ai-toolkit'],
    base: 'krea-2',
  },
  {
    model: 'krea2',
    layout: 'diffusers',
    layers: /^transformer_blocks\.\d+\.(?!.*norm)/,
    by: ['diffusers'],
    base: 'krea-2',
  },
  {
    model: 'kandinsky5-video-lite',
    layout: 'native',
    layers: /blocks\.\d+\.(self|cross|feed)/,
    by: ['kohya', 'diffusers'],
    base: 'kandinsky-5',
  },
  {
    model: 'omnigen2',
    layout: 'native',
    layers: /layers\.\d+\.attn\.to/,
    by: ['diffusers'],
    base: 'omnigen2',
  },
  { model: 'ovis-image', layout: 'native', layers: FLUX_NATIVE, by: ['ai-toolkit'], base: 'ovis-image' },
  {
    model: 'ovis-image',
    layout: 'diffusers',
    layers: /transformer_blocks\.\d+\.(attn\.(?!norm)|proj)/,
    by: ['diffusers'],
    base: 'ovis-image',
  },
  {
    model: 'longcat-image',
    layout: 'native',
    layers: FLUX_NATIVE,
    by: ['ai-toolkit'],
    base: 'longcat-image',
  },
]

const FILES = TRAINED.flatMap(({ by, ...trained }) => by.map((trainer) => ({ trainer, ...trained })))

describe('the base of a LoRA by its layers', () => {
  it.each(FILES)(
    '$model, $layout names of $trainer: $base',
    ({ model, layout, layers, trainer, base, title }) => {
      const info = adapterOf(publishedLora(model, layout, layers, trainer))
      expect(info.base.architecture).toBe(base)
      if (title !== undefined) expect(info.base.title).toBe(title)
      expect(info.unknownModules).toEqual([])
    },
  )

  it('is of no family where its shapes are those of none', () => {
    const keys = publishedLora('z-image', 'native', /layers\.\d+\.feed_forward\.w1/, 'ai-toolkit')
    const odd = [...keys].map(([key, shape], i): [string, number[]] => [key, i === 0 ? [16, 100] : shape])
    expect(adapterOf(new Map(odd)).base.architecture).toBeUndefined()
  })
})

describe('a LoRA whose layers two families have', () => {
  const attention = publishedLora('flux-dev', 'native', /double_blocks\.[1-3]\.img_attn\.(qkv|proj)/, 'kohya')

  it('is of none', () => {
    expect(adapterOf(attention).base.architecture).toBeUndefined()
  })

  it.each([
    ['flux1', 'flux'],
    ['chroma', 'chroma'],
    ['flux_2_klein_4b', 'flux-2'],
    ['hunyuan_video', 'hunyuan-video'],
  ])('is of that which %s in its metadata names', (version, base) => {
    expect(adapterOf(attention, { ss_base_model_version: version }).base.architecture).toBe(base)
  })

  it('is not of a family that its metadata names in spite of its layers', () => {
    const { base, findings } = adapterOf(attention, { ss_base_model_version: 'wan' })
    expect(base.architecture).toBeUndefined()
    expect(findings.map(({ code }) => code)).toContain('adapter-base-mismatch')
  })
})

it('a LoRA for a language model alone is not one for SD 2.x, whose encoder is as wide', () => {
  const names = ['self_attn_q_proj', 'self_attn_k_proj', 'mlp_gate_proj'].map(
    (name) => `lora_te_layers_0_${name}`,
  )
  const keys = names.flatMap((name): [string, number[]][] => [
    [`${name}.lora_down.weight`, [16, 1024]],
    [`${name}.lora_up.weight`, [1024, 16]],
  ])
  expect(adapterOf(new Map(keys)).base.architecture).toBeUndefined()
})
