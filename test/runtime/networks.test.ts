import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { seededTensors } from '../../fixtures/seeded-weights.ts'
import type { Model } from '../../src/model/model.ts'
import { latentFormat } from '../../src/model/networks/latents.ts'
import { unetNameInDiffusers } from '../../src/model/networks/topology/diffusers.ts'
import type { UnetConfig } from '../../src/model/networks/topology/unet.ts'
import { CPU } from '../../src/runtime/devices/devices.ts'
import type { EngineOptions } from '../../src/runtime/engine/engine.ts'
import { openDenoiser } from '../../src/runtime/engine/open-denoiser.ts'
import { openTextEncoder, textTowers } from '../../src/runtime/engine/open-text.ts'
import { openVae } from '../../src/runtime/engine/open-vae.ts'
import { timestepEmbedding } from '../../src/runtime/sampling/timestep.ts'
import { contentsOf, floatsOf } from '../model-files.ts'
import {
  chunks,
  golden,
  modelOf,
  ON_CPU,
  relativeError,
  SD1,
  SD1_TEXT,
  SD2,
  SD2_TEXT,
  SDXL,
  SDXL_TEXT_G,
  SDXL_TEXT_L,
  SLOW,
  SSD1B,
  seededModel,
  unetPart,
  VAE_PART,
  values,
} from './networks.ts'

/** Of float32 sums in another order; the networks agree to 1e-6. */
const TOLERANCE = 1e-5

const OPENAI_CLIP = join(import.meta.dirname, '../../fixtures/goldens/openai_clip.safetensors')

const TIMESTEPS = [981.5, 40.25]
/** Original height and width, crop, target. */
const SIZES = [
  [512, 448, 0, 16, 1024, 960],
  [1024, 1024, 0, 0, 768, 1024],
]

interface Run {
  readonly height: number
  readonly width: number
  readonly tokens?: number
}

async function predict(name: string, config: UnetConfig, run: Run): Promise<Float32Array> {
  return predictWith(await seededModel(unetPart(config)), name, config, run, ON_CPU)
}

async function predictWith(
  model: Model,
  name: string,
  config: UnetConfig,
  { height, width, tokens = 77 }: Run,
  options: EngineOptions,
): Promise<Float32Array> {
  const denoiser = await openDenoiser(model, options)
  const x = values(`${name}.x`, 2, config.inChannels, height, width)
  const context = values(`${name}.context`, 2, tokens, config.context)
  const y = config.adm === undefined ? {} : { y: vector(values(`${name}.pooled`, 2, config.adm - 6 * 256)) }
  try {
    return await denoiser.predict({ x, n: 2, height, width, timesteps: TIMESTEPS, context, tokens, ...y })
  } finally {
    await denoiser.close()
  }
}

/** Pooled text and the features of six sizes, for each of two pictures. */
function vector(pooled: Float32Array): Float32Array {
  const each = pooled.length / 2
  const rows = SIZES.map((sizes, i) => [
    ...pooled.subarray(i * each, (i + 1) * each),
    ...timestepEmbedding(sizes, 256),
  ])
  return Float32Array.from(rows.flat())
}

describe('the UNet', SLOW, () => {
  const cases = [
    ['sd1', 'SD 1.x', SD1, { height: 16, width: 8 }],
    [
      'sd1-odd',
      'SD 1.x in a size that does not halve evenly, with two chunks',
      SD1,
      { height: 12, width: 20, tokens: 154 },
    ],
    ['sd1-inpainting', 'SD 1.x inpainting', { ...SD1, inChannels: 9 }, { height: 8, width: 8 }],
    ['sd2', 'SD 2.x', SD2, { height: 8, width: 16 }],
    ['sdxl', 'SDXL', SDXL, { height: 8, width: 16 }],
    ['ssd-1b', 'SSD-1B, whose blocks were cut one by one', SSD1B, { height: 8, width: 8 }],
  ] as const
  it.each(cases)('%s: predicts what diffusers does with %s', async (name, _, config, run) => {
    const error = relativeError(await predict(name, config, run), await golden(`${name}.out`))
    expect(error).toBeLessThan(TOLERANCE)
  })
})

