/** Folders of diffusers of every family and in every state they are published in, on narrow models. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { TensorTable } from '../../src/tensor/values/table.ts'
import { type Contents, contentsOf, writeModel } from '../model-files.ts'
import { halves, narrowRefiner, narrowSd1, narrowSd2, narrowXl } from '../narrow-models.ts'
import { floatTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const SLOW = 120_000

function expectSame(a: Contents, b: Contents, except: RegExp = /^$/): void {
  const names = [...a.bytes.keys()].filter((name) => !except.test(name))
  expect([...b.bytes.keys()].toSorted()).toEqual(names.toSorted())
  for (const name of names) {
    const [one, two] = [a.model.tensors.get(name)!, b.model.tensors.get(name)!]
    expect([two.dtype, two.shape], name).toEqual([one.dtype, one.shape])
    expect(Buffer.compare(b.bytes.get(name)!, a.bytes.get(name)!), name).toBe(0)
  }
}

function withTensors(table: TensorTable, metadata: Record<string, string>, ...names: string[]): TensorTable {
  const markers = names.map((name) => floatTensor(name, [0], []))
  return { ...tableOf([...table.tensors.values(), ...markers]), metadata }
}

/** Writes a model, the folder of it, and the file of that folder. */
async function roundTrip(table: TensorTable) {
  const folder = tempFolder()
  const [path, pipe, back] = [
    join(folder, 'm.safetensors'),
    join(folder, 'pipe'),
    join(folder, 'b.safetensors'),
  ]
  await writeModel(path, table)
  const made = await runCli(['convert', path, '--to', 'diffusers', '-o', pipe])
  expect([made.code, made.stderr]).toEqual([0, ''])
  const again = await runCli(['convert', pipe, '-o', back])
  expect([again.code, again.stderr]).toEqual([0, ''])
  const json = (name: string) => JSON.parse(readFileSync(join(pipe, name), 'utf8'))
  return { pipe, made, json, before: await contentsOf(path), after: await contentsOf(back) }
}

/** OpenCLIP's own numbers that transformers has no place for; SD 2.x does not use its last layer, either. */
const LOGIT_SCALE = /logit_scale$/
const UNUSED = /logit_scale$|text_projection$|resblocks\.2\./

describe('a checkpoint and its folder of diffusers are the same', () => {
  it.each([
    ['SD 1.x inpainting', narrowSd1(halves, { inChannels: 9 }), 'StableDiffusionInpaintPipeline', 9, /^$/],
    [
      'InstructPix2Pix',
      narrowSd1(halves, { inChannels: 8 }),
      'StableDiffusionInstructPix2PixPipeline',
      8,
      /^$/,
    ],
    ['SD 2.x inpainting', narrowSd2(halves, { inChannels: 9 }), 'StableDiffusionInpaintPipeline', 9, UNUSED],
    ['SDXL', narrowXl(halves), 'StableDiffusionXLPipeline', 4, LOGIT_SCALE],
    [
      'SDXL inpainting',
      narrowXl(halves, { inChannels: 9 }),
      'StableDiffusionXLInpaintPipeline',
      9,
      LOGIT_SCALE,
    ],
  ] as const)(
    '%s, bit for bit, for the pipeline that takes its inputs',
    async (_, table, pipeline, channels, unused) => {
      const { json, before, after } = await roundTrip(table)
      expectSame(before, after, unused)
      expect(json('model_index.json')._class_name).toBe(pipeline)
      expect(json('unet/config.json').in_channels).toBe(channels)
    },
    SLOW,
  )

  it(
    'the refiner of SDXL, whose only encoder is the second one',
    async () => {
      const { json, before, after, made } = await roundTrip(narrowRefiner(halves))
      expectSame(before, after, LOGIT_SCALE)
      expect(made.stdout).toContain('  text_encoder_2: 37 tensors')
      // stabilityai/stable-diffusion-xl-refiner-1.0, model_index.json and unet/config.json
      expect(json('model_index.json')).toMatchObject({
        _class_name: 'StableDiffusionXLImg2ImgPipeline',
        force_zeros_for_empty_prompt: false,
        requires_aesthetics_score: true,
        text_encoder: [null, null],
        tokenizer: [null, null],
        text_encoder_2: ['transformers', 'CLIPTextModelWithProjection'],
      })
      expect(json('unet/config.json')).toMatchObject({
        down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'DownBlock2D'],
        transformer_layers_per_block: 4,
      })
    },
    SLOW,
  )

  it(
    'SDXL that predicts v up to pure noise, by its scheduler',
    async () => {
      const { json, before, after, made } = await roundTrip(
        withTensors(narrowXl(halves), {}, 'v_pred', 'ztsnr'),
      )
      expect(json('scheduler/scheduler_config.json')).toMatchObject({
        prediction_type: 'v_prediction',
        rescale_betas_zero_snr: true,
        timestep_spacing: 'trailing',
      })
      expect(made.stdout).toContain('1 tensor ("conditioner.embedders.1.model.logit_scale") left out')
      expectSame(before, after, LOGIT_SCALE)
    },
    SLOW,
  )

  it(
    'SD 1.x that predicts v, by its scheduler and its metadata',
    async () => {
      const spec = { 'modelspec.prediction_type': 'v' }
      const { json, before, after } = await roundTrip(withTensors(narrowSd1(halves), spec, 'ztsnr'))
      expect(json('scheduler/scheduler_config.json')).toMatchObject({
        prediction_type: 'v_prediction',
        rescale_betas_zero_snr: true,
      })
      expectSame(before, after)
      expect(after.model.metadata['modelspec.prediction_type']).toBe('v')
    },
    SLOW,
  )

  it(
    'an ordinary schedule is left as it is',
    async () => {
      const { json } = await roundTrip(narrowSd1(halves))
      const scheduler = json('scheduler/scheduler_config.json')
      expect(scheduler).toMatchObject({ prediction_type: 'epsilon', timestep_spacing: 'leading' })
      expect(scheduler).not.toHaveProperty('rescale_betas_zero_snr')
    },
    SLOW,
  )
})

