import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { identify } from '../../../src/model/identify/identify.ts'
import { canonicalVae, identifyVae } from '../../../src/model/identify/vae.ts'
import { compareVaes, vaeContent } from '../../../src/model/identify/vae-content.ts'
import type { Identity } from '../../../src/model/identity.ts'
import { withKnownNames } from '../../../src/model/layouts/known-names.ts'
import { dit } from '../../../src/model/networks/architectures/architecture.ts'
import { qwenImage } from '../../../src/model/networks/architectures/qwen-image.ts'
import { AUTOENCODERS } from '../../../src/model/networks/autoencoders/registry.ts'
import type { DitNetwork } from '../../../src/model/networks/template/network.ts'
import { VAE_16, vaeTopology } from '../../../src/model/networks/topology/vae.ts'
import { type CollapsedKeys, expandedKeys } from '../../collapsed-keys.ts'
import { componentKeys, tableOf, valuesOf } from '../tables.ts'

type Keys = Record<string, readonly number[]>
type Group = 'native' | 'diffusers'

/** Names and shapes by ComfyUI and diffusers. Made by fixtures/goldens/vaes.py. */
const GOLDEN = JSON.parse(readFileSync('fixtures/goldens/vaes.json', 'utf8')) as Readonly<
  Record<Group, Readonly<Record<string, CollapsedKeys>>>
>

function identifyKeys(keys: Keys, fileName?: string): Promise<Identity> {
  return identify(tableOf(Object.entries(keys), { dtype: 'BF16' }), valuesOf(), fileName ? { fileName } : {})
}

/** Autoencoder of each list whose name is not its id. */
const IDS: Readonly<Record<string, string>> = { 'ltx 0.9.5': 'ltx' }
const SAME_IN_DIFFUSERS: Readonly<Record<string, string>> = {
  'hunyuan-video-15': 'hunyuan-video-15-or-refiner',
}

const CASES = (['native', 'diffusers'] as const).flatMap((group) =>
  Object.entries(GOLDEN[group])
    .filter(([list]) => !list.startsWith('taesd'))
    .map(([list, keys]) => {
      const other = group === 'diffusers' ? SAME_IN_DIFFUSERS[list] : undefined
      const id = other ?? IDS[list] ?? list
      return { name: `${list}, ${group} names`, group, id, keys: expandedKeys(keys) }
    }),
)

function rowOf(id: string) {
  return AUTOENCODERS.find((one) => one.id === id)!
}

/** Those that neither program builds without a device, or that are of sound and space: told by one key of ComfyUI's. */
const BY_KEY_ONLY: Readonly<Record<string, readonly string[]>> = {
  'cascade-c': [
    'encoder.backbone.1.0.block.0.1.num_batches_tracked',
    'previewer.blocks.11.num_batches_tracked',
  ],
  'stable-audio': ['decoder.layers.1.layers.0.beta', 'encoder.layers.0.bias'],
  'ace-step': ['vocoder.backbone.channel_layers.0.0.bias'],
  'hunyuan-3d': ['geo_decoder.cross_attn_decoder.ln_1.bias'],
  seedvr2: ['decoder.up_blocks.2.upsamplers.0.upscale_conv.weight'],
  'minimax-h3': ['decoder.transformer_blocks.0.scale1', 'encoder.down.5.block.0.conv1.weight'],
  'ltx-diffusion': ['decoder.conv_in_x_t.weight', 'decoder.conv_in.weight'],
  mage: ['student.dconv_encoder.proj_out.weight'],
}

