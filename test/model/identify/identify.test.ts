import { describe, expect, it } from 'vitest'
import { identify } from '../../../src/model/identify/identify.ts'
import type { Architecture } from '../../../src/model/networks/architectures/architecture.ts'
import { UNET_PREFIX } from '../../../src/model/networks/architectures/architecture.ts'
import { FLUX_NETWORK } from '../../../src/model/networks/architectures/flux.ts'
import { ARCHITECTURES } from '../../../src/model/networks/architectures/registry.ts'
import { SD1_UNET, sd1 } from '../../../src/model/networks/architectures/sd1.ts'
import { SD2_UNET, sd2 } from '../../../src/model/networks/architectures/sd2.ts'
import { SDXL_UNET, sdxl, ssd1b } from '../../../src/model/networks/architectures/sdxl.ts'
import { COMPONENTS } from '../../../src/model/networks/components.ts'
import { templateTopology } from '../../../src/model/networks/template/template.ts'
import { unetInDiffusers, vaeInDiffusers } from '../../../src/model/networks/topology/diffusers.ts'
import type { Shape } from '../../../src/model/networks/topology/match.ts'
import { clip, clipTopology, openClipTopology } from '../../../src/model/networks/topology/text.ts'
import { controlnetTopology, unetTopology } from '../../../src/model/networks/topology/unet.ts'
import { VAE_16, VAE_KL_F8, vaeTopology } from '../../../src/model/networks/topology/vae.ts'
import { describeReal } from '../../real-files.ts'
import { componentKeys, narrowSd1, narrowSdxl, prefixed, realKeys, tableOf, valuesOf } from '../tables.ts'

type Keys = [string, Shape][]

const V_BIAS = `${UNET_PREFIX}output_blocks.11.1.transformer_blocks.0.norm1.bias`
const noValues = valuesOf()
const flatBias = valuesOf({ [V_BIAS]: new Array(320).fill(0) })

function codes(identity: { findings: readonly { code: string }[] }): string[] {
  return identity.findings.map(({ code }) => code)
}

function message(identity: { findings: readonly { code: string; message: string }[] }, code: string): string {
  return identity.findings.find((finding) => finding.code === code)!.message
}

/** Keys that a tool has changed, of which each program passes over the whole file. */
it.each([
  [
    'lora_unet_mid_block_attentions_0_proj_in_lora_down_weight',
    'lora_unet_mid_block_attentions_0_proj_in_lora_up_weight',
  ],
  ['unet/mid_block/proj_in/lora_down/weight', 'unet/mid_block/proj_in/lora_up/weight'],
  ['lora_unet_mid_block_proj_in.lora_down.weight_1', 'lora_unet_mid_block_proj_in.lora_up.weight_1'],
  ['LORA_UNET_MID_BLOCK_PROJ_IN.LORA_DOWN.WEIGHT', 'LORA_UNET_MID_BLOCK_PROJ_IN.LORA_UP.WEIGHT'],
  ['transformer.x.lora_A.weight.weight', 'transformer.x.lora_B.weight.weight'],
  ['mid_block.proj_in-hada_w1_a', 'mid_block.proj_in-hada_w1_b'],
])('%s and its like are a LoRA with broken names', async (one, other) => {
  const { kind, title, findings } = await identify(
    tableOf([
      [one, [4, 8]],
      [other, [8, 4]],
    ]),
    async () => new Float64Array(1),
  )
  expect([kind, title]).toEqual(['unknown', 'LoRA with broken names'])
  expect(findings).toContainEqual(
    expect.objectContaining({ code: 'lora-broken-names', message: expect.stringContaining(one) }),
  )
})

it.each([
  ['explore.weight'],
  ['floral.bias'],
  ['left.soft.weight'],
  ['flora_net.0.weight'],
  ['coloration.bias'],
])('%s has nothing of a LoRA', async (name) => {
  const { title } = await identify(tableOf([[name, [4, 8]]]), async () => new Float64Array(1))
  expect(title).toBe('unknown kind of file')
})