describe('the UNet of SD 1.x', SLOW, () => {
  const run = (model: Model, options: EngineOptions) => predictWith(model, 'sd1', SD1, SIZE, options)
  const SIZE = { height: 16, width: 8 }

  it('may be stored under the names of diffusers', async () => {
    const tensors = seededTensors(...unetPart(SD1)).map((tensor) => {
      const name = tensor.name.replace('model.diffusion_model.', '')
      return { ...tensor, name: unetNameInDiffusers(name, SD1.resBlocks) }
    })
    const made = await run(await modelOf(tensors), ON_CPU)
    expect(relativeError(made, await golden('sd1.out'))).toBeLessThan(TOLERANCE)
  })

  it('gives the same with attention by products, as WebGPU has it, and in batches', async () => {
    const kind = { ...CPU.kind, attention: 'explicit', batches: true } as const
    const made = await run(await seededModel(unetPart(SD1)), { ...ON_CPU, device: { kind, half: false } })
    expect(relativeError(made, await golden('sd1.out'))).toBeLessThan(TOLERANCE)
  })

  it.each(['fused', 'explicit'] as const)(
    'computes in float16 where asked to, with %s attention',
    async (attention) => {
      const kind = { ...CPU.kind, attention }
      const options = { ...ON_CPU, device: { kind, half: false }, precision: 'fp16' } as const
      const made = await run(await seededModel(unetPart(SD1)), options)
      const error = relativeError(made, await golden('sd1.out'))
      expect(error).toBeLessThan(1e-2)
      expect(error).toBeGreaterThan(1e-5) // it was float16 indeed
    },
  )
})

describe('a text encoder', SLOW, () => {
  it('of SD 1.x gives the last layer, normed, as transformers does, and an earlier one with clip skip', async () => {
    const model = await seededModel(unetPart(SD1), SD1_TEXT)
    const [tower] = textTowers(model)
    expect(tower).toMatchObject({
      id: 'clip_l',
      width: 128,
      layers: 3,
      padding: 49407,
      skip: 1,
      pools: false,
    })
    const encoder = await openTextEncoder(model, tower!, ON_CPU)
    const skipped = await encoder.encode(chunks(49407), { skip: 2 })
    const last = await encoder.encode(chunks(49407))
    await expect(encoder.encode(chunks(49407), { skip: 4 })).rejects.toMatchObject({ code: 'CLIP_SKIP' })
    await expect(encoder.encode([{ ids: [49408] }])).rejects.toMatchObject({ code: 'TOKEN_RANGE' })
    await encoder.close()
    expect(relativeError(last.hidden, await golden('sd1.text'))).toBeLessThan(TOLERANCE)
    expect(relativeError(skipped.hidden, await golden('sd1.text.skip2'))).toBeLessThan(TOLERANCE)
  })

  it("of SD 1.x gives what OpenAI's own code does", async () => {
    const model = await seededModel(unetPart(SD1), SD1_TEXT)
    const encoder = await openTextEncoder(model, textTowers(model)[0]!, ON_CPU)
    const { hidden } = await encoder.encode(chunks(49407).slice(1))
    await encoder.close()
    const expected = floatsOf(await contentsOf(OPENAI_CLIP), 'sd1.text')
    expect(expected).toHaveLength(77 * 128)
    expect(relativeError(hidden, expected)).toBeLessThan(TOLERANCE)
  })

  it('of SD 2.x gives the penultimate layer, normed, as open_clip has it', async () => {
    const model = await seededModel(unetPart(SD2), SD2_TEXT)
    const [tower] = textTowers(model)
    expect(tower).toMatchObject({ id: 'clip_h', padding: 0, skip: 2, finalNorm: true })
    const encoder = await openTextEncoder(model, tower!, ON_CPU)
    const { hidden } = await encoder.encode(chunks(0))
    await encoder.close()
    expect(relativeError(hidden, await golden('sd2.text'))).toBeLessThan(TOLERANCE)
  })

  it('of SDXL gives penultimate layers as they are, and the second one the pooled vector', async () => {
    const model = await seededModel(unetPart(SDXL), SDXL_TEXT_L, SDXL_TEXT_G)
    const towers = textTowers(model)
    expect(towers.map(({ id, skip, finalNorm, pools }) => [id, skip, finalNorm, pools])).toEqual([
      ['clip_l', 2, false, false],
      ['clip_g', 2, false, true],
    ])
    const [l, g] = await Promise.all(towers.map((tower) => openTextEncoder(model, tower, ON_CPU)))
    const first = await l!.encode(chunks(49407))
    const second = await g!.encode(chunks(0))
    await Promise.all([l!.close(), g!.close()])
    expect(relativeError(first.hidden, await golden('sdxl.text.l'))).toBeLessThan(TOLERANCE)
    expect(relativeError(second.hidden, await golden('sdxl.text.g'))).toBeLessThan(TOLERANCE)
    expect(second.pooledWidth).toBe(128)
    expect(relativeError(second.pooled!, await golden('sdxl.text.pooled'))).toBeLessThan(TOLERANCE)
  })

  it('takes vectors in the place of tokens', async () => {
    const model = await seededModel(unetPart(SD1), SD1_TEXT)
    const [tower] = textTowers(model)
    const [chunk] = chunks(49407)
    const encoder = await openTextEncoder(model, tower!, ON_CPU)
    // the row of token 2368 put where another token stands must give what token 2368 gives
    const table = model.file.tensors.get(
      'cond_stage_model.transformer.text_model.embeddings.token_embedding.weight',
    )!
    const { data } = table.source as { data: Uint8Array }
    const row = new Float32Array(data.buffer, data.byteOffset + 2368 * 128 * 4, 128)
    const other = { ids: chunk!.ids.with(2, 999), vectors: [{ position: 2, values: row }] }
    const plain = await encoder.encode([chunk!])
    const replaced = await encoder.encode([other])
    await encoder.close()
    expect(replaced.hidden).toEqual(plain.hidden)
  })
})

