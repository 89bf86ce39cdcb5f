import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { identifyFile, type OpenedModel, withModel, withModels } from '../../src/library/session.ts'
import type { Model } from '../../src/model/model.ts'
import { planMergeLora } from '../../src/operations/merge-lora/plan.ts'
import { planPrune } from '../../src/operations/prune/plan.ts'
import { readValues } from '../../src/tensor/values/expr.ts'
import { writeModel } from '../model-files.ts'
import { QUIET_WORLD } from '../quiet-world.ts'
import { tempFolder } from '../temp-folder.ts'
import { ON_CPU, renderModel, SLOW } from './networks.ts'
import { contextError, goldens, picture, prediction, predictionError, TINY } from './tiny-sd.ts'

/** Asked for in fp32. What is measured is 1e-6. */
const TOLERANCE = 1e-5

function withTiny<T>(file: string, use: (model: Model) => Promise<T>): Promise<T> {
  const path = join(TINY, file)
  return withModel(path, QUIET_WORLD, async (opened) => {
    return use({ name: path, file: opened.model, identity: await identifyFile(path, opened) })
  })
}

describe('the trained model', SLOW, () => {
  it('gives from its safetensors what torch gives: text, noise and picture', async () => {
    await withTiny('tiny-sd-b.safetensors', async (model) => {
      expect(await contextError(model, 'b-star', ON_CPU)).toBeLessThan(TOLERANCE)
      expect(await predictionError(model, 'b-star', ON_CPU)).toBeLessThan(TOLERANCE)
      const expected = (await goldens()).bytes.get('b-star.image')!
      const made = await picture(model, 'b-star', ON_CPU)
      // a value on the edge of two bytes may fall on either side
      expect(made.filter((byte, i) => Math.abs(byte - expected[i]!) > 1)).toHaveLength(0)
    })
  })

  it('gives the same from a training checkpoint, its live weights', async () => {
    await withTiny('tiny-sd.ckpt', async (model) => {
      expect(await contextError(model, 'live-red-circle', ON_CPU)).toBeLessThan(TOLERANCE)
      expect(await predictionError(model, 'live-red-circle', ON_CPU)).toBeLessThan(TOLERANCE)
    })
  })

  it('is drawn from plans before anything is written: EMA weights, and a LoRA on top of them', async () => {
    const paths = ['tiny-sd.ckpt', 'tiny-stripes.safetensors'].map((name) => join(TINY, name))
    await withModels(paths, QUIET_WORLD, async (opened) => {
      const ema = await emaModel(paths[0]!, opened[0]!)
      expect(await predictionError(ema, 'ema-red-circle', ON_CPU)).toBeLessThan(TOLERANCE)
      const merged = await withLora(ema, paths[1]!, opened[1]!)
      // torch added the LoRA in fp32; a merge is rounded to the fp16 it will be stored in
      expect(await contextError(merged, 'stripes-0.5-heart', ON_CPU)).toBeLessThan(2e-3)
      expect(await predictionError(merged, 'stripes-0.5-heart', ON_CPU)).toBeLessThan(2e-3)
      // without the LoRA it would be another picture
      expect(await predictionError(ema, 'stripes-0.5-heart', ON_CPU)).toBeGreaterThan(2e-2)
    })
  })

  it('is drawn from the plan of a merge exactly as from the file that is written', async () => {
    const paths = ['tiny-sd.ckpt', 'tiny-stripes.safetensors'].map((name) => join(TINY, name))
    const path = join(tempFolder(), 'merged.safetensors')
    const planned = await withModels(paths, QUIET_WORLD, async (opened) => {
      const merged = await withLora(await emaModel(paths[0]!, opened[0]!), paths[1]!, opened[1]!)
      await writeModel(path, merged.file)
      return prediction(merged, 'stripes-0.5-heart', ON_CPU)
    })
    const written = await withModel(path, QUIET_WORLD, async (opened) => {
      const model = { name: path, file: opened.model, identity: await identifyFile(path, opened) }
      return prediction(model, 'stripes-0.5-heart', ON_CPU)
    })
    expect(planned).toEqual(written)
  })
})

async function emaModel(path: string, opened: OpenedModel): Promise<Model> {
  const read = (tensor: Parameters<typeof readValues>[0]) => readValues(tensor, opened.read)
  const { table } = await planPrune(opened.model, await identifyFile(path, opened), { ema: 'only' }, read)
  return renderModel(table)
}

async function withLora(base: Model, path: string, opened: OpenedModel): Promise<Model> {
  const { adapter } = await identifyFile(path, opened)
  const lora = {
    name: path,
    table: opened.model,
    adapter: adapter!,
    ratio: { unet: 0.5, text: 0.5 },
    read: (tensor: Parameters<typeof readValues>[0]) => readValues(tensor, opened.read),
  }
  const plan = await planMergeLora(base, [lora], {})
  expect(plan.problems).toEqual([])
  return renderModel(plan.table)
}
