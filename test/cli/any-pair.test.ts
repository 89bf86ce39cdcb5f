/** merge, diff, extract lora and merge-lora of two files with equal keys and shapes, whatever networks they are. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Kind } from '../../src/model/kinds.ts'
import { VAE_KL_F8, vaeTopology } from '../../src/model/networks/topology/vae.ts'
import { MERGE_METHODS } from '../../src/tensor/merge/registry.ts'
import { elementCount } from '../../src/tensor/values/dtype.ts'
import type { Tensor } from '../../src/tensor/values/table.ts'
import { contentsOf, floatsOf, writeModel } from '../model-files.ts'
import { bytesTensor, floatTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

type Keys = readonly (readonly [key: string, shape: number[]])[]

interface Network {
  readonly kind: Kind
  readonly keys: Keys
  /** One of its blocks, and a key in it. */
  readonly block: readonly [label: string, key: string]
  /** Trainers have no names for its layers: they are called as in the file. */
  readonly hasOwnNames?: true
}

/** The layers of a block, in the spelling of a language model. */
function blocks(path: string, count: number, layers: Keys): Keys {
  return Array.from({ length: count }, (_, i) => i).flatMap((i) =>
    layers.map(([key, shape]) => [`${path}.${i}.${key}`, shape] as const),
  )
}

const UNHEARD: Keys = [
  ['entry.weight', [8, 4, 3, 3]],
  ['patch.weight', [8, 4, 1, 2, 2]],
  ['patch.bias', [8]],
  ...blocks('blox', 3, [
    ['mix.qkv.weight', [24, 8]],
    ['mix.qkv.bias', [24]],
    ['up.weight', [16, 8]],
    ['gain', [1, 6, 8]],
  ]),
  ['exit.weight', [4, 8]],
]

const NETWORKS: Readonly<Record<string, Network>> = {
  'a network nobody has heard of': {
    kind: 'unknown',
    keys: UNHEARD,
    block: ['blox.1', 'blox.1.up.weight'],
    hasOwnNames: true,
  },
  'the same in a checkpoint': {
    kind: 'unet',
    keys: UNHEARD.map(([key, shape]) => [`model.diffusion_model.${key}`, shape]),
    block: ['blox.1', 'model.diffusion_model.blox.1.up.weight'],
    hasOwnNames: true,
  },
  'an upscaler': {
    kind: 'upscaler',
    keys: [
      ['conv_first.weight', [8, 3, 3, 3]],
      ...blocks('body', 2, [
        ['rdb1.conv1.weight', [8, 8, 3, 3]],
        ['rdb1.conv1.bias', [8]],
      ]),
    ],
    block: ['body.1', 'body.1.rdb1.conv1.bias'],
    hasOwnNames: true,
  },
  'an IP-Adapter': {
    kind: 'ip-adapter',
    keys: [['image_proj.proj.weight', [8, 16]], ...blocks('ip_adapter', 3, [['to_k_ip.weight', [8, 768]]])],
    block: ['ip_adapter.2', 'ip_adapter.2.to_k_ip.weight'],
    hasOwnNames: true,
  },
  'a T2I-Adapter': {
    kind: 't2i-adapter',
    keys: [['conv_in.weight', [8, 4, 3, 3]], ...blocks('body', 2, [['block1.weight', [8, 8, 3, 3]]])],
    block: ['body.0', 'body.0.block1.weight'],
    hasOwnNames: true,
  },
  'a ControlNet of a transformer': {
    kind: 'controlnet',
    keys: [
      ['controlnet_x_embedder.weight', [8, 16]],
      ...blocks('transformer_blocks', 2, [['attn.to_q.weight', [8, 8]]]),
      ...blocks('controlnet_blocks', 2, [['weight', [8, 8]]]),
    ],
    block: ['transformer_blocks.1', 'transformer_blocks.1.attn.to_q.weight'],
    hasOwnNames: true,
  },
  'a tiny autoencoder': {
    kind: 'taesd',
    keys: [
      ['1.weight', [8, 4, 3, 3]],
      ['1.bias', [8]],
      ['3.conv.0.weight', [8, 8, 3, 3]],
      ['4.conv.0.weight', [8, 8, 3, 3]],
      ['18.weight', [3, 8, 3, 3]],
      ['18.bias', [3]],
    ],
    block: ['4', '4.conv.0.weight'],
    hasOwnNames: true,
  },
  'a VAE': {
    kind: 'vae',
    keys: [...vaeTopology({ ...VAE_KL_F8, widths: [32, 32, 32, 32] })].map(([key, shape]) => [
      key,
      [...shape],
    ]),
    block: ['DEC', 'decoder.conv_in.weight'],
    hasOwnNames: true,
  },
  'a text encoder': {
    kind: 'text-encoder',
    keys: [
      ['shared.weight', [12, 8]],
      ...blocks('encoder.block', 2, [
        ['layer.0.SelfAttention.q.weight', [8, 8]],
        ['layer.0.layer_norm.weight', [8]],
      ]),
      ['encoder.final_layer_norm.weight', [8]],
    ],
    block: ['TE01', 'encoder.block.1.layer.0.SelfAttention.q.weight'],
  },
  'a hypernetwork': {
    kind: 'hypernetwork',
    keys: [
      ['320/[0]/linear.0.weight', [16, 8]],
      ['320/[1]/linear.0.weight', [16, 8]],
    ],
    block: ['BASE', '320/[1]/linear.0.weight'],
    hasOwnNames: true,
  },
}

