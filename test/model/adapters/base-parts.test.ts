import { describe, expect, it } from 'vitest'
import { baseParts, partFor } from '../../../src/model/adapters/base-parts.ts'
import { identify } from '../../../src/model/identify/identify.ts'
import { SDXL_UNET } from '../../../src/model/networks/architectures/sdxl.ts'
import { unetInDiffusers } from '../../../src/model/networks/topology/diffusers.ts'
import type { Shape } from '../../../src/model/networks/topology/match.ts'
import { unetTopology } from '../../../src/model/networks/topology/unet.ts'
import type { Tensor, TensorTable } from '../../../src/tensor/values/table.ts'
import { adapter, CLIP, FLUX, planOf } from '../../operations/merge-lora/small.ts'
import { describeReal } from '../../real-files.ts'
import { bytesTensor } from '../../tables.ts'
import { narrowSd1, narrowSdxl, realKeys, tableOf } from '../tables.ts'

async function partsOf(shapes: Iterable<readonly [string, Shape]>) {
  const table = tableOf(shapes)
  const identity = await identify(table, async () => new Float64Array(1))
  return baseParts(table, identity)
}

describe('baseParts', () => {
  it('takes keys and shapes from the file, whatever its width', async () => {
    const unet = partFor(await partsOf(narrowSd1()), 'unet')!
    expect(unet.names.get('down_blocks_0_attentions_1_transformer_blocks_0_attn2_to_k')).toEqual({
      weight: 'model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight',
      shape: [32, 48],
    })
    // 1, as this block has no attention; everywhere else it is 2
    expect(unet.names.get('up_blocks_0_upsamplers_0_conv')?.weight).toBe(
      'model.diffusion_model.output_blocks.2.1.conv.weight',
    )
  })

  it('knows both text encoders of SDXL, and q, k and v in one weight', async () => {
    const parts = await partsOf(narrowSdxl())
    const name = 'text_model_encoder_layers_0_self_attn_v_proj'
    expect(partFor(parts, 'te1')?.names.get(name)?.weight).toBe(
      'conditioner.embedders.0.transformer.text_model.encoder.layers.0.self_attn.v_proj.weight',
    )
    expect(partFor(parts, 'te2')?.names.get(name)).toEqual({
      weight: 'conditioner.embedders.1.model.transformer.resblocks.0.attn.in_proj_weight',
      bias: 'conditioner.embedders.1.model.transformer.resblocks.0.attn.in_proj_bias',
      shape: [48, 48],
      rows: { start: 96, length: 48 },
    })
    expect(partFor(parts, 'te3')).toBeUndefined()
  })

  it('leaves out the layers whose rows a damaged weight does not have', async () => {
    const qkv = 'double_blocks.0.img_attn.qkv.weight'
    const layers = async (rows: number) => {
      const shapes = [...FLUX.tensors.values()].map(
        ({ name, shape }) => [name, name === qkv ? [rows, 4] : shape] as const,
      )
      const names = partFor(await partsOf(shapes), 'unet')!.names
      return ['q', 'k', 'v'].filter((x) => names.has(`transformer_blocks_0_attn_to_${x}`)).join('')
    }
    // each has 4 of the 12 rows
    const found = await Promise.all([12, 11, 8, 7, 4, 3].map(layers))
    expect(found).toEqual(['qkv', 'qk', 'qk', 'q', 'q', ''])
  })

  it('finds the layers of a UNet that diffusers saved, by either style of names', async () => {
    const config = { ...SDXL_UNET, channels: 32, widths: [32, 64, 128], context: 80, adm: 96 }
    const topology = unetTopology(config)
    const keys = unetInDiffusers(topology, config.resBlocks, (name) => topology.get(name))
    const unet = partFor(await partsOf(keys), 'unet')!
    const place = {
      weight: 'down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_v.weight',
      shape: [64, 80],
    }
    expect(unet.names.get('input_blocks_4_1_transformer_blocks_1_attn2_to_v')).toEqual(place)
    expect(unet.names.get('down_blocks_1_attentions_0_transformer_blocks_1_attn2_to_v')).toEqual(place)
  })
})