describe('an autoencoder that is not that of Stable Diffusion', () => {
  it('every row of the table is among the cases', () => {
    const covered = new Set([...CASES.map(({ id }) => id), ...Object.keys(BY_KEY_ONLY)])
    expect(AUTOENCODERS.map(({ id }) => id).filter((id) => !covered.has(id))).toEqual([])
  })

  it.each(Object.entries(BY_KEY_ONLY))('%s, by the key that ComfyUI goes by', (id, names) => {
    const keys = names.map((name) => [name, [1]] as const)
    expect(identifyVae(tableOf(keys))).toMatchObject({ network: id, layout: 'ldm' })
  })

  it.each(CASES)('$name, in a file of its own', async ({ id, group, keys }) => {
    const { title, space, channels } = rowOf(id)
    const identity = await identifyKeys(keys)
    const known = channels === undefined ? '' : `, ${channels} latent channels`
    const isDiffusers = group === 'diffusers' && id !== 'cogvideox'
    expect(identity.title).toBe(`VAE of ${title}${known}${isDiffusers ? ' (diffusers layout)' : ''}`)
    expect(identity.kind).toBe('vae')
    expect(identity.vae).toMatchObject({ network: id, encoder: true, decoder: true, prefix: '' })
    expect(identity.vae?.space).toBe(space)
    expect(identity.latents?.space).toBe(space)
    expect(identity.components.map((one) => [one.id, one.tensors])).toEqual([
      ['vae', Object.keys(keys).length],
    ])
    expect(identity.findings).toEqual([])
  })

  it.each(CASES)('$name: no word of it is taken for that of a trainer', ({ keys }) => {
    const table = tableOf(Object.entries(keys), { dtype: 'BF16' })
    expect([...withKnownNames(table).tensors.keys()]).toEqual(Object.keys(keys))
    const wrapped = tableOf(Object.entries(keys).map(([name, shape]) => [`module.${name}`, shape] as const))
    expect([...withKnownNames(wrapped).tensors.keys()]).toEqual(Object.keys(keys))
  })

  it.each(CASES)('$name, in a file of a whole model', async ({ id, keys }) => {
    const inside = Object.fromEntries(Object.entries(keys).map(([name, shape]) => [`vae.${name}`, shape]))
    const text = { 'text_encoders.t5xxl.transformer.shared.weight': [32128, 4096] }
    const { vae, components, findings } = await identifyKeys({ ...inside, ...text })
    expect(vae).toMatchObject({ network: id, prefix: 'vae.' })
    expect(components.find((one) => one.id === 'vae')?.prefix).toBe('vae.')
    expect(findings.filter(({ code }) => code === 'incomplete-vae')).toEqual([])
  })

  it.each(CASES.filter(({ id }) => !['cascade-a', 'svd'].includes(id)))(
    '$name, one half of it',
    async ({ id, keys }) => {
      const half = (name: string) =>
        Object.fromEntries(Object.entries(keys).filter(([key]) => !key.startsWith(`${name}.`)))
      const decoder = identifyVae(tableOf(Object.entries(half('encoder'))))
      expect(decoder).toMatchObject({ network: id, encoder: false, decoder: true })
      expect(decoder?.title).toMatch(/^decoder of a VAE of /)
    },
  )

  it.each(CASES)('$name without a key that proves it is called by no other name', async ({ id, keys }) => {
    const proofs = rowOf(id).names.flatMap(({ encoder, decoder }) => [
      ...(encoder?.keys ?? []),
      ...(decoder?.keys ?? []),
    ])
    for (const key of new Set(proofs.filter((one) => keys[one] !== undefined))) {
      const { [key]: _, ...rest } = keys
      const { vae, title } = await identifyKeys(rest)
      expect([id, 'kl', undefined], `without ${key}: ${title}`).toContain(vae?.network)
      if (vae?.network !== id) expect(vae?.space).toBeUndefined()
    }
  })

  it.each(CASES.filter(({ id }) => id !== 'flux2'))(
    '$name is not compared with that of Stable Diffusion',
    async ({ id, keys }) => {
      const table = tableOf(Object.entries(keys), { dtype: 'BF16' })
      const info = identifyVae(table)!
      const read = () => Promise.reject(new Error('nothing to read'))
      expect(await vaeContent({ table, info, read })).toBeUndefined()
      expect(await compareVaes({ table, info, read }, { table, info, read }, 0)).toBeUndefined()
      const match = (await identifyKeys(keys)).components[0]?.match
      if (rowOf(id).layers === undefined) expect(match).toBeUndefined()
      else
        expect(match).toMatchObject({
          expected: Object.keys(keys).length,
          missing: [],
          misshapen: [],
          extra: [],
        })
      expect(canonicalVae(table, info).size).toBe(Object.keys(keys).length)
    },
  )
})

