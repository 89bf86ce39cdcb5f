import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { identify } from '../../../src/model/identify/identify.ts'
import { unetToDiffusers } from '../../../src/model/layouts/networks.ts'
import { fromPipeline, toPipeline } from '../../../src/model/layouts/pipeline.ts'
import { pipelineConfigs } from '../../../src/model/layouts/pipeline-config.ts'
import { SDXL_UNET } from '../../../src/model/networks/architectures/sdxl.ts'
import { unetTopology } from '../../../src/model/networks/topology/unet.ts'
import { blockBytes, elementCount } from '../../../src/tensor/values/dtype.ts'
import { evaluateInto, newEvaluation } from '../../../src/tensor/values/expr.ts'
import type { Tensor, TensorTable } from '../../../src/tensor/values/table.ts'
import { halves, narrowSd2, narrowXl } from '../../narrow-models.ts'
import { describeReal, realFile } from '../../real-files.ts'
import { bytesTensor } from '../../tables.ts'

const read = async (): Promise<void> => {
  throw new Error('there is no file')
}

async function bytesOf(tensor: Tensor): Promise<Buffer> {
  const count = elementCount(tensor.shape)
  const out = Buffer.alloc(blockBytes(tensor.dtype, 0, count))
  await evaluateInto(tensor, 0, count, out, newEvaluation(read))
  return out
}

async function expectSame(a: ReadonlyMap<string, Tensor>, b: ReadonlyMap<string, Tensor>): Promise<void> {
  expect([...a.keys()].toSorted()).toEqual([...b.keys()].toSorted())
  for (const [name, tensor] of a) {
    const other = b.get(name)!
    expect([other.dtype, other.shape], name).toEqual([tensor.dtype, tensor.shape])
    expect((await bytesOf(other)).equals(await bytesOf(tensor)), name).toBe(true)
  }
}

async function identityOf(table: TensorTable) {
  return identify(table, async (tensor) => new Float64Array(elementCount(tensor.shape)))
}

describe('a folder of diffusers', () => {
  it('and one file of SDXL become each other, bit for bit', async () => {
    const table = narrowXl(halves)
    const pipeline = toPipeline(table, await identityOf(table))
    expect(pipeline.left).toEqual(['conditioner.embedders.1.model.logit_scale'])
    const { table: back, left } = fromPipeline(pipeline.tensors)
    expect(left).toEqual([])
    const kept = new Map(table.tensors)
    kept.delete('conditioner.embedders.1.model.logit_scale')
    await expectSame(kept, back.tensors)
    const again = toPipeline(back, await identityOf(back))
    for (const [folder, tensors] of Object.entries(pipeline.tensors)) {
      await expectSame(tensors, again.tensors[folder as keyof typeof again.tensors]!)
    }
  })

  it('has q, k and v of OpenCLIP as rows, and its projection turned', async () => {
    const table = narrowXl(halves)
    const { tensors } = toPipeline(table, await identityOf(table))
    const fused = await bytesOf(
      table.tensors.get('conditioner.embedders.1.model.transformer.resblocks.1.attn.in_proj_weight')!,
    )
    const key = tensors.text_encoder_2!.get('text_model.encoder.layers.1.self_attn.k_proj.weight')!
    expect(key.shape).toEqual([24, 24])
    expect((await bytesOf(key)).equals(fused.subarray(2 * 24 * 24, 4 * 24 * 24))).toBe(true)
    const own = await bytesOf(table.tensors.get('conditioner.embedders.1.model.text_projection')!)
    const turned = await bytesOf(tensors.text_encoder_2!.get('text_projection.weight')!)
    for (const [i, j] of [
      [0, 1],
      [5, 17],
      [23, 2],
    ] as const)
      expect(turned.readUInt16LE(2 * (24 * i + j))).toBe(own.readUInt16LE(2 * (24 * j + i)))
  })

  it('leaves out the last layer of SD 2.x, as diffusers does, and says so', async () => {
    const table = narrowSd2(halves)
    const { tensors, left } = toPipeline(table, await identityOf(table))
    expect(
      [...tensors.text_encoder!.keys()].filter((name) => name.endsWith('layer_norm1.weight')),
    ).toHaveLength(2)
    expect(tensors.text_encoder!.has('text_projection.weight')).toBe(false)
    expect(left.every((name) => /resblocks\.2\.|logit_scale|text_projection/.test(name))).toBe(true)
    const { table: back } = fromPipeline(tensors)
    await expectSame(back.tensors, new Map([...table.tensors].filter(([name]) => !left.includes(name))))
  })

  it('says what it is in its configuration', async () => {
    const table = narrowXl(halves)
    const identity = await identityOf(table)
    const configs = pipelineConfigs(toPipeline(table, identity), identity)
    expect(configs.get('unet/config.json')).toMatchObject({
      block_out_channels: [32, 32, 64],
      cross_attention_dim: 40,
      down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
      up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
      transformer_layers_per_block: [1, 1, 2],
      projection_class_embeddings_input_dim: 96,
      use_linear_projection: true,
    })
    expect(configs.get('text_encoder_2/config.json')).toMatchObject({
      architectures: ['CLIPTextModelWithProjection'],
      hidden_size: 24,
      num_hidden_layers: 2,
      projection_dim: 24,
    })
    expect(configs.get('vae/config.json')).toMatchObject({ scaling_factor: 0.13025, force_upcast: true })
  })
})

describeReal('names of diffusers in the wild', () => {
  it('are those of the UNet of Juggernaut XL', () => {
    const path = realFile(
      'keys/invoke-ai__InvokeAI__tests__test_model_probe__Juggernaut XL v9__unet__diffusion_pytorch_model.fp16.safetensors.json',
    )!
    const keys = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
    const names = Object.keys(keys).filter((name) => name !== '__metadata__')
    const empty = new Map(
      [...unetTopology(SDXL_UNET)].map(([name]) => [name, bytesTensor(name, 'F16', [0], new Uint8Array())]),
    )
    const { tensors, left } = unetToDiffusers(empty, SDXL_UNET)
    expect(left).toEqual([])
    expect([...tensors.keys()].toSorted()).toEqual(names.toSorted())
  })
})