describe('an EMA copy of weights that change', () => {
  const key = 'model.diffusion_model.input_blocks.1.1.proj_in.weight'
  const copy = 'model_ema.diffusion_modelinput_blocks11proj_inweight'

  function checkpoint(without?: string): TensorTable {
    const zeros = ([name, shape]: readonly [string, Shape]): Tensor => {
      return bytesTensor(name, 'F32', [...shape], new Uint8Array(4 * shape.reduce((a, b) => a * b, 1)))
    }
    const unet = narrowSd1(32, [1, 1, 1, 1])
    const ema = unet
      .filter(([name]) => name.startsWith('model.'))
      .map(([name, shape]) => [`model_ema.${name.slice(6).replaceAll('.', '')}`, shape] as const)
    const entries = [...unet, ...ema].filter(([name]) => name !== without)
    return { tensors: new Map(entries.map((entry) => [entry[0], zeros(entry)])), metadata: {} }
  }

  const ones = (rows: number, columns: number) =>
    new Uint8Array(new Float32Array(rows * columns).fill(1).buffer)
  const lora = (module: string, rows: number, columns: number) =>
    adapter([
      bytesTensor(`${module}.lora_up.weight`, 'F32', [rows, 1], ones(rows, 1)),
      bytesTensor(`${module}.lora_down.weight`, 'F32', [1, columns], ones(1, columns)),
    ])
  const UNET_LORA = lora('lora_unet_down_blocks_0_attentions_0_proj_in', 32, 32)

  it('is left out, with its bytes', async () => {
    const base = checkpoint()
    const { table, findings, steps } = await planOf(base, [UNET_LORA])
    expect(table.tensors.get(key)?.source.kind).toBe('patched')
    expect([...table.tensors.keys()].filter((name) => name.startsWith('model_ema'))).toEqual([])
    const bytes = steps.find(({ action }) => action === 'drop')?.bytesBefore
    expect(findings).toEqual([expect.objectContaining({ code: 'ema-dropped', severity: 'warning', bytes })])
  })

  it('is changed in the same way if asked', async () => {
    const { table, findings } = await planOf(checkpoint(), [UNET_LORA], { ema: 'patch' })
    for (const name of [key, copy]) expect(table.tensors.get(name)?.source.kind).toBe('patched')
    const changed = [...table.tensors.values()].filter(({ source }) => source.kind === 'patched')
    expect([changed.length, findings]).toEqual([2, []])
  })

  it.each([
    ['of the weight that changes', copy, [expect.objectContaining({ code: 'ema-partial' })]],
    ['of another weight', copy.replace('proj_in', 'proj_out'), []],
  ])('may lack the one %s', async (_, without, expected) => {
    const { findings } = await planOf(checkpoint(without), [UNET_LORA], { ema: 'patch' })
    expect(findings).toEqual(expected)
  })

  it('stays if it copies what does not change', async () => {
    const text = lora('lora_te_text_model_encoder_layers_0_self_attn_q_proj', 48, 48)
    const { table } = await planOf(checkpoint(), [text])
    expect(table.tensors.get(copy)?.source.kind).toBe('bytes')
  })

  it('cannot be changed where there is none', async () => {
    await expect(planOf(CLIP, [UNET_LORA], { ema: 'patch' })).rejects.toMatchObject({
      code: 'EMA_MISSING',
      exitCode: 4,
    })
  })
})

describeReal('key lists of published models', () => {
  const read = async () => Float64Array.of(1)

  async function planOfKeys(lora: string, base: readonly (readonly [string, Shape])[], options = {}) {
    const shapes = tableOf(realKeys(lora))
    return planOf(tableOf(base), [{ ...adapter([...shapes.tensors.values()]), read }], options)
  }

  it('a LoRA for SDXL fits its UNet in the layout of diffusers, and its second text encoder by itself', async () => {
    const unet = await planOfKeys(
      'Alien Style.safetensors',
      realKeys('Juggernaut XL v9__unet__diffusion_pytorch_model.fp16.safetensors'),
      { only: 'unet' },
    )
    expect(unet.problems).toEqual([])
    // 70 transformer blocks of 10 linear layers each, two projections around each of 11 attentions
    expect(unet.loras[0]!.parts[0]).toMatchObject({ matched: 722, unmatched: 0 })
    const text = await planOfKeys(
      'Alien Style.safetensors',
      realKeys('Juggernaut XL v9__text_encoder_2__model.fp16.safetensors'),
      { only: 'text', allowUnmatched: true },
    )
    const [te1, te2] = text.loras[0]!.parts.filter(({ target }) => target !== 'unet')
    expect([te1, te2]).toMatchObject([
      { target: 'te1', matched: 0, unmatched: 72 },
      { target: 'te2', matched: 192, unmatched: 0 },
    ])
  })
})
