/** What `merge` is asked for, as it stands in recipes. */

import { describe, expect, it } from 'vitest'
import { buildRecipe, type Recipe } from '../../../src/model/metadata/recipe.ts'
import { clip, clipTopology } from '../../../src/model/networks/topology/text.ts'
import { VAE_KL_F8, vaeTopology } from '../../../src/model/networks/topology/vae.ts'
import { merge } from '../../../src/operations/merge/merge.ts'
import { HALVES, type MergeOptions, mergeOptions } from '../../../src/operations/merge/options.ts'
import type { InputModel } from '../../../src/operations/operation.ts'
import type { Plan } from '../../../src/operations/plan.ts'
import { operationOfRecipe, planRecipe } from '../../../src/operations/recipe.ts'
import { readOptions, writeOptions } from '../../../src/operations/schema.ts'
import type { JsonValue } from '../../../src/system/json.ts'
import { MERGE_METHODS } from '../../../src/tensor/merge/registry.ts'
import { narrowSd1, narrowSdxl } from '../../model/tables.ts'
import { fc } from '../../properties.ts'
import { inputModel, zeroContext } from '../input-models.ts'

const KEYS = narrowSd1()
const [A, B, C] = await Promise.all(['a', 'b', 'c'].map((name) => inputModel(`${name}.safetensors`, KEYS)))
const MODELS = [A, B, C] as InputModel[]
const VAE = await inputModel('other.vae.pt', vaeTopology({ ...VAE_KL_F8, widths: [32, 64, 128, 128] }))

async function planned(options: MergeOptions, inputs: readonly InputModel[] = MODELS.slice(0, 2)) {
  return merge.plan(inputs, options, zeroContext())
}

/** Everything that decides the bytes of the output. */
function contentsOf({ table }: Plan): string {
  return JSON.stringify([...table.tensors])
}

function recipeOf(version: 1 | 2, options: Recipe['options']): Recipe {
  return buildRecipe({
    sdtool: '0.1.0',
    operation: 'merge',
    produced: new Date(0),
    inputs: [],
    options,
    version,
  })
}

