/** What is made of models that is no other form of them: options as they stand in recipes, of either version. */

import { describe, expect, it } from 'vitest'
import { identify } from '../../src/model/identify/identify.ts'
import type { AnyOperation, InputModel } from '../../src/operations/operation.ts'
import { operationOfRecipe } from '../../src/operations/recipe.ts'
import { operationOf } from '../../src/operations/registry.ts'
import { readOptions, writeOptions } from '../../src/operations/schema.ts'
import type { JsonValue } from '../../src/system/json.ts'
import type { Tensor } from '../../src/tensor/values/table.ts'
import { narrowSd1, valuesOf } from '../model/tables.ts'
import { fc } from '../properties.ts'
import { floatTensor, tableOf } from '../tables.ts'
import { inputModel, zeroContext } from './input-models.ts'

const VERBS = ['lora merge', 'lora resize', 'extract lora', 'extract', 'extract embeddings'] as const
type Verb = (typeof VERBS)[number]

const operation = (verb: Verb) => operationOf(verb) as AnyOperation

const dtype = fc.constantFrom('fp16', 'bf16', 'fp32')
const ratio = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)
const limit = fc.integer({ min: 1, max: 10_240 })
const share = fc.double({ min: 0.001, max: 1, noNaN: true })
const factors = {
  rank: fc.oneof(
    fc.record({ method: fc.constant('fixed'), limit }),
    fc.record({
      method: fc.constant('sv_ratio'),
      target: fc.double({ min: 1, max: 1e6, noNaN: true }),
      limit,
    }),
    fc.record({ method: fc.constantFrom('sv_cumulative', 'sv_fro'), target: share, limit }),
  ),
  convRank: limit,
  dtype,
  seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
}

const ANY: Readonly<Record<Verb, fc.Arbitrary<object>>> = {
  'lora merge': fc.record(
    { ratios: fc.array(fc.record({ unet: ratio, text: ratio }), { minLength: 1 }), dtype },
    { requiredKeys: ['ratios'] },
  ),
  'lora resize': fc.record(factors, { requiredKeys: [] }),
  'extract lora': fc.record(
    { ...factors, algo: fc.constantFrom('lora', 'locon'), only: fc.constantFrom('unet', 'text') },
    { requiredKeys: [] },
  ),
  extract: fc.record(
    { component: fc.constantFrom('vae', 'unet', 'clip_l', 'openclip_g', 'text'), dtype },
    { requiredKeys: ['component'] },
  ),
  'extract embeddings': fc.record(
    {
      prompt: fc.string(),
      name: fc.string(),
      format: fc.constantFrom('safetensors', 'pt'),
      each: fc.constant(true),
      only: fc.integer({ min: 1 }),
    },
    { requiredKeys: [] },
  ),
}

it.each(VERBS)('options of %s come back from the text of a recipe as they were', (verb) => {
  fc.assert(
    fc.property(ANY[verb], (options) => {
      const text = JSON.stringify(writeOptions(options))
      expect(readOptions(operation(verb).schema, JSON.parse(text) as { [key: string]: JsonValue })).toEqual(
        options,
      )
    }),
  )
})

/** As version 0.1 wrote them, and what they mean. */
const OLD: readonly (readonly [Verb, { readonly [key: string]: JsonValue }, object])[] = [
  [
    'lora merge',
    { ratios: [0.7, { unet: -0.5, text: 1 }], dtype: 'fp16' },
    {
      ratios: [
        { unet: 0.7, text: 0.7 },
        { unet: -0.5, text: 1 },
      ],
      dtype: 'fp16',
    },
  ],
  [
    'lora resize',
    { rank: '16', dtype: 'fp16', seed: 0, engine: 'sdtool wasm 1' },
    { rank: { method: 'fixed', limit: 16 }, dtype: 'fp16', seed: 0 },
  ],
  [
    'lora resize',
    { rank: '128', dynamic: 'sv_fro=0.95', convRank: 8, dtype: 'bf16', engine: 'onnxruntime 1' },
    { rank: { method: 'sv_fro', target: 0.95, limit: 128 }, convRank: 8, dtype: 'bf16' },
  ],
  [
    'extract lora',
    { algo: 'locon', only: 'unet', rank: '4', dynamic: 'sv_ratio=20', dtype: 'fp32', seed: 1, engine: 'x' },
    {
      algo: 'locon',
      only: 'unet',
      rank: { method: 'sv_ratio', target: 20, limit: 4 },
      dtype: 'fp32',
      seed: 1,
    },
  ],
  ['extract', { component: 'openclip_g', dtype: 'fp32' }, { component: 'openclip_g', dtype: 'fp32' }],
  [
    'extract embeddings',
    { prompt: 'a cat', name: 'cat', format: 'pt', each: true, only: 2 },
    { prompt: 'a cat', name: 'cat', format: 'pt', each: true, only: 2 },
  ],
]

it.each(OLD)('%s: %j of version 1 is read', (verb, old, current) => {
  const common = { sdtool: '0.1.0', operation: verb, produced: '', inputs: [] }
  expect(operationOfRecipe({ ...common, version: 1, options: old }).options).toEqual(current)
  const same = current as { [key: string]: JsonValue }
  expect(operationOfRecipe({ ...common, version: 2, options: same }).options).toEqual(current)
})