/** Multiples of 1/8: sums of them with shares that are powers of two are exact in binary32. */
function valueAt(i: number): number {
  return ((i * 7) % 17) / 8 - 1
}

/** A change of rank 1, so that a LoRA holds it whole. */
function change(i: number, columns: number): number {
  const [row, column] = [Math.floor(i / columns), i % columns]
  return (((row % 3) + 1) * ((column % 4) + 1)) / 8
}

function columnsOf(shape: readonly number[]): number {
  return shape.length < 2 ? 1 : elementCount(shape.slice(1))
}

/** `share` of the change on top of the values before. */
function values(shape: readonly number[], share: number): number[] {
  const columns = columnsOf(shape)
  return Array.from({ length: elementCount(shape) }, (_, i) => valueAt(i) + share * change(i, columns))
}

function tensors(keys: Keys, share: number): Tensor[] {
  return keys.map(([key, shape]) => floatTensor(key, shape, values(shape, share)))
}

async function pairOf(keys: Keys, metadata: readonly Record<string, string>[] = []) {
  const folder = tempFolder()
  const [a, b] = ['a', 'b'].map((name) => join(folder, `${name}.safetensors`)) as [string, string]
  await writeModel(a, tableOf(tensors(keys, 0), metadata[0]))
  await writeModel(b, tableOf(tensors(keys, 1), metadata[1]))
  return { a, b, out: join(folder, 'out.safetensors'), folder }
}

async function expectShares(path: string, keys: Keys, shareOf: (key: string) => number): Promise<void> {
  const contents = await contentsOf(path)
  expect([...contents.model.tensors.keys()].sort()).toEqual(keys.map(([key]) => key).sort())
  for (const [key, shape] of keys)
    expect(floatsOf(contents, key), key).toEqual(Float32Array.from(values(shape, shareOf(key))))
}

const UNCHECKED = 'no known architecture: names and shapes'

