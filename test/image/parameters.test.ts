/** What each program writes, by its own source or description (named in PROGRAM_FORMS), and how it is to be read. */
import { describe, expect, it } from 'vitest'
import { pictureOrigin } from '../../src/image/parameters.ts'
import { PROGRAM_FORMS } from '../../src/image/programs/forms.ts'
import type { ImageText } from '../../src/image/texts/image-text.ts'
import { jsonMembers } from '../../src/image/texts/json-members.ts'

interface Case {
  readonly name: string
  readonly program: string | undefined
  readonly texts: Readonly<Record<string, unknown>>
  readonly keyword: string
  readonly prompt: string
  readonly negative?: string
  readonly settings: Readonly<Record<string, string>>
}

/** Three pairs, so that A1111 would take it for settings. */
const ARTISTS = '1girl, artist:one, artist:two, artist:three'

const NOVELAI = {
  steps: 28,
  height: 1216,
  width: 832,
  scale: 5,
  seed: 2583416543,
  sampler: 'k_euler',
  uc: 'lowres',
}
const NOVELAI_SETTINGS = {
  Steps: '28',
  'CFG scale': '5',
  Seed: '2583416543',
  Sampler: 'k_euler',
  Size: '832x1216',
}
const MODEL = { Model: 'foo', 'Model hash': '0123456789' }

