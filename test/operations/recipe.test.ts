/** What a recipe is repeated to must be what was written, byte for byte. */
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { identifyFile, readAny, withModels } from '../../src/library/session.ts'
import { buildRecipe, parseRecipe, RECIPE_KEY, type Recipe } from '../../src/model/metadata/recipe.ts'
import type { InputModel } from '../../src/operations/operation.ts'
import { planRecipe } from '../../src/operations/recipe.ts'
import { plainContext } from '../../src/operations/run.ts'
import { wasmMatMul } from '../../src/tensor/numeric/wasm-matmul.ts'
import { blockBytes, elementCount } from '../../src/tensor/values/dtype.ts'
import { evaluateInto, newEvaluation, type ReadInto } from '../../src/tensor/values/expr.ts'
import type { Tensor } from '../../src/tensor/values/table.ts'
import { runCli } from '../cli/run.ts'
import { QUIET_WORLD } from '../quiet-world.ts'
import { tempFolder } from '../temp-folder.ts'

const folder = join(import.meta.dirname, '../../fixtures/tiny-sd')
const file = (name: string) => join(folder, name)
const [BASE, OTHER, STRIPES, OUTLINE, VIVID] = [
  'tiny-sd.ckpt',
  'tiny-sd-b.safetensors',
  'tiny-stripes.safetensors',
  'tiny-outline.safetensors',
  'vivid.vae.safetensors',
].map(file) as [string, string, string, string, string]

async function replanned<T>(
  recipe: Recipe,
  inputs: readonly string[],
  use: (tensors: ReadonlyMap<string, Tensor>, read: ReadInto) => Promise<T>,
): Promise<T> {
  return withModels(inputs, QUIET_WORLD, async (opened) => {
    const models: InputModel[] = []
    for (const [i, path] of inputs.entries()) {
      models.push({ name: path, file: opened[i]!.model, identity: await identifyFile(path, opened[i]!) })
    }
    const { table } = await planRecipe(recipe, models, plainContext(opened, QUIET_WORLD))
    return use(table.tensors, readAny(opened))
  })
}

async function bytesOf(tensor: Tensor, read: ReadInto): Promise<Buffer> {
  const count = elementCount(tensor.shape)
  const out = new Uint8Array(blockBytes(tensor.dtype, 0, count))
  // the writer's engine, where the world has none of its own
  await evaluateInto(tensor, 0, count, out, newEvaluation(read, wasmMatMul))
  return Buffer.from(out)
}

it.each([
  ['prune', [BASE], ['--dtype', 'fp32', '--dtype', 'vae=fp16']],
  ['prune', [BASE], ['--ema', 'drop']],
  ['convert', [BASE], ['--dtype', 'bf16']],
  ['merge-lora', [OTHER, STRIPES], ['--ratio', '0.7']],
  [
    'merge-lora',
    [OTHER, `${STRIPES}:0.4:0.9`, `${OUTLINE}:-0.5`],
    ['--blocks', 'IN01=0.5', '--exclude', '*attn2*'],
  ],
  ['merge-lora', [BASE, STRIPES], ['--ema', 'patch', '--only', 'unet', '--dtype', 'fp32']],
  ['merge', [BASE, OTHER], ['--alpha', '0.3', '--blocks', 'OUT*=0.6', '--vae', VIVID]],
  ['merge', [OTHER, BASE], ['--method', 'cosine-a', '--vae', 'b']],
  ['bake-vae', [OTHER, VIVID], ['--dtype', 'fp32']],
  ['join', [OTHER], ['--vae', VIVID, '--dtype', 'vae=fp32']],
  ['lora merge', [`${STRIPES}:0.7`, `${OUTLINE}:-0.5:1`], []],
  ['extract', ['vae', OTHER], ['--dtype', 'fp32']],
  ['convert', [OTHER], ['--to', 'diffusers', '--part', 'text_encoder']],
])('%s %j %j', { timeout: 60_000 }, async (verb, inputs, options) => {
  const out = join(tempFolder(), 'out.safetensors')
  const { code, stderr } = await runCli([...verb.split(' '), ...inputs, ...options, '-o', out, '--quiet'])
  expect([code, stderr]).toEqual([0, ''])
  await withModels([out], QUIET_WORLD, async ([written]) => {
    const recipe = parseRecipe(written!.model.metadata[RECIPE_KEY])!
    const paths = recipe.inputs.map(({ name }) => file(name))
    await replanned(recipe, paths, async (tensors, read) => {
      expect([...tensors.keys()].sort()).toEqual([...written!.model.tensors.keys()].sort())
      for (const [name, tensor] of tensors) {
        const expected = await bytesOf(written!.model.tensors.get(name)!, written!.read)
        expect((await bytesOf(tensor, read)).equals(expected), name).toBe(true)
      }
    })
  })
})

function recipeOf(operation: string, options: Parameters<typeof buildRecipe>[0]['options']): Recipe {
  return buildRecipe({ sdtool: '1', operation, produced: new Date(0), inputs: [], options })
}

it.each([
  ['an operation of another version', 'transmogrify', {}, 'RECIPE_UNKNOWN'],
  ['the name of a member of all objects', 'constructor', {}, 'RECIPE_UNKNOWN'],
  ['what is no model', 'extract lora', {}, 'RECIPE_UNPLANNED'],
  ['a network nobody knows', 'convert', { to: 'single', parts: ['unet', 'lens'] }, 'RECIPE_UNREADABLE'],
  ['a network too few', 'convert', { to: 'single', parts: ['unet'] }, 'RECIPE_INVALID'],
  ['no ratios', 'merge-lora', {}, 'RECIPE_INVALID'],
  ['ratios that are no numbers', 'merge-lora', { ratios: ['x'] }, 'RECIPE_UNREADABLE'],
  ['a type that does not exist', 'merge-lora', { ratios: [1], dtype: ['fp3'] }, 'RECIPE_UNREADABLE'],
])('%s is refused', async (_, operation, options, code) => {
  const attempt = replanned(recipeOf(operation, options), [OTHER, STRIPES], async () => {})
  await expect(attempt).rejects.toMatchObject({ code, exitCode: 3 })
})

it('a folder of diffusers is put together from its files', async () => {
  const folder = tempFolder()
  const [pipe, out] = [join(folder, 'pipe'), join(folder, 'out.safetensors')]
  expect((await runCli(['convert', OTHER, '--to', 'diffusers', '-o', pipe, '-q'])).code).toBe(0)
  expect((await runCli(['convert', pipe, '-o', out, '-q'])).code).toBe(0)
  const files = ['unet/diffusion_pytorch_model', 'vae/diffusion_pytorch_model', 'text_encoder/model']
  await withModels([out], QUIET_WORLD, async ([written]) => {
    const recipe = parseRecipe(written!.model.metadata[RECIPE_KEY])!
    const paths = files.map((name) => join(pipe, `${name}.safetensors`))
    await replanned(recipe, paths, async (tensors, read) => {
      expect(tensors.size).toBe(1131)
      for (const [name, tensor] of tensors) {
        const expected = await bytesOf(written!.model.tensors.get(name)!, written!.read)
        expect((await bytesOf(tensor, read)).equals(expected), name).toBe(true)
      }
    })
  })
}, 60_000)

it('a recipe without inputs is refused', async () => {
  const context = plainContext([], QUIET_WORLD)
  await expect(planRecipe(recipeOf('prune', {}), [], context)).rejects.toMatchObject({
    code: 'RECIPE_INVALID',
  })
})