describe('complete checkpoints', () => {
  const isWhole = ({ components }: Architecture) =>
    components.some(({ id }) => COMPONENTS[id].role === 'text')
  for (const architecture of ARCHITECTURES.filter(isWhole)) {
    it(`recognises ${architecture.title} with all its components and nothing to complain of`, async () => {
      const table = tableOf(architecture.components.flatMap(componentKeys), { dtype: 'F16' })
      const identity = await identify(table, flatBias)
      expect(identity.kind).toBe('checkpoint')
      expect(identity.architecture?.id).toBe(architecture.id)
      expect(identity.components.map(({ id, prefix }) => [id, prefix])).toEqual(
        architecture.components.map(({ id, prefix }) => [id, prefix]),
      )
      expect(identity.findings).toEqual([])
    })
  }

  it.each([
    [sd1, 'transformer depths 1, 1, 1, 0 over 4 levels'],
    [sdxl, 'transformer depths 0, 2, 10 over 3 levels'],
    [ssd1b, 'transformer depths 0, 2, 4 over 3 levels'],
  ])('says level by level how deep the transformers of $0.title are', async (architecture, evidence) => {
    const identity = await identify(tableOf(architecture.components.flatMap(componentKeys)), noValues)
    expect(identity.architecture?.evidence).toContain(evidence)
  })

  it('counts tensors, parameters, bytes and types of each component', async () => {
    const table = tableOf(sd1.components.flatMap(componentKeys), {
      dtype: 'F16',
      dtypes: { [`${UNET_PREFIX}out.2.bias`]: 'F32' },
    })
    const [unet, text, vae] = (await identify(table, noValues)).components
    expect(unet).toMatchObject({ tensors: 686, parameters: 859_520_964, bytes: 2 * 859_520_964 + 2 * 4 })
    expect(unet?.dtypes).toEqual({ F16: 685, F32: 1 })
    expect(text).toMatchObject({ id: 'clip_l', role: 'text', tensors: 196, bytes: 246_120_960 })
    expect(vae).toMatchObject({ id: 'vae', tensors: 248, bytes: 167_307_726, prefix: 'first_stage_model.' })
  })

  it('does not miss position_ids, which newer programs no longer write', async () => {
    const identity = await identify(
      tableOf(sd1.components.flatMap(componentKeys), { dtype: 'F16' }),
      noValues,
    )
    expect(identity.findings).toEqual([])
  })
})

