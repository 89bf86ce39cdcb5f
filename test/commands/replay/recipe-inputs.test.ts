import { copyFileSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { findInputs } from '../../../src/commands/replay/recipe-inputs.ts'
import { modelFolders } from '../../../src/commands/shared/model-folders.ts'
import { buildRecipe, type RecipeInput, recipeInput } from '../../../src/model/metadata/recipe.ts'
import { hashFile } from '../../../src/system/hash.ts'
import { QUIET_WORLD } from '../../quiet-world.ts'
import { tempFolder } from '../../temp-folder.ts'

/** A safetensors file without tensors, with data behind its header. */
function safetensors(path: string, data: string, metadata = {}): string {
  const header = Buffer.from(JSON.stringify({ __metadata__: metadata }))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  writeFileSync(path, Buffer.concat([length, header, Buffer.from(data)]))
  return path
}

async function inputOf(path: string, drop: readonly ('sha256' | 'autoV3')[] = []): Promise<RecipeInput> {
  const { size } = statSync(path)
  const hashes = await hashFile(path, { only: ['sha256', 'autoV1', 'autoV3'] })
  for (const name of drop) delete hashes[name]
  return recipeInput({ name: path, bytes: size, ...hashes }, {})
}

async function find(input: RecipeInput, beside: string, ...roots: string[]) {
  const recipe = buildRecipe({
    sdtool: '1',
    operation: 'x',
    produced: new Date(0),
    inputs: [input],
    options: {},
  })
  const folders = modelFolders(roots.length > 0 ? { models: roots } : {}, QUIET_WORLD)
  const [found] = await findInputs(recipe, { path: join(beside, 'baked.safetensors'), folders }, QUIET_WORLD)
  return [found!.path, found!.by]
}

it('a file of the name beside the model, or in a model folder', async () => {
  const [here, models] = [tempFolder(), tempFolder()]
  mkdirSync(join(models, 'sd'))
  const path = safetensors(join(models, 'sd', 'base.safetensors'), 'weights')
  const input = await inputOf(path)
  expect(await find(input, join(models, 'sd'))).toEqual([path, 'sha256'])
  expect(await find(input, here, models)).toEqual([path, 'sha256'])
})

it('a file that was renamed', async () => {
  const folder = tempFolder()
  const path = safetensors(join(folder, 'base.safetensors'), 'weights')
  const input = await inputOf(path)
  renameSync(path, join(folder, 'other.safetensors'))
  safetensors(join(folder, 'same-length.safetensors'), 'WEIGHTS')
  expect(await find(input, folder)).toEqual([join(folder, 'other.safetensors'), 'sha256'])
})

it('a file with other metadata and the same weights', async () => {
  const folder = tempFolder()
  const path = safetensors(join(folder, 'base.safetensors'), 'weights')
  const input = await inputOf(path)
  safetensors(path, 'weights', { title: 'edited' })
  expect(await find(input, folder)).toEqual([path, 'autoV3'])
})

it('a large file, of which the recipe has the first hash only', async () => {
  const folder = tempFolder()
  const path = safetensors(join(folder, 'base.safetensors'), 'x'.repeat(0x120000))
  const input = await inputOf(path, ['sha256', 'autoV3'])
  expect(await find(input, folder)).toEqual([path, 'autoV1'])
})

it('another file of that name is not it, unless the right one lies elsewhere', async () => {
  const [folder, models] = [tempFolder(), tempFolder()]
  const path = safetensors(join(folder, 'base.safetensors'), 'weights')
  const input = await inputOf(path)
  copyFileSync(path, join(models, 'base.safetensors'))
  safetensors(path, 'WEIGHTS')
  await expect(find(input, folder)).rejects.toMatchObject({ code: 'INPUT_CHANGED', exitCode: 4 })
  expect(await find(input, folder, models)).toEqual([join(models, 'base.safetensors'), 'sha256'])
})

it('a missing file is named, with its hash and where it was looked for', async () => {
  const folder = tempFolder()
  const path = safetensors(join(folder, 'base.safetensors'), 'weights')
  const input = await inputOf(path)
  await expect(find(input, tempFolder(), tempFolder())).rejects.toMatchObject({
    code: 'INPUT_NOT_FOUND',
    exitCode: 4,
    message: expect.stringMatching(
      /made from "base\.safetensors" \(\d+ bytes, SHA-256 [0-9a-f]{10}\.\.\.\), which is not in/,
    ),
  })
})

it('without any hash nothing is believed', async () => {
  const folder = tempFolder()
  const path = safetensors(join(folder, 'base.safetensors'), 'weights')
  const { name, bytes } = await inputOf(path)
  await expect(find({ name, bytes }, folder)).rejects.toMatchObject({ code: 'INPUT_WITHOUT_HASH' })
})
