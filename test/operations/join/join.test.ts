import { describe, expect, it } from 'vitest'
import { identify } from '../../../src/model/identify/identify.ts'
import { encoderPlaces } from '../../../src/model/layouts/all-in-one.ts'
import { extractComponents } from '../../../src/model/layouts/component.ts'
import type { Architecture, LatentSpace } from '../../../src/model/networks/architectures/architecture.ts'
import { DIT_ARCHITECTURES } from '../../../src/model/networks/architectures/proof.ts'
import { ARCHITECTURES, architectureById } from '../../../src/model/networks/architectures/registry.ts'
import { autoencoderById } from '../../../src/model/networks/autoencoders/registry.ts'
import type { ComponentId } from '../../../src/model/networks/components.ts'
import { templateTopology } from '../../../src/model/networks/template/template.ts'
import { textEncoder } from '../../../src/model/networks/text-encoders/component.ts'
import type { Shape, Topology } from '../../../src/model/networks/topology/match.ts'
import { clip, clipTopology } from '../../../src/model/networks/topology/text.ts'
import { VAE_16, vaeTopology } from '../../../src/model/networks/topology/vae.ts'
import { join } from '../../../src/operations/join/join.ts'
import type { JoinOptions } from '../../../src/operations/join/options.ts'
import type { InputModel } from '../../../src/operations/operation.ts'
import type { Plan } from '../../../src/operations/plan.ts'
import { elementCount } from '../../../src/tensor/values/dtype.ts'
import { inputModel, zeroContext } from '../input-models.ts'

/** Z-Image is asked for one norm, by whose spread it can be told whether half precision holds its numbers. */
const BF16 = { dtype: 'BF16', values: { 'layers.28.ffn_norm1.weight': [1, 1] } } as const

/** What is in the files, by the names of the files. */
const KEYS = new Map<string, readonly string[]>()

/** Files of a whole network under its bare names. */
function file(name: string, topology: Topology): Promise<InputModel> {
  KEYS.set(name, [...topology.keys()])
  return inputModel(name, topology, BF16)
}

const CLIPS: Readonly<Partial<Record<ComponentId, Topology>>> = {
  clip_l: clipTopology(clip(768, 12, true)),
  clip_g: clipTopology(clip(1280, 32, true)),
}

function encoder(id: ComponentId): Promise<InputModel> {
  return file(`${id}.safetensors`, CLIPS[id] ?? textEncoder(id).topology())
}

const VAES: Readonly<Partial<Record<LatentSpace, Topology>>> = {
  flux: vaeTopology(VAE_16),
  sd3: vaeTopology(VAE_16),
  wan21: autoencoderById('wan21')!.layers!.topology(() => undefined),
  wan22: autoencoderById('wan22')!.layers!.topology(() => undefined),
}

function vae(space: LatentSpace): Promise<InputModel> {
  return file(`${space}-vae.safetensors`, VAES[space]!)
}

function transformer(id: string, variant?: string): Promise<InputModel> {
  const { network, variants } = DIT_ARCHITECTURES.find((one) => one.id === id)!
  const { dims } = variants.find((one) => one.id === variant) ?? {}
  return file(`${id}.safetensors`, templateTopology(network.template, { ...network.dims, ...dims }))
}

async function joined(
  base: InputModel,
  texts: readonly InputModel[],
  vaes: readonly InputModel[] = [],
  more: Partial<JoinOptions> = {},
): Promise<Plan> {
  const parts = [...texts.map(() => 'text' as const), ...vaes.map(() => 'vae' as const)]
  return join.plan([base, ...texts, ...vaes], { parts, ...more }, zeroContext())
}

