import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { withKnownNames } from '../../../src/model/layouts/known-names.ts'
import { writeSafetensors } from '../../../src/tensor/write/write.ts'
import { floatTensor, tableOf } from '../../tables.ts'
import { tempFolder } from '../../temp-folder.ts'
import {
  adapter,
  CLIP,
  CLIP_LAYER,
  FLUX,
  OPEN_CLIP,
  OPEN_CLIP_BLOCK,
  outer,
  planOf,
  plus,
  rankOne,
  valuesOf,
} from './small.ts'

const LAYER = 'lora_te_text_model_encoder_layers_0_'
const Q = `${LAYER}self_attn_q_proj`
const Q_KEY = `${CLIP_LAYER}self_attn.q_proj.weight`
const UP = [1, 2, 3, 4]
const DOWN = [0.5, 0, -1, 2]

describe('planMergeLora', () => {
  it('adds ratio x up @ down to the weight that the module names, and to no other', async () => {
    const plan = await planOf(CLIP, [adapter(rankOne({ [Q]: [UP, DOWN] }), 0.5)])
    expect(plan.problems).toEqual([])
    expect(await valuesOf(plan.table, Q_KEY)).toEqual(plus(await valuesOf(CLIP, Q_KEY), outer(UP, DOWN), 0.5))
    const changed = [...plan.table.tensors.values()].filter(({ source }) => source.kind === 'patched')
    expect(changed.map(({ name }) => name)).toEqual([Q_KEY])
    expect([...plan.table.tensors.keys()]).toEqual([...CLIP.tensors.keys()])
  })

  it('adds up several adapters on one weight, in any order', async () => {
    const a = adapter(rankOne({ [Q]: [UP, DOWN] }), 2)
    const b = adapter(rankOne({ [Q]: [DOWN, UP] }), -1)
    const expected = plus(plus(await valuesOf(CLIP, Q_KEY), outer(UP, DOWN), 2), outer(DOWN, UP), -1)
    expect(await valuesOf((await planOf(CLIP, [a, b])).table, Q_KEY)).toEqual(expected)
    expect(await valuesOf((await planOf(CLIP, [b, a])).table, Q_KEY)).toEqual(expected)
  })

  it('lets an adapter that multiplies act on what the one before made', async () => {
    const ia3 = [floatTensor(`${Q}.weight`, [4], [1, 1, 1, 1]), floatTensor(`${Q}.on_input`, [], [0])]
    const first = adapter(rankOne({ [Q]: [UP, DOWN] }))
    const weight = await valuesOf(CLIP, Q_KEY)
    // W' = W * (1 + w), with w = 1
    const plan = await planOf(CLIP, [first, adapter(ia3)])
    expect(await valuesOf(plan.table, Q_KEY)).toEqual(plus(weight, outer(UP, DOWN)).map((v) => 2 * v))
    const other = await planOf(CLIP, [adapter(ia3), first])
    expect(await valuesOf(other.table, Q_KEY)).toEqual(
      plus(
        weight.map((v) => 2 * v),
        outer(UP, DOWN),
      ),
    )
  })

  it('changes the rows of a fused weight that are those of q, k or v', async () => {
    const key = `${OPEN_CLIP_BLOCK}attn.in_proj_weight`
    const name = 'lora_te2_text_model_encoder_layers_0_self_attn_'
    const plan = await planOf(OPEN_CLIP, [
      adapter(rankOne({ [`${name}k_proj`]: [UP, DOWN], [`${name}v_proj`]: [DOWN, DOWN] })),
    ])
    const delta = [...new Array(16).fill(0), ...outer(UP, DOWN), ...outer(DOWN, DOWN)]
    expect(await valuesOf(plan.table, key)).toEqual(plus(await valuesOf(OPEN_CLIP, key), delta))
    expect(plan.patches.get(key)?.by.length).toBe(2)
  })

  const values = (count: number) => Array.from({ length: count }, (_, i) => i + 1)
  const te2 = 'lora_te2_text_model_encoder_layers_0_self_attn_'
  const single = 'transformer.single_transformer_blocks.0.'

  it.each([
    [`${te2}q_proj`, OPEN_CLIP, `${OPEN_CLIP_BLOCK}attn.in_proj_bias`, 4, 0],
    [`${te2}k_proj`, OPEN_CLIP, `${OPEN_CLIP_BLOCK}attn.in_proj_bias`, 4, 4],
    [`${te2}v_proj`, OPEN_CLIP, `${OPEN_CLIP_BLOCK}attn.in_proj_bias`, 4, 8],
    [`${single}attn.to_q`, FLUX, 'single_blocks.0.linear1.bias', 4, 0],
    [`${single}attn.to_v`, FLUX, 'single_blocks.0.linear1.bias', 4, 8],
    [`${single}proj_mlp`, FLUX, 'single_blocks.0.linear1.bias', 16, 12],
  ] as const)(
    'changes the values of a fused bias that are those of %s',
    async (name, base, key, count, at) => {
      const tensors = [
        floatTensor(`${name}.diff`, [count, 4], new Array(4 * count).fill(0)),
        floatTensor(`${name}.diff_b`, [count], values(count)),
      ]
      const plan = await planOf(base, [adapter(tensors, 0.5)])
      expect(plan.problems).toEqual([])
      const before = await valuesOf(base, key)
      const delta = before.map((_, i) => (i >= at && i < at + count ? i - at + 1 : 0))
      expect(await valuesOf(plan.table, key)).toEqual(plus(before, delta, 0.5))
    },
  )

  it('changes rows by an algorithm that is no sum, exactly those rows', async () => {
    const key = `${OPEN_CLIP_BLOCK}attn.in_proj_weight`
    const name = 'lora_te2_text_model_encoder_layers_0_self_attn_k_proj'
    const tensors = [floatTensor(`${name}.set_weight`, [4, 4], outer(UP, DOWN))]
    const before = await valuesOf(OPEN_CLIP, key)
    const plan = await planOf(OPEN_CLIP, [adapter(tensors)])
    const expected = [...before.slice(0, 16), ...outer(UP, DOWN), ...before.slice(32)]
    expect(await valuesOf(plan.table, key)).toEqual(expected)
  })

  it('turns the change of a projection that is stored the other way round', async () => {
    const key = 'conditioner.embedders.1.model.text_projection'
    const plan = await planOf(OPEN_CLIP, [adapter(rankOne({ lora_te2_text_projection: [UP, DOWN] }))])
    expect(await valuesOf(plan.table, key)).toEqual(plus(await valuesOf(OPEN_CLIP, key), outer(DOWN, UP)))
  })

  it('exchanges the halves that diffusers and Flux have the other way round', async () => {
    const key = 'final_layer.adaLN_modulation.1.weight'
    const up = [1, 2, 3, 4, 5, 6, 7, 8]
    const tensors = [
      floatTensor('transformer.norm_out.linear.lora_A.weight', [1, 4], DOWN),
      floatTensor('transformer.norm_out.linear.lora_B.weight', [8, 1], up),
      floatTensor('transformer.norm_out.linear.diff_b', [8], up),
    ]
    const plan = await planOf(FLUX, [adapter(tensors)])
    expect(plan.problems).toEqual([])
    const swapped = [5, 6, 7, 8, 1, 2, 3, 4]
    expect(await valuesOf(plan.table, key)).toEqual(plus(await valuesOf(FLUX, key), outer(swapped, DOWN)))
    const bias = 'final_layer.adaLN_modulation.1.bias'
    expect(await valuesOf(plan.table, bias)).toEqual(plus(await valuesOf(FLUX, bias), swapped))
  })

  it('puts a layer of diffusers into its rows of a Flux weight', async () => {
    const name = 'transformer.single_transformer_blocks.0.proj_mlp'
    const up = Array.from({ length: 16 }, (_, i) => i + 1)
    const tensors = [
      floatTensor(`${name}.lora_A.weight`, [1, 4], DOWN),
      floatTensor(`${name}.lora_B.weight`, [16, 1], up),
    ]
    const plan = await planOf(FLUX, [adapter(tensors)])
    const key = 'single_blocks.0.linear1.weight'
    // 3 x 4 rows of q, k and v before them
    const delta = [...new Array(48).fill(0), ...outer(up, DOWN)]
    expect(await valuesOf(plan.table, key)).toEqual(plus(await valuesOf(FLUX, key), delta))
  })

  it('knows the names that XLabs gives the layers of Flux', async () => {
    const name = 'double_blocks.0.processor.proj_lora2'
    const tensors = [
      floatTensor(`${name}.down.weight`, [1, 4], DOWN),
      floatTensor(`${name}.up.weight`, [4, 1], UP),
    ]
    const plan = await planOf(FLUX, [adapter(tensors)])
    const key = 'double_blocks.0.txt_attn.proj.weight'
    expect(await valuesOf(plan.table, key)).toEqual(plus(await valuesOf(FLUX, key), outer(UP, DOWN)))
  })

  it('makes a weight larger for a control LoRA, with zeros where it had nothing', async () => {
    const tensors = [
      floatTensor('img_in.lora_A.weight', [1, 6], [1, 1, 1, 2, 2, 2]),
      floatTensor('img_in.lora_B.weight', [4, 1], UP),
      floatTensor('img_in.reshape_weight', [2], [4, 6]),
    ]
    const plan = await planOf(FLUX, [adapter(tensors)])
    expect(plan.problems).toEqual([])
    const before = await valuesOf(FLUX, 'img_in.weight')
    const padded = [0, 1, 2, 3].flatMap((r) => [...before.slice(3 * r, 3 * r + 3), 0, 0, 0])
    expect(plan.table.tensors.get('img_in.weight')?.shape).toEqual([4, 6])
    expect(await valuesOf(plan.table, 'img_in.weight')).toEqual(plus(padded, outer(UP, [1, 1, 1, 2, 2, 2])))
    const path = join(tempFolder(), 'out.safetensors')
    const written = await writeSafetensors(plan.table, path, { threads: 0, verify: true })
    // what was there before; (1 + 4 + 9 + 16) x (3 x 1 + 3 x 4)
    const base2 = before.reduce((sum, value) => sum + value * value, 0)
    expect(written.patches.get('img_in.weight')).toMatchObject({ count: 24, base2, delta2: 450, error2: 0 })
  })

  it('takes the alpha of PEFT from the metadata, for single modules by the end of their path', async () => {
    const path = 'text_encoder.text_model.encoder.layers.0.self_attn.'
    const tensors = ['q_proj', 'k_proj'].flatMap((part) => [
      floatTensor(`${path}${part}.lora_A.weight`, [2, 4], [...DOWN, 0, 0, 0, 0]),
      floatTensor(
        `${path}${part}.lora_B.weight`,
        [4, 2],
        UP.flatMap((u) => [u, 0]),
      ),
    ])
    const config = {
      'text_encoder.r': 2,
      'text_encoder.lora_alpha': 8,
      'text_encoder.alpha_pattern': { k_proj: 1 },
    }
    const metadata = { lora_adapter_metadata: JSON.stringify(config) }
    const plan = await planOf(CLIP, [adapter(tensors, 1, metadata)])
    const scales = { q_proj: 4, k_proj: 0.5 }
    for (const [part, scale] of Object.entries(scales)) {
      const key = `${CLIP_LAYER}self_attn.${part}.weight`
      expect(await valuesOf(plan.table, key)).toEqual(plus(await valuesOf(CLIP, key), outer(UP, DOWN), scale))
    }
  })

  it('finds the layers of the names that NovelAI gave its text encoder', async () => {
    const tensors = [...CLIP.tensors.values()].map((tensor) => {
      return { ...tensor, name: tensor.name.replace('.text_model', '') }
    })
    const base = withKnownNames(tableOf(tensors))
    const plan = await planOf(base, [adapter(rankOne({ [Q]: [UP, DOWN] }))])
    expect(await valuesOf(plan.table, Q_KEY)).toEqual(plus(await valuesOf(CLIP, Q_KEY), outer(UP, DOWN)))
  })
})

