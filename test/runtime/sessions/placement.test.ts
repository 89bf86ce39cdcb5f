import { readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { seededTensors } from '../../../fixtures/seeded-weights.ts'
import {
  tensor as savedTensor,
  stateDict,
  storageOf,
  writeTorchFile,
} from '../../../fixtures/torch-writer.ts'
import { withModel } from '../../../src/library/session.ts'
import { openVae } from '../../../src/runtime/engine/open-vae.ts'
import { type Placement, placeWeights } from '../../../src/runtime/sessions/placement.ts'
import type { OutputDType } from '../../../src/tensor/values/dtype.ts'
import { cast } from '../../../src/tensor/values/expr.ts'
import type { Tensor, TensorTable } from '../../../src/tensor/values/table.ts'
import { contentsOf, writeModel } from '../../model-files.ts'
import { QUIET_WORLD } from '../../quiet-world.ts'
import { tableOf } from '../../tables.ts'
import { tempFolder } from '../../temp-folder.ts'
import { ON_CPU, relativeError, renderModel, SLOW, VAE_PART, values } from '../networks.ts'

const WEIGHTS = seededTensors(...VAE_PART)
const FORMAT = { channels: 4, scale: 1, shift: 0 }

async function decoded(table: TensorTable): Promise<Float32Array> {
  const vae = await openVae(await renderModel(table), FORMAT, ON_CPU)
  const { data } = await vae.decode({ data: values('z', 1, 4, 2, 2), height: 2, width: 2 })
  await vae.close()
  return data
}

async function written(tensors: readonly Tensor[], dtype: OutputDType): Promise<string> {
  const path = join(tempFolder(), `${dtype}.safetensors`)
  await writeModel(path, tableOf(tensors.map((tensor) => cast(tensor, dtype))))
  return path
}

async function placed(table: TensorTable, use: (placement: Placement) => void): Promise<void> {
  const placement = await placeWeights(table.tensors.values(), { threads: 0 })
  use(placement)
  await placement.close()
}

/** The same values as float32, in memory. */
async function widened(path: string): Promise<TensorTable> {
  const { model, bytes } = await contentsOf(path)
  const held = [...model.tensors.values()].map((tensor): Tensor => {
    return { ...tensor, source: { kind: 'bytes', data: bytes.get(tensor.name)! } }
  })
  return tableOf(held.map((tensor) => cast(tensor, 'F32')))
}

describe('weights', SLOW, () => {
  it.each(['F32', 'F16', 'BF16'] as const)('in %s are used where they lie in the file', async (dtype) => {
    const path = await written(WEIGHTS, dtype)
    const expected = await decoded(await widened(path))
    await withModel(path, QUIET_WORLD, async ({ model }) => {
      await placed(model, ({ evaluatedBytes }) => expect(evaluatedBytes).toBe(0))
      expect(relativeError(await decoded(model), expected)).toBeLessThan(1e-6)
    })
  })

  it.each(['F8_E4M3', 'F8_E5M2'] as const)(
    'in %s are made fp16, which changes none of them',
    async (dtype) => {
      const path = await written(WEIGHTS, dtype)
      const expected = await decoded(await widened(path))
      await withModel(path, QUIET_WORLD, async ({ model }) => {
        await placed(model, ({ evaluatedBytes }) => expect(evaluatedBytes).toBeGreaterThan(0))
        expect(relativeError(await decoded(model), expected)).toBeLessThan(1e-6)
      })
    },
  )

  it('in a .ckpt are used where they lie, views in another order are put in order', async () => {
    const path = join(tempFolder(), 'vae.ckpt')
    const saved = WEIGHTS.map(({ name, shape, source }) => {
      const { data } = source as { data: Uint8Array }
      if (!name.endsWith('quant_conv.weight'))
        return [name, savedTensor(storageOf('F32', data), shape)] as const
      // [out, in, 1, 1] stored as [in, out, 1, 1]
      const [out, input] = shape as [number, number]
      const stored = new Float32Array(data.buffer, data.byteOffset, out * input)
      const turned = stored.map((_, i) => stored[(i % out) * input + Math.floor(i / out)]!)
      return [name, savedTensor(storageOf('F32', turned), shape, { strides: [1, out, 1, 1] })] as const
    })
    await writeTorchFile(path, stateDict(saved))
    const expected = await decoded(tableOf([...WEIGHTS]))
    await withModel(path, QUIET_WORLD, async ({ model }) => {
      const views = [...model.tensors.values()].filter(
        ({ source }) => source.kind === 'stored' && source.strides,
      )
      expect(views.map(({ name }) => name.split('.')[1])).toEqual(['quant_conv', 'post_quant_conv'])
      expect(relativeError(await decoded(model), expected)).toBeLessThan(1e-6)
    })
  })

  it('are found through a link, and read only where they have to be computed', async () => {
    const path = await written(WEIGHTS, 'F32')
    const scratch = tempFolder()
    symlinkSync(path, join(scratch, 'link.safetensors'))
    await withModel(join(scratch, 'link.safetensors'), QUIET_WORLD, async ({ model }) => {
      const [first, ...rest] = [...model.tensors.values()]
      const half = { ...first!, dtype: 'F16', source: { kind: 'cast', of: first! } } satisfies Tensor
      const placement = await placeWeights([half, ...rest], { threads: 0, scratch })
      const use = { name: 'x', type: 'float32', shape: rest[0]!.shape, tensor: rest[0]!, begin: 0 } as const
      expect(`${placement.root}${placement.locate(use).location}`).toBe(path)
      expect(readdirSync(scratch)).toHaveLength(2)
      await placement.close()
      expect(readdirSync(scratch)).toEqual(['link.safetensors'])
    })
  })
})