const CASES: readonly Case[] = [
  {
    name: 'NovelAI V3, three artist tags',
    program: 'NovelAI',
    texts: {
      Description: ARTISTS,
      Software: 'NovelAI',
      Source: 'NovelAI Diffusion V3',
      Comment: { ...NOVELAI, prompt: ARTISTS, noise_schedule: 'karras', lora: null, list: [] },
    },
    keyword: 'Comment',
    prompt: ARTISTS,
    negative: 'lowres',
    settings: { ...NOVELAI_SETTINGS, 'Schedule type': 'karras', Model: 'NovelAI Diffusion V3' },
  },
  {
    name: 'NovelAI V1: the prompt is in the description alone',
    program: 'NovelAI',
    texts: { Description: ARTISTS, Software: 'NovelAI', Comment: NOVELAI },
    keyword: 'Comment',
    prompt: ARTISTS,
    negative: 'lowres',
    settings: NOVELAI_SETTINGS,
  },
  {
    name: 'NovelAI V4: prompts of characters',
    program: 'NovelAI',
    texts: {
      Comment: {
        ...NOVELAI,
        prompt: '2girls',
        v4_prompt: {
          caption: {
            base_caption: '2girls',
            char_captions: [{ char_caption: 'miku', centers: [{ x: 0.5, y: 0.3 }] }, { char_caption: 'rin' }],
          },
        },
        v4_negative_prompt: {
          caption: { base_caption: 'lowres', char_captions: [{ char_caption: '' }, { char_caption: 'hat' }] },
        },
      },
    },
    keyword: 'Comment',
    prompt: '2girls',
    negative: 'lowres',
    settings: {
      ...NOVELAI_SETTINGS,
      'Character 1': 'miku',
      'Character 2': 'rin',
      'Character negative 2': 'hat',
    },
  },
  {
    name: 'NovelAI without its settings',
    program: 'NovelAI',
    texts: { Description: ARTISTS, Software: 'NovelAI' },
    keyword: 'Description',
    prompt: ARTISTS,
    settings: {},
  },
  {
    name: 'InvokeAI 3.1',
    program: 'InvokeAI',
    texts: {
      invokeai_metadata: {
        app_version: '3.1.1',
        positive_prompt: 'a hero',
        negative_prompt: 'bad',
        width: 1024,
        height: 768,
        seed: 2507332253,
        cfg_scale: 7.5,
        steps: 25,
        scheduler: 'ddpm',
        model: { model_name: 'foo', base_model: 'sdxl' },
        loras: [],
      },
    },
    keyword: 'invokeai_metadata',
    prompt: 'a hero',
    negative: 'bad',
    settings: {
      Version: '3.1.1',
      Size: '1024x768',
      Seed: '2507332253',
      'CFG scale': '7.5',
      Steps: '25',
      Sampler: 'ddpm',
      Model: 'foo',
    },
  },
  {
    name: 'InvokeAI 6',
    program: 'InvokeAI',
    texts: {
      invokeai_metadata: {
        positive_prompt: 'a\nhero',
        seed: 1,
        scheduler: 'euler_a',
        model: { key: '179d02bf', hash: 'blake3:7c16', name: 'foo' },
        loras: [{ model: { name: 'x' }, weight: 0.5 }],
        app_version: '6.10.0',
      },
      invokeai_graph: { nodes: {} },
    },
    keyword: 'invokeai_metadata',
    prompt: 'a\nhero',
    settings: {
      Seed: '1',
      Sampler: 'euler_a',
      'Model hash': 'blake3:7c16',
      Model: 'foo',
      loras: '[{"model":{"name":"x"},"weight":0.5}]',
      Version: '6.10.0',
    },
  },
  {
    name: 'InvokeAI 2',
    program: 'InvokeAI',
    texts: {
      'sd-metadata': {
        model_weights: 'foo',
        model_hash: '0123456789',
        app_version: '2.3.5',
        image: {
          prompt: [{ prompt: 'a cat [blurry] on a mat [bad]', weight: 1 }],
          steps: 50,
          cfg_scale: 7.5,
          width: 512,
          height: 640,
          seed: 3,
          sampler: 'k_lms',
        },
      },
      Dream: '"a cat" -s 50',
    },
    keyword: 'sd-metadata',
    prompt: 'a cat on a mat',
    negative: 'blurry bad',
    settings: {
      Steps: '50',
      'CFG scale': '7.5',
      Seed: '3',
      Sampler: 'k_lms',
      Size: '512x640',
      ...MODEL,
      Version: '2.3.5',
    },
  },
  {
    name: 'InvokeAI 1',
    program: 'InvokeAI',
    texts: { Dream: '"say "hi" [bad]" -s 50 -S 3 -W 512 -H 640 -C7.5 -A k_lms -G 0.8' },
    keyword: 'Dream',
    prompt: 'say "hi"',
    negative: 'bad',
    settings: { Steps: '50', Seed: '3', Size: '512x640', 'CFG scale': '7.5', Sampler: 'k_lms', '-G': '0.8' },
  },
  {
    name: 'Fooocus',
    program: 'Fooocus',
    texts: {
      parameters: {
        base_model: 'foo',
        base_model_hash: '0123456789',
        full_negative_prompt: [],
        full_prompt: ['a cat, cinematic'],
        guidance_scale: 4.0,
        loras: [['x', 0.1, '4852686128']],
        metadata_scheme: 'fooocus',
        negative_prompt: 'ugly',
        prompt: 'a cat',
        resolution: '(1152, 896)',
        sampler: 'dpmpp_2m_sde_gpu',
        scheduler: 'karras',
        seed: '9223372036854775807',
        steps: 30,
        version: 'Fooocus v2.5.5',
      },
      fooocus_scheme: 'fooocus',
    },
    keyword: 'parameters',
    prompt: 'a cat',
    negative: 'ugly',
    settings: {
      ...MODEL,
      full_prompt: '["a cat, cinematic"]',
      'CFG scale': '4',
      loras: '[["x",0.1,"4852686128"]]',
      metadata_scheme: 'fooocus',
      Size: '1152x896',
      Sampler: 'dpmpp_2m_sde_gpu',
      'Schedule type': 'karras',
      Seed: '9223372036854775807',
      Steps: '30',
      Version: 'Fooocus v2.5.5',
    },
  },
  {
    name: 'Fooocus-MRE, in a comment',
    program: 'Fooocus-MRE',
    texts: {
      Comment: {
        prompt: 'a cat',
        negative_prompt: 'ugly',
        base_model: 'foo',
        cfg: 7,
        steps: 30,
        seed: 5,
        sampler: 'dpmpp_2m',
        width: 1152,
        height: 896,
      },
    },
    keyword: 'Comment',
    prompt: 'a cat',
    negative: 'ugly',
    settings: {
      Model: 'foo',
      'CFG scale': '7',
      Steps: '30',
      Seed: '5',
      Sampler: 'dpmpp_2m',
      Size: '1152x896',
    },
  },
  {
    name: 'RuinedFooocus',
    program: 'RuinedFooocus',
    texts: {
      parameters: {
        Prompt: 'a cat',
        Negative: 'ugly',
        steps: 30,
        cfg: 8,
        width: 1024,
        height: 1024,
        seed: 5,
        sampler_name: 'dpmpp_2m',
        base_model_name: 'foo',
        base_model_hash: '0123456789',
        denoise: null,
        software: 'RuinedFooocus',
      },
    },
    keyword: 'parameters',
    prompt: 'a cat',
    negative: 'ugly',
    settings: {
      Steps: '30',
      'CFG scale': '8',
      Seed: '5',
      Sampler: 'dpmpp_2m',
      ...MODEL,
      software: 'RuinedFooocus',
      Size: '1024x1024',
    },
  },
  {
    name: 'SwarmUI, beside the graph that it gave to ComfyUI',
    program: 'SwarmUI',
    texts: {
      prompt: { 4: { class_type: 'x' } },
      parameters: {
        sui_image_params: {
          prompt: 'a photo',
          negativeprompt: '',
          model: 'dir/foo',
          seed: 1,
          steps: '20',
          cfgscale: 7,
          width: 1024,
          height: 768,
          swarm_version: '0.9.3.1',
        },
        sui_extra_data: { date: '2024-11-13' },
      },
    },
    keyword: 'parameters',
    prompt: 'a photo',
    settings: {
      Model: 'dir/foo',
      Seed: '1',
      Steps: '20',
      'CFG scale': '7',
      Size: '1024x768',
      Version: '0.9.3.1',
      date: '2024-11-13',
    },
  },
  {
    name: 'SwarmUI, JPEG',
    program: 'SwarmUI',
    texts: { UserComment: { sui_image_params: { prompt: 'a photo', seed: 1 } } },
    keyword: 'UserComment',
    prompt: 'a photo',
    settings: { Seed: '1' },
  },
  {
    name: 'Draw Things',
    program: 'Draw Things',
    texts: {
      CreatorTool: 'Draw Things',
      Description: 'a cat\n-ugly\nSteps: 20, Sampler: DDIM, Guidance Scale: 7.5',
      UserComment: {
        c: 'a cat',
        uc: 'ugly',
        model: 'foo',
        sampler: 'DDIM',
        scale: 7.5,
        seed: 5,
        size: '512x768',
        steps: 20,
        strength: 1,
      },
    },
    keyword: 'UserComment',
    prompt: 'a cat',
    negative: 'ugly',
    settings: {
      Model: 'foo',
      Sampler: 'DDIM',
      'CFG scale': '7.5',
      Seed: '5',
      Size: '512x768',
      Steps: '20',
      'Denoising strength': '1',
    },
  },
  {
    name: 'Easy Diffusion, JPEG',
    program: 'Easy Diffusion',
    texts: {
      UserComment: {
        prompt: 'a cat',
        negative_prompt: 'ugly',
        seed: 5,
        num_inference_steps: 25,
        guidance_scale: 7.5,
        use_stable_diffusion_model: 'foo',
        sampler_name: 'euler_a',
        width: 512,
        height: 768,
      },
    },
    keyword: 'UserComment',
    prompt: 'a cat',
    negative: 'ugly',
    settings: {
      Seed: '5',
      Steps: '25',
      'CFG scale': '7.5',
      Model: 'foo',
      Sampler: 'euler_a',
      Size: '512x768',
    },
  },
  {
    name: 'Easy Diffusion, PNG',
    program: 'Easy Diffusion',
    texts: {
      prompt: 'a "cat"',
      negative_prompt: 'ugly',
      seed: '5',
      num_inference_steps: '25',
      use_stable_diffusion_model: 'foo',
      width: '512',
      height: '768',
    },
    keyword: 'prompt',
    prompt: 'a "cat"',
    negative: 'ugly',
    settings: { Seed: '5', Steps: '25', Model: 'foo', Size: '512x768' },
  },
  {
    name: 'Easy Diffusion, PNG of an early version',
    program: 'Easy Diffusion',
    texts: {
      Prompt: 'a cat',
      'Negative Prompt': 'ugly',
      Seed: '5',
      Steps: '25',
      'Guidance Scale': '7.5',
      'Stable Diffusion model': 'foo',
      Width: '512',
      Height: '768',
    },
    keyword: 'Prompt',
    prompt: 'a cat',
    negative: 'ugly',
    settings: { Seed: '5', Steps: '25', 'CFG scale': '7.5', Model: 'foo', Size: '512x768' },
  },
  {
    name: 'Tensor.Art, with the NUL behind its JSON',
    program: 'Tensor.Art',
    texts: {
      generation_data: `${JSON.stringify({ prompt: 'a cat', negativePrompt: 'ugly', width: 1024, height: 1024, steps: 25, cfgScale: 7, seed: '-1', clipSkip: 2, baseModel: { label: 'v16', modelFileName: 'foo', hash: '0123456789' }, ksamplerName: 'euler', schedule: 'karras' })}\0`,
      prompt: { 1: {} },
    },
    keyword: 'generation_data',
    prompt: 'a cat',
    negative: 'ugly',
    settings: {
      Steps: '25',
      'CFG scale': '7',
      Seed: '-1',
      'Clip skip': '2',
      ...MODEL,
      Sampler: 'euler',
      'Schedule type': 'karras',
      Size: '1024x1024',
    },
  },
  {
    name: 'Stability Matrix, beside the graph and the text of A1111',
    program: 'Stability Matrix',
    texts: {
      prompt: { 1: {} },
      parameters: 'a cat\nSteps: 20, Sampler: x, Seed: 5',
      'parameters-json': {
        PositivePrompt: 'a cat',
        NegativePrompt: 'ugly',
        Steps: 20,
        CfgScale: 5,
        Seed: 5,
        Height: 1024,
        Width: 768,
        ModelName: 'foo',
        ModelHash: '0123456789',
        VideoOutputMethod: null,
      },
    },
    keyword: 'parameters-json',
    prompt: 'a cat',
    negative: 'ugly',
    settings: { Steps: '20', 'CFG scale': '5', Seed: '5', ...MODEL, Size: '768x1024' },
  },
  {
    name: 'Civitai: parameters as a text in a graph',
    program: 'Civitai',
    texts: {
      UserComment: {
        12: { class_type: 'SaveImage' },
        extraMetadata: JSON.stringify({
          prompt: 'a cat',
          negativePrompt: 'ugly',
          cfgScale: 5,
          steps: 25,
          seed: 7,
          clipSkip: 2,
          width: 512,
          height: 768,
        }),
      },
    },
    keyword: 'UserComment',
    prompt: 'a cat',
    negative: 'ugly',
    settings: { 'CFG scale': '5', Steps: '25', Seed: '7', 'Clip skip': '2', Size: '512x768' },
  },
  {
    name: 'a program that nobody knows',
    program: undefined,
    texts: {
      parameters: {
        prompt: 'a cat',
        negative_prompt: 'ugly',
        resolution: '1024 x 768',
        num_inference_steps: 24,
        other: { a: [1, ' b '] },
      },
    },
    keyword: 'parameters',
    prompt: 'a cat',
    negative: 'ugly',
    settings: { Size: '1024x768', Steps: '24', other: '{"a":[1," b "]}' },
  },
]