describe('options of a merge', () => {
  const texts = fc.array(fc.string(), { minLength: 1 })
  const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)
  const dtype = fc.constantFrom('fp32', 'fp16', 'bf16', 'keep')
  const yes = fc.constant(true)
  const any = fc.record(
    {
      method: fc.constantFrom(...MERGE_METHODS.map(({ id }) => id)),
      alpha: fc.array(number, { minLength: 1 }),
      beta: number,
      density: number,
      seed: number,
      blocks: texts,
      betaBlocks: texts,
      keys: texts,
      vae: fc.constantFrom('a', 'b', 'z', 'blend', 'file'),
      only: fc.constantFrom(...HALVES),
      dtype: fc.record({ all: dtype, by: fc.record({ vae: dtype }) }),
      allowMissing: yes,
      allowMixed: yes,
    },
    { requiredKeys: [] },
  )

  it('come back from the text of a recipe as they were', () => {
    fc.assert(
      fc.property(any, (options) => {
        const text = JSON.stringify(writeOptions(options))
        expect(readOptions(mergeOptions, JSON.parse(text))).toEqual(options)
      }),
    )
  })

  const FULL: MergeOptions = { method: 'sum-twice', alpha: [0.25], beta: 0.5 }
  const TIES: MergeOptions = { method: 'ties', alpha: [0.25] }
  const DARE: MergeOptions = { method: 'dare', alpha: [0.25], density: 0.5 }

  /** Two values of each option, with what it needs beside it. */
  const CHANGES: Readonly<
    Record<
      Exclude<keyof MergeOptions, 'allowMissing' | 'allowMixed'>,
      readonly [MergeOptions, MergeOptions, InputModel[]]
    >
  > = {
    method: [{ method: 'weighted-sum', alpha: [0.5] }, { method: 'slerp', alpha: [0.5] }, [A!, B!]],
    alpha: [{ alpha: [0.25] }, { alpha: [0.5] }, [A!, B!]],
    beta: [FULL, { ...FULL, beta: 0.75 }, MODELS],
    density: [{ ...TIES, density: 0.25 }, { ...TIES, density: 0.5 }, [A!, B!]],
    seed: [{ ...DARE, seed: 1 }, { ...DARE, seed: 2 }, [A!, B!]],
    blocks: [{ blocks: ['GRAD_V'] }, { blocks: ['GRAD_A'] }, [A!, B!]],
    betaBlocks: [FULL, { ...FULL, betaBlocks: ['OUT*=0.125'] }, MODELS],
    keys: [{ keys: ['*attn2*=0.25'] }, { keys: ['*attn1*=0.25'] }, [A!, B!]],
    vae: [{ vae: 'a' }, { vae: 'b' }, [A!, B!]],
    only: [{ only: 'unet' }, { only: 'text' }, [A!, B!]],
    dtype: [{ dtype: { all: 'fp16' } }, { dtype: { all: 'fp16', by: { vae: 'fp32' } } }, [A!, B!]],
  }

  it.each(Object.keys(mergeOptions.entries) as (keyof MergeOptions)[])(
    '%s decides the plan',
    async (name) => {
      if (name === 'allowMissing') {
        const bare = await inputModel(
          'bare.safetensors',
          KEYS.filter(([key]) => !key.startsWith('cond_stage_model.')),
        )
        await expect(planned({}, [A!, bare])).rejects.toMatchObject({ code: 'MERGE_KEYS_MISSING' })
        expect((await planned({ allowMissing: true }, [A!, bare])).blended.size).toBe(686)
      } else if (name === 'allowMixed') {
        const v = { metadata: { 'modelspec.prediction_type': 'v' } }
        const other = await inputModel('v.safetensors', KEYS, v)
        await expect(planned({}, [A!, other])).rejects.toMatchObject({ code: 'MERGE_MIXED_PREDICTIONS' })
        expect((await planned({ allowMixed: true }, [A!, other])).blended.size).toBe(722)
      } else {
        const [one, other, inputs] = CHANGES[name]
        expect(contentsOf(await planned(one, inputs))).toBe(contentsOf(await planned(one, inputs)))
        expect(contentsOf(await planned(one, inputs))).not.toBe(contentsOf(await planned(other, inputs)))
      }
    },
  )

  it('take the VAE of the last input where they say that it is of a file', async () => {
    const plan = await planned({ vae: 'file' }, [A!, B!, VAE])
    expect(plan.models.map(({ letter, name }) => [letter, name])).toEqual([
      ['A', 'a.safetensors'],
      ['B', 'b.safetensors'],
    ])
    const { source } = plan.table.tensors.get('first_stage_model.decoder.conv_in.weight')!
    expect(source).toMatchObject({ kind: 'stored', file: { path: 'other.vae.pt' } })
    expect(merge.outputName(plan, [A!, B!, VAE], { vae: 'file' })).toBe('a-b.safetensors')
  })
})

describe('what a recipe keeps', () => {
  it.each(MERGE_METHODS.map((method) => [method.id, method] as const))(
    '%s: the numbers that were used where none were given, which plan the same',
    async (id, { alpha, beta, density, seeded, models }) => {
      const inputs = MODELS.slice(0, models[0])
      const plan = await planned({ method: id }, inputs)
      const decided = merge.decided({ method: id }, plan, inputs)
      const own = { ...(beta !== undefined && { beta }), ...(density !== undefined && { density }) }
      const count = alpha.takes === 'one' ? 1 : inputs.length - 1
      expect(decided).toEqual({
        method: id,
        alpha: Array(count).fill(alpha.byDefault(inputs.length)),
        ...own,
        ...(seeded && { seed: 0 }),
      })
      expect(contentsOf(await planned(decided, inputs))).toBe(contentsOf(plan))
    },
  )
})

