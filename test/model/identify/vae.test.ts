import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { identify } from '../../../src/model/identify/identify.ts'
import { canonicalVae, identifyVae } from '../../../src/model/identify/vae.ts'
import { vaeNames } from '../../../src/model/layouts/vae-names.ts'
import {
  VAE_16,
  VAE_KL_F4,
  VAE_KL_F8,
  type VaeConfig,
  vaeTopology,
} from '../../../src/model/networks/topology/vae.ts'
import { openFileSource } from '../../../src/system/bytes.ts'
import { openModel } from '../../../src/tensor/formats/open.ts'
import { describeReal, realFile } from '../../real-files.ts'
import { realKeys, realTable, type Shapes, shapeTable } from '../shape-table.ts'

function ldm(config: VaeConfig, prefix = ''): Record<string, readonly number[]> {
  return Object.fromEntries([...vaeTopology(config)].map(([name, shape]) => [prefix + name, shape]))
}

function only(shapes: Shapes, pattern: RegExp): Shapes {
  return Object.fromEntries(Object.entries(shapes).filter(([name]) => pattern.test(name)))
}

describe('identifyVae', () => {
  it.each(['', 'first_stage_model.', 'vae.'])('finds a KL autoencoder behind the prefix "%s"', (prefix) => {
    const info = identifyVae(
      shapeTable({ 'model.diffusion_model.out.0.weight': [320], ...ldm(VAE_KL_F8, prefix) }),
    )
    expect(info).toMatchObject({
      layout: 'ldm',
      prefix,
      encoder: true,
      decoder: true,
      latentChannels: 4,
      downscale: 8,
      tensors: 248,
    })
    expect(info?.architectures).toContain('stable-diffusion-v1')
    expect(info?.architectures).toContain('stable-diffusion-xl-v1-base')
  })

  it('knows the VAE of SD3 and Flux by 16 channels and no quant_conv', () => {
    const info = identifyVae(shapeTable(ldm(VAE_16)))
    expect(info).toMatchObject({ latentChannels: 16, tensors: 244, title: 'VAE, 16 latent channels' })
    expect(info?.architectures).toContain('flux-1-dev')
  })

  it('knows the VAE of the x4 upscaler by its three levels', () => {
    const info = identifyVae(shapeTable(ldm(VAE_KL_F4)))
    expect(info).toMatchObject({ downscale: 4, architectures: ['stable-diffusion-x4-upscaler'] })
  })

  it('describes a decoder alone', () => {
    const info = identifyVae(shapeTable(only(ldm(VAE_KL_F8), /^(decoder|post_quant)/)))
    expect(info).toMatchObject({ encoder: false, decoder: true, latentChannels: 4, downscale: 8 })
    expect(info?.title).toBe('decoder of a VAE, 4 latent channels')
  })

  it('takes the latent channels of an encoder alone from mean and variance', () => {
    const info = identifyVae(shapeTable(only(ldm(VAE_KL_F8), /^encoder/)))
    expect(info).toMatchObject({ encoder: true, decoder: false, latentChannels: 4, downscale: 8 })
  })

  it('does not count training leftovers as its own', () => {
    const training = { 'loss.logvar': [], 'loss.perceptual_loss.lin0.model.1.weight': [1, 64, 1, 1] }
    expect(identifyVae(shapeTable({ ...ldm(VAE_KL_F8), ...training }))?.tensors).toBe(248)
  })

  it.each<[string, Shapes]>([
    ['nothing', {}],
    ['a UNet', { 'conv_in.weight': [320, 4, 3, 3], 'mid_block.resnets.0.norm1.weight': [1280] }],
    ['a sequence that makes no picture', { '0.weight': [64, 4, 3, 3], '2.conv.0.weight': [64, 64, 3, 3] }],
    ['a T5 encoder', { 'encoder.block.0.layer.0.SelfAttention.q.weight': [4096, 4096] }],
  ])('%s is no VAE', (_, shapes) => expect(identifyVae(shapeTable(shapes))).toBeUndefined())

  it.each<[string, string, string, boolean, boolean]>([
    ['taesd_decoder.pth', '', 'decoder', false, true],
    ['ComfyUI', 'taesd_decoder.', 'decoder', false, true],
    ['taesd_encoder.pth', '', 'encoder', true, false],
    ['stable-diffusion.cpp', 'first_stage_model.decoder.', 'decoder', false, true],
  ])('knows TAESD as in %s', (_, stem, half, encoder, decoder) => {
    const layers = half === 'decoder' ? TAESD_DECODER : TAESD_ENCODER
    const shapes = Object.fromEntries(Object.entries(layers).map(([name, shape]) => [stem + name, shape]))
    const info = identifyVae(shapeTable(shapes))
    expect(info).toMatchObject({ layout: 'taesd', encoder, decoder, latentChannels: 4, downscale: 8 })
  })

  it('joins both halves of a diffusers AutoencoderTiny', () => {
    const decoder = Object.entries(TAESD_DECODER).map(([name, shape]) => {
      // no clamp in front, so every layer comes one earlier
      return [`decoder.layers.${name.replace(/^\d+/, (n) => `${Number(n) - 1}`)}`, shape] as const
    })
    const encoder = Object.entries(TAESD_ENCODER).map(
      ([name, shape]) => [`encoder.layers.${name}`, shape] as const,
    )
    const info = identifyVae(shapeTable(Object.fromEntries([...encoder, ...decoder])))
    expect(info).toMatchObject({
      layout: 'taesd',
      encoder: true,
      decoder: true,
      latentChannels: 4,
      downscale: 8,
    })
  })
})