describe('the VAE', SLOW, () => {
  it('decodes and encodes as diffusers does', async () => {
    const model = await seededModel(unetPart(SD1), SD1_TEXT, VAE_PART)
    const format = latentFormat(model.identity)!
    const vae = await openVae(model, format, ON_CPU)
    const z = values('vae.z', 1, 4, 4, 6).map((value) => value * format.scale)
    const pixels = await vae.decode({ data: z, height: 4, width: 6 })
    expect([pixels.height, pixels.width]).toEqual([32, 48])
    const signed = pixels.data.map((value) => 2 * value - 1)
    expect(relativeError(signed, await golden('vae.decoded'))).toBeLessThan(TOLERANCE)
    const picture = values('vae.picture', 1, 3, 32, 48).map((value) => (value + 1) / 2)
    const latent = await vae.encode({ data: picture, height: 32, width: 48 })
    await vae.close()
    const unscaled = latent.data.map((value) => value / format.scale)
    expect(relativeError(unscaled, await golden('vae.encoded'))).toBeLessThan(TOLERANCE)
  })

  it('may be a TAESD, with the names of diffusers or of its author', async () => {
    const format = { channels: 4, scale: 0.18215, shift: 0 }
    const stored = seededTensors('', taesdTopology())
    const renamed = stored.map((tensor) => {
      const [, half, index, rest] = /^(encoder|decoder)\.layers\.(\d+)\.(.*)$/.exec(tensor.name)!
      const at = half === 'decoder' ? Number(index) + 1 : index // a clamp comes first there
      return { ...tensor, name: `taesd_${half}.${at}.${rest}` }
    })
    for (const tensors of [stored, renamed]) {
      const vae = await openVae(await modelOf(tensors), format, ON_CPU)
      expect(vae).toMatchObject({ kind: 'taesd', downscale: 8, latentChannels: 4 })
      const pixels = await vae.decode({ data: values('taesd.z', 1, 4, 4, 6), height: 4, width: 6 })
      const signed = pixels.data.map((value) => 2 * value - 1) // diffusers gives [-1, 1]
      expect(relativeError(signed, await golden('taesd.decoded'))).toBeLessThan(TOLERANCE)
      const picture = values('taesd.picture', 1, 3, 32, 48).map((value) => (value + 1) / 2)
      const latent = await vae.encode({ data: picture, height: 32, width: 48 })
      await vae.close()
      expect(relativeError(latent.data, await golden('taesd.encoded'))).toBeLessThan(TOLERANCE)
    }
  })
})

/** Keys of diffusers' AutoencoderTiny: a number of blocks before each change of size, 64 channels. */
function taesdTopology(): Map<string, readonly number[]> {
  const keys = new Map<string, readonly number[]>()
  const conv = (name: string, out: number, input: number, biased = true) => {
    keys.set(`${name}.weight`, [out, input, 3, 3])
    if (biased) keys.set(`${name}.bias`, [out])
  }
  const block = (name: string) => [0, 2, 4].map((i) => conv(`${name}.conv.${i}`, 64, 64))
  conv('encoder.layers.0', 64, 3)
  for (const i of [1, 3, 4, 5, 7, 8, 9, 11, 12, 13]) block(`encoder.layers.${i}`)
  for (const i of [2, 6, 10]) conv(`encoder.layers.${i}`, 64, 64, false)
  conv('encoder.layers.14', 4, 64)
  conv('decoder.layers.0', 64, 4)
  for (const i of [2, 3, 4, 7, 8, 9, 12, 13, 14, 17]) block(`decoder.layers.${i}`)
  for (const i of [6, 11, 16]) conv(`decoder.layers.${i}`, 64, 64, false)
  conv('decoder.layers.18', 3, 64)
  return keys
}
