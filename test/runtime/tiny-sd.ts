/** The small trained model of fixtures/tiny-sd, and what torch made of it at step 10 of ten renderings. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Model } from '../../src/model/model.ts'
import { latentFormat } from '../../src/model/networks/latents.ts'
import type { EngineOptions } from '../../src/runtime/engine/engine.ts'
import { openDenoiser } from '../../src/runtime/engine/open-denoiser.ts'
import { openTextEncoder, textTowers } from '../../src/runtime/engine/open-text.ts'
import { openVae } from '../../src/runtime/engine/open-vae.ts'
import { type Contents, contentsOf, floatsOf } from '../model-files.ts'
import { relativeError } from './networks.ts'

export const TINY = join(import.meta.dirname, '../../fixtures/tiny-sd')

const { sigmas, timesteps } = JSON.parse(readFileSync(join(TINY, 'goldens.json'), 'utf8')) as {
  sigmas: number[]
  timesteps: number[]
}
const STEP = 10
export const SIDE = 8

let opened: Promise<Contents> | undefined

export function goldens(): Promise<Contents> {
  opened ??= contentsOf(join(TINY, 'goldens.safetensors'))
  return opened
}

export async function contextError(model: Model, name: string, options: EngineOptions): Promise<number> {
  const contents = await goldens()
  const ids = [...new BigInt64Array(contents.bytes.get(`${name}.ids`)!.slice().buffer)].map(Number)
  const encoder = await openTextEncoder(model, textTowers(model)[0]!, options)
  const chunks = [ids.slice(0, 77), ids.slice(77)].map((chunk) => ({ ids: chunk }))
  const { hidden } = await encoder.encode(chunks)
  await encoder.close()
  return relativeError(hidden, floatsOf(contents, `${name}.context`))
}

/** The prediction at step 10, for prompt and negative prompt. */
export async function prediction(model: Model, name: string, options: EngineOptions): Promise<Float32Array> {
  const contents = await goldens()
  const x = floatsOf(contents, `${name}.mid_x`).map((value) => value / Math.hypot(sigmas[STEP]!, 1))
  const denoiser = await openDenoiser(model, options)
  try {
    return await denoiser.predict({
      x: Float32Array.from([...x, ...x]),
      n: 2,
      height: SIDE,
      width: SIDE,
      timesteps: [timesteps[STEP]!, timesteps[STEP]!],
      context: floatsOf(contents, `${name}.context`),
      tokens: 77,
    })
  } finally {
    await denoiser.close()
  }
}

export async function predictionError(model: Model, name: string, options: EngineOptions): Promise<number> {
  return relativeError(await prediction(model, name, options), floatsOf(await goldens(), `${name}.mid_eps`))
}

/** The picture of the last latents, [64, 64, 3] bytes. */
export async function picture(model: Model, name: string, options: EngineOptions): Promise<Uint8Array> {
  const data = floatsOf(await goldens(), `${name}.latents`)
  const vae = await openVae(model, latentFormat(model.identity)!, options)
  const pixels = await vae.decode({ data, height: SIDE, width: SIDE })
  await vae.close()
  const plane = pixels.height * pixels.width
  return Uint8Array.from({ length: 3 * plane }, (_, i) => {
    const value = pixels.data[(i % 3) * plane + Math.floor(i / 3)]!
    return Math.floor(255 * Math.min(1, Math.max(0, value)))
  })
}
