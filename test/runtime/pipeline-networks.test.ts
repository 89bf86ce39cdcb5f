/** What the pipeline asks of its networks, with networks that only take notes. */
import { describe, expect, it } from 'vitest'
import type { Identity } from '../../src/model/identity.ts'
import type { Model } from '../../src/model/model.ts'
import { CPU } from '../../src/runtime/devices/devices.ts'
import type { DenoiserInput, Engine, TextInput, TextTower } from '../../src/runtime/engine/engine.ts'
import {
  type ImageRequest,
  type RenderSettings,
  renderImages,
  type StepProgress,
} from '../../src/runtime/engine/pipeline.ts'
import { findSampler } from '../../src/runtime/sampling/samplers/registry.ts'
import { findSchedule } from '../../src/runtime/sampling/schedules/registry.ts'

const WIDTH = 2
const TOWER: TextTower = {
  id: 'clip_l',
  title: 'CLIP-L text encoder',
  component: 0,
  width: WIDTH,
  layers: 12,
  padding: 49407,
  skip: 1,
  finalNorm: true,
  pools: false,
}

interface Notes {
  /** What happened, in order. */
  readonly events: string[]
  readonly texts: TextInput[]
  readonly skips: (number | undefined)[]
  readonly inputs: DenoiserInput[]
}

interface Kind {
  readonly channels?: number
  readonly vectorWidth?: number
  readonly towers?: readonly TextTower[]
}

/** Networks that give zeros, but for a text encoder that gives the number of its prompt. */
function noteTaking({ channels = 4, vectorWidth, towers = [TOWER] }: Kind): { engine: Engine; notes: Notes } {
  const notes: Notes = { events: [], texts: [], skips: [], inputs: [] }
  const note = (event: string) => void notes.events.push(event)
  const engine: Engine = {
    textTowers: () => [...towers],
    openTextEncoder: async (_, tower) => ({
      title: tower.title,
      tower,
      async encode(inputs, { skip } = {}) {
        note(`encode ${tower.id}`)
        notes.texts.push(...inputs)
        notes.skips.push(skip)
        const hidden = Float32Array.from(inputs.flatMap((_, i) => new Array<number>(77 * WIDTH).fill(i + 1)))
        const pooled = Float32Array.from(inputs.flatMap((_, i) => [i + 1, i + 1]))
        return { hidden, width: WIDTH, ...(tower.pools && { pooled, pooledWidth: 2 }) }
      },
      close: async () => note(`close ${tower.id}`),
    }),
    openDenoiser: async () => ({
      title: 'UNet',
      channels,
      outChannels: 4,
      contextWidth: WIDTH * towers.length,
      ...(vectorWidth !== undefined && { vectorWidth }),
      async predict(input) {
        note('predict')
        notes.inputs.push(input)
        return new Float32Array(input.n * 4 * input.height * input.width)
      },
      close: async () => note('close UNet'),
    }),
    openVae: async () => ({
      title: 'VAE',
      kind: 'kl',
      latentChannels: 4,
      downscale: 8,
      async decode({ height, width }) {
        note('decode')
        return {
          data: new Float32Array(3 * 64 * height * width).fill(0.5),
          height: 8 * height,
          width: 8 * width,
        }
      },
      async encode({ data, height, width }) {
        note(`encode picture of ${data[0]}`)
        return {
          data: new Float32Array((4 * height * width) / 64).fill(9),
          height: height / 8,
          width: width / 8,
        }
      },
      close: async () => note('close VAE'),
    }),
  }
  return { engine, notes }
}

function model(id = 'stable-diffusion-v1', type = 'epsilon'): Model {
  const architecture = { id, title: 'a model', evidence: [], prediction: { type, evidence: '' } }
  const identity = { kind: 'checkpoint', title: 'a model', architecture, components: [], findings: [] }
  return {
    name: 'model.safetensors',
    file: { tensors: new Map(), metadata: {} },
    identity: identity as Identity,
  }
}

const SETTINGS: RenderSettings = {
  sampler: findSampler('euler')!,
  steps: 2,
  cfg: 7,
  rng: 'cpu',
  width: 64,
  height: 128,
}

const ONE: ImageRequest = { prompt: 'a cat', negative: 'a dog', seed: 1n }