describe('variants', () => {
  const withUnet = (keys: Keys, base: Keys) => [
    ...keys,
    ...base.filter(([name]) => !name.startsWith(UNET_PREFIX)),
  ]
  const sd1Keys = sd1.components.flatMap(componentKeys)
  const sd2Keys = sd2.components.flatMap(componentKeys)
  const sdxlKeys = sdxl.components.flatMap(componentKeys)

  it.each([
    [
      'inpainting',
      'Stable Diffusion 1.x inpainting',
      'stable-diffusion-v1-inpainting',
      { ...SD1_UNET, inChannels: 9 },
      sd1Keys,
    ],
    [
      'instruct-pix2pix',
      'Stable Diffusion 1.x InstructPix2Pix',
      undefined,
      { ...SD1_UNET, inChannels: 8 },
      sd1Keys,
    ],
    [
      'inpainting',
      'Stable Diffusion 2.x inpainting',
      'stable-diffusion-v2-inpainting',
      { ...SD2_UNET, inChannels: 9 },
      sd2Keys,
    ],
    [
      'depth',
      'Stable Diffusion 2.x depth',
      'stable-diffusion-v2-depth',
      { ...SD2_UNET, inChannels: 5 },
      sd2Keys,
    ],
    [
      'unclip-l',
      'Stable Diffusion 2.x unCLIP-L',
      'stable-diffusion-v2-unclip-l',
      { ...SD2_UNET, adm: 1536 },
      sd2Keys,
    ],
    [
      'unclip-h',
      'Stable Diffusion 2.x unCLIP-H',
      'stable-diffusion-v2-unclip-h',
      { ...SD2_UNET, adm: 2048 },
      sd2Keys,
    ],
    ['inpainting', 'Stable Diffusion XL inpainting', undefined, { ...SDXL_UNET, inChannels: 9 }, sdxlKeys],
    [
      'edit',
      'Stable Diffusion XL InstructPix2Pix',
      'stable-diffusion-xl-v1-edit',
      { ...SDXL_UNET, inChannels: 8 },
      sdxlKeys,
    ],
  ] as const)('%s: %s', async (variant, title, modelspec, config, base) => {
    const table = tableOf(withUnet(prefixed(UNET_PREFIX, unetTopology(config)), base), { dtype: 'F16' })
    const { architecture, findings } = await identify(table, noValues)
    expect(architecture).toMatchObject({ variant, title })
    expect(architecture?.modelspec).toBe(modelspec)
    expect(architecture?.width).toBeUndefined()
    expect(findings).toEqual([])
  })

  it('knows SD 2.x of sgm (Turbo) by its text encoder at another place', async () => {
    const keys = sd2Keys.map(([name, shape]): [string, Shape] => [
      name.replace('cond_stage_model.model.', 'conditioner.embedders.0.model.'),
      shape,
    ])
    const identity = await identify(tableOf(keys, { dtype: 'F16' }), flatBias)
    expect(identity.architecture?.id).toBe('stable-diffusion-v2')
    expect(identity.components.map(({ id }) => id)).toEqual(['unet', 'openclip_h', 'vae'])
    expect(identity.findings).toEqual([])
  })

  it('takes an SD 2.x whose projections are convolutions for SD 2.x', async () => {
    const unet = prefixed(UNET_PREFIX, unetTopology({ ...SD2_UNET, linear: false }))
    const { architecture } = await identify(tableOf(withUnet(unet, sd2Keys)), flatBias)
    expect(architecture?.id).toBe('stable-diffusion-v2')
  })

  it('accepts the OpenCLIP-H without its last layer that some tools write', async () => {
    const keys = sd2Keys.filter(([name]) => !/resblocks\.23\.|text_projection|logit_scale/.test(name))
    expect(keys.length).toBe(686 + 280 + 248)
    expect((await identify(tableOf(keys, { dtype: 'F16' }), flatBias)).findings).toEqual([])
  })

  it('names Playground 2.5 and CosXL by their markers', async () => {
    const playground: Keys = [...sdxlKeys, ['edm_mean', [1, 4, 1, 1]], ['edm_std', [1, 4, 1, 1]]]
    const first = await identify(tableOf(playground, { dtype: 'F16' }), noValues)
    expect(first.architecture).toMatchObject({ variant: 'playground-v2.5', prediction: { type: 'edm' } })
    const cosxl: Keys = [...sdxlKeys, ['edm_vpred.sigma_max', []]]
    const second = await identify(
      tableOf(cosxl, { dtype: 'F16' }),
      valuesOf({ 'edm_vpred.sigma_max': [120] }),
    )
    expect(second.architecture).toMatchObject({
      variant: 'cosxl',
      prediction: { type: 'edm-v', sigmaMax: 120 },
    })
  })

  it.each([
    ['schnell', { guidance: 0 }],
    ['fill', { in: 384 }],
    ['control', { in: 128 }],
  ] as const)('Flux %s', async (variant, change) => {
    const { template, dims } = FLUX_NETWORK
    const table = tableOf(templateTopology(template, { ...dims, ...change }), { dtype: 'BF16' })
    const identity = await identify(table, noValues)
    expect(identity).toMatchObject({ kind: 'dit', architecture: { id: 'flux-1-dev', variant }, findings: [] })
  })
})

describe('narrow relatives', () => {
  it('recognises the topology of SD 1.x at another width', async () => {
    const identity = await identify(tableOf(narrowSd1(64, [1, 2, 2, 2]), { dtype: 'F16' }), noValues)
    expect(identity.title).toBe('Stable Diffusion 1.x checkpoint of non-standard width')
    expect(identity.architecture).toMatchObject({
      id: 'stable-diffusion-v1',
      width: 'widths 64, 128, 128, 128, context 48',
    })
    expect(identity.components.map(({ id }) => id)).toEqual(['unet', 'clip_l', 'vae'])
    expect(codes(identity)).toEqual(['non-standard-width'])
  })

  it('recognises the topology of SDXL at another width', async () => {
    const identity = await identify(tableOf(narrowSdxl(), { dtype: 'F16' }), noValues)
    expect(identity.architecture?.id).toBe('stable-diffusion-xl-v1-base')
    expect(identity.components.map(({ id }) => id)).toEqual(['unet', 'clip_l', 'openclip_g', 'vae'])
    expect(codes(identity)).toEqual(['non-standard-width'])
  })
})

