import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { seededTensors } from '../../fixtures/seeded-weights.ts'
import type { Model } from '../../src/model/model.ts'
import { checkFiniteValues } from '../../src/runtime/devices/check-values.ts'
import { openDenoiser } from '../../src/runtime/engine/open-denoiser.ts'
import { openTextEncoder, textTowers } from '../../src/runtime/engine/open-text.ts'
import { openVae } from '../../src/runtime/engine/open-vae.ts'
import { checkMemory } from '../../src/runtime/sessions/memory.ts'
import { contentsOf } from '../model-files.ts'
import {
  modelOf,
  ON_CPU,
  renderModel,
  SD1,
  SD1_TEXT,
  SLOW,
  seededModel,
  unetPart,
  VAE_PART,
} from './networks.ts'
import { TINY } from './tiny-sd.ts'

const VIVID = join(TINY, 'vivid.vae.safetensors')

const FORMAT = { channels: 4, scale: 1, shift: 0 }

describe('values', () => {
  it('that are NaN or infinite are an error that names the network and the cure', () => {
    const unet = { title: 'UNet', precision: 'fp16' } as const
    expect(() => checkFiniteValues(Float32Array.of(1, -2), unet)).not.toThrow()
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const check = () => checkFiniteValues(Float32Array.of(1, value), unet)
      expect(check).toThrow('the UNet gave NaN or infinity in 1 of 2 values')
      expect(check).toThrow(
        expect.objectContaining({ code: 'NOT_FINITE', hint: expect.stringContaining('fp32') }),
      )
    }
  })
})

describe('memory', () => {
  it('that is not there is missed before anything is loaded', () => {
    const need = { what: 'the UNet', bytes: 10.9e9, hint: 'Buy more.' }
    expect(() => checkMemory(need, 11e9)).not.toThrow()
    expect(() => checkMemory(need, 8e9)).toThrow('the UNet needs about 10.9 GB of memory, 8.0 GB are free')
  })
})

describe('a model', SLOW, () => {
  it('without the part that is asked for is refused by name', async () => {
    const unet = await seededModel(unetPart(SD1))
    expect(() => textTowers(unet)).toThrow(expect.objectContaining({ code: 'COMPONENT_MISSING' }))
    await expect(openVae(unet, FORMAT, ON_CPU)).rejects.toMatchObject({ code: 'COMPONENT_MISSING' })
    const text = await seededModel(SD1_TEXT)
    await expect(openDenoiser(text, ON_CPU)).rejects.toMatchObject({
      code: expect.stringMatching(/MISSING|NOT_REND/),
    })
  })

  it('that draws from a picture is refused', async () => {
    const model = await seededModel(unetPart({ ...SD1, inChannels: 8 }))
    await expect(openDenoiser(model, ON_CPU)).rejects.toMatchObject({ code: 'NOT_RENDERABLE' })
  })

  it('with a weight missing, were it only a bias, is refused with its name', async () => {
    const incomplete = { code: 'COMPONENT_INCOMPLETE', message: expect.stringContaining('.bias') }
    const unet = await without(await seededModel(unetPart(SD1)), 'middle_block.1.proj_in.bias')
    await expect(openDenoiser(unet, ON_CPU)).rejects.toMatchObject(incomplete)
    const text = await without(await seededModel(unetPart(SD1), SD1_TEXT), 'layers.1.mlp.fc1.bias')
    await expect(openTextEncoder(text, textTowers(text)[0]!, ON_CPU)).rejects.toMatchObject(incomplete)
    const vae = await without(await seededModel(VAE_PART), 'decoder.up.1.block.0.norm1.bias')
    await expect(openVae(vae, FORMAT, ON_CPU)).rejects.toMatchObject(incomplete)
  })

  it('whose fp8 weights have scales is refused, as the values alone are wrong', async () => {
    const scale = { name: 'model.diffusion_model.middle_block.1.proj_in.scale_weight', shape: [1] }
    const unet = await modelOf([
      ...seededTensors(...unetPart(SD1)),
      {
        ...scale,
        dtype: 'F32',
        source: { kind: 'bytes', data: new Uint8Array(Float32Array.of(0.5).buffer) },
      },
    ])
    await expect(openDenoiser(unet, ON_CPU)).rejects.toMatchObject({ code: 'SCALED_FP8', exitCode: 3 })
  })

  it('whose VAE gives a black picture, or NaN, is an error', async () => {
    const tensors = seededTensors(...VAE_PART)
    const spoilt = async (name: string, value: number) => {
      const changed = tensors.map((tensor) => {
        if (!tensor.name.endsWith(name)) return tensor
        const data = new Float32Array(tensor.shape.reduce((a, b) => a * b, 1)).fill(value)
        return { ...tensor, source: { kind: 'bytes', data: new Uint8Array(data.buffer) } as const }
      })
      const vae = await openVae(await modelOf(changed), FORMAT, ON_CPU)
      return vae.decode({ data: new Float32Array(16), height: 2, width: 2 }).finally(() => vae.close())
    }
    await expect(spoilt('decoder.conv_out.bias', -1000)).rejects.toMatchObject({ code: 'BLACK_IMAGE' })
    await expect(spoilt('decoder.conv_out.bias', Number.NaN)).rejects.toMatchObject({ code: 'NOT_FINITE' })
  })

  it('decodes large pictures in tiles', async () => {
    const vae = await openVae(await seededModel(VAE_PART), FORMAT, ON_CPU)
    const latent = { data: new Float32Array(4 * 12 * 16).fill(0.3), height: 12, width: 16 }
    const steps: [number, number][] = []
    const { data, height, width } = await vae.decode(latent, {
      tile: 8,
      onTile: (...step) => steps.push(step),
    })
    await vae.close()
    expect([height, width, data.length]).toEqual([96, 128, 3 * 96 * 128])
    expect(steps).toEqual([1, 2, 3, 4, 5, 6].map((done) => [done, 6]))
  })

  it('encodes large pictures in tiles that are put where they belong', async () => {
    const vae = await openVae(await renderModel((await contentsOf(VIVID)).model), FORMAT, ON_CPU)
    // a slope in each colour, each in another direction
    const [height, width] = [96, 128]
    const data = Float32Array.from({ length: 3 * height * width }, (_, i) => {
      const [x, y] = [(i % width) / width, (Math.floor(i / width) % height) / height]
      return [x, y, 1 - (x + y) / 2][Math.floor(i / (width * height))]!
    })
    const steps: number[] = []
    const whole = await vae.encode({ data, height, width }, { tile: 0 })
    const tiled = await vae.encode({ data, height, width }, { tile: 8, onTile: (done) => steps.push(done) })
    await vae.close()
    expect([tiled.height, tiled.width, tiled.data.length]).toEqual([12, 16, 4 * 12 * 16])
    expect(steps).toEqual([1, 2, 3, 4, 5, 6])
    // each tile has statistics of its own; upside down it would be 1.8
    expect(spread(whole.data, tiled.data)).toBeLessThan(0.5)
  })
})

async function without(model: Model, ending: string): Promise<Model> {
  return modelOf([...model.file.tensors.values()].filter(({ name }) => !name.endsWith(ending)))
}

/** Mean distance, as a share of the mean deviation from the mean. */
function spread(a: Float32Array, b: Float32Array): number {
  const mean = a.reduce((sum, value) => sum + value, 0) / a.length
  const distance = a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0)
  return distance / a.reduce((sum, value) => sum + Math.abs(value - mean), 0)
}