/** Families with what they need, by the prefixes under which ComfyUI finds it. */
const FAMILIES: readonly (readonly [
  id: string,
  variant: string | undefined,
  encoders: Readonly<Partial<Record<ComponentId, string>>>,
  vae: readonly [LatentSpace, string] | undefined,
])[] = [
  [
    'flux-1-dev',
    undefined,
    { clip_l: 'text_encoders.clip_l.transformer.', t5xxl: 'text_encoders.t5xxl.transformer.' },
    ['flux', 'vae.'],
  ],
  [
    'stable-diffusion-v3.5-large',
    undefined,
    {
      clip_l: 'text_encoders.clip_l.transformer.',
      clip_g: 'text_encoders.clip_g.transformer.',
      t5xxl: 'text_encoders.t5xxl.transformer.',
    },
    ['sd3', 'first_stage_model.'],
  ],
  ['chroma', undefined, { t5xxl: 'text_encoders.t5xxl.transformer.' }, ['flux', 'vae.']],
  ['z-image', undefined, { qwen3_4b: 'text_encoders.qwen3_4b.transformer.' }, ['flux', 'vae.']],
  ['flux-2', 'klein-4b', { qwen3_4b: 'text_encoders.qwen3_4b.transformer.' }, undefined],
  ['flux-2', 'dev', { mistral3_24b: 'text_encoders.mistral3_24b.transformer.' }, undefined],
  ['qwen-image', undefined, { qwen25_7b: 'text_encoders.qwen25_7b.transformer.' }, ['wan21', 'vae.']],
  ['wan', 't2v-14b', { umt5xxl: 'text_encoders.umt5xxl.transformer.' }, ['wan21', 'vae.']],
  ['wan', 'ti2v-5b', { umt5xxl: 'text_encoders.umt5xxl.transformer.' }, ['wan22', 'vae.']],
  ['lumina-2', undefined, { gemma2_2b: 'text_encoders.gemma2_2b.transformer.' }, ['flux', 'vae.']],
]

describe.each(FAMILIES)('%s %s', (id, variant, encoders, ownVae) => {
  const inputs = async () => ({
    base: await transformer(id, variant),
    texts: await Promise.all((Object.keys(encoders) as ComponentId[]).map(encoder)),
    vaes: ownVae === undefined ? [] : [await vae(ownVae[0])],
  })

  it('stands with its parts where ComfyUI looks for them', async () => {
    const { base, texts, vaes } = await inputs()
    const { table } = await joined(base, texts, vaes)
    const prefixes = ['model.diffusion_model.', ...Object.values(encoders), ...(ownVae ? [ownVae[1]] : [])]
    const expected = [base, ...texts, ...vaes].flatMap(({ name: path }, i) =>
      KEYS.get(path)!.map((name) => prefixes[i]! + name),
    )
    expect([...table.tensors.keys()]).toEqual(expected)
  })

  it('is recognised, and comes apart into the files it was made of', async () => {
    const { base, texts, vaes } = await inputs()
    const { table } = await joined(base, texts, vaes)
    const identity = await identify(table, async ({ shape }) => new Float64Array(elementCount(shape)))
    expect([identity.kind, identity.architecture?.id]).toEqual(['checkpoint', id])
    for (const part of [base, ...texts, ...vaes]) {
      const [component] = part.identity.components
      const [own, ...others] = extractComponents(table, identity, component!.id)
      expect(others).toEqual([])
      expect([...own!.table.tensors.keys()].toSorted()).toEqual(KEYS.get(part.name)!.toSorted())
    }
  })

  it('says what is missing without them', async () => {
    const { base, texts } = await inputs()
    const { findings } = await joined(base, texts.slice(0, 1))
    const missing = findings.find(({ code }) => code === 'join-incomplete')
    expect(missing?.message).toContain('VAE')
  })
})