describe.each(Object.entries(NETWORKS))('%s', (_, { kind, keys, block: [label, inBlock], hasOwnNames }) => {
  it('is recognised as what it is, so that these tests are about it', async () => {
    const { a } = await pairOf(keys)
    expect(JSON.parse((await runCli(['inspect', a, '--json'])).stdout).results[0].kind).toBe(kind)
  })

  it('is merged by names and shapes, its blocks by their labels', async () => {
    const { a, b, out } = await pairOf(keys)
    const { code, stdout, stderr } = await runCli(
      ['merge', a, b, '--alpha', '0.25', '--blocks', `${label}=0.5`, '-o', out], // biome-ignore format: one line
    )
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.includes(UNCHECKED)).toBe(kind !== 'vae')
    const diff = JSON.parse((await runCli(['diff', a, out, '--json'])).stdout).results[0]
    const inside = new Set(
      diff.tensors.flatMap((row: { name: string; block: string }) => (row.block === label ? [row.name] : [])),
    )
    expect(inside).toContain(inBlock)
    await expectShares(out, keys, (key) => (inside.has(key) ? 0.5 : 0.25))
  })

  it('is the same again by its recipe, and held against it', async () => {
    const { a, b, out, folder } = await pairOf(keys)
    await runCli(['merge', a, b, '--alpha', '0.25', '-o', out])
    expect((await runCli(['verify', out, '--deep', '--models', folder])).code).toBe(0)
    const again = join(folder, 'again.safetensors')
    expect((await runCli(['replay', out, '--models', folder, '-o', again])).code).toBe(0)
    await expectShares(again, keys, () => 0.25)
  })

  it('gives a LoRA that, merged into the base, makes the tuned one', async () => {
    const { a, b, out, folder } = await pairOf(keys)
    const lora = join(folder, 'lora.safetensors')
    const made = await runCli(
      ['extract', 'lora', b, a, '--algo', 'locon', '--rank', '1', '--dtype', 'fp32', '-o', lora, '--json'], // biome-ignore format: one line
    )
    expect(made.code, made.stderr).toBe(0)
    const merged = await runCli(['merge-lora', a, lora, '-o', out])
    expect([merged.code, merged.stderr]).toEqual([0, ''])
    const contents = await contentsOf(out)
    const wanted = keys.filter(([key, shape]) => {
      const isLayer = key.endsWith('.weight') && (shape.length === 2 || shape.length === 4)
      return isLayer && (hasOwnNames || key.includes('SelfAttention'))
    })
    expect(JSON.parse(made.stdout).results[0].total.modules).toBe(wanted.length)
    for (const [key, shape] of keys) {
      const share = wanted.some(([other]) => other === key) ? 1 : 0
      const merged = floatsOf(contents, key)
      const apart = values(shape, share).map((value, at) => Math.abs(merged[at]! - value))
      expect(
        apart.reduce((a, b) => Math.max(a, b)),
        key,
      ).toBeLessThan(2e-6)
    }
    const { metadata } = (await contentsOf(lora)).model
    expect(Object.keys(metadata)).not.toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^(?:modelspec\.architecture|ss_base_model_version|ss_v2)$/),
      ]),
    )
    if (hasOwnNames) expect(metadata).toMatchObject({ ss_sd_model_name: 'a.safetensors' })
  }, 60_000)
})

