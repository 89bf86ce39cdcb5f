/** What multiplied stands in recipes of version 1 among the options, in those of version 2 beside them. */
import { expect, it } from 'vitest'
import { buildRecipe, parseRecipe, type Recipe, serialiseRecipe } from '../../src/model/metadata/recipe.ts'
import { environmentOf, recipeEngine } from '../../src/operations/engine.ts'
import { migrateOptions } from '../../src/operations/recipe-v1.ts'
import { WASM_ENGINE } from '../../src/tensor/numeric/wasm-matmul.ts'
import { QUIET_WORLD } from '../quiet-world.ts'

const NATIVE = new URL('file:///native.js')

function recipe(version: 1 | 2, facts: { options?: Recipe['options']; engine?: string }): Recipe {
  const common = { sdtool: '0.1.0', operation: 'merge-lora', produced: new Date(0), inputs: [], options: {} }
  return parseRecipe(serialiseRecipe(buildRecipe({ ...common, version, ...facts })))!
}

it.each([
  ['version 1 with one', recipe(1, { options: { engine: WASM_ENGINE } }), WASM_ENGINE],
  ['version 2 with one', recipe(2, { engine: WASM_ENGINE }), WASM_ENGINE],
  [
    'version 1 with another',
    recipe(1, { options: { engine: 'onnxruntime 1.22 x64' } }),
    'onnxruntime 1.22 x64',
  ],
  ['version 2 with another', recipe(2, { engine: 'onnxruntime 1.22 x64' }), 'onnxruntime 1.22 x64'],
  ['version 1 without', recipe(1, {}), undefined],
  ['version 2 without', recipe(2, {}), undefined],
  ['version 1 with what is no name', recipe(1, { options: { engine: 7 } }), undefined],
  ['version 2 with an option of that name', recipe(2, { options: { engine: WASM_ENGINE } }), undefined],
])('%s', (_, made, engine) => {
  expect(recipeEngine(made)).toBe(engine)
  const { matmul } = environmentOf(made, { ...QUIET_WORLD, matmul: NATIVE })
  // our own kernel multiplies the same everywhere, so what it made is made again by it
  expect(matmul).toEqual(engine === WASM_ENGINE ? undefined : NATIVE)
})

it('is no option of the operation', () => {
  expect(migrateOptions('prune', { ema: 'drop', engine: WASM_ENGINE })).toEqual({ ema: 'drop' })
  // what is no name of an engine is for the reader of the options to refuse
  expect(migrateOptions('prune', { engine: 7 })).toEqual({ engine: 7 })
})