describe('a part that the model does not use', () => {
  async function refusal(
    promise: Promise<unknown>,
  ): Promise<{ code: string; message: string; exitCode: number }> {
    return promise.then(
      () => {
        throw new Error('nothing was refused')
      },
      (error) => error,
    )
  }

  it.each<[string, ComponentId]>([
    ['flux-1-dev', 'qwen3_4b'],
    ['z-image', 'umt5xxl'],
    ['wan', 't5xxl'],
    ['qwen-image', 'clip_l'],
  ])('%s refuses %s', async (id, text) => {
    const error = await refusal(joined(await transformer(id), [await encoder(text)]))
    expect([error.code, error.exitCode]).toEqual(['ENCODER_WRONG_ARCHITECTURE', 4])
    expect(error.message).toContain(`${text}.safetensors is a `)
  })

  it.each<[string, string | undefined, LatentSpace]>([
    ['flux-1-dev', undefined, 'wan21'],
    ['wan', 't2v-14b', 'flux'],
    ['wan', 't2v-14b', 'wan22'],
    ['wan', 'ti2v-5b', 'wan21'],
    ['qwen-image', undefined, 'flux'],
  ])('%s %s refuses the VAE of %s', async (id, variant, space) => {
    const base = await transformer(id, variant)
    const error = await refusal(joined(base, [], [await vae(space)]))
    expect([error.code, error.exitCode]).toEqual(['VAE_WRONG_ARCHITECTURE', 4])
  })

  it('is refused twice', async () => {
    const t5 = await encoder('t5xxl')
    const base = await transformer('chroma')
    const error = await refusal(joined(base, [t5, { ...t5, name: 'other.safetensors' }]))
    expect([error.code, error.message]).toEqual([
      'USAGE',
      't5xxl.safetensors and other.safetensors both have the T5-XXL text encoder',
    ])
  })

  it('is refused where the first file has no denoising network', async () => {
    const error = await refusal(joined(await encoder('t5xxl'), [await encoder('clip_l')]))
    expect([error.code, error.exitCode]).toEqual(['NOT_A_DENOISER', 3])
  })

  it('is refused where a file has none of that kind', async () => {
    const [base, flux] = [await transformer('flux-1-dev'), await vae('flux')]
    expect((await refusal(joined(base, [flux]))).code).toBe('ENCODER_NOT_FOUND')
    expect((await refusal(joined(base, [], [await encoder('clip_l')]))).code).toBe('VAE_NOT_FOUND')
    expect((await refusal(joined(base, []))).code).toBe('USAGE')
  })
})

it('types are chosen for all weights, or for a network', async () => {
  const [base, text] = [await transformer('z-image'), await encoder('qwen3_4b')]
  const { table } = await joined(base, [text], [], { dtype: { all: 'fp16', by: { unet: 'fp8_e4m3fn' } } })
  expect(table.tensors.get('model.diffusion_model.x_embedder.weight')!.dtype).toBe('F8_E4M3')
  expect(table.tensors.get('text_encoders.qwen3_4b.transformer.model.norm.weight')!.dtype).toBe('F16')
})

it('a transformer in the layout of diffusers gets the names of its authors', async () => {
  const flux = architectureById('flux-1-dev') as Architecture
  expect(encoderPlaces(flux, undefined)!.map(({ id }) => id)).toEqual(['clip_l', 't5xxl'])
  const { goldenModel } = await import('../../family-goldens.ts')
  const tensors = goldenModel('flux', 'diffusers').tensors
  const model = await inputModel(
    't.safetensors',
    [...tensors].map(([name, { shape }]): [string, Shape] => [name, shape]),
  )
  const { table } = await joined(model, [await encoder('clip_l')])
  expect(table.tensors.has('model.diffusion_model.double_blocks.0.img_attn.qkv.weight')).toBe(true)
})

describe.each(
  ARCHITECTURES.filter(({ components, network }) => network.kind === 'unet' && components.length > 3),
)('a checkpoint of $title', (architecture) => {
  it('is the same after it was taken apart and joined again', async () => {
    const keys = architecture.components.flatMap(({ prefix, topology }) =>
      [...topology()].map(([name, shape]): [string, Shape] => [prefix + name, shape]),
    )
    const whole = await inputModel('whole.safetensors', keys, BF16)
    const partOf = async (component: (typeof whole.identity.components)[number]) => {
      const { table } = extractComponents(whole.file, whole.identity, component.id)[0]!
      const model = await inputModel(
        `${component.id}.safetensors`,
        [...table.tensors].map(([name, { shape }]): [string, Shape] => [name, shape]),
        BF16,
      )
      return { ...model, role: component.role }
    }
    const parts = await Promise.all(whole.identity.components.map(partOf))
    const of = (role: string) => parts.filter((part) => part.role === role)
    const { table } = await joined(of('unet')[0]!, of('text'), of('vae'))
    // programs have no use for the temperature of OpenCLIP, and files of its encoder no place
    const kept = keys.map(([name]) => name).filter((name) => !name.endsWith('.logit_scale'))
    expect([...table.tensors.keys()].toSorted()).toEqual(kept.toSorted())
  })
})