describe('the VAE of Flux.2', () => {
  const keys = expandedKeys(GOLDEN.diffusers.flux2!)

  it('is complete with its statistics', async () => {
    const { components } = await identifyKeys(keys)
    expect(components[0]?.match).toMatchObject({ missing: [], misshapen: [], extra: [] })
  })

  it('may have its convolutions inside of the halves', async () => {
    const spelled = Object.entries(keys).map(([name, shape]) => {
      return [
        name.replace(/^quant_conv/, 'encoder.quant_conv').replace(/^post_quant/, 'decoder.post_quant'),
        shape,
      ] as const
    })
    const table = tableOf(spelled)
    const { components } = await identifyKeys(Object.fromEntries(spelled))
    expect(components[0]?.match).toMatchObject({ missing: [], misshapen: [], extra: [] })
    expect([...canonicalVae(table, identifyVae(table)!).keys()]).toContain('post_quant_conv.weight')
  })

  it('says which keys are missing', async () => {
    const { 'encoder.conv_in.bias': _, 'bn.running_var': __, ...rest } = keys
    const { findings } = await identifyKeys(rest)
    expect(findings.map(({ code }) => code)).toEqual(['incomplete-vae'])
    expect(findings[0]?.message).toMatch(/2 of 250 keys missing: .*"bn.running_var"/)
  })
})

describe('the VAEs of Wan', () => {
  const RENAMED = (GOLDEN as unknown as { renamed: { wan21: Record<string, string> } }).renamed.wan21

  it('have the names of diffusers that its own conversion gives them', () => {
    const table = tableOf(Object.entries(expandedKeys(GOLDEN.diffusers.wan21!)))
    const found = [...canonicalVae(table, identifyVae(table)!)].map(([native, { name }]) => [native, name])
    expect(Object.fromEntries(found)).toEqual(RENAMED)
  })

  it.each(['wan21', 'wan22'])('%s has the same layers in both layouts', (id) => {
    const shapesIn = (group: Group) => {
      const table = tableOf(Object.entries(expandedKeys(GOLDEN[group][id]!)))
      return [...canonicalVae(table, identifyVae(table)!)].map(([name, { shape }]) => [name, shape])
    }
    expect(shapesIn('diffusers')).toEqual(shapesIn('native'))
  })

  it('may have an alpha channel and another decoder, as that of Qwen-Image-Layered and relatives', async () => {
    const keys = {
      ...expandedKeys(GOLDEN.native.wan21!),
      'encoder.conv1.weight': [96, 4, 3, 3, 3],
      'decoder.head.2.weight': [4, 96, 3, 3, 3],
      'decoder.head.2.bias': [4],
    }
    expect((await identifyKeys(keys)).findings).toEqual([])
  })

  it.each(CASES.filter(({ id }) => rowOf(id).layers !== undefined))(
    '$name, a key that is missing is named',
    async ({ keys }) => {
      const name = Object.keys(keys).find((key) => /time_conv\.weight$/.test(key))!
      const { [name]: _, ...rest } = keys
      const { findings } = await identifyKeys(rest)
      expect(findings.map(({ code }) => code)).toEqual(['incomplete-vae'])
      expect(findings[0]?.message).toContain(`"${name}"`)
    },
  )
})

