import { describe, expect, it } from 'vitest'
import type { Identity } from '../../src/model/identity.ts'
import { missingParts } from '../../src/model/needs.ts'
import { ARCHITECTURES } from '../../src/model/networks/architectures/registry.ts'
import { COMPONENTS, type ComponentId } from '../../src/model/networks/components.ts'

/** A model with these components, as far as its needs depend on it. */
function model(architecture: string, variant: string | undefined, ...ids: ComponentId[]): Identity {
  const components = ids.map((id) => ({ id, role: COMPONENTS[id].role }))
  return {
    architecture: { id: architecture, ...(variant && { variant }) },
    components,
  } as unknown as Identity
}

/** What is missing, a VAE by its latents. */
function missing(...about: Parameters<typeof model>): string[] {
  return missingParts(model(...about)).map((part) => (part.role === 'vae' ? part.space : part.id))
}

const SDXL = ['clip_l', 'openclip_g', 'sdxl']
const SD3 = ['clip_l', 'clip_g', 't5xxl', 'sd3']

/**
 * Architecture and variant -> its text encoders, then whose VAE. By the components of diffusers' pipelines, the loaders of
 * ComfyUI (`clip_target` and `latent_format` in supported_models.py), and stable-diffusion.cpp's docs.
 */
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  'stable-diffusion-v1': ['clip_l', 'sd'],
  'stable-diffusion-v2': ['openclip_h', 'sd'],
  'stable-diffusion-x4-upscaler': ['openclip_h', 'x4'],
  'stable-diffusion-xl-v1-base': SDXL,
  'stable-diffusion-xl-v1-refiner': ['openclip_g', 'sdxl'],
  'ssd-1b': SDXL,
  'segmind-vega': SDXL,
  'koala-700m': SDXL,
  'koala-1b': SDXL,
  kolors: ['chatglm3_6b', 'sdxl'],
  'stable-diffusion-v3-medium': SD3,
  'stable-diffusion-v3.5-medium': SD3,
  'stable-diffusion-v3.5-large': SD3,
  'flux-1-dev': ['clip_l', 't5xxl', 'flux'],
  'flux-1-dev schnell': ['clip_l', 't5xxl', 'flux'],
  chroma: ['t5xxl', 'flux'],
  'chroma-radiance': ['t5xxl'],
  'flux-2 dev': ['mistral3_24b', 'flux2'],
  'flux-2 klein-4b': ['qwen3_4b', 'flux2'],
  'flux-2 klein-9b': ['qwen3_8b', 'flux2'],
  'ovis-image': ['qwen3_2b', 'flux'],
  'longcat-image': ['qwen25_7b', 'flux'],
  'z-image': ['qwen3_4b', 'flux'],
  'lumina-2': ['gemma2_2b', 'flux'],
  newbie: ['gemma3_4b', 'jina_clip_2', 'flux'],
  'qwen-image': ['qwen25_7b', 'wan21'],
  'qwen-image-2.1': ['qwen3vl_8b', 'qwen-image-21'],
  wan: ['umt5xxl', 'wan21'],
  'wan i2v-a14b': ['umt5xxl', 'wan21'],
  'wan ti2v-5b': ['umt5xxl', 'wan22'],
  'hidream-i1': ['clip_l', 'clip_g', 't5xxl', 'llama3_8b', 'flux'],
  'hidream-o1': [],
  'cosmos-predict2': ['t5_11b', 'wan21'],
  anima: ['qwen3_06b', 'wan21'],
  'krea-2': ['qwen3vl_4b', 'wan21'],
  'hunyuan-video': ['clip_l', 'llama3_8b', 'hunyuan-video'],
  'hunyuan-video-comfyui': ['clip_l', 'llama3_8b', 'hunyuan-video'],
  'hunyuan-video-1.5': ['qwen25_7b', 'byt5', 'hunyuan-video-15'],
  'hunyuan-video-1.5-comfyui': ['qwen25_7b', 'byt5', 'hunyuan-video-15'],
  'hunyuan-image-2.1': ['qwen25_7b', 'byt5', 'hunyuan-image'],
  'hunyuan-image-2.1-comfyui': ['qwen25_7b', 'byt5', 'hunyuan-image'],
  framepack: ['clip_l', 'llama3_8b', 'hunyuan-video'],
  auraflow: ['t5xl', 'sdxl'],
  pixart: ['t5xxl', 'sdxl'],
  'pixart alpha': ['t5xxl', 'sd'],
  'kandinsky-5': ['qwen25_7b', 'clip_l', 'hunyuan-video'],
  'kandinsky-5 image-lite': ['qwen25_7b', 'clip_l', 'flux'],
  omnigen2: ['qwen25_3b', 'flux'],
  'ernie-image': ['ministral3_3b', 'flux2'],
  'ideogram-4': ['qwen3vl_8b', 'flux2'],
  lens: ['gpt_oss_20b', 'flux2'],
  boogu: ['qwen3vl_8b', 'flux'],
  'ltx-video': ['t5xxl', 'ltx'],
  'ltx-2': ['gemma3_12b', 'ltx2'],
  sana: ['gemma2_2b', 'sana'],
  'sana-video': ['gemma2_2b', 'wan21'],
  cogvideox: ['t5xxl', 'cogvideox'],
  mochi: ['t5xxl', 'mochi'],
}

/** Used with an image encoder or another stage, with an autoencoder of their own, or with an encoder that has no id. */
const NOT_SAID = [
  'stable-video-diffusion',
  'stable-cascade',
  'stable-cascade-b',
  'mage-flow',
  'bria',
  'bria-fibo',
  'allegro',
  'helios',
  'cogview-4',
  'cosmos-1',
  'omnigen',
  'hunyuan-dit',
  'joyimage',
]

describe('what a bare model is used with', () => {
  it.each(Object.entries(NEEDS))('%s', (name, parts) => {
    const [architecture = '', variant] = name.split(' ')
    expect(missing(architecture, variant, 'dit')).toEqual(parts)
  })

  it('is known of every architecture but a few', () => {
    const known = new Set(Object.keys(NEEDS).map((name) => name.split(' ')[0]))
    const others = ARCHITECTURES.map(({ id }) => id).filter((id) => !known.has(id))
    expect(others.sort()).toEqual([...NOT_SAID].sort())
    for (const id of NOT_SAID) expect([id, missing(id, undefined, 'dit')]).toEqual([id, []])
  })
})

describe('what a model with some of its parts needs', () => {
  it('is the rest, whatever names its encoders have', () => {
    expect(missing('flux-1-dev', undefined, 'dit', 'clip_l', 'vae')).toEqual(['t5xxl'])
    expect(missing('stable-diffusion-xl-v1-base', undefined, 'unet', 'clip_l', 'clip_g')).toEqual(['sdxl'])
    expect(missing('stable-diffusion-xl-v1-base', undefined, 'unet', 'clip_l', 'openclip_g', 'vae')).toEqual(
      [],
    )
  })

  it('is nothing without its network, or where nobody knows what it is', () => {
    expect(missing('flux-1-dev', undefined, 'clip_l', 'vae')).toEqual([])
    expect(missing('what', undefined, 'dit')).toEqual([])
    expect(missingParts({ kind: 'vae', title: 'VAE', components: [], findings: [] })).toEqual([])
  })
})