describe('recipes of 0.1', () => {
  const common = { method: 'sum-twice', alpha: [0.25], beta: 0.5 }
  it.each<[string, Recipe['options'], Recipe['options'], InputModel[]]>([
    ['numbers alone', common, common, MODELS],
    [
      'blocks of both numbers, and keys',
      { ...common, blocks: ['IN04=0.5', 'OUT*=0'], 'blocks-beta': ['GRAD_V'], keys: ['*attn2*=0.1'] },
      { ...common, blocks: ['IN04=0.5', 'OUT*=0'], betaBlocks: ['GRAD_V'], keys: ['*attn2*=0.1'] },
      MODELS,
    ],
    [
      'types, as a person may have typed them',
      { method: 'weighted-sum', alpha: [0.5], dtype: ['FP16', 'vae=Fp32', 'text=keep'] },
      { method: 'weighted-sum', alpha: [0.5], dtype: { all: 'fp16', by: { vae: 'fp32', text: 'keep' } } },
      [A!, B!],
    ],
    ['a half, and a VAE', { only: 'unet', vae: 'b' }, { only: 'unet', vae: 'b' }, [A!, B!]],
    ['the VAE of a file', { vae: 'file', alpha: [0.5] }, { vae: 'file', alpha: [0.5] }, [A!, B!, VAE]],
    ['flags', { allowMissing: true, allowMixed: true }, { allowMissing: true, allowMixed: true }, [A!, B!]],
  ])('%s plan the same', async (_, old, current, inputs) => {
    const [first, second] = [recipeOf(1, old), recipeOf(2, current)]
    expect(operationOfRecipe(first).options).toEqual(operationOfRecipe(second).options)
    const plans = [first, second].map((recipe) => planRecipe(recipe, inputs, zeroContext()))
    const [one, two] = await Promise.all(plans)
    expect(contentsOf(one!)).toBe(contentsOf(two!))
  })
})

describe('a recipe that cannot be repeated', () => {
  it.each<[string, Record<string, JsonValue>]>([
    ['a method of another version', { method: 'mean' }],
    ['a number as text', { alpha: ['0.5'] }],
    ['one number for all', { alpha: 0.5 }],
    ['the VAE of a path', { vae: '../secret.pt' }],
    ['a half that is none', { only: 'vae' }],
    ['a type that is none', { dtype: { all: 'fp3' } }],
    ['blocks of numbers', { blocks: [0.5] }],
    ['a text for a flag', { allowMixed: 'yes' }],
    ['the old name of an option', { 'blocks-beta': ['OUT*=0'] }],
    ['an option of another version', { sparsity: 0.5 }],
  ])('%s is refused', (_, options) => {
    expect(() => operationOfRecipe(recipeOf(2, options))).toThrow(
      expect.objectContaining({ code: 'RECIPE_UNREADABLE', exitCode: 3 }),
    )
  })

  it.each<[string, Record<string, JsonValue>, InputModel[]]>([
    ['one model', {}, [A!]],
    ['no model beside the VAE', { vae: 'file' }, [VAE]],
    ['the VAE of a model that is not there', { vae: 'q' }, [A!, B!]],
    ['numbers for more models', { alpha: [0.1, 0.2] }, [A!, B!]],
    ['a number that the method does not take', { density: 0.5 }, [A!, B!]],
    ['blocks that no model has', { blocks: ['1', '2', '3'] }, [A!, B!]],
    ['a share of more than all', { method: 'ties', density: 2 }, [A!, B!]],
    ['a seed that is no whole number', { method: 'dare', seed: 0.5 }, [A!, B!]],
    ['keys without a number', { keys: ['attn2'] }, [A!, B!]],
  ])('%s makes no sense', async (_, options, inputs) => {
    await expect(planRecipe(recipeOf(2, options), inputs, zeroContext())).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      exitCode: 3,
    })
  })
})