/** madebyollin/taesd, taesd.py: Clamp, conv, ReLU, then 3 x (3 blocks, upsample, conv without bias), block, conv. */
const TAESD_DECODER: Shapes = sequence(
  20,
  { 1: [64, 4, 3, 3], 19: [3, 64, 3, 3] },
  [7, 12, 17],
  [3, 4, 5, 8, 9, 10, 13, 14, 15, 18],
)
/** conv, block, 3 x (conv of stride 2 without bias, 3 blocks), conv. */
const TAESD_ENCODER: Shapes = sequence(
  15,
  { 0: [64, 3, 3, 3], 14: [4, 64, 3, 3] },
  [2, 6, 10],
  [1, 3, 4, 5, 7, 8, 9, 11, 12, 13],
)

function sequence(length: number, convs: Record<number, number[]>, bare: number[], blocks: number[]): Shapes {
  const shapes: Record<string, number[]> = {}
  for (let layer = 0; layer < length; layer++) {
    const conv = convs[layer]
    if (conv !== undefined)
      Object.assign(shapes, { [`${layer}.weight`]: conv, [`${layer}.bias`]: [conv[0]!] })
    if (bare.includes(layer)) shapes[`${layer}.weight`] = [64, 64, 3, 3]
    if (blocks.includes(layer))
      for (const j of [0, 2, 4]) shapes[`${layer}.conv.${j}.weight`] = [64, 64, 3, 3]
  }
  return shapes
}

describe('vaeNames', () => {
  const { toDiffusers, toLdm } = vaeNames(4)

  it('maps all 248 names of the usual VAE there and back', () => {
    const names = [...vaeTopology(VAE_KL_F8).keys()]
    expect(names.length).toBe(248)
    expect(names.map((name) => toLdm.get(toDiffusers.get(name)!))).toEqual(names)
    expect(new Set(names.map((name) => toDiffusers.get(name))).size).toBe(248)
  })

  it('knows the attention names of old diffusers', () => {
    expect(toLdm.get('decoder.mid_block.attentions.0.proj_attn.weight')).toBe(
      'decoder.mid.attn_1.proj_out.weight',
    )
    expect(toLdm.get('encoder.mid_block.attentions.0.query.bias')).toBe('encoder.mid.attn_1.q.bias')
  })

  it('counts the levels of the decoder from the other end', () => {
    expect(toDiffusers.get('decoder.up.3.block.0.conv1.weight')).toBe(
      'decoder.up_blocks.0.resnets.0.conv1.weight',
    )
    expect(vaeNames(3).toDiffusers.get('decoder.up.2.block.0.conv1.weight')).toBe(
      'decoder.up_blocks.0.resnets.0.conv1.weight',
    )
  })
})

