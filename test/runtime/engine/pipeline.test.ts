import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { RgbImage } from '../../../src/image/image.ts'
import { openImage } from '../../../src/image/open.ts'
import { similarity } from '../../../src/image/similarity.ts'
import type { ModelFolders } from '../../../src/library/resolve.ts'
import { scanFolder } from '../../../src/library/scan.ts'
import { findPromptEmbeddings } from '../../../src/operations/render/embeddings.ts'
import { type ModelRequest, withRenderSource } from '../../../src/operations/render/model.ts'
import {
  type RenderedImage,
  type RenderSettings,
  renderImages,
} from '../../../src/runtime/engine/pipeline.ts'
import type { RngName } from '../../../src/runtime/random/registry.ts'
import { findSampler } from '../../../src/runtime/sampling/samplers/registry.ts'
import { findSchedule } from '../../../src/runtime/sampling/schedules/registry.ts'
import { onnxEngine } from '../../../src/runtime/sessions/onnx-engine.ts'
import { contentsOf, floatsOf } from '../../model-files.ts'
import { QUIET_WORLD } from '../../quiet-world.ts'
import { worst } from '../goldens.ts'
import {
  ON_CPU,
  relativeError,
  SD2,
  SD2_TEXT,
  SDXL,
  SDXL_TEXT_G,
  SDXL_TEXT_L,
  seededModel,
  unetPart,
  VAE_PART,
} from '../networks.ts'

const TINY = join(import.meta.dirname, '../../../fixtures/tiny-sd')
const GOLDENS = join(import.meta.dirname, '../../../fixtures/goldens')
const SIZE = 64
/** Of a picture, on a machine that is busy. */
const TIMEOUT = 300_000

const signal = new AbortController().signal
const folders: ModelFolders = {
  roots: [],
  scan: async (folder) => (await scanFolder(folder, signal)).files,
  scanPictures: async () => [],
  noteSkipped: async () => {},
  note: (line) => {
    throw new Error(line)
  },
}

function settings(sampler: string, schedule: string, steps: number, cfg: number): RenderSettings {
  const chosen = findSchedule(schedule)
  return {
    sampler: findSampler(sampler)!,
    ...(chosen && { schedule: chosen }),
    steps,
    cfg,
    rng: 'cpu',
    width: SIZE,
    height: SIZE,
  }
}

interface Shot {
  readonly prompt: string
  readonly negative: string
  readonly seed: number
}

/** Draws one picture with files of tiny-sd. */
function drawTiny(
  request: Partial<ModelRequest>,
  { prompt, negative, seed }: Shot,
  how: RenderSettings,
): Promise<RenderedImage> {
  const defaults = { model: `${TINY}/tiny-sd.ckpt`, loras: [], ema: true, allowUnmatched: false }
  const world = QUIET_WORLD
  return withRenderSource({ ...defaults, ...request }, folders, world, async ({ model, vae }) => {
    const towers = onnxEngine.textTowers(model)
    const prompts = [prompt, negative]
    const embeddings = await findPromptEmbeddings({ prompts, towers, named: [TINY], folders, world })
    const images = [{ prompt, negative, seed: BigInt(seed) }]
    const job = { model, embeddings, images, settings: how, ...(vae && { vae }) }
    const [drawn] = await renderImages(job, onnxEngine, ON_CPU)
    return drawn!
  })
}

describe('tiny-sd', async () => {
  const about = JSON.parse(readFileSync(join(TINY, 'goldens.json'), 'utf8')) as {
    readonly steps: number
    readonly cfg: number
    readonly cases: readonly (Shot & { readonly name: string })[]
  }
  const tensors = await contentsOf(join(TINY, 'goldens.safetensors'))
  /** What each golden of fixtures/tiny-sd/reference.py was drawn with. */
  const requests: Readonly<Record<string, Partial<ModelRequest>>> = {
    'live-red-circle': { ema: false },
    'ema-red-circle': {},
    'ema-star': {},
    'b-star': { model: `${TINY}/tiny-sd-b.safetensors`, ema: false },
    'stripes-0.5-heart': { loras: [`${TINY}/tiny-stripes.safetensors:0.5`] },
    'stripes-1-heart': { loras: [`<lora:${TINY}/tiny-stripes.safetensors:1>`] },
    'outline-1-star': { loras: [`${TINY}/tiny-outline.safetensors`] },
    'vivid-red-circle': { vae: `${TINY}/vivid.vae.safetensors` },
    'postcard-heart': {},
    'bad-star': {},
  }

  it('has a request for every golden', () => {
    expect(Object.keys(requests)).toEqual(about.cases.map(({ name }) => name))
  })

  it.each(about.cases)(
    'draws $name as the reference in torch does, to the last pixel',
    async ({ name, ...shot }) => {
      const drawn = await drawTiny(
        requests[name]!,
        shot,
        settings('euler', 'uniform', about.steps, about.cfg),
      )
      const expected = floatsOf(tensors, `${name}.latents`)
      // a LoRA is drawn as it would be written, rounded to fp16; the reference adds it in float32
      const isPatched = /^(?:stripes|outline)/.test(name)
      expect(relativeError(drawn.latents, expected)).toBeLessThan(isPatched ? 2e-3 : 1e-4)
      const image = tensors.bytes.get(`${name}.image`)!
      expect(similarity(drawn.image, { width: SIZE, height: SIZE, data: image }).psnr).toBeGreaterThan(60)
    },
    TIMEOUT,
  )
})