function textsOf({ texts }: Case): ImageText[] {
  return Object.entries(texts).map(([keyword, value]) => ({
    keyword,
    // some put it on several lines
    text: typeof value === 'string' ? value : JSON.stringify(value, null, 2),
  }))
}

describe('parameters of programs', () => {
  it.each(CASES.map((row) => [row.name, row] as const))('%s', (_, row) => {
    const { program, parameters } = pictureOrigin(textsOf(row))
    expect(program).toBe(row.program)
    const { settings, ...prompts } = parameters!
    expect(prompts).toEqual({ keyword: row.keyword, prompt: row.prompt, negative: row.negative ?? '' })
    expect(Object.fromEntries(settings)).toEqual(row.settings)
  })

  it('have a case for every form', () => {
    const forms = PROGRAM_FORMS.map(({ program, keywords }) => [program, keywords[0]!] as const)
    for (const [program, keyword] of forms) {
      expect(
        CASES.some((row) => row.program === program && row.keyword === keyword),
        `${program} ${keyword}`,
      ).toBe(true)
    }
  })
})

describe('pictures that only look as if', () => {
  it.each([
    ['a prompt in the description of some program', { Description: ARTISTS }],
    ['the name of a camera', { Make: 'Canon', Model: 'EOS: 5D, lens: 50mm, iso: 100' }],
    ['JSON without a prompt', { parameters: { a: 1 }, UserComment: [1, 2] }],
    ['JSON that ends early', { parameters: '{"prompt": "a cat", ' }],
    ['a command line that is one quote', { Dream: '"' }],
    ['a command line without its prompt', { Dream: 'a cat -s 50' }],
    ['a prompt that is no text', { Comment: { prompt: 5 } }],
  ])('%s: nothing is told', (_, texts) => {
    const row = { name: '', program: undefined, texts, keyword: '', prompt: '', settings: {} }
    expect(pictureOrigin(textsOf(row))).toEqual({})
  })

  it('a text of A1111 that is a prompt alone is one', () => {
    expect(pictureOrigin([{ keyword: 'parameters', text: 'a cat' }]).parameters).toEqual({
      keyword: 'parameters',
      prompt: 'a cat',
      negative: '',
      settings: new Map(),
    })
  })
})

describe('members of an object', () => {
  it('are as they are written', () => {
    const json =
      ' {"a" : 18446744073709551615 ,"b,:{":"}\\"", "":[ {"c":1},[]] , "d":{ "e" : null }, "a": 1e5}\n'
    expect([...jsonMembers(json)!]).toEqual([
      ['a', '1e5'],
      ['b,:{', '"}\\""'],
      ['', '[ {"c":1},[]]'],
      ['d', '{ "e" : null }'],
    ])
    expect([...jsonMembers('{}')!]).toEqual([])
  })

  it('are none where the text is no object', () => {
    for (const text of ['', '[]', '"a"', '1', '{"a":1} x', '{"a"', 'null'])
      expect(jsonMembers(text)).toBeUndefined()
  })
})