describe('damaged and unknown models', () => {
  it('says which keys of a component are missing or misshapen', async () => {
    const keys = sd1.components
      .flatMap(componentKeys)
      .filter(([name]) => name !== `${UNET_PREFIX}out.0.weight`)
      .map(([name, shape]): [string, Shape] =>
        name === `${UNET_PREFIX}time_embed.2.weight` ? [name, [1280, 1279]] : [name, shape],
      )
    const identity = await identify(tableOf(keys, { dtype: 'F16' }), noValues)
    expect(identity.architecture?.id).toBe('stable-diffusion-v1')
    expect(message(identity, 'incomplete-unet')).toBe(
      'the UNet is incomplete: 1 of 686 keys missing: "model.diffusion_model.out.0.weight"; ' +
        '1 with wrong shapes: "model.diffusion_model.time_embed.2.weight" is [1280,1279] instead of [1280,1280]',
    )
  })

  it('still knows SD 1.x when a whole res block is gone', async () => {
    const keys = sd1.components
      .flatMap(componentKeys)
      .filter(([name]) => !name.startsWith(`${UNET_PREFIX}input_blocks.5.`))
    const identity = await identify(tableOf(keys, { dtype: 'F16' }), noValues)
    expect(identity.architecture?.id).toBe('stable-diffusion-v1')
    expect(message(identity, 'incomplete-unet')).toContain('36 of 686 keys missing')
  })

  it('names the nearest architectures of an unknown UNet, nearest first', async () => {
    const strange = unetTopology({
      ...SDXL_UNET,
      depthIn: [0, 0, 2, 2, 7, 7],
      depthOut: [7, 7, 7, 2, 2, 2, 0, 0, 0],
    })
    const identity = await identify(tableOf(prefixed(UNET_PREFIX, strange), { dtype: 'F16' }), noValues)
    expect(identity).toMatchObject({ kind: 'unet', title: 'UNet of unknown architecture' })
    expect(identity.architecture).toBeUndefined()
    // SDXL has three blocks more in five transformers (the middle is left alone above): 5 x 3 x 20 keys
    expect(message(identity, 'unknown-architecture')).toMatch(
      /^not a known architecture; nearest: Stable Diffusion XL \(300 of 1680 keys missing: "model\.[^(]+\); Kolors .+; SSD-1B .+ extra keys\)/,
    )
    expect(identity.findings.length).toBe(1)
  })

  it('reports a text encoder that ends early', async () => {
    const keys = sd1.components.flatMap(componentKeys).filter(([name]) => !name.includes('layers.11.'))
    const identity = await identify(tableOf(keys, { dtype: 'F16' }), noValues)
    expect(message(identity, 'incomplete-clip-l')).toContain('16 of 196 keys missing')
  })

  it('reports components a checkpoint does not have', async () => {
    const noVae = sd1.components.filter(({ id }) => id !== 'vae').flatMap(componentKeys)
    expect(codes(await identify(tableOf(noVae, { dtype: 'F16' }), noValues))).toEqual(['missing-vae'])
    const noText = sdxl.components
      .filter(({ id }) => id !== 'clip_l' && id !== 'openclip_g')
      .flatMap(componentKeys)
    expect(codes(await identify(tableOf(noText, { dtype: 'F16' }), noValues))).toEqual(['missing-text'])
    const oneText = sdxl.components.filter(({ id }) => id !== 'openclip_g').flatMap(componentKeys)
    const identity = await identify(tableOf(oneText, { dtype: 'F16' }), noValues)
    expect(message(identity, 'missing-text')).toContain('openclip_g (conditioner.embedders.1.model.)')
  })

  it('misses the projection of CLIP-G, without which SDXL cannot work', async () => {
    const keys = sdxl.components.flatMap(componentKeys).filter(([name]) => !name.endsWith('text_projection'))
    const identity = await identify(tableOf(keys, { dtype: 'F16' }), noValues)
    expect(message(identity, 'incomplete-openclip-g')).toContain('embedders.1.model.text_projection')
  })

  it('knows a checkpoint without UNet by its text encoders', async () => {
    const keys = sdxl.components.filter(({ id }) => id !== 'unet').flatMap(componentKeys)
    const identity = await identify(tableOf(keys, { dtype: 'F16' }), noValues)
    expect(identity).toMatchObject({
      kind: 'checkpoint',
      architecture: { id: 'stable-diffusion-xl-v1-base' },
    })
    expect(codes(identity)).toEqual(['missing-unet'])
  })
})

describe('files of one network', () => {
  const bare = (topology: Iterable<readonly [string, Shape]>) => tableOf(topology, { dtype: 'F16' })

  it.each([
    ['UNet in ldm layout', unetTopology(SD1_UNET), 'unet', 'Stable Diffusion 1.x UNet'],
    [
      'UNet in diffusers layout',
      unetInDiffusers(unetTopology(SD1_UNET), 2, () => undefined),
      'unet',
      'Stable Diffusion 1.x UNet (diffusers layout)',
    ],
    ['VAE in ldm layout', vaeTopology(VAE_KL_F8), 'vae', 'VAE, 4 latent channels'],
    ['VAE of 16 channels', vaeTopology(VAE_16), 'vae', 'VAE, 16 latent channels'],
    [
      'VAE in diffusers layout',
      vaeInDiffusers(vaeTopology(VAE_KL_F8), 4, false),
      'vae',
      'VAE, 4 latent channels (diffusers layout)',
    ],
    [
      'VAE in the old diffusers layout',
      vaeInDiffusers(vaeTopology(VAE_KL_F8), 4, true),
      'vae',
      'VAE, 4 latent channels (diffusers layout)',
    ],
    ['CLIP-L', clipTopology(clip(768, 12)), 'text-encoder', 'CLIP-L text encoder'],
    ['OpenCLIP-H', openClipTopology(clip(1024, 24, true)), 'text-encoder', 'OpenCLIP-H text encoder'],
    ['ControlNet', controlnetTopology(SD1_UNET), 'controlnet', 'ControlNet'],
  ] as const)('%s', async (_, topology, kind, title) => {
    const identity = await identify(bare(topology), noValues)
    expect([identity.kind, identity.title, identity.findings]).toEqual([kind, title, []])
    expect(identity.components.length).toBe(1)
  })

  it('a UNet of KOALA in diffusers layout, which has one res block a level', async () => {
    const koala = ARCHITECTURES.find(({ id }) => id === 'koala-700m')!
    const keys = unetInDiffusers(koala.components[0]!.topology(), 1, () => undefined)
    const identity = await identify(bare(keys), noValues)
    expect(identity).toMatchObject({ kind: 'unet', architecture: { id: 'koala-700m' }, findings: [] })
  })

  it('a UNet below another prefix', async () => {
    const identity = await identify(bare(prefixed('model.model.', unetTopology(SD1_UNET))), noValues)
    expect(identity.components[0]).toMatchObject({ id: 'unet', prefix: 'model.model.' })
    expect(identity.findings).toEqual([])
  })

  it('a training checkpoint of a VAE', async () => {
    const keys: Keys = [...vaeTopology(VAE_KL_F8)]
    keys.push(['loss.perceptual_loss.net.slice1.0.weight', [64, 3, 3, 3]], ['loss.logvar', []])
    const identity = await identify(bare(keys), noValues)
    expect(identity.kind).toBe('vae')
    expect(identity.components.map(({ id, tensors }) => [id, tensors])).toEqual([['vae', 248], ['training', 2]]) // biome-ignore format: a table
    expect(codes(identity)).toEqual(['training-leftovers'])
  })
})

describe('adapters and embeddings', () => {
  it.each([
    [
      'of kohya',
      'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k',
      'lora_down',
      'lora_up',
    ],
    ['of PEFT', 'unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k', 'lora_A', 'lora_B'],
    ['of a text encoder', 'text_encoder.text_model.encoder.layers.0.self_attn.q_proj', 'lora_A', 'lora_B'],
  ])('a LoRA %s is not taken for the component it changes', async (_, module, down, up) => {
    const keys: Keys = [[`${module}.${down}.weight`, [4, 768]], [`${module}.${up}.weight`, [320, 4]]] // biome-ignore format: one line
    const identity = await identify(tableOf(keys), noValues)
    expect(identity.kind).toBe('lora')
    expect(identity.components).toMatchObject([{ id: 'adapter', tensors: 2 }])
  })

  it('an embedding', async () => {
    const identity = await identify(tableOf([['emb_params', [8, 768]]]), noValues)
    expect(identity).toMatchObject({ kind: 'embedding', embedding: { vectors: 8 } })
  })
})

describe('other kinds', () => {
  it.each([
    [
      'ip-adapter',
      [
        ['image_proj.proj.weight', [3072, 1024]],
        ['ip_adapter.1.to_k_ip.weight', [320, 768]],
      ],
      'IP-Adapter for Stable Diffusion 1.x',
    ],
    [
      't2i-adapter',
      [
        ['body.0.block1.weight', [320, 320, 3, 3]],
        ['conv_in.weight', [320, 768, 3, 3]],
      ],
      'T2I-Adapter',
    ],
    [
      'upscaler',
      [
        ['conv_first.weight', [64, 3, 3, 3]],
        ['body.0.rdb1.conv1.weight', [32, 64, 3, 3]],
      ],
      'ESRGAN upscaler x4',
    ],
    [
      'upscaler',
      [
        ['model.0.weight', [64, 3, 3, 3]],
        ['model.1.sub.0.RDB1.conv1.0.weight', [32, 64, 3, 3]],
      ],
      'ESRGAN upscaler',
    ],
    [
      'taesd',
      [
        ['1.weight', [64, 4, 3, 3]],
        ['3.conv.0.weight', [64, 64, 3, 3]],
        ['5.weight', [3, 64, 3, 3]],
        ['5.bias', [3]],
      ],
      'decoder of a tiny autoencoder (TAESD), 4 latent channels',
    ],
    [
      'training',
      [
        ['optimizer_state/0/exp_avg', [8]],
        ['optimizer_state/0/exp_avg_sq', [8]],
      ],
      'optimizer state of a training run',
    ],
    ['unknown', [['weight1', [8, 8]]], 'unknown kind of file'],
  ] as const)('%s: %j', async (kind, keys, title) => {
    const identity = await identify(tableOf(keys as unknown as Keys), noValues)
    expect([identity.kind, identity.title]).toEqual([kind, title])
  })

  it('says so when a file has no tensors', async () => {
    expect(message(await identify(tableOf([]), noValues), 'unknown-kind')).toBe('the file has no tensors')
  })

  it('escapes names from the file in messages', async () => {
    const identity = await identify(tableOf([['\u001b[31mred', [1]]]), noValues)
    expect(message(identity, 'unknown-kind')).not.toContain('\u001b')
  })
})

describeReal('key lists of real models', () => {
  const load = (name: string) => tableOf(realKeys(name), { dtype: 'F16' })
  const ids = { 'text_model.embeddings.position_ids': Array.from({ length: 77 }, (_, i) => i) }

  it.each([
    [
      'Juggernaut XL v9__unet__diffusion_pytorch_model.fp16.safetensors',
      'unet',
      'Stable Diffusion XL UNet (diffusers layout)',
    ],
    [
      'Juggernaut XL v9__vae__diffusion_pytorch_model.fp16.safetensors',
      'vae',
      'VAE, 4 latent channels (diffusers layout)',
    ],
    ['Juggernaut XL v9__text_encoder__model.fp16.safetensors', 'text-encoder', 'CLIP-L text encoder'],
    ['Juggernaut XL v9__text_encoder_2__model.fp16.safetensors', 'text-encoder', 'CLIP-G text encoder'],
    [
      'Hard Edge Detection (canny)__diffusion_pytorch_model.fp16.safetensors',
      'controlnet',
      'ControlNet (diffusers layout)',
    ],
    ['Standard Reference (IP Adapter).safetensors', 'ip-adapter', 'IP-Adapter for Stable Diffusion 1.x'],
  ])('%s', async (name, kind, title) => {
    const identity = await identify(load(name), noValues)
    expect([identity.kind, identity.title, identity.findings]).toEqual([kind, title, []])
  })

  it('CLIP-L of OpenAI with its image encoder', async () => {
    const keys = realKeys('clip-vit-large-patch14__model.safetensors')
    const dtypes = {
      'text_model.embeddings.position_ids': 'I64',
      'vision_model.embeddings.position_ids': 'I64',
    } as const
    const vision = Array.from({ length: 257 }, (_, i) => i)
    const read = valuesOf({ ...ids, 'vision_model.embeddings.position_ids': vision })
    const identity = await identify(tableOf(keys, { dtype: 'F16', dtypes }), read)
    expect(identity.components.map(({ id }) => id)).toEqual(['clip_l', 'vision'])
    expect([identity.kind, identity.findings]).toEqual(['text-encoder', []])
  })
})