it.each<[Verb, { readonly [key: string]: JsonValue }]>([
  ['lora merge', { ratios: ['x'] }],
  ['lora merge', {}],
  ['lora resize', { rank: 'auto' }],
  ['lora resize', { rank: '0' }],
  ['lora resize', { rank: '8', dynamic: 'sv_fro' }],
  ['lora resize', { rank: '8', dynamic: 'sv_fro=2' }],
  ['extract lora', { rank: '8', dynamic: 'fixed=2' }],
  ['extract lora', { seed: -1 }],
  ['extract', { component: 'lens' }],
  ['extract embeddings', { only: 'cat' }],
])('%s: %j of version 1 is refused', (verb, options) => {
  const recipe = { sdtool: '0.1.0', operation: verb, produced: '', inputs: [], version: 1, options } as const
  expect(() => operationOfRecipe(recipe)).toThrow(
    expect.objectContaining({ code: 'RECIPE_UNREADABLE', exitCode: 3 }),
  )
})

async function inMemory(name: string, tensors: readonly Tensor[]): Promise<InputModel> {
  const container = { format: 'safetensors', extras: {}, leftovers: [], findings: [] } as const
  const file = { ...tableOf([...tensors]), ...container, file: { path: name, size: 1 } }
  return { name, file, identity: await identify(file, valuesOf()) }
}

describe('every option decides the plan', async () => {
  const MODULE = 'lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q'
  const lora = (name: string, up: number) =>
    inMemory(name, [
      floatTensor(`${MODULE}.lora_down.weight`, [1, 2], [3, 4]),
      floatTensor(`${MODULE}.lora_up.weight`, [2, 1], [up, 1]),
    ])
  const loras = [await lora('a.safetensors', 2), await lora('b.safetensors', 5)]
  const model = await inputModel('model.safetensors', narrowSd1())
  const TOKENS = 'cond_stage_model.transformer.text_model.embeddings.token_embedding.weight'
  const tuned = await inputModel(
    'tuned.safetensors',
    [...narrowSd1()].map(([key, shape]) => [key, key === TOKENS ? [49411, shape[1]!] : shape] as const),
  )
  const fixed = (rank: number) => ({ method: 'fixed', limit: rank })

  const CHANGES: Readonly<Record<Verb, readonly [InputModel[], object, Readonly<Record<string, unknown>>]>> =
    {
      'lora merge': [
        loras,
        {
          ratios: [
            { unet: 1, text: 1 },
            { unet: 0.5, text: 1 },
          ],
          dtype: 'fp32',
        },
        {
          ratios: [
            { unet: 1, text: 1 },
            { unet: 0.25, text: 1 },
          ],
          dtype: 'bf16',
        },
      ],
      'lora resize': [
        [loras[0]!],
        { rank: fixed(8), convRank: 4, dtype: 'fp16', seed: 1 },
        { rank: fixed(4), convRank: 2, dtype: 'fp32', seed: 2 },
      ],
      'extract lora': [
        [model, model],
        { rank: fixed(8), convRank: 4, dtype: 'fp16', seed: 1, algo: 'lora', only: 'unet' },
        { rank: fixed(4), convRank: 2, dtype: 'fp32', seed: 2, algo: 'locon', only: 'text' },
      ],
      extract: [[model], { component: 'vae', dtype: 'fp32' }, { component: 'unet', dtype: 'bf16' }],
      // three tokens behind the vocabulary of CLIP
      'extract embeddings': [
        [tuned],
        { name: 'token', format: 'safetensors', each: true, only: 1 },
        { prompt: 'a cat', name: 'cat', format: 'pt', each: false, only: 2 },
      ],
    }

  /** The tensors, and where those are computed later, what they will be computed by. */
  async function planned(verb: Verb, inputs: readonly InputModel[], options: object): Promise<string> {
    const plan = await operation(verb).plan(inputs, options, zeroContext())
    return JSON.stringify([[...plan.table.tensors], plan.choice, plan.embedding?.name])
  }

  it.each(VERBS)('of %s', async (verb) => {
    const [inputs, options, others] = CHANGES[verb]
    const { entries } = operation(verb).schema as unknown as { entries: object }
    expect(Object.keys(others).toSorted()).toEqual(Object.keys(entries).toSorted())
    const plan = await planned(verb, inputs, options)
    expect(await planned(verb, inputs, { ...options })).toBe(plan)
    for (const [name, value] of Object.entries(others))
      expect(await planned(verb, inputs, { ...options, [name]: value }), name).not.toBe(plan)
  })

  it('and a recipe keeps what was decided where nothing was said', async () => {
    const decided = async (verb: Verb, inputs: InputModel[], options: object) => {
      const { plan, decided } = operation(verb)
      return decided(options, await plan(inputs, options, zeroContext()), inputs)
    }
    const usual = { rank: { method: 'fixed', limit: 32 }, seed: 0 }
    // the factors of these LoRAs are binary32
    expect(await decided('lora resize', [loras[0]!], {})).toEqual({ ...usual, dtype: 'fp32' })
    expect(await decided('extract lora', [model, model], {})).toEqual({
      ...usual,
      dtype: 'fp16',
      algo: 'lora',
    })
    const ratios = [1, 2].map((unet) => ({ unet, text: 1 }))
    expect(await decided('lora merge', loras, { ratios })).toEqual({ ratios, dtype: 'fp32' })
    expect(await decided('extract', [model], { component: 'text' })).toEqual({ component: 'clip_l' })
  })
})

it('a recipe of too few inputs, ratios or names is a mistake of its options', async () => {
  const model = await inputModel('model.safetensors', narrowSd1())
  const plan = (verb: Verb, options: object) =>
    (async () => operation(verb).plan([model], options, zeroContext()))()
  await expect(plan('extract lora', {})).rejects.toMatchObject({ code: 'USAGE' })
  await expect(plan('extract embeddings', { prompt: 'a cat' })).rejects.toMatchObject({ code: 'USAGE' })
  await expect(plan('lora merge', { ratios: [] })).rejects.toMatchObject({ code: 'USAGE' })
})
