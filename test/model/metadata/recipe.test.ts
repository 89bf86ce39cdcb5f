import { describe, expect, it } from 'vitest'
import {
  buildRecipe,
  parseRecipe,
  RECIPE_KEY,
  type Recipe,
  recipeInput,
  serialiseRecipe,
} from '../../../src/model/metadata/recipe.ts'

const SHA = 'a'.repeat(64)

function recipe(inputs: Recipe['inputs'] = [], options = {}): Recipe {
  return buildRecipe({
    sdtool: '1.2.3',
    operation: 'prune',
    produced: new Date(Date.UTC(2026, 0, 2, 3, 4, 5)),
    inputs,
    options,
  })
}

describe('buildRecipe', () => {
  it('says what was done to which files, and when', () => {
    const input = recipeInput(
      { name: 'model.ckpt', bytes: 12, sha256: SHA, autoV1: 'deadbeef', autoV3: undefined },
      {},
    )
    expect(JSON.parse(serialiseRecipe(recipe([input], { dtype: 'F16', drop: undefined })))).toEqual({
      version: 1,
      sdtool: '1.2.3',
      operation: 'prune',
      produced: '2026-01-02T03:04:05.000Z',
      inputs: [{ name: 'model.ckpt', bytes: 12, sha256: SHA, autoV1: 'deadbeef' }],
      options: { dtype: 'F16' },
    })
  })

  it.each(['/home/me/secret/model.ckpt', 'C:\\Users\\me\\model.ckpt', 'model.ckpt'])(
    'keeps no folder of %s',
    (name) => {
      expect(recipeInput({ name, bytes: 1 }, {}).name).toBe('model.ckpt')
    },
  )
})

describe('ancestry', () => {
  it('nests the recipe an input was made by', () => {
    const first = recipe([recipeInput({ name: 'full.ckpt', bytes: 9, sha256: SHA }, {})])
    const second = recipe([
      recipeInput({ name: 'pruned.safetensors', bytes: 5 }, { [RECIPE_KEY]: serialiseRecipe(first) }),
    ])
    expect(parseRecipe(serialiseRecipe(second))?.inputs[0]?.recipe).toEqual(first)
  })

  it('leaves out the oldest ancestors of a long chain and says so', () => {
    let text = serialiseRecipe(recipe())
    for (let i = 0; i < 40; i++) {
      text = serialiseRecipe(recipe([recipeInput({ name: `${i}`, bytes: i }, { [RECIPE_KEY]: text })]))
    }
    let generations = 0
    let last = parseRecipe(text)?.inputs[0]
    while (last?.recipe !== undefined) {
      generations++
      last = last.recipe.inputs[0]
    }
    expect(generations).toBeGreaterThan(5)
    expect(generations).toBeLessThan(20)
    expect(last?.recipeOmitted).toBe(true)
  })

  it('stays below 64 KiB when ancestors have much to tell', () => {
    const big = recipe([], { note: 'x'.repeat(50_000) })
    const second = recipe([recipeInput({ name: 'a', bytes: 1 }, { [RECIPE_KEY]: serialiseRecipe(big) })], {
      note: 'y'.repeat(30_000),
    })
    const text = serialiseRecipe(second)
    expect(text.length).toBeLessThan(64 * 1024)
    expect(parseRecipe(text)?.inputs[0]).toEqual({ name: 'a', bytes: 1, recipeOmitted: true })
    expect(parseRecipe(text)?.options).toEqual(second.options)
  })
})

describe('parseRecipe', () => {
  const sound = JSON.parse(serialiseRecipe(recipe([{ name: 'a', bytes: 1 }])))

  it('reads what serialiseRecipe writes', () => {
    const written = recipe([{ name: 'a', bytes: 1, sha256: SHA }], {
      ratio: 0.5,
      list: [1, null, { a: true }],
    })
    expect(parseRecipe(serialiseRecipe(written))).toEqual(written)
  })

  it.each<[string, unknown]>([
    ['no JSON', undefined],
    ['a list', []],
    ['another version', { ...sound, version: 3 }],
    ['no operation', { ...sound, operation: undefined }],
    ['inputs that are no list', { ...sound, inputs: {} }],
    ['an input that is no object', { ...sound, inputs: [null] }],
    ['an input without a size', { ...sound, inputs: [{ name: 'a' }] }],
    ['a size that is no number of bytes', { ...sound, inputs: [{ name: 'a', bytes: 1e300 }] }],
    [
      'an input with a broken recipe',
      { ...sound, inputs: [{ name: 'a', bytes: 1, recipe: { version: 1 } }] },
    ],
    ['options that are no object', { ...sound, options: 'all' }],
  ])('refuses %s', (_, value) => {
    expect(parseRecipe(value === undefined ? '{' : JSON.stringify(value))).toBeUndefined()
  })

  it('keeps only hashes that are hex', () => {
    const input = { name: 'a', bytes: 1, sha256: '../../etc/passwd', autoV1: 'DEADBEEF', autoV3: SHA }
    expect(parseRecipe(JSON.stringify({ ...sound, inputs: [input] }))?.inputs).toEqual([
      { name: 'a', bytes: 1, autoV3: SHA },
    ])
  })

  it('survives a chain far deeper than any real one', () => {
    const deep = `${'{"version":1,"inputs":[{"recipe":'.repeat(20_000)}1`
    expect(parseRecipe(deep)).toBeUndefined()
  })
})
