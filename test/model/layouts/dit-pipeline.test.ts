import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { identify } from '../../../src/model/identify/identify.ts'
import type { Identity } from '../../../src/model/identity.ts'
import { fromPipeline, type Pipeline, toPipeline } from '../../../src/model/layouts/pipeline.ts'
import { pipelineConfigs, tokenizerFolders } from '../../../src/model/layouts/pipeline-config.ts'
import { DIT_ARCHITECTURES } from '../../../src/model/networks/architectures/proof.ts'
import { autoencoderById } from '../../../src/model/networks/autoencoders/registry.ts'
import type { Shape } from '../../../src/model/networks/topology/match.ts'
import { VAE_16, vaeTopology } from '../../../src/model/networks/topology/vae.ts'
import { elementCount } from '../../../src/tensor/values/dtype.ts'
import type { TensorTable } from '../../../src/tensor/values/table.ts'
import { componentKeys, tableOf } from '../tables.ts'

/** Nothing decides by values. */
async function identityOf(table: TensorTable): Promise<Identity> {
  return identify(table, async ({ shape }) => new Float64Array(elementCount(shape)))
}

/** All-in-one files of the published sizes, without values. */
function wholeModel(id: string): TensorTable {
  const { components } = DIT_ARCHITECTURES.find((one) => one.id === id)!
  return tableOf(components.flatMap(componentKeys), { dtype: 'BF16' })
}

function shapesOf(tensors: TensorTable['tensors']): Map<string, Shape> {
  return new Map([...tensors].map(([name, { shape }]) => [name, shape]))
}

async function pipelineOf(
  id: string,
): Promise<{ table: TensorTable; pipeline: Pipeline; identity: Identity }> {
  const table = wholeModel(id)
  const identity = await identityOf(table)
  return { table, pipeline: toPipeline(table, identity), identity }
}

const WHOLE = ['flux-1-dev', 'stable-diffusion-v3-medium', 'stable-diffusion-v3.5-large']

describe.each(WHOLE)('an all-in-one file of %s', (id) => {
  it('is a folder with all of its networks, and the same file again', async () => {
    const { table, pipeline } = await pipelineOf(id)
    const { table: back, left } = fromPipeline(pipeline.tensors)
    expect(left).toEqual([])
    const kept = new Map([...table.tensors].filter(([name]) => !pipeline.left.includes(name)))
    expect(shapesOf(back.tensors)).toEqual(shapesOf(kept))
  })

  it('has a configuration for each network, and a vocabulary for each CLIP', async () => {
    const { pipeline, identity } = await pipelineOf(id)
    const configs = pipelineConfigs(pipeline, identity)
    for (const folder of Object.keys(pipeline.tensors))
      expect([...configs.keys()]).toContain(`${folder}/config.json`)
    expect(tokenizerFolders(pipeline)).toEqual(
      id === 'flux-1-dev' ? ['tokenizer'] : ['tokenizer', 'tokenizer_2'],
    )
  })
})

