/** Text to pictures with the networks of a model, one component in memory at a time. */

import type { RgbImage } from '../../image/image.ts'
import type { Model } from '../../model/model.ts'
import type { LatentFormat } from '../../model/networks/architectures/architecture.ts'
import { defined } from '../../system/defined.ts'
import type { LoadedEmbedding } from '../prompt/embedding.ts'
import type { Seed } from '../random/gaussian.ts'
import { denoiserOf, type Parameterization } from '../sampling/denoiser.ts'
import { type NoiseSchedule, noiseSchedule } from '../sampling/noise-schedule.ts'
import { type Conditioning, encodePrompts, knowsClipSkip, sameLength } from './conditioning.ts'
import { checkVector, type Drawable, drawable } from './drawable.ts'
import type { Denoiser, Engine, EngineOptions, Vae, VaeOptions } from './engine.ts'
import { rgbImage } from './pixels.ts'
import { type SamplingSettings, sampleImage, stepsOf } from './sample-image.ts'
import { CHANNELS, inpaintingInput, type PictureSize, predictor, SIZE_MULTIPLE } from './steered-denoiser.ts'
import { encodedSteering, type Steering, steeringOf, textsOf } from './steering.ts'

/** One picture. LoRA tags are not part of a prompt here. */
export interface ImageRequest {
  readonly prompt: string
  readonly negative: string
  readonly seed: Seed
  /** What is another for this picture than for the rest of the job. */
  readonly settings?: Partial<Pick<RenderSettings, 'cfg' | 'steps'>>
}

export interface RenderSettings extends SamplingSettings, PictureSize {
  /** Scale of the guidance; at 1 the negative prompt does not count. */
  readonly cfg: number
  /** 0 to 1; see `rescaled`. */
  readonly cfgRescale?: number
  /** As A1111 counts (1 skips nothing); only SD 1.x knows it, as there. */
  readonly clipSkip?: number
  /** What the network predicts, if not what is known of the file. */
  readonly prediction?: Parameterization
  /** The schedule ends in pure noise, if not as the file says. */
  readonly zeroTerminalSnr?: boolean
}

export interface RenderJob {
  readonly model: Model
  /** In place of that of the model. */
  readonly vae?: Model
  readonly embeddings: readonly LoadedEmbedding[]
  readonly images: readonly ImageRequest[]
  readonly settings: RenderSettings
}

export interface RenderedImage {
  readonly request: ImageRequest
  readonly image: RgbImage
  /** [channels, height / 8, width / 8], in the space of the denoiser. */
  readonly latents: Float32Array
}

export interface StepProgress {
  /** From 0, of all pictures. */
  readonly image: number
  /** Steps that are done, of all pictures. */
  readonly done: number
  readonly total: number
}

export interface RenderHooks {
  /** Before the first step, and after each. */
  onStep?(progress: StepProgress): void
  /** As soon as a picture is decoded. */
  onImage?(image: RenderedImage, index: number): void | Promise<void>
  readonly vae?: VaeOptions
}

function settingsOf({ settings }: RenderJob, request: ImageRequest): RenderSettings {
  return { ...settings, ...request.settings }
}

/**
 * Draws pictures: all prompts are encoded, then all latents sampled, then all decoded. What cannot be drawn is refused
 * before anything is loaded.
 * @throws COMPONENT_MISSING, NOT_RENDERABLE (exit 3), MEMORY, NOT_FINITE, BLACK_IMAGE, CLIP_SKIP (exit 1), or the signal's reason
 */
export async function renderImages(
  job: RenderJob,
  engine: Engine,
  options: EngineOptions,
  hooks: RenderHooks = {},
): Promise<RenderedImage[]> {
  const plan = planRender(job)
  const towers = engine.textTowers(job.model)
  const networks = await openNetworks(job, plan.format, engine, options)
  try {
    checkVector(
      job.model,
      networks.denoiser.vectorWidth,
      towers.some(({ pools }) => pools),
    )
    const steerings = await encode(job, towers, engine, options)
    const mask = await inpaintingInput(networks.denoiser, networks.vae, job.settings)
    const latents = await sampleAll(job, plan, networks.denoiser, steerings, mask, hooks)
    await networks.denoiser.close()
    return await decodeAll(job, networks.vae, latents, hooks)
  } finally {
    await networks.denoiser.close()
    await networks.vae.close()
  }
}

