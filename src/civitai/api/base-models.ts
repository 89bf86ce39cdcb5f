/** Base models as Civitai names them: which family each is, and the words for them on the command line. */

export interface BaseModel {
  /** As the site spells it; case counts. */
  readonly name: string
  /** Words that select it, and all others that have them; the first is the one that help shows. */
  readonly words: readonly string[]
  /**
   * A base of adapters or, where there is none, an architecture of the registry: what keys and shapes of such a model
   * say. Undefined where no weights were published, or sdtool does not know the family.
   */
  readonly family?: string
  /** Of the family, and of that the variant, where the name tells which and nothing else has it. */
  readonly architecture?: string
  readonly variant?: string
  /** Only its values make it what it is: keys and shapes are those of its siblings. */
  readonly byName?: true
  /** The same, and people do not count it among the family. */
  readonly isFinetune?: true
  /** Its checkpoints are bare transformers, without text encoders and VAE. Source: as below, Lora-Manager. */
  readonly isBare?: true
}

function rows(
  words: readonly string[],
  family: string | undefined,
  names: readonly (string | (Partial<BaseModel> & Pick<BaseModel, 'name'>))[],
  common: Pick<BaseModel, 'isFinetune' | 'isBare'> = {},
): BaseModel[] {
  return names.map((named) => {
    const { words: own = [], ...row } = typeof named === 'string' ? { name: named } : named
    return { ...(family === undefined ? {} : { family }), ...common, ...row, words: [...words, ...own] }
  })
}

/** Siblings that only their values tell. */
function alike(...names: readonly (string | { readonly name: string; readonly words: readonly string[] })[]) {
  return names.map((named) => ({
    ...(typeof named === 'string' ? { name: named } : named),
    byName: true as const,
  }))
}

const BARE = { isBare: true } as const
const FINETUNE = { isFinetune: true } as const

/**
 * Source: civitai/civitai, src/shared/constants/basemodel.constants.ts (`baseModelRecords`, and `ecosystems` for what
 * belongs together); willmiao/ComfyUI-Lora-Manager, py/utils/constants.py (`DIFFUSION_MODEL_BASE_MODELS`).
 */
