import { describe, expect, it } from 'vitest'
import { BASE_IDS } from '../../src/model/adapters/base.ts'
import { FAMILIES, familyById, familyFacts, familyOf, familyTitle } from '../../src/model/families.ts'
import type { Identity } from '../../src/model/identity.ts'
import { ARCHITECTURES } from '../../src/model/networks/architectures/registry.ts'

/** Architecture and variant -> family, and the words for people. */
const MODELS: readonly (readonly [
  architecture: string,
  variant: string | undefined,
  family: string,
  title: string,
])[] = [
  ['stable-diffusion-v1', 'inpainting', 'sd1', 'Stable Diffusion 1.x inpainting'],
  ['ssd-1b', undefined, 'sdxl', 'SSD-1B'],
  ['stable-diffusion-v3.5-large', undefined, 'sd3', 'Stable Diffusion 3.5 large'],
  ['flux-1-dev', 'schnell', 'flux', 'Flux.1 schnell'],
  ['flux-2', 'klein-4b', 'flux-2', 'Flux.2 klein 4B'],
  ['z-image', undefined, 'z-image', 'Z-Image'],
  ['wan', 'ti2v-5b', 'wan', 'Wan 2.2 TI2V 5B'],
  // the same model as another program saves it
  ['hunyuan-video', 't2v', 'hunyuan-video', 'HunyuanVideo T2V'],
  ['hunyuan-video-comfyui', 't2v', 'hunyuan-video', 'HunyuanVideo T2V'],
]

describe('families', () => {
  it.each(MODELS)('%s %s is of %s', (id, variant, family, title) => {
    const facts = familyFacts({ architecture: { id, ...(variant && { variant }) } } as unknown as Identity)
    expect([facts.family, familyTitle(facts)]).toEqual([family, title])
  })

  it('of adapters and embeddings are those of the models they are for', () => {
    for (const base of BASE_IDS) {
      const facts = familyFacts({ adapter: { base: { architecture: base } } } as unknown as Identity)
      expect([base, facts, familyTitle(facts)]).toEqual([
        base,
        { family: familyById(base)!.id },
        familyById(base)!.title,
      ])
    }
    const claimed = familyFacts({ adapter: { base: { claimed: 'sdxl' } } } as unknown as Identity)
    expect(claimed).toEqual({ family: 'sdxl' })
    expect(familyFacts({} as Identity)).toEqual({})
  })

  it('have every architecture once, and no two have one title', () => {
    for (const { id } of ARCHITECTURES) {
      const own = FAMILIES.filter(({ architectures }) => architectures.includes(id))
      expect([id, own.map((family) => family.id)]).toEqual([id, [familyOf({ id })]])
    }
    expect(new Set(FAMILIES.map(({ title }) => title)).size).toBe(FAMILIES.length)
  })
})