describe('a folder of diffusers as it is published', () => {
  async function pipeline() {
    const { pipe, after } = await roundTrip(narrowSd1(halves))
    const unet = join(pipe, 'unet/diffusion_pytorch_model.safetensors')
    const out = join(dirname(pipe), 'out.safetensors')
    return { pipe, unet, out, after }
  }

  /** Splits a file as `save_pretrained(max_shard_size=...)` does. */
  async function split(path: string, names: readonly [string, string], index: string): Promise<void> {
    const { model, bytes } = await contentsOf(path)
    const all = [...model.tensors.values()].map((tensor) => {
      return { ...tensor, source: { kind: 'bytes', data: bytes.get(tensor.name)! } } as const
    })
    const half = Math.floor(all.length / 2)
    const parts = [all.slice(0, half), all.slice(half)] as const
    const map: Record<string, string> = {}
    for (const [i, name] of names.entries()) {
      await writeModel(join(dirname(path), name), tableOf(parts[i]!))
      for (const tensor of parts[i]!) map[tensor.name] = name
    }
    rmSync(path)
    writeFileSync(join(dirname(path), index), JSON.stringify({ metadata: {}, weight_map: map }))
  }

  it.each([
    [
      '',
      'diffusion_pytorch_model-00001-of-00002.safetensors',
      'diffusion_pytorch_model-00002-of-00002.safetensors',
    ],
    [
      'fp16.',
      'diffusion_pytorch_model.fp16-00001-of-00002.safetensors',
      'diffusion_pytorch_model.fp16-00002-of-00002.safetensors',
    ],
    [
      'fp16.',
      'diffusion_pytorch_model-00001-of-00002.fp16.safetensors',
      'diffusion_pytorch_model-00002-of-00002.fp16.safetensors',
    ],
  ])('in shards: %s%s', async (variant, first, second) => {
    const { pipe, unet, out, after } = await pipeline()
    const index = `diffusion_pytorch_model.safetensors.index.${variant}json`
    await split(unet, [first, second], index)
    const { code, stderr } = await runCli(['convert', pipe, '-o', out])
    expect([code, stderr]).toEqual([0, ''])
    expectSame(after, await contentsOf(out))

    renameSync(join(dirname(unet), second), join(dirname(unet), 'elsewhere'))
    const missing = await runCli(['convert', pipe, '-o', out, '--force'])
    expect([missing.code, missing.stderr.replaceAll(pipe, 'PIPE')]).toEqual([
      3,
      `sdtool: PIPE/unet: only 1 of the 2 shards of "${first}" is there\n  Download the other shards, too.\n`,
    ])
  })

  it('in shards that lack what their index lists', async () => {
    const { pipe, unet, out } = await pipeline()
    const names = [
      'diffusion_pytorch_model-00001-of-00002.safetensors',
      'diffusion_pytorch_model-00002-of-00002.safetensors',
    ] as const
    await split(unet, names, 'diffusion_pytorch_model.safetensors.index.json')
    const index = join(dirname(unet), 'diffusion_pytorch_model.safetensors.index.json')
    const listed = JSON.parse(readFileSync(index, 'utf8'))
    listed.weight_map['one.more.weight'] = names[1]
    writeFileSync(index, JSON.stringify(listed))
    const { code, stderr } = await runCli(['convert', pipe, '-o', out])
    expect([code, stderr.replaceAll(pipe, 'PIPE')]).toEqual([
      3,
      'sdtool: PIPE/unet: listed in the index, but in none of the shards: 1 tensor ("one.more.weight")\n',
    ])
  })

  it('as pickles, of which the better of two is taken', async () => {
    const { pipe, unet, out, after } = await pipeline()
    for (const [path, name] of [
      [unet, 'diffusion_pytorch_model.bin'],
      [join(pipe, 'text_encoder/model.safetensors'), 'pytorch_model.bin'],
    ] as const) {
      const made = await runCli(['convert', path, '--to', 'ckpt', '-o', join(dirname(path), name), '-q'])
      expect([made.code, made.stderr]).toEqual([0, ''])
      rmSync(path)
    }
    // half precision beside it: a variant, whose numbers are others
    const other = join(pipe, 'vae/diffusion_pytorch_model.fp16.safetensors')
    await writeModel(other, tableOf([floatTensor('decoder.conv_in.weight', [1], [1])]))
    const { code, stdout, stderr } = await runCli(['convert', pipe, '-o', out])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain(
      '  - vae: using diffusion_pytorch_model.safetensors, not diffusion_pytorch_model.fp16.safetensors\n',
    )
    expectSame(after, await contentsOf(out))
  })

  it('as half-precision variants alone', async () => {
    const { pipe, unet, out, after } = await pipeline()
    renameSync(unet, unet.replace('.safetensors', '.fp16.safetensors'))
    const text = join(pipe, 'text_encoder/model.safetensors')
    renameSync(text, text.replace('.safetensors', '.fp16.safetensors'))
    expect((await runCli(['convert', pipe, '-o', out])).code).toBe(0)
    expectSame(after, await contentsOf(out))
  })

  it('with the names that the attention of a VAE had in 2022', async () => {
    const { pipe, out, after } = await pipeline()
    const path = join(pipe, 'vae/diffusion_pytorch_model.safetensors')
    const { model, bytes } = await contentsOf(path)
    const old = [...model.tensors.values()].map((tensor) => {
      const name = tensor.name
        .replace(/attentions\.0\.to_q/, 'attentions.0.query')
        .replace(/attentions\.0\.to_k/, 'attentions.0.key')
        .replace(/attentions\.0\.to_v/, 'attentions.0.value')
        .replace(/attentions\.0\.to_out\.0/, 'attentions.0.proj_attn')
      return { ...tensor, name, source: { kind: 'bytes', data: bytes.get(tensor.name)! } } as const
    })
    expect(old.filter(({ name }) => name.includes('proj_attn'))).toHaveLength(4)
    rmSync(path)
    await writeModel(path, tableOf(old))
    expect((await runCli(['convert', pipe, '-o', out])).code).toBe(0)
    expectSame(after, await contentsOf(out))
  })

  it('without weights for its UNet', async () => {
    const pipe = join(tempFolder(), 'pipe')
    mkdirSync(pipe)
    writeFileSync(join(pipe, 'model_index.json'), '{}')
    const { code, stderr } = await runCli(['convert', pipe])
    expect([code, stderr.replaceAll(pipe, 'PIPE').split('\n')[0]]).toEqual([
      3,
      'sdtool: PIPE: there are no weights in unet/ or transformer/',
    ])
  })
})

describe('what is of another pipeline is refused before anything is written', () => {
  it.each([
    ['depth', narrowSd2(halves, { inChannels: 5 }), 'its depth estimator would be lost'],
    ['unCLIP', narrowSd2(halves, { adm: 1536 }), 'its image encoder would be lost'],
    [
      'EDM',
      withTensors(narrowXl(halves), {}, 'edm_mean', 'edm_std'),
      'its noise levels (EDM) need a different scheduler',
    ],
    [
      'seven inputs',
      narrowSd1(halves, { inChannels: 7 }),
      'no diffusers pipeline has a UNet with 7 input channels',
    ],
  ])('%s', async (_, table, reason) => {
    const folder = tempFolder()
    const path = join(folder, 'm.safetensors')
    await writeModel(path, table)
    const { code, stdout, stderr } = await runCli(['convert', path, '--to', 'diffusers', '--dry-run'])
    expect([code, stdout]).toEqual([3, ''])
    expect(stderr.split('\n')[0]).toContain(reason)
  })
})