export const BASE_MODELS: readonly BaseModel[] = [
  ...rows(['sd1'], 'sd1', ['SD 1.5', ...alike('SD 1.4', 'SD 1.5 LCM', 'SD 1.5 Hyper')]),
  ...rows(['sd2'], 'sd2', ['SD 2.0', 'SD 2.0 768', 'SD 2.1', 'SD 2.1 768', 'SD 2.1 Unclip']),
  ...rows(['sdxl'], 'sdxl', [
    'SDXL 1.0',
    ...alike('SDXL 0.9', 'SDXL 1.0 LCM', 'SDXL Lightning', 'SDXL Hyper', 'SDXL Turbo', 'SDXL Distilled'),
  ]),
  ...rows(['pony'], 'sdxl', ['Pony'], FINETUNE),
  ...rows(['illustrious'], 'sdxl', ['Illustrious'], FINETUNE),
  ...rows(['noobai'], 'sdxl', ['NoobAI'], FINETUNE),
  ...rows(['playground'], 'sdxl', ['Playground v2'], FINETUNE),
  ...rows(['sd3'], 'sd3', [
    { name: 'SD 3', architecture: 'stable-diffusion-v3-medium' },
    ...[
      { name: 'SD 3.5', byName: true as const },
      { name: 'SD 3.5 Large', architecture: 'stable-diffusion-v3.5-large' },
      { name: 'SD 3.5 Large Turbo', architecture: 'stable-diffusion-v3.5-large', byName: true as const },
      { name: 'SD 3.5 Medium', architecture: 'stable-diffusion-v3.5-medium' },
    ].map((row) => ({ ...row, words: ['sd3.5'] })),
  ]),
  ...rows(['flux', 'flux.1'], 'flux', [
    { name: 'Flux.1 D', words: ['flux-dev', 'flux.1-dev'] },
    { name: 'Flux.1 S', words: ['flux-schnell', 'flux.1-schnell'], variant: 'schnell' },
    ...alike(
      { name: 'Flux.1 Krea', words: ['flux-krea'] },
      { name: 'Flux.1 Kontext', words: ['flux-kontext', 'kontext'] },
    ),
  ]),
  ...rows(['flux2', 'flux.2'], 'flux-2', [
    { name: 'Flux.2 D', words: ['flux.2-dev'], variant: 'dev' },
    ...['Flux.2 Klein 9B', 'Flux.2 Klein 9B-base'].map((name) => ({
      name,
      words: ['klein', 'klein-9b'],
      variant: 'klein-9b',
    })),
    ...['Flux.2 Klein 4B', 'Flux.2 Klein 4B-base'].map((name) => ({
      name,
      words: ['klein', 'klein-4b'],
      variant: 'klein-4b',
    })),
  ]),
  ...rows(['chroma'], 'chroma', ['Chroma']),
  ...rows(['qwen', 'qwen-image'], 'qwen-image', ['Qwen'], BARE),
  ...rows(['qwen', 'qwen-image'], undefined, [{ name: 'Qwen 2', words: ['qwen-image-2'] }], BARE),
  ...rows(
    ['z-image'],
    'z-image',
    alike({ name: 'ZImageTurbo', words: ['z-image-turbo'] }, { name: 'ZImageBase', words: ['z-image-base'] }),
    BARE,
  ),
  ...rows(['anima'], 'anima', ['Anima']),
  ...rows(['hidream'], 'hidream-i1', ['HiDream']),
  ...rows(['hidream', 'hidream-o1'], 'hidream-o1', ['HiDream-O1']),
  ...rows(['lumina', 'lumina2'], 'lumina-2', ['Lumina']),
  ...rows(['krea2'], 'krea-2', ['Krea 2']),
  ...rows(
    ['wan'],
    'wan',
    [
      ...alike(
        'Wan Video',
        ...[
          'Wan Video 1.3B t2v',
          'Wan Video 14B t2v',
          'Wan Video 14B i2v 480p',
          'Wan Video 14B i2v 720p',
        ].map((name) => ({ name, words: ['wan2.1'] })),
        ...['Wan Video 2.2 I2V-A14B', 'Wan Video 2.2 T2V-A14B'].map((name) => ({ name, words: ['wan2.2'] })),
      ),
      { name: 'Wan Video 2.2 TI2V-5B', words: ['wan2.2'], variant: 'ti2v-5b' },
    ],
    BARE,
  ),
  // services of Alibaba
  ...rows(['wan'], undefined, [
    ...['Wan Video 2.5 T2V', 'Wan Video 2.5 I2V'].map((name) => ({ name, words: ['wan2.5'] })),
    ...['Wan Image 2.7', 'Wan Video 2.7'].map((name) => ({ name, words: ['wan2.7'] })),
  ]),
  ...rows(['hunyuan', 'hunyuan-video'], 'hunyuan-video', ['Hunyuan Video']),
  ...rows(['hunyuan', 'hunyuan-dit'], 'hunyuan-dit', ['Hunyuan 1']),
  ...rows(['ltx', 'ltxv'], 'ltx-video', ['LTXV']),
  ...rows(['ltx', 'ltxv', 'ltx2'], 'ltx-2', ['LTXV2', { name: 'LTXV 2.3', words: ['ltx2.3'] }]),
  ...rows(['cogvideox'], 'cogvideox', ['CogVideoX'], BARE),
  ...rows(['mochi'], 'mochi', ['Mochi'], BARE),
  ...rows(['auraflow'], 'auraflow', ['AuraFlow']),
  ...rows(['pony7'], 'auraflow', [{ name: 'Pony V7', words: ['pony-v7'] }], FINETUNE),
  ...rows(['pixart'], 'pixart', [
    { name: 'PixArt a', words: ['pixart-alpha'] },
    { name: 'PixArt E', words: ['pixart-sigma'], variant: 'sigma' },
  ]),
  ...rows(['kolors'], 'kolors', ['Kolors']),
  ...rows(['cascade', 'stable-cascade'], 'stable-cascade', ['Stable Cascade']),
  ...rows(['svd'], 'stable-video-diffusion', ['SVD', 'SVD XT']),
  ...rows(['ernie'], 'ernie-image', [{ name: 'Ernie', words: ['ernie-image'] }]),
  ...rows(['ideogram'], 'ideogram-4', [{ name: 'Ideogram 4.0', words: ['ideogram4'] }]),
  ...rows(['lens'], 'lens', ['Lens']),
  ...rows(['odor'], undefined, ['ODOR']),
  ...rows(['ace'], undefined, [{ name: 'ACE Audio', words: ['ace-audio'] }]),
  ...rows(['upscaler'], undefined, ['Upscaler']),
  ...rows(['other'], undefined, ['Other']),
  // services: what is there is for them, without weights
  ...rows(['service'], undefined, [
    { name: 'Grok', words: ['grok'] },
    { name: 'Hailuo by MiniMax', words: ['hailuo', 'minimax'] },
    { name: 'HappyHorse', words: ['happyhorse'] },
    { name: 'Imagen4', words: ['imagen'] },
    { name: 'Kling', words: ['kling'] },
    { name: 'MAI', words: ['mai'] },
    { name: 'Nano Banana', words: ['nano-banana'] },
    { name: 'OpenAI', words: ['openai'] },
    { name: 'Seedance', words: ['seedance'] },
    { name: 'Seedream', words: ['seedream'] },
    { name: 'Sora 2', words: ['sora'] },
    { name: 'Veo 3', words: ['veo'] },
    { name: 'Vidu Q1', words: ['vidu'] },
  ]),
]

/** The words that help shows: one for each family. */
export const BASE_WORDS: readonly string[] = firstWords(BASE_MODELS)

/** Those of families that sdtool can know. */
export const FAMILY_WORDS: readonly string[] = firstWords(
  BASE_MODELS.filter(({ family }) => family !== undefined),
)

function firstWords(bases: readonly BaseModel[]): string[] {
  return [...new Set(bases.map(({ words }) => words[0]!))]
}

export function baseModelByName(name: string): BaseModel | undefined {
  return BASE_MODELS.find((base) => base.name === name)
}

/**
 * The base models a person means: the one the site spells exactly so; otherwise all that have the word; otherwise the
 * one that is spelled nearly so. Empty for what is none of these.
 */
export function baseModelsFor(text: string): readonly BaseModel[] {
  const exact = baseModelByName(text)
  if (exact) return [exact]
  const wanted = foldedBase(text)
  const named = BASE_MODELS.filter(({ words }) => words.some((word) => foldedBase(word) === wanted))
  return named.length > 0 ? named : BASE_MODELS.filter(({ name }) => foldedBase(name) === wanted)
}

/** `Flux.1 D`, `flux-1 d` and `FLUX1D` are one word. */
export function foldedBase(text: string): string {
  return text.toLowerCase().replaceAll(/[\s._-]+/g, '')
}

/** Every name and word, of those that are one word only the first, for a hint about what is mistyped. */
export const BASE_SPELLINGS: readonly string[] = [
  ...new Map(
    BASE_MODELS.flatMap(({ name, words }) => [...words, name])
      .reverse()
      .map((spelling) => [foldedBase(spelling), spelling]),
  ).values(),
].reverse()