describe('the folder of an all-in-one Flux.1', () => {
  it('names its parts as the published pipeline does, and the vocabulary of T5 as absent', async () => {
    const { pipeline, identity } = await pipelineOf('flux-1-dev')
    // black-forest-labs/FLUX.1-dev, model_index.json; its tokenizer_2 is in no model file
    expect(pipelineConfigs(pipeline, identity).get('model_index.json')).toEqual({
      _class_name: 'FluxPipeline',
      _diffusers_version: '0.30.0',
      scheduler: ['diffusers', 'FlowMatchEulerDiscreteScheduler'],
      text_encoder: ['transformers', 'CLIPTextModel'],
      text_encoder_2: ['transformers', 'T5EncoderModel'],
      tokenizer: ['transformers', 'CLIPTokenizer'],
      tokenizer_2: [null, null],
      transformer: ['diffusers', 'FluxTransformer2DModel'],
      vae: ['diffusers', 'AutoencoderKL'],
    })
  })

  it('has the schedule and the autoencoder of the published one', async () => {
    const { pipeline, identity } = await pipelineOf('flux-1-dev')
    const configs = pipelineConfigs(pipeline, identity)
    expect(configs.get('scheduler/scheduler_config.json')).toMatchObject({
      base_image_seq_len: 256,
      base_shift: 0.5,
      max_image_seq_len: 4096,
      max_shift: 1.15,
      num_train_timesteps: 1000,
      shift: 3,
      use_dynamic_shifting: true,
    })
    expect(configs.get('vae/config.json')).toMatchObject({
      block_out_channels: [128, 256, 512, 512],
      force_upcast: true,
      latent_channels: 16,
      sample_size: 1024,
      scaling_factor: 0.3611,
      shift_factor: 0.1159,
      use_post_quant_conv: false,
      use_quant_conv: false,
    })
  })

  it('has the encoders of the published one', async () => {
    const { pipeline, identity } = await pipelineOf('flux-1-dev')
    const configs = pipelineConfigs(pipeline, identity)
    expect(configs.get('text_encoder/config.json')).toMatchObject({
      architectures: ['CLIPTextModel'],
      hidden_size: 768,
      intermediate_size: 3072,
      num_attention_heads: 12,
      num_hidden_layers: 12,
    })
    expect(configs.get('text_encoder_2/config.json')).toMatchObject({
      architectures: ['T5EncoderModel'],
      d_ff: 10240,
      d_kv: 64,
      d_model: 4096,
      num_heads: 64,
      num_layers: 24,
      relative_attention_num_buckets: 32,
      vocab_size: 32128,
    })
  })
})

interface Golden {
  readonly class: string
  readonly config: Readonly<Record<string, unknown>>
}

/** Made by fixtures/goldens/transformer_configs.py: what diffusers writes for the published models. */
const CONFIGS: Readonly<Record<string, Golden>> = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../fixtures/goldens/transformer-configs.json'), 'utf8'),
)

/** Names and shapes of autoencoders as they are published, and in diffusers. */
const AUTOENCODERS = [
  ['flux-1-dev', 'kl', 'vae.'],
  ['stable-diffusion-v3-medium', 'kl', 'first_stage_model.'],
  ['wan', 'wan21', 'vae.'],
  ['qwen-image', 'wan21', 'vae.'],
] as const

describe.each(AUTOENCODERS)('the autoencoder of %s', (id, network, prefix) => {
  const architecture = DIT_ARCHITECTURES.find((one) => one.id === id)!
  const [transformer] = architecture.components
  const topology =
    network === 'kl' ? vaeTopology(VAE_16) : autoencoderById(network)!.layers!.topology(() => undefined)
  const keys = [...topology].map(([name, shape]): [string, Shape] => [prefix + name, shape])
  const table = tableOf([...componentKeys(transformer!), ...keys], { dtype: 'BF16' })

  it('has the configuration that diffusers writes', async () => {
    const identity = await identityOf(table)
    const { _class_name, _diffusers_version, ...config } = pipelineConfigs(
      toPipeline(table, identity),
      identity,
    ).get('vae/config.json')!
    const golden = CONFIGS[`vae/${id}`]!
    expect(_class_name).toBe(golden.class)
    expect(config).toEqual(golden.config)
  })

  it('has the names of diffusers in the folder, and those of its authors in the file', async () => {
    const { tensors, left } = toPipeline(table, await identityOf(table))
    expect(left).toEqual([])
    expect(
      tensors.vae!.has(
        network === 'kl' ? 'encoder.down_blocks.0.resnets.0.norm1.weight' : 'encoder.conv_in.weight',
      ),
    ).toBe(true)
    expect(shapesOf(fromPipeline(tensors).table.tensors)).toEqual(shapesOf(table.tensors))
  })
})

it('lists a text encoder whose configuration is not known, and writes the rest', async () => {
  const flux2 = DIT_ARCHITECTURES.find(({ id }) => id === 'flux-2')!
  const encoder: [string, Shape][] = [['text_encoders.mistral3_24b.transformer.model.norm.weight', [5120]]]
  const [dit] = flux2.components
  const table = tableOf([...componentKeys(dit!), ...encoder], { dtype: 'BF16' })
  const pipeline = toPipeline(table, await identityOf(table))
  expect(Object.keys(pipeline.tensors)).toEqual(['transformer'])
  expect(pipeline.left).toEqual([encoder[0]![0]])
})