describe('pipelines of diffusers', async () => {
  const about = JSON.parse(readFileSync(join(GOLDENS, 'pipeline.json'), 'utf8')) as {
    readonly prompt: string
    readonly negative: string
    readonly seed: number
    readonly cfg: number
    readonly pictures: readonly {
      readonly name: string
      readonly sampler: string
      readonly schedule: string
      readonly steps: number
      /** cpu if absent. */
      readonly rng?: RngName
    }[]
  }
  const tensors = await contentsOf(join(GOLDENS, 'pipeline.safetensors'))
  const strip = await openImage(readFileSync(join(GOLDENS, 'pipeline.png'))).pixels!()
  /** Steps that A1111 has to be asked for to make as many calls as diffusers: it makes ceil(1000 / floor(1000 / 26)) of 26. */
  const ASKED: Readonly<Record<string, number>> = { 'unipc automatic 27': 26 }

  it.each(about.pictures.map((picture, index) => ({ ...picture, index })))(
    '$name: the same picture, 45 dB or better',
    async ({ name, sampler, schedule, steps, rng = 'cpu', index }) => {
      const asked = ASKED[name] ?? steps
      const drawn = await drawTiny({}, about, { ...settings(sampler, schedule, asked, about.cfg), rng })
      const { psnr } = similarity(drawn.image, pictureAt(strip, index))
      const error = relativeError(drawn.latents, floatsOf(tensors, name))
      if (process.env.SDTOOL_FIGURES)
        process.stderr.write(`${name} | ${psnr.toFixed(1)} dB | ${error.toExponential(1)}\n`)
      expect(psnr).toBeGreaterThan(45)
      expect(error).toBeLessThan(toleranceOf(sampler))
    },
    TIMEOUT,
  )

  it.each([
    ['v euler', 'euler', {}],
    ['v dpmpp_2m', 'dpmpp_2m', {}],
    ['v rescale', 'euler', { cfgRescale: 0.7 }],
    ['v ztsnr', 'ddim', { cfgRescale: 0.7, zeroTerminalSnr: true }],
  ])(
    '%s: velocity on the topology of SD 2, 64x128 pixels',
    async (name, sampler, more) => {
      const model = await seededModel(unetPart(SD2), SD2_TEXT, VAE_PART)
      const how = { ...settings(sampler, 'simple', 8, 3), ...more, height: 128, prediction: 'v' as const }
      const images = [{ ...about, seed: BigInt(about.seed) }]
      const [drawn] = await renderImages({ model, embeddings: [], images, settings: how }, onnxEngine, ON_CPU)
      const error = relativeError(drawn!.latents, floatsOf(tensors, name))
      if (process.env.SDTOOL_FIGURES) process.stderr.write(`${name} | ${error.toExponential(1)}\n`)
      expect(error).toBeLessThan(toleranceOf(sampler))
    },
    TIMEOUT,
  )

  it.each([
    ['xl negative', about.negative],
    ['xl empty', ''],
  ])(
    '%s: both encoders, pooled text and sizes of SDXL, 96x64 pixels',
    async (name, negative) => {
      const model = await seededModel(unetPart(SDXL), SDXL_TEXT_L, SDXL_TEXT_G, VAE_PART)
      const how = { ...settings('euler', 'simple', 8, 3), width: 96 }
      const images = [{ prompt: about.prompt, negative, seed: BigInt(about.seed) }]
      const [drawn] = await renderImages({ model, embeddings: [], images, settings: how }, onnxEngine, ON_CPU)
      const error = relativeError(drawn!.latents, floatsOf(tensors, name))
      if (process.env.SDTOOL_FIGURES) process.stderr.write(`${name} | ${error.toExponential(1)}\n`)
      expect(error).toBeLessThan(1e-3)
    },
    TIMEOUT,
  )
})

/**
 * diffusers begins DPM++ 2M and LCM with noise of variance 1, A1111 and k-diffusion with what a picture has at the first
 * noise level, 0.23 % less in amplitude.
 */
function toleranceOf(sampler: string): number {
  return ['dpmpp_2m', 'lcm'].includes(sampler) ? 3e-3 : 3e-4
}

/** Picture number `index` of a strip. */
function pictureAt({ width, data }: RgbImage, index: number): RgbImage {
  const rows = Array.from({ length: SIZE }, (_, y) => {
    const from = (y * width + index * SIZE) * 3
    return data.subarray(from, from + SIZE * 3)
  })
  return { width: SIZE, height: SIZE, data: Buffer.concat(rows) }
}

describe('the pipeline', () => {
  it(
    'draws a prompt of several chunks, weights and breaks as one of the same length without',
    async () => {
      const short: Shot = { prompt: 'a red circle on a blue background', negative: '', seed: 5 }
      const how = settings('euler', 'uniform', 2, 5)
      // the negative prompt has one chunk, the prompt two
      const long = await drawTiny({}, { ...short, prompt: `${short.prompt} BREAK ${short.prompt}` }, how)
      const plain = await drawTiny({}, short, how)
      // the same words twice are the same keys twice, which changes nothing in attention
      expect(worst(long.latents, plain.latents)).toBeLessThan(1e-4)
      const heavy = await drawTiny({}, { ...short, prompt: 'a (red:1.5) circle on a blue background' }, how)
      expect(worst(heavy.latents, plain.latents)).toBeGreaterThan(1e-2)
    },
    TIMEOUT,
  )
})