describe('a LoRA for a network nobody has heard of', () => {
  const layer = (name: string): Tensor[] => [
    floatTensor(`${name}.lora_down.weight`, [1, 8], values([1, 8], 0)),
    floatTensor(`${name}.lora_up.weight`, [16, 1], values([16, 1], 0)),
  ]
  const { keys } = NETWORKS['a network nobody has heard of']!

  it.each([
    ['behind diffusion_model.', 'diffusion_model.blox.1.up'],
    ['bare', 'blox.1.up'],
    ['as kohya flattens it', 'lora_unet_blox_1_up'],
  ])('finds its layer by the name of the file, %s', async (_, name) => {
    const { a, out, folder } = await pairOf(keys)
    const lora = join(folder, 'lora.safetensors')
    await writeModel(lora, tableOf(layer(name)))
    expect((await runCli(['merge-lora', a, lora, '--blocks', 'blox.1=0.5', '-o', out])).code).toBe(0)
    const contents = await contentsOf(out)
    const expected = values([16, 8], 0).map(
      (value, i) => value + 0.5 * valueAt(Math.floor(i / 8)) * valueAt(i % 8),
    )
    expect(floatsOf(contents, 'blox.1.up.weight')).toEqual(Float32Array.from(expected))
    expect(floatsOf(contents, 'blox.2.up.weight')).toEqual(Float32Array.from(values([16, 8], 0)))
  })

  it('is refused where a layer is not there, with the nearest one', async () => {
    const { a, folder } = await pairOf(keys)
    const lora = join(folder, 'lora.safetensors')
    await writeModel(lora, tableOf(layer('diffusion_model.blox.7.up')))
    const { code, stderr } = await runCli(['merge-lora', a, lora, '--dry-run'])
    expect(code).toBe(4)
    expect(stderr).toContain('without a layer in the base ("diffusion_model.blox.7.up")')
  })

  it('is checked, resized and compared by the numbers of its own names', async () => {
    const { folder } = await pairOf(keys)
    const [lora, out] = [join(folder, 'lora.safetensors'), join(folder, 'small.safetensors')]
    await writeModel(
      lora,
      tableOf([...layer('diffusion_model.blox.1.up'), ...layer('diffusion_model.blox.2.up')]),
    )
    const check = await runCli(['lora', 'check', lora])
    expect([check.code, check.stderr]).toEqual([0, ''])
    expect(check.stdout).toMatch(/blox\.1 +1 /)
    expect(check.stdout).toMatch(/names of no network that sdtool knows/)
    expect(check.stdout).not.toMatch(/broken|damaged/)
    expect((await runCli(['lora', 'resize', lora, '--rank', '1', '-o', out])).code).toBe(0)
    expect((await runCli(['lora', 'merge', lora, lora, '-o', join(folder, 'sum.safetensors')])).code).toBe(0)
    expect((await runCli(['diff', lora, out, '--json'])).code).toBe(0)
  })

  it('of a family that sdtool knows is refused, though all names fit', async () => {
    const folder = tempFolder()
    const [base, lora] = [join(folder, 'base.safetensors'), join(folder, 'lora.safetensors')]
    const name = 'down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k'
    await writeModel(base, tableOf([floatTensor('strange.weight', [8, 8], values([8, 8], 0)), floatTensor(`${name.replaceAll('_', '.')}.weight`, [16, 768], values([16, 768], 0))])) // biome-ignore format: one line
    await writeModel(
      lora,
      tableOf([
        floatTensor(`lora_unet_${name}.lora_down.weight`, [1, 768], values([1, 768], 0)),
        floatTensor(`lora_unet_${name}.lora_up.weight`, [16, 1], values([16, 1], 0)),
      ]),
    )
    const { code, stderr } = await runCli(['merge-lora', base, lora, '--dry-run'])
    expect(code).toBe(4)
    expect(stderr).toContain('this is a Stable Diffusion 1.x LoRA, the base is of no known architecture')
  })

  it('keeps to its base where its names sound like those of a family', async () => {
    const lookalike = UNHEARD.map(([key, shape]) => [key.replace('blox', 'double_blocks'), shape] as const)
    const { a, b, out, folder } = await pairOf(lookalike)
    const lora = join(folder, 'lora.safetensors')
    await runCli(['extract', 'lora', b, a, '--rank', '1', '-o', lora])
    expect((await runCli(['merge-lora', a, lora, '-o', out])).code).toBe(0)
  })
})