describe('what of an adapter is merged', () => {
  const two = {
    [Q]: [UP, DOWN] as const,
    [`${LAYER}mlp_fc1`]: [new Array(16).fill(1), DOWN] as const,
  }
  const pattern = (text: string) => ({ text, matches: (name: string) => name.includes(text) })

  it('leaves out what a pattern excludes, by the name of the module or the key of the layer', async () => {
    for (const text of ['mlp_fc1', 'mlp.fc1']) {
      const plan = await planOf(CLIP, [adapter(rankOne(two))], { exclude: [pattern(text)] })
      expect([...plan.patches.keys()]).toEqual([Q_KEY])
      expect(plan.loras[0]?.parts[0]).toMatchObject({ matched: 1, unmatched: 0, leftOut: 1 })
    }
  })

  it('takes only what a pattern includes', async () => {
    const plan = await planOf(CLIP, [adapter(rankOne(two))], { include: [pattern('q_proj')] })
    expect([...plan.patches.keys()]).toEqual([Q_KEY])
  })

  it('refuses a pattern that fits nothing', async () => {
    await expect(
      planOf(CLIP, [adapter(rankOne(two))], { exclude: [pattern('q_porj')] }),
    ).rejects.toMatchObject({ code: 'PATTERN_UNUSED', exitCode: 4 })
  })

  it('takes an excluded module for nothing to complain about', async () => {
    const tensors = rankOne({ ...two, [`${LAYER}nonsense`]: [UP, DOWN] })
    const plan = await planOf(CLIP, [adapter(tensors)], { exclude: [pattern('nonsense')] })
    expect(plan.problems).toEqual([])
  })

  it('says so if options leave nothing', async () => {
    const plan = await planOf(CLIP, [adapter(rankOne(two))], { only: 'unet' })
    expect(plan.problems[0]).toMatchObject({
      code: 'LORA_LEFT_OUT',
      message: 'lora.safetensors: the options leave out all of its 2 modules',
    })
  })

  it('multiplies the ratio of a block', async () => {
    const rules = [
      { name: 'BASE', factor: 0.5, matches: (label: string) => label === 'BASE' },
      { name: 'TE00', factor: 0.25, matches: (label: string) => label === 'TE00' },
    ]
    const plan = await planOf(CLIP, [{ ...adapter(rankOne({ [Q]: [UP, DOWN] }), 2), blocks: { rules } }])
    expect(await valuesOf(plan.table, Q_KEY)).toEqual(plus(await valuesOf(CLIP, Q_KEY), outer(UP, DOWN), 0.5))
    expect(plan.loras[0]!.parts[0]).toMatchObject({ ratio: 2, blockRatios: [0.5, 0.5] })
  })
})
