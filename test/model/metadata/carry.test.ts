import { describe, expect, it } from 'vitest'
import { carryMetadata } from '../../../src/model/metadata/carry.ts'
import {
  buildRecipe,
  parseRecipe,
  RECIPE_KEY,
  recipeInput,
  serialiseRecipe,
} from '../../../src/model/metadata/recipe.ts'

const recipe = buildRecipe({
  sdtool: '1.0.0',
  operation: 'convert',
  produced: new Date(Date.UTC(2026, 4, 6)),
  inputs: [recipeInput({ name: 'a.ckpt', bytes: 1 }, {})],
  options: {},
})

const HASHES = { 'modelspec.hash_sha256': '0xabc', sshs_model_hash: 'def', sshs_legacy_hash: '12345678' }

describe('carryMetadata', () => {
  it('keeps everything the source has', () => {
    const source = { ss_steps: '3010', workflow: '{"nodes":[]}', 'odd key \u0000': '', format: 'np' }
    expect(carryMetadata(source, recipe, { sameData: false })).toEqual({
      ...source,
      [RECIPE_KEY]: serialiseRecipe(recipe),
    })
  })

  it('says the format, without which transformers refuses the file', () => {
    expect(carryMetadata({}, recipe, { sameData: false }).format).toBe('pt')
  })

  it('moves hashes of the old data out of the way when tensors changed', () => {
    const metadata = carryMetadata(HASHES, recipe, { sameData: false })
    for (const [key, value] of Object.entries(HASHES)) {
      expect(metadata[key]).toBeUndefined()
      expect(metadata[`sdtool.source.${key}`]).toBe(value)
    }
  })

  it('keeps the first of several generations of such hashes', () => {
    const source = { sshs_model_hash: 'second', 'sdtool.source.sshs_model_hash': 'published' }
    const metadata = carryMetadata(source, recipe, { sameData: false })
    expect(metadata['sdtool.source.sshs_model_hash']).toBe('published')
    expect(metadata.sshs_model_hash).toBeUndefined()
  })

  it('leaves hashes alone when the data is the same', () => {
    expect(carryMetadata(HASHES, recipe, { sameData: true })).toMatchObject(HASHES)
  })

  it('fills in a model specification where the architecture is known', () => {
    const facts = {
      sameData: false,
      title: 'my model',
      architecture: 'stable-diffusion-v1',
      stated: { 'modelspec.prediction_type': 'epsilon' },
      resolution: 512,
      unetDtype: 'float16',
    } as const
    expect(carryMetadata({}, recipe, facts)).toMatchObject({
      'modelspec.sai_model_spec': '1.0.1',
      'modelspec.architecture': 'stable-diffusion-v1',
      'modelspec.implementation': 'https://github.com/Stability-AI/generative-models',
      'modelspec.title': 'my model',
      'modelspec.resolution': '512x512',
      'modelspec.date': '2026-05-06T00:00:00.000Z',
      'modelspec.prediction_type': 'epsilon',
      'modelspec.unet_dtype': 'float16',
    })
  })

  it.each([
    ['stable-diffusion-v1/lora', 'diffusers'],
    ['stable-diffusion-v2-768-v/lora', 'diffusers'],
    ['stable-diffusion-xl-v1-base/lora', 'https://github.com/Stability-AI/generative-models'],
    ['flux-1-dev', 'https://github.com/black-forest-labs/flux'],
  ])('%s runs with %s', (architecture, implementation) => {
    const facts = { sameData: false, title: 't', architecture, resolution: 512 }
    const metadata = carryMetadata({}, recipe, facts)
    expect(metadata['modelspec.implementation']).toBe(implementation)
  })

  it('writes no specification without an architecture', () => {
    const metadata = carryMetadata({}, recipe, { sameData: false, title: 'my model' })
    expect(Object.keys(metadata).filter((key) => key.startsWith('modelspec.'))).toEqual([])
  })

  it.each([
    ['the resolution', { architecture: 'stable-diffusion-v1' }],
    ['what runs it', { architecture: 'something-new', resolution: 512 }],
  ])('writes no half specification: without %s none', (_, known) => {
    const facts = { sameData: false, title: 't', unetDtype: 'float16', ...known }
    const metadata = carryMetadata({}, recipe, facts)
    expect(Object.keys(metadata).filter((key) => key.startsWith('modelspec.'))).toEqual([])
  })

  it('completes the specification of the source with what is known', () => {
    const source = { 'modelspec.architecture': 'stable-diffusion-v1', 'modelspec.resolution': '768x768' }
    expect(carryMetadata(source, recipe, { sameData: false, title: 't' })).toMatchObject({
      ...source,
      'modelspec.sai_model_spec': '1.0.1',
      'modelspec.title': 't',
    })
  })

  it('drops the type of a component that is gone or has several now', () => {
    const source = {
      'modelspec.architecture': 'stable-diffusion-v1',
      'modelspec.unet_dtype': 'float32',
      'modelspec.vae_dtype': 'float32',
    }
    const metadata = carryMetadata(source, recipe, { sameData: false, unetDtype: 'float16' })
    expect(metadata['modelspec.unet_dtype']).toBe('float16')
    expect(metadata).not.toHaveProperty(['modelspec.vae_dtype'])
    expect(carryMetadata(source, recipe, { sameData: true })).toMatchObject(source)
  })

  it('never replaces what a person wrote', () => {
    const source = {
      'modelspec.title': 'The Model',
      'modelspec.author': 'me',
      'modelspec.license': 'mine',
      'modelspec.date': '2023-01-01',
      'modelspec.architecture': 'stable-diffusion-v1/lora',
    }
    const facts = { sameData: false, title: 'other', architecture: 'flux-1-dev' }
    expect(carryMetadata(source, recipe, facts)).toMatchObject(source)
  })

  it('replaces the recipe of the source, which the new one carries inside', () => {
    const next = {
      ...recipe,
      inputs: [recipeInput({ name: 'b', bytes: 2 }, { [RECIPE_KEY]: serialiseRecipe(recipe) })],
    }
    const metadata = carryMetadata({ [RECIPE_KEY]: serialiseRecipe(recipe) }, next, { sameData: false })
    expect(parseRecipe(metadata[RECIPE_KEY])?.inputs[0]?.recipe).toEqual(recipe)
    expect(Object.keys(metadata).filter((key) => key.startsWith('sdtool.'))).toEqual([RECIPE_KEY])
  })

  it('keeps a recipe it cannot read', () => {
    const metadata = carryMetadata({ [RECIPE_KEY]: '{"version":9}' }, recipe, { sameData: false })
    expect(metadata['sdtool.recipe.unreadable']).toBe('{"version":9}')
  })

  it('refuses metadata that would leave no room in the header', () => {
    const source = { huge: 'x'.repeat(50_000_001) }
    expect(() => carryMetadata(source, recipe, { sameData: true })).toThrowError(/50000000/)
  })

  it('is not fooled by keys that every object has', () => {
    const source = JSON.parse('{"__proto__": "p", "constructor": "c"}')
    const metadata = carryMetadata(source, recipe, { sameData: false })
    expect(Object.entries(metadata)).toContainEqual(['__proto__', 'p'])
    expect(metadata.constructor).toBe('c')
  })
})
