import { describe, expect, it } from 'vitest'
import {
  BASE_MODELS,
  BASE_SPELLINGS,
  BASE_WORDS,
  baseModelsFor,
  foldedBase,
} from '../../../src/civitai/api/base-models.ts'

/** By civitai/civitai, src/shared/constants/basemodel.constants.ts: the base models of an ecosystem, or of a family of them. */
const SELECTED: Readonly<Record<string, readonly string[]>> = {
  sd1: ['SD 1.4', 'SD 1.5', 'SD 1.5 LCM', 'SD 1.5 Hyper'],
  'sd1.5': ['SD 1.5'],
  'SD 1.5': ['SD 1.5'],
  sd2: ['SD 2.0', 'SD 2.0 768', 'SD 2.1', 'SD 2.1 768', 'SD 2.1 Unclip'],
  sdxl: [
    'SDXL 0.9',
    'SDXL 1.0',
    'SDXL 1.0 LCM',
    'SDXL Lightning',
    'SDXL Hyper',
    'SDXL Turbo',
    'SDXL Distilled',
  ],
  'sdxl turbo': ['SDXL Turbo'],
  pony: ['Pony'],
  'pony-v7': ['Pony V7'],
  NoobAI: ['NoobAI'],
  noobai: ['NoobAI'],
  sd3: ['SD 3', 'SD 3.5', 'SD 3.5 Large', 'SD 3.5 Large Turbo', 'SD 3.5 Medium'],
  'sd3.5': ['SD 3.5', 'SD 3.5 Large', 'SD 3.5 Large Turbo', 'SD 3.5 Medium'],
  'SD 3.5': ['SD 3.5'],
  flux: ['Flux.1 D', 'Flux.1 S', 'Flux.1 Krea', 'Flux.1 Kontext'],
  'flux.1': ['Flux.1 D', 'Flux.1 S', 'Flux.1 Krea', 'Flux.1 Kontext'],
  'Flux.1 D': ['Flux.1 D'],
  'flux-1-d': ['Flux.1 D'],
  'FLUX 1 Dev': ['Flux.1 D'],
  kontext: ['Flux.1 Kontext'],
  'flux.2': [
    'Flux.2 D',
    'Flux.2 Klein 9B',
    'Flux.2 Klein 9B-base',
    'Flux.2 Klein 4B',
    'Flux.2 Klein 4B-base',
  ],
  flux2: ['Flux.2 D', 'Flux.2 Klein 9B', 'Flux.2 Klein 9B-base', 'Flux.2 Klein 4B', 'Flux.2 Klein 4B-base'],
  'klein-4b': ['Flux.2 Klein 4B', 'Flux.2 Klein 4B-base'],
  'Flux.2 Klein 4B': ['Flux.2 Klein 4B'],
  qwen: ['Qwen', 'Qwen 2'],
  'qwen-image': ['Qwen', 'Qwen 2'],
  Qwen: ['Qwen'],
  'z-image': ['ZImageTurbo', 'ZImageBase'],
  zimage: ['ZImageTurbo', 'ZImageBase'],
  'Z-Image-Turbo': ['ZImageTurbo'],
  wan: [
    'Wan Video',
    'Wan Video 1.3B t2v',
    'Wan Video 14B t2v',
    'Wan Video 14B i2v 480p',
    'Wan Video 14B i2v 720p',
    'Wan Video 2.2 TI2V-5B',
    'Wan Video 2.2 I2V-A14B',
    'Wan Video 2.2 T2V-A14B',
    'Wan Video 2.5 T2V',
    'Wan Video 2.5 I2V',
    'Wan Image 2.7',
    'Wan Video 2.7',
  ],
  'wan2.2': ['Wan Video 2.2 TI2V-5B', 'Wan Video 2.2 I2V-A14B', 'Wan Video 2.2 T2V-A14B'],
  hunyuan: ['Hunyuan Video', 'Hunyuan 1'],
  ltx: ['LTXV', 'LTXV2', 'LTXV 2.3'],
  LTXV: ['LTXV'],
  hidream: ['HiDream', 'HiDream-O1'],
  'HiDream-O1': ['HiDream-O1'],
  krea2: ['Krea 2'],
  'pixart-sigma': ['PixArt E'],
  fluks: [],
  '': [],
}

describe('base models of Civitai', () => {
  it.each(Object.entries(SELECTED))(
    '"%s" stands for those of the family, or for the one that is named',
    (text, names) => {
      expect(
        baseModelsFor(text)
          .map(({ name }) => name)
          .sort(),
      ).toEqual([...names].sort())
    },
  )

  it('every name, as the site spells it, stands for itself alone', () => {
    for (const base of BASE_MODELS) expect(baseModelsFor(base.name)).toEqual([base])
  })

  it('every word selects all that have it, whatever its separators', () => {
    for (const word of new Set(BASE_MODELS.flatMap(({ words }) => words))) {
      const own = BASE_MODELS.filter(({ words }) => words.includes(word))
      const spelled = word.replaceAll('-', ' ')
      expect([word, baseModelsFor(word), baseModelsFor(spelled)]).toEqual([word, own, own])
    }
  })

  it('help shows a word for each, and hints have no two spellings of one', () => {
    const shown = BASE_WORDS.flatMap((word) => baseModelsFor(word))
    expect(new Set(shown)).toEqual(new Set(BASE_MODELS))
    expect(new Set(BASE_SPELLINGS.map(foldedBase)).size).toBe(BASE_SPELLINGS.length)
  })
})