describe('components that come whole from one model', () => {
  const V = { metadata: { 'modelspec.prediction_type': 'v' } }

  /** `a unet=b`: the components, and whose file each of their weights is in. */
  function sourcesOf({ table }: Plan): string {
    const found = new Map<string, Set<string>>()
    for (const { name, source } of table.tensors.values()) {
      const part = name.split('.')[0]!
      const letters = found.get(part) ?? found.set(part, new Set()).get(part)!
      letters.add(source.kind === 'stored' ? source.file.path.split('.')[0]! : source.kind)
    }
    const part = (name: string) => [...(found.get(name) ?? [])].toSorted().join('+')
    return `unet=${part('model')} text=${part('cond_stage_model')} vae=${part('first_stage_model')}`
  }

  it.each<[string, MergeOptions, InputModel[]]>([
    ['unet=b text=a vae=a', { only: 'unet', alpha: [1] }, [A!, B!]],
    ['unet=a text=b vae=a', { only: 'text', alpha: [1] }, [A!, B!]],
    ['unet=b text=b vae=a', { alpha: [1] }, [A!, B!]],
    ['unet=b text=b vae=a', { method: 'slerp', alpha: [1] }, [A!, B!]],
    ['unet=c text=c vae=b', { method: 'sum-twice', beta: 1, vae: 'b' }, MODELS],
    ['unet=c text=a vae=a', { alpha: [0, 1], only: 'unet' }, MODELS],
    ['unet=a text=a vae=b', { alpha: [0], vae: 'b' }, [A!, B!]],
    ['unet=a text=a vae=other', { alpha: [0], vae: 'file' }, [A!, B!, VAE]],
    ['unet=a+b text=a vae=a', { alpha: [0], blocks: ['IN*=1'] }, [A!, B!]],
    ['unet=a+b text=a vae=a', { alpha: [0], keys: ['*attn2*=1'] }, [A!, B!]],
  ])('%s: %o', async (sources, options, inputs) => {
    const plan = await planned(options, inputs)
    expect(sourcesOf(plan)).toBe(sources)
    expect(merge.prover!(plan).check(new Map())).toBeUndefined()
  })

  it.each<[string, MergeOptions, InputModel[]]>([
    ['a.safetensors', { alpha: [0] }, [A!, B!]],
    ['a.safetensors', { method: 'add-difference', alpha: [0] }, MODELS],
    ['a.safetensors', { only: 'unet', alpha: [0] }, [A!, B!]],
    ['b.safetensors', { alpha: [1], vae: 'b' }, [A!, B!]],
    ['c.safetensors', { method: 'sum-twice', beta: 1, vae: 'c' }, MODELS],
  ])('a copy of %s is refused: %o', async (name, options, inputs) => {
    await expect(planned(options, inputs)).rejects.toMatchObject({
      code: 'MERGE_NOTHING',
      message: expect.stringContaining(`makes a copy of ${name}`),
    })
  })

  it('that A has, too, are refused before anything is written', async () => {
    const plan = await planned({ only: 'unet', alpha: [1] })
    const [inputs, options, context] = [[A!, B!], {}, zeroContext()]
    await expect(merge.confirm!(plan, inputs, options, context)).rejects.toMatchObject({
      code: 'NOTHING_CHANGED',
    })
    let reads = 0
    const other = zeroContext({ read: async (_, __, target) => void target.fill(reads++) })
    await expect(merge.confirm!(plan, inputs, options, other)).resolves.toBeUndefined()
  })

  it('a UNet that predicts something else than A says is refused, the other way round it is not', async () => {
    const v = await inputModel('v.safetensors', KEYS, V)
    for (const allowMixed of [false, true]) {
      const options: MergeOptions = { only: 'unet', alpha: [1], ...(allowMixed && { allowMixed }) }
      await expect(planned(options, [A!, v])).rejects.toMatchObject({
        code: 'MERGE_MIXED_PREDICTIONS',
        hint: expect.stringContaining('sdtool merge "v.safetensors" "a.safetensors" --only text --alpha 1'),
      })
    }
    const options: MergeOptions = { only: 'text', alpha: [1] }
    expect(sourcesOf(await planned(options, [v, A!]))).toBe('unet=v text=a vae=v')
    expect(merge.stated!([v, A!], options)).toBe(v.identity)
  })
})