async function run(
  kind: Kind,
  settings: Partial<RenderSettings> = {},
  { images = [ONE], of = model() }: { images?: readonly ImageRequest[]; of?: Model } = {},
) {
  const { engine, notes } = noteTaking(kind)
  const job = { model: of, embeddings: [], images, settings: { ...SETTINGS, ...settings } }
  const rendered = await renderImages(job, engine, { device: CPU, threads: 0 }).catch((error: Error) => error)
  return { rendered, notes }
}

describe('the pipeline', () => {
  it('has one network at work at a time: texts, then all latents, then all pictures', async () => {
    const { notes } = await run({}, {}, { images: [ONE, { ...ONE, seed: 2n }] })
    expect(notes.events).toEqual([
      'encode clip_l',
      'close clip_l',
      'predict',
      'predict',
      'predict',
      'predict',
      'close UNet',
      'decode',
      'decode',
      'close UNet',
      'close VAE',
    ])
    // each text once, though two pictures use it
    expect(notes.texts).toHaveLength(2)
  })

  it('asks for prompt and negative prompt in one call, and for the prompt alone without guidance', async () => {
    const guided = await run({})
    expect(guided.notes.inputs[0]).toMatchObject({ n: 2, height: 16, width: 8, tokens: 77 })
    expect(guided.notes.inputs[0]!.context).toHaveLength(2 * 77 * WIDTH)
    expect(guided.notes.inputs[0]!.timesteps).toEqual([999, 999])
    const plain = await run({}, { cfg: 1 })
    expect(plain.notes.inputs[0]).toMatchObject({ n: 1, timesteps: [999] })
    expect(plain.notes.texts).toHaveLength(1)
  })

  it('draws pictures with guidance and steps of their own, with the same networks', async () => {
    const images = [ONE, { ...ONE, settings: { cfg: 1, steps: 1 } }, { ...ONE, settings: { steps: 3 } }]
    const { notes } = await run({}, {}, { images })
    expect(notes.inputs.map(({ n }) => n)).toEqual([2, 2, 1, 2, 2, 2])
    expect(notes.events.filter((event) => event.startsWith('close'))).toEqual([
      'close clip_l',
      'close UNet',
      'close UNet',
      'close VAE',
    ])
    const steps: number[] = []
    const { engine } = noteTaking({})
    const job = { model: model(), embeddings: [], images, settings: SETTINGS }
    const onStep = ({ done, total }: StepProgress) => void steps.push(done, total)
    await renderImages(job, engine, { device: CPU, threads: 0 }, { onStep })
    expect(steps.filter((_, i) => i % 2 === 0)).toEqual([0, 1, 2, 2, 3, 3, 4, 5, 6])
    expect(new Set(steps.filter((_, i) => i % 2 === 1))).toEqual(new Set([6]))
  })

  it('changes a prompt from call to call as it says, and encodes each of its texts once', async () => {
    const prompt = '[a|b] cat'
    const { notes } = await run({}, { steps: 4 }, { images: [{ ...ONE, prompt, negative: '[x:y:2]' }] })
    // the encoder that takes notes gives 1 for the first text, 2 for the second ..
    const [first, last] = [0, 77 * WIDTH]
    expect(notes.texts).toHaveLength(4)
    expect(notes.inputs.map(({ context }) => [context[first], context[last]])).toEqual([
      [1, 3],
      [1, 3],
      [2, 3],
      [1, 4],
    ])
  })

  it('a sampler with two calls in a step goes through a prompt in calls, as in A1111', async () => {
    const heun = findSampler('heun')!
    const image = { ...ONE, prompt: '[a:b:0.5]' }
    const { notes } = await run({}, { sampler: heun, steps: 3 }, { images: [image] })
    expect(notes.inputs.map(({ context }) => context[0])).toEqual([1, 1, 1, 1, 2])
  })

  it('composes prompts in one call, also without guidance', async () => {
    const image = { ...ONE, prompt: 'a cat AND a dog:0.5' }
    const { notes } = await run({}, { cfg: 1 }, { images: [image] })
    expect(notes.inputs[0]).toMatchObject({ n: 3, timesteps: [999, 999, 999] })
    expect(notes.texts).toHaveLength(3)
  })

  it('gives an inpainting model a mask of ones and a grey picture', async () => {
    const { notes } = await run({ channels: 9 })
    expect(notes.events[2]).toBe('encode picture of 0.5')
    const { x } = notes.inputs[0]!
    const plane = 16 * 8
    expect(x).toHaveLength(2 * 9 * plane)
    expect([x[4 * plane], x[5 * plane - 1], x[5 * plane], x[9 * plane - 1]]).toEqual([1, 1, 9, 9])
  })

  it('clip skip is for SD 1.x', async () => {
    expect((await run({}, { clipSkip: 2 })).notes.skips).toEqual([2])
    const open = { ...TOWER, id: 'clip_h' as const, skip: 2, padding: 0 }
    const other = await run({ towers: [open] }, { clipSkip: 2 }, { of: model('stable-diffusion-v2') })
    expect(other.notes.skips).toEqual([undefined])
    // behind the end token, OpenCLIP has zeros
    expect(other.notes.texts[0]!.ids.slice(0, 5)).toEqual([49406, 320, 2368, 49407, 0])
  })

  const XL = {
    towers: [
      { ...TOWER, finalNorm: false },
      { ...TOWER, id: 'clip_g' as const, finalNorm: false, pools: true },
    ],
  }
  const xl = { of: model('stable-diffusion-xl-v1-base') }

  it('gives SDXL the sizes, height before width, and nothing for an empty negative prompt', async () => {
    const { notes } = await run(
      { ...XL, vectorWidth: 2 + 6 * 256 },
      {},
      { ...xl, images: [{ ...ONE, negative: '' }] },
    )
    const { y, context } = notes.inputs[0]!
    expect(y).toHaveLength(2 * (2 + 6 * 256))
    expect([...y!.subarray(0, 2)]).toEqual([1, 1])
    // cos(128), cos(64): the first features of height and width; then where it was cut, 0
    expect(y![2]).toBeCloseTo(Math.cos(128), 6)
    expect(y![2 + 256]).toBeCloseTo(Math.cos(64), 6)
    expect(y![2 + 512]).toBe(1)
    const empty = y!.subarray(2 + 6 * 256)
    expect([...empty.subarray(0, 2)]).toEqual([0, 0])
    expect([...empty.subarray(2)]).toEqual([...y!.subarray(2, 2 + 6 * 256)])
    expect(context.subarray(context.length / 2).every((value) => value === 0)).toBe(true)
    const named = await run({ ...XL, vectorWidth: 2 + 6 * 256 }, {}, xl)
    expect(named.notes.inputs[0]!.context.at(-1)).toBe(2)
  })

  // the second level of "Align Your Steps" is 6.475, and 6.315 for SDXL: its timestep by numpy, `interp` of log sigma
  it.each([
    ['stable-diffusion-v1', 850.013],
    ['stable-diffusion-v2', 850.013],
    ['stable-diffusion-xl-v1-base', 844.888],
    ['ssd-1b', 844.888],
    ['koala-700m', 844.888],
  ])('%s has levels of its family', async (id, timestep) => {
    const kind = id === 'stable-diffusion-xl-v1-base' ? { ...XL, vectorWidth: 2 + 6 * 256 } : {}
    const schedule = findSchedule('Align Your Steps')!
    const { notes } = await run(kind, { schedule, steps: 11 }, { of: model(id) })
    expect(notes.inputs).toHaveLength(11)
    expect(notes.inputs[1]!.timesteps[0]).toBeCloseTo(timestep, 1)
  })

  it('gives everything back when a network fails', async () => {
    const { engine, notes } = noteTaking({})
    const broken: Engine = {
      ...engine,
      openDenoiser: async (...args) => ({
        ...(await engine.openDenoiser(...args)),
        predict: () => Promise.reject(new Error('card on fire')),
      }),
    }
    const job = { model: model(), embeddings: [], images: [ONE], settings: SETTINGS }
    await expect(renderImages(job, broken, { device: CPU, threads: 0 })).rejects.toThrow('card on fire')
    expect(notes.events.slice(-2)).toEqual(['close UNet', 'close VAE'])
  })

  it.each([
    [
      model('stable-diffusion-v1', 'edm'),
      {},
      'predicts the denoised image (EDM), which sdtool cannot sample',
    ],
    [model('stable-diffusion-xl-v1-refiner'), { vectorWidth: 2560 }, 'needs more than a text'],
    [
      { ...model(), identity: { ...model().identity, architecture: undefined } as never },
      {},
      'it cannot be rendered',
    ],
  ])('refuses what it cannot draw before anything is loaded', async (of, kind, reason) => {
    const { rendered, notes } = await run(kind, {}, { of })
    expect(rendered).toMatchObject({ code: 'NOT_RENDERABLE' })
    expect((rendered as Error).message).toContain(reason)
    expect(notes.events.filter((event) => !event.startsWith('close'))).toEqual([])
  })
})