describe('canonicalVae', () => {
  it('leaves training leftovers and other components out', () => {
    const table = shapeTable({ ...ldm(VAE_KL_F8, 'vae.'), 'vae.loss.logvar': [], 'unet.conv_in.weight': [1] })
    expect(canonicalVae(table, identifyVae(table)!).size).toBe(248)
  })
})

/** 1x1 convolutions in ldm, linear layers in diffusers. */
const ATTENTION_WEIGHT = /\.attn_1\.(?:q|k|v|proj_out)\.weight$/

describeReal('VAEs other people made', () => {
  it('a diffusers VAE of SDXL has the 248 names of the usual one', () => {
    const table = realKeys('Juggernaut XL v9__vae__diffusion_pytorch_model.fp16.safetensors')
    const info = identifyVae(table)!
    expect(info).toMatchObject({ layout: 'diffusers', latentChannels: 4, downscale: 8, tensors: 248 })
    const topology = vaeTopology(VAE_KL_F8)
    const canonical = canonicalVae(table, info)
    expect([...canonical.keys()].sort()).toEqual([...topology.keys()].sort())
    for (const [name, { shape }] of canonical) {
      expect(ATTENTION_WEIGHT.test(name) ? [...shape, 1, 1] : shape, name).toEqual(topology.get(name))
    }
  })

  it('a tiny diffusers VAE with old attention names', () => {
    const table = realTable('vae/huggingface__diffusers__test__vae__diffusion_pytorch_model.bin')
    const info = identifyVae(table)!
    expect(info).toMatchObject({ layout: 'diffusers', latentChannels: 4 })
    expect(canonicalVae(table, info).size).toBe(table.tensors.size)
  })

  it('the decoder of TAESD for Flux.2', () => {
    const info = identifyVae(realTable('vae/madebyollin__taesd__taef2_decoder.pth'))
    expect(info).toMatchObject({
      layout: 'taesd',
      decoder: true,
      encoder: false,
      latentChannels: 32,
      downscale: 8,
    })
  })

  it('the decoder of TAESD as stable-diffusion.cpp keeps it, in GGUF', async () => {
    const source = await openFileSource(realFile('vae/leejet__stable-diffusion.cpp__taesd-decoder.gguf')!)
    const { kind, vae, components, findings } = await identify(await openModel(source), async () => {
      throw new Error('names and shapes must do')
    })
    await source.close()
    expect(kind).toBe('taesd')
    expect(vae).toMatchObject({
      layout: 'taesd',
      encoder: false,
      decoder: true,
      latentChannels: 4,
      downscale: 8,
    })
    expect(components.map(({ id, tensors }) => [id, tensors])).toEqual([['vae', 67]])
    expect(findings.filter(({ severity }) => severity !== 'info')).toEqual([])
  })

  it('a CLIP has none', () => {
    expect(identifyVae(realKeys('clip-vit-large-patch14__model.safetensors'))).toBeUndefined()
  })

  it.each(['sd1', 'sd2', 'sdxl', 'refiner'])('names agree with the key map of ai-toolkit for %s', (model) => {
    const path = realFile(`keys/ostris__ai-toolkit__toolkit__keymaps__stable_diffusion_${model}.json`)!
    const map = JSON.parse(readFileSync(path, 'utf8')).ldm_diffusers_keymap as Record<string, string>
    const pairs = Object.entries(map)
      .filter(([key]) => key.startsWith('first_stage_model.'))
      .map(([key, name]) => [key.slice('first_stage_model.'.length), name.slice('vae_'.length)] as const)
    expect(pairs.length).toBe(248)
    const { toDiffusers, toLdm } = vaeNames(4)
    for (const [key, name] of pairs) {
      expect(toDiffusers.get(key)).toBe(name)
      expect(toLdm.get(name)).toBe(key)
    }
  })
})