describe('two files that are no pair', () => {
  const { keys } = NETWORKS['a network nobody has heard of']!

  async function refused(args: readonly string[], command = ['merge']) {
    const { code, stdout, stderr } = await runCli([...command, ...args])
    expect(stdout).toBe('')
    return [code, stderr] as const
  }

  async function withOther(other: readonly Tensor[], own: readonly Tensor[] = tensors(keys, 0)) {
    const folder = tempFolder()
    const [a, b] = ['a', 'b'].map((name) => join(folder, `${name}.safetensors`)) as [string, string]
    await writeModel(a, tableOf([...own]))
    await writeModel(b, tableOf([...other]))
    return [a, b, '-o', join(folder, 'out.safetensors')]
  }

  it('lack tensors: they are named, in either direction; --allow-missing merges the rest', async () => {
    const fewer = tensors(keys, 1).filter(({ name }) => name !== 'blox.1.gain')
    const args = await withOther(fewer)
    const [code, text] = await refused(args)
    expect(code).toBe(4)
    expect(text).toMatch(/\(B\) lacks 1 tensor \("blox\.1\.gain"\) of the weights\n/)
    const [, reverse] = await refused([args[1]!, args[0]!])
    expect(reverse).toMatch(/\(B\) has 1 tensor \("blox\.1\.gain"\) of the weights that A lacks\n/)
    expect((await runCli(['merge', ...args, '--alpha', '0.5', '--allow-missing'])).code).toBe(0)
    const extract = await refused([args[1]!, args[0]!], ['extract', 'lora'])
    expect(extract).toEqual([3, expect.stringContaining('b.safetensors lacks 1 tensor ("blox.1.gain")')])
  })

  it('have other shapes: the tensor and both of them are named', async () => {
    const other = keys.map(([key, shape]) => [key, key === 'exit.weight' ? [6, 8] : shape] as const)
    const args = await withOther(tensors(other, 1))
    expect(await refused(args)).toEqual([
      4,
      expect.stringMatching(/"exit\.weight" is \[6, 8\] in .*b\.safetensors \(B\), \[4, 8\] in A/),
    ])
    expect(await refused([args[1]!, args[0]!], ['extract', 'lora'])).toEqual([
      3,
      expect.stringContaining('"exit.weight" is [6,8]'),
    ])
  })

  it('a first layer with more channels is no reason to blend a part of it', async () => {
    const other = keys.map(([key, shape]) => [key, key === 'entry.weight' ? [8, 3, 3, 3] : shape] as const)
    expect((await refused(await withOther(tensors(other, 1))))[0]).toBe(4)
  })

  it('have whole numbers that differ: they may be codes', async () => {
    const codes = (value: number) => bytesTensor('blox.0.codes', 'U8', [4, 8], new Uint8Array(32).fill(value))
    const args = await withOther([...tensors(keys, 1), codes(1)], [...tensors(keys, 0), codes(2)])
    expect(await refused(args)).toEqual([
      4,
      expect.stringContaining('"blox.0.codes" is U8 and differs between A and B: whole numbers do not blend'),
    ])
    const same = await withOther([...tensors(keys, 1), codes(1)], [...tensors(keys, 0), codes(1)])
    expect((await runCli(['merge', ...same, '--alpha', '0.5'])).code).toBe(0)
  })

  it('are VAEs for other latents, of the same shapes', async () => {
    const vae = NETWORKS['a VAE']!.keys
    const { a, b, out } = await pairOf(vae, [{ 'sdtool.latents': 'sd' }, { 'sdtool.latents': 'sdxl' }])
    expect(await refused([a, b, '-o', out])).toEqual([
      4,
      expect.stringContaining('a blend of them decodes neither'),
    ])
  })

  it.each([
    ['LoRAs', 'lora_unet_input_blocks_1_1_proj_in.lora_down.weight', /lora merge/],
    ['embeddings', 'emb_params', /Embeddings are words/],
    ['LoRAs with broken names', 'layer.lora.whatever', /lora merge/],
    ['objects of a pickle', 'net{state}/_parameters/w', /Only weights of networks/],
    ['states of optimizers', 'optimizer.state.0.exp_avg', /Only weights of networks/],
  ])('are %s, which have commands of their own or none', async (_, name, hint) => {
    const up = floatTensor('lora_unet_input_blocks_1_1_proj_in.lora_up.weight', [16, 1], values([16, 1], 0))
    const table = [floatTensor(name, [1, 768], values([1, 768], 0)), ...(name.startsWith('lora') ? [up] : [])]
    const args = await withOther(table, table)
    const [code, text] = await refused(args)
    expect(code).toBe(3)
    expect(text).toMatch(hint)
  })
})