interface RenderPlan {
  readonly format: Drawable['format']
  readonly prediction: Parameterization
  readonly noiseLevels: NoiseSchedule
}

/** @throws what `drawable` throws */
function planRender({ model, settings }: RenderJob): RenderPlan {
  const { format, prediction } = drawable(model, settings.prediction)
  const zeroSnr = settings.zeroTerminalSnr ?? model.identity.architecture?.prediction.zeroTerminalSnr ?? false
  return { format, prediction, noiseLevels: noiseSchedule(zeroSnr, format.space === 'sdxl') }
}

interface Networks {
  readonly denoiser: Denoiser
  readonly vae: Vae
}

async function openNetworks(
  { model, vae }: RenderJob,
  format: LatentFormat,
  engine: Engine,
  options: EngineOptions,
): Promise<Networks> {
  const denoiser = await engine.openDenoiser(model, options)
  try {
    return { denoiser, vae: await engine.openVae(vae ?? model, format, options) }
  } catch (error) {
    await denoiser.close()
    throw error
  }
}

async function encode(
  job: RenderJob,
  towers: ReturnType<Engine['textTowers']>,
  engine: Engine,
  options: EngineOptions,
): Promise<Steering<Conditioning>[]> {
  const { model, images, settings, embeddings } = job
  const steerings = images.map((request) => steeringOf(request, settingsOf(job, request)))
  const texts = [...new Set(steerings.flatMap(textsOf))]
  const encoded = await encodePrompts(
    texts,
    towers,
    (tower) => engine.openTextEncoder(model, tower, options),
    {
      embeddings,
      ...(knowsClipSkip(towers) && settings.clipSkip !== undefined && { clipSkip: settings.clipSkip }),
    },
  )
  const all = sameLength(encoded)
  return steerings.map((steering) => encodedSteering(steering, (text) => all[texts.indexOf(text)]!))
}

async function sampleAll(
  job: RenderJob,
  { prediction, noiseLevels }: RenderPlan,
  network: Denoiser,
  steerings: readonly Steering<Conditioning>[],
  mask: Float32Array | undefined,
  { onStep }: RenderHooks,
): Promise<Float32Array[]> {
  const { images } = job
  const stepsEach = images.map((request) => stepsOf(settingsOf(job, request), noiseLevels))
  const total = stepsEach.reduce((sum, steps) => sum + steps, 0)
  const latents: Float32Array[] = []
  let before = 0
  for (const [image, request] of images.entries()) {
    const report = (done: number) => onStep?.({ image, done: before + done, total })
    report(0)
    const settings = settingsOf(job, request)
    const { cfg, cfgRescale, sampler, height, width } = settings
    const denoise = denoiserOf(predictor(network, steerings[image]!, settings, mask), {
      schedule: noiseLevels,
      prediction,
      cfg,
      ...defined({ rescale: cfgRescale }),
      ...(sampler.timestep && { timestep: sampler.timestep }),
    })
    const count = (CHANNELS * height * width) / SIZE_MULTIPLE ** 2
    latents.push(
      await sampleImage(denoise, request.seed, count, settings, noiseLevels, ({ step }) => report(step + 1)),
    )
    before += stepsEach[image]!
  }
  return latents
}

async function decodeAll(
  { images, settings }: RenderJob,
  vae: Vae,
  latents: readonly Float32Array[],
  { onImage, vae: vaeOptions }: RenderHooks,
): Promise<RenderedImage[]> {
  const size = { height: settings.height / SIZE_MULTIPLE, width: settings.width / SIZE_MULTIPLE }
  const rendered: RenderedImage[] = []
  for (const [index, request] of images.entries()) {
    const own = latents[index]!
    const image = rgbImage(await vae.decode({ data: own, ...size }, vaeOptions))
    const done = { request, image, latents: own }
    rendered.push(done)
    await onImage?.(done, index)
  }
  return rendered
}