describe('a tiny autoencoder', () => {
  it.each([
    [4, undefined],
    [16, undefined],
    [32, 'flux2'],
    [64, 'qwen-image-21'],
  ])('of %i channels', async (channels, space) => {
    const keys = Object.entries(expandedKeys(GOLDEN.native['taesd 4']!)).map(([name, shape]) => {
      if (name === 'taesd_decoder.1.weight') return [name, [64, channels, 3, 3]] as const
      return name === 'taesd_encoder.14.weight' || name === 'taesd_encoder.14.bias'
        ? ([name, [channels, ...shape.slice(1)]] as const)
        : ([name, shape] as const)
    })
    const { kind, title, vae } = await identifyKeys(Object.fromEntries(keys))
    expect({ kind, title }).toEqual({
      kind: 'taesd',
      title: `tiny autoencoder (TAESD), ${channels} latent channels`,
    })
    expect(vae?.space).toBe(space)
  })

  /** Source: madebyollin/taehv, `taehv.py`. */
  const taehv = (channels: number, picture = 3): Keys => ({
    'encoder.0.weight': [64, picture, 3, 3],
    'encoder.0.bias': [64],
    'encoder.2.conv.weight': [64, 64, 1, 1],
    'encoder.3.weight': [64, 64, 3, 3],
    'encoder.4.conv.0.weight': [64, 128, 3, 3],
    'encoder.17.weight': [channels, 64, 3, 3],
    'encoder.17.bias': [channels],
    'decoder.1.weight': [256, channels, 3, 3],
    'decoder.1.bias': [256],
    'decoder.3.conv.0.weight': [256, 512, 3, 3],
    'decoder.7.conv.weight': [256, 256, 1, 1],
    'decoder.8.weight': [128, 256, 3, 3],
    'decoder.22.weight': [picture, 64, 3, 3],
    'decoder.22.bias': [picture],
  })

  it.each([
    ['taew2_1.pth', 16, 3, 'wan21'],
    ['taehv.pth', 16, 3, 'hunyuan-video'],
    ['taew2_2.pth', 48, 12, 'wan22'],
    ['taeltx_2.pth', 128, 48, 'ltx2'],
    ['lighttaehy1_5.safetensors', 32, 12, 'hunyuan-video-15'],
  ])('of videos, %s', async (fileName, channels, picture, space) => {
    const { kind, title, latents, components } = await identifyKeys(taehv(channels, picture), fileName)
    expect({ kind, title }).toEqual({
      kind: 'taesd',
      title: `tiny video autoencoder (TAEHV), ${channels} latent channels`,
    })
    expect(latents?.space).toBe(space)
    expect(components.filter(({ match }) => match !== undefined)).toEqual([])
  })
})

describe('whose latents a VAE is for', () => {
  it.each([
    ['qwen_flux_ae.safetensors', 'flux'],
    ['hunyuan-sd3-vae.safetensors', 'sd3'],
  ])('%s, with the layers of Flux and SD3, is for one of them', async (fileName, space) => {
    const kl = Object.fromEntries(vaeTopology(VAE_16))
    expect((await identifyKeys(kl, fileName)).latents?.space).toBe(space)
  })

  it('a VAE that cannot decode what the model makes is a finding', async () => {
    const network = componentKeys(dit(qwenImage.network as DitNetwork))
    const found = async (name: 'wan21' | 'hunyuan-video') => {
      const vae = Object.entries(expandedKeys(GOLDEN.native[name]!)).map(
        ([key, shape]) => [`vae.${key}`, shape] as const,
      )
      return (await identifyKeys(Object.fromEntries([...network, ...vae]))).findings.map(({ code }) => code)
    }
    expect(await found('wan21')).not.toContain('vae-other-latents')
    expect(await found('hunyuan-video')).toContain('vae-other-latents')
  })
})

describe('other keys behind the prefix of a VAE', () => {
  it('are not held against the VAE of Stable Diffusion', async () => {
    const { components, findings } = await identifyKeys({
      'model.diffusion_model.out.2.weight': [4, 320, 3, 3],
      'vae.some.new.layer.weight': [64, 64, 3, 3],
    })
    expect(components.find(({ id }) => id === 'vae')?.match).toBeUndefined()
    expect(findings.map(({ code }) => code)).not.toContain('incomplete-vae')
  })
})