describe('methods that look at all models first', () => {
  it.each(['cosine-a', 'cosine-b'])(
    '%s reads them for a plan that is written, and only then',
    async (method) => {
      const small = MODELS.slice(0, 2)
      const [rehearsal, real] = [zeroContext({ rehearsal: true }), zeroContext()]
      const shown: number[] = []
      const progress = () => ({ update: (done: number) => shown.push(done), end: () => shown.push(-1) })
      await merge.plan(small, { method, only: 'text' }, rehearsal)
      expect(rehearsal.reads()).toBe(0)
      await merge.plan(small, { method, only: 'text' }, { ...real, progress })
      expect(real.reads()).toBeGreaterThan(0)
      expect(shown).toEqual([...Array.from({ length: 36 }, (_, i) => i + 1), -1])
    },
  )

  it('end where a person ends them', async () => {
    const ended = new AbortController()
    ended.abort(new Error('ended'))
    const context = zeroContext({ signal: ended.signal })
    await expect(merge.plan([A!, B!], { method: 'cosine-a' }, context)).rejects.toThrow('ended')
  })
})

describe('text encoders in other layouts', () => {
  const LDM = narrowSdxl()
  const G = clip(48, 2, true)
  const WITHOUT_G = LDM.filter(([name]) => !name.startsWith('conditioner.embedders.1.'))
  const renamed = (keys: typeof LDM, from: string, to: string) =>
    keys.map(([name, shape]): (typeof LDM)[number] => [name.replace(from, to), shape])
  const gOf = (prefix: string) =>
    [...clipTopology({ ...G, vocabulary: 1000 })].map(([name, shape]) => [prefix + name, shape] as const)

  /** How programs write the encoders of SDXL: sgm; Forge and ComfyUI; a checkpoint whose folders were joined. */
  const LAYOUTS = {
    ldm: LDM,
    comfy: [
      ...renamed(WITHOUT_G, 'conditioner.embedders.0.transformer.', 'text_encoders.clip_l.transformer.'),
      ...gOf('text_encoders.clip_g.transformer.'),
    ],
    'comfy, G of OpenCLIP': renamed(
      renamed(LDM, 'conditioner.embedders.0.transformer.', 'text_encoders.clip_l.transformer.'),
      'conditioner.embedders.1.model.',
      'text_encoders.clip_g.transformer.',
    ),
  }
  const NAMES = Object.keys(LAYOUTS) as (keyof typeof LAYOUTS)[]

  it.each(NAMES.flatMap((a) => NAMES.map((b) => [a, b] as const)))('A in %s, B in %s', async (a, b) => {
    const inputs = [
      await inputModel('a.safetensors', LAYOUTS[a]),
      await inputModel('b.safetensors', LAYOUTS[b]),
    ]
    const plan = await planned({ alpha: [0.5] }, inputs)
    const text = [...plan.blended.values()].filter(({ role }) => role === 'text')
    const own = LAYOUTS[a].filter(([name]) => /^(conditioner|text_encoders)\./.test(name))
    // transformers has no place for the temperature of training, which nothing uses
    const unmatched = own.filter(([name]) => name.endsWith('logit_scale') && b === 'comfy')
    expect(text).toHaveLength(own.length - unmatched.length)
    expect(plan.findings).toEqual([])
    expect([...plan.table.tensors.keys()].sort()).toEqual(LAYOUTS[a].map(([name]) => name).sort())
  })
})

describe('a file that is no model', () => {
  it.each<[string, InputModel['identity']['kind'], RegExp]>([
    ['an embedding', 'embedding', /^Embeddings are words, which do not blend; /],
    ['an aesthetic gradient', 'aesthetic', /^Embeddings are words, which do not blend; /],
    ['training state', 'training', /^Only weights of networks can be merged\.$/],
    ['a LoRA', 'lora', /lora merge.*merge-lora/],
  ])('is told in a sentence: %s', async (_, kind, hint) => {
    const other = { ...B!, identity: { ...B!.identity, kind } }
    await expect(planned({}, [A!, other])).rejects.toMatchObject({
      code: 'MERGE_NOT_A_MODEL',
      hint: expect.stringMatching(hint),
    })
  })
})
