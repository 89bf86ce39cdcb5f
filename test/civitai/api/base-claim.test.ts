import { describe, expect, it } from 'vitest'
import { contradictsBase, isOfBases } from '../../../src/civitai/api/base-claim.ts'
import { BASE_MODELS, baseModelsFor } from '../../../src/civitai/api/base-models.ts'
import { type FamilyFacts, familyById } from '../../../src/model/families.ts'
import { architectureById } from '../../../src/model/networks/architectures/registry.ts'

/** What a file is -> what the site calls it -> whether that cannot be. */
const CLAIMS: readonly (readonly [
  facts: FamilyFacts,
  baseModel: string | undefined,
  contradicts: boolean,
])[] = [
  [{ family: 'sdxl' }, 'SDXL 1.0', false],
  [{ family: 'sdxl' }, 'Pony', false],
  [{ family: 'sdxl' }, 'SDXL Turbo', false],
  [{ family: 'sdxl' }, 'SD 1.5', true],
  [{ family: 'sd1' }, 'Illustrious', true],
  [{ family: 'flux' }, 'Flux.1 Kontext', false],
  [{ family: 'flux' }, 'Flux.2 D', true],
  [{ family: 'flux', variant: 'schnell' }, 'Flux.1 S', false],
  [{ family: 'flux-2', variant: 'klein-4b' }, 'Flux.2 Klein 4B-base', false],
  [{ family: 'flux-2', variant: 'klein-4b' }, 'Flux.2 Klein 9B', true],
  [{ family: 'flux-2' }, 'Flux.2 Klein 9B', false],
  [{ family: 'sd3', architecture: 'stable-diffusion-v3.5-large' }, 'SD 3.5 Large Turbo', false],
  [{ family: 'sd3', architecture: 'stable-diffusion-v3-medium' }, 'SD 3.5 Medium', true],
  [{ family: 'sd3' }, 'SD 3.5 Medium', false],
  [{ family: 'wan', variant: 'vace-14b' }, 'Wan Video 14B t2v', false],
  [{ family: 'wan', variant: 't2v-14b' }, 'Wan Video 2.2 TI2V-5B', true],
  [{ family: 'hunyuan-video-1.5' }, 'Hunyuan Video', false],
  [{ family: 'sdxl-refiner' }, 'SDXL 1.0', false],
  [{ family: 'z-image' }, 'Lumina', true],
  // adapters for the two have the same names of layers
  [{ family: 'flux' }, 'Chroma', false],
  // nothing is known of one of the two
  [{}, 'Pony', false],
  [{ family: 'sdxl' }, 'Other', false],
  [{ family: 'sdxl' }, 'Flux.9 Z', false],
  [{ family: 'sdxl' }, undefined, false],
]

describe('what the site calls a model', () => {
  it.each(CLAIMS)('%j as %s: contradiction %s', (facts, baseModel, contradicts) => {
    expect(contradictsBase(facts, baseModel)).toBe(contradicts)
  })

  it('a family is all of its models that people count among it; keys do not tell those that are alike', () => {
    const isOf = (facts: FamilyFacts, word: string) => isOfBases(facts, baseModelsFor(word))
    expect(isOf({ family: 'sdxl' }, 'sdxl')).toBe(true)
    expect(isOf({ family: 'sdxl' }, 'SDXL 1.0')).toBe(true)
    expect(isOf({ family: 'sdxl' }, 'SDXL Turbo')).toBe(false)
    expect(isOf({ family: 'sdxl' }, 'pony')).toBe(false)
    expect(isOf({ family: 'flux', variant: 'schnell' }, 'flux')).toBe(true)
    expect(isOf({ family: 'flux', variant: 'schnell' }, 'Flux.1 S')).toBe(true)
    expect(isOf({ family: 'flux', variant: 'schnell' }, 'Flux.1 D')).toBe(false)
    expect(isOf({ family: 'flux', variant: 'fill' }, 'Flux.1 D')).toBe(true)
    expect(isOf({ family: 'flux' }, 'Flux.1 D')).toBe(true)
    expect(isOf({ family: 'z-image' }, 'z-image')).toBe(true)
    expect(isOf({ family: 'z-image' }, 'ZImageTurbo')).toBe(false)
    expect(isOf({ family: 'sd3', architecture: 'stable-diffusion-v3.5-large' }, 'SD 3.5 Large')).toBe(true)
    expect(isOf({ family: 'sd3', architecture: 'stable-diffusion-v3.5-large' }, 'SD 3.5 Medium')).toBe(false)
    expect(isOf({ family: 'sd3', architecture: 'stable-diffusion-v3.5-large' }, 'sd3')).toBe(true)
    expect(isOf({ family: 'wan', variant: 'ti2v-5b' }, 'Wan Video 2.2 TI2V-5B')).toBe(true)
    expect(isOf({ family: 'wan', variant: 't2v-14b' }, 'Wan Video 2.2 TI2V-5B')).toBe(false)
    expect(isOf({ family: 'wan', variant: 'vace-14b' }, 'wan')).toBe(true)
    expect(isOf({ family: 'hunyuan-video-1.5' }, 'hunyuan-video')).toBe(true)
    expect(isOf({}, 'other')).toBe(false)
  })

  it('every family of the table is one of sdtool, and so is every variant', () => {
    const families = new Set(BASE_MODELS.flatMap(({ family }) => family ?? []))
    expect([...families].filter((id) => familyById(id) === undefined)).toEqual([])
    for (const { name, family = '', architecture, variant } of BASE_MODELS) {
      const architectures = familyById(family)?.architectures ?? []
      if (architecture !== undefined)
        expect([name, architectures]).toEqual([name, expect.arrayContaining([architecture])])
      if (variant === undefined) continue
      const variants = architectures.flatMap((id) => architectureById(id)!.variants)
      expect([name, variants.map(({ id }) => id)]).toEqual([name, expect.arrayContaining([variant])])
    }
  })
})