describe.each(MERGE_METHODS.map(({ id, models: [count] }) => [id, count] as const))(
  'the method %s',
  (id, count) => {
    it('takes tensors of any shape of an unknown network', async () => {
      const folder = tempFolder()
      const paths = Array.from({ length: count }, (_, i) => join(folder, `${i}.safetensors`))
      for (const [i, path] of paths.entries()) await writeModel(path, tableOf(tensors(UNHEARD, i)))
      const out = join(folder, 'out.safetensors')
      const { code, stderr } = await runCli(['merge', ...paths, '--method', id, '-o', out])
      expect([code, stderr]).toEqual([0, ''])
      const contents = await contentsOf(out)
      for (const [key, shape] of UNHEARD) {
        const merged = floatsOf(contents, key)
        expect(merged).toHaveLength(elementCount(shape))
        expect(merged.every(Number.isFinite), key).toBe(true)
      }
    })
  },
)

it('a LoRA of a language model has its layers under the names of ComfyUI, and not its words', async () => {
  const prefix = 'text_encoders.qwen3_4b.transformer.model'
  const keys: Keys = [
    ...UNHEARD.map(([key, shape]) => [`model.diffusion_model.${key}`, shape] as const),
    [`${prefix}.embed_tokens.weight`, [24, 8]],
    ...blocks(`${prefix}.layers`, 2, [
      ['self_attn.q_proj.weight', [8, 8]],
      ['self_attn.q_norm.weight', [4]],
    ]),
  ]
  const { a, b, out, folder } = await pairOf(keys)
  const lora = join(folder, 'lora.safetensors')
  await runCli(['extract', 'lora', b, a, '--only', 'text', '--rank', '1', '--dtype', 'fp32', '-o', lora])
  expect([...(await contentsOf(lora)).model.tensors.keys()].filter((key) => key.endsWith('.alpha'))).toEqual([
    `${prefix}.layers.0.self_attn.q_proj.alpha`,
    `${prefix}.layers.1.self_attn.q_proj.alpha`,
  ])
  expect((await runCli(['merge-lora', a, `${lora}:0:1`, '-o', out])).code).toBe(0)
  const merged = floatsOf(await contentsOf(out), `${prefix}.layers.1.self_attn.q_proj.weight`)
  for (const [i, value] of values([8, 8], 1).entries()) expect(merged[i]).toBeCloseTo(value, 5)
})

it('a merge of unknown networks is not drawn, which is said in a sentence', async () => {
  const { a, b, out, folder } = await pairOf(UNHEARD)
  await runCli(['merge', a, b, '--alpha', '0.25', '-o', out])
  const render = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await runCli([
      'render',
      ...args,
      '--models',
      folder,
      '--prompt',
      'a cat',
    ])
    expect([code, stdout]).toEqual([3, ''])
    return stderr
  }
  expect(await render([out])).toMatch(/is a file of an unknown kind: it cannot be rendered\n/)
  expect(await render(['--check', out])).toMatch(/Use a checkpoint, not a separate UNet or VAE\.\n$/)
})

it('a network in a checkpoint and the same in a file of its own are one', async () => {
  const folder = tempFolder()
  const [bare, wrapped, out] = ['bare', 'wrapped', 'out'].map((name) =>
    join(folder, `${name}.safetensors`),
  ) as [string, string, string]
  const inCheckpoint = NETWORKS['the same in a checkpoint']!.keys
  await writeModel(bare, tableOf(tensors(UNHEARD, 0)))
  await writeModel(wrapped, tableOf(tensors(inCheckpoint, 1)))
  expect((await runCli(['merge', bare, wrapped, '--alpha', '0.25', '-o', out])).code).toBe(0)
  await expectShares(out, UNHEARD, () => 0.25)
})
