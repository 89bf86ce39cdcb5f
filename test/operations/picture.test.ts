/** Whether an operation may change pictures, by what its plan does to the values of its first input. */
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { identifyFile, withModels } from '../../src/library/session.ts'
import type { AnyOperation, InputModel } from '../../src/operations/operation.ts'
import { OPERATIONS } from '../../src/operations/registry.ts'
import { plainContext } from '../../src/operations/run.ts'
import { isFloat } from '../../src/tensor/values/dtype.ts'
import type { StoredSource, Tensor } from '../../src/tensor/values/table.ts'
import { QUIET_WORLD } from '../quiet-world.ts'

const folder = join(import.meta.dirname, '../../fixtures/tiny-sd')
const [BASE, OTHER, STRIPES, OUTLINE, VIVID] = [
  'tiny-sd.ckpt',
  'tiny-sd-b.safetensors',
  'tiny-stripes.safetensors',
  'tiny-outline.safetensors',
  'vivid.vae.safetensors',
] as const

const FULL = { unet: 1, text: 1 }

/** Options and inputs of each operation, some of them twice. */
const RUNS: readonly (readonly [verb: string, options: object, inputs: readonly string[]])[] = [
  ['convert', { dtype: { all: 'bf16' } }, [BASE]],
  ['convert', { to: 'diffusers', part: 'text_encoder' }, [OTHER]],
  ['prune', { ema: 'drop' }, [BASE]],
  ['extract', { component: 'unet', dtype: 'fp16' }, [BASE]],
  ['extract', { component: 'vae' }, [OTHER]],
  ['merge', { alpha: [0.5] }, [OTHER, BASE]],
  ['merge-lora', { loras: [{ ratio: FULL }] }, [OTHER, STRIPES]],
  ['bake-vae', {}, [OTHER, VIVID]],
  ['join', { parts: ['vae'] }, [OTHER, VIVID]],
  ['extract embeddings', { prompt: 'red', name: 'x' }, [OTHER]],
  ['extract lora', {}, [OTHER, BASE]],
  ['lora merge', { ratios: [FULL, FULL] }, [STRIPES, OUTLINE]],
  ['lora resize', {}, [STRIPES]],
  ['lora convert', { to: 'diffusers' }, [STRIPES]],
]

function storedIn({ source }: Tensor): StoredSource | undefined {
  if (source.kind === 'cast') return storedIn(source.of)
  return source.kind === 'stored' ? source : undefined
}

/** A whole tensor of the model, at most in another type. */
function isCopy(tensor: Tensor, { file }: InputModel): boolean {
  const { file: from, offset, nbytes } = storedIn(tensor) ?? {}
  return [...file.tensors.values()].some(
    ({ source }) =>
      source.kind === 'stored' &&
      from?.path === source.file.path &&
      offset === source.offset &&
      nbytes === source.nbytes,
  )
}

/** All weights that the operation writes are those of its first input. */
async function onlyCopies(operation: AnyOperation, options: object, inputs: readonly string[]) {
  if (operation.compute) return false
  const paths = inputs.map((name) => join(folder, name))
  return withModels(paths, QUIET_WORLD, async (opened) => {
    const models: InputModel[] = []
    for (const [i, { model }] of opened.entries())
      models.push({ name: paths[i]!, file: model, identity: await identifyFile(paths[i]!, opened[i]!) })
    const { table } = await operation.plan(models, options, plainContext(opened, QUIET_WORLD))
    const weights = [...table.tensors.values()].filter(({ dtype }) => isFloat(dtype))
    expect(weights.length).toBeGreaterThan(0)
    return weights.every((tensor) => isCopy(tensor, models[0]!))
  })
}

it('is looked at for every operation', () => {
  const verbs = new Set(RUNS.map(([verb]) => verb))
  expect([...verbs].sort()).toEqual(OPERATIONS.map(({ verb }) => verb).sort())
})

it.each(RUNS)('%s %j of %j: the same exactly where weights are copied', async (verb, options, inputs) => {
  const found = OPERATIONS.find((operation) => operation.verb === verb)!
  const operation = ('choose' in found ? found.choose(options) : found) as AnyOperation
  expect(operation.picture).toBe((await onlyCopies(operation, options, inputs)) ? 'same' : 'other')
})
