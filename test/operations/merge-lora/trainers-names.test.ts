/** LoRAs with names that neither the base nor diffusers has: those of ComfyUI, of Tencent, of XLabs, of kohya's OFT. */
import { describe, expect, it } from 'vitest'
import { weightValues } from '../../../fixtures/seeded-weights.ts'
import type { TensorTable } from '../../../src/tensor/values/table.ts'
import { familyGolden, goldenChange, goldenLora, goldenModel } from '../../family-goldens.ts'
import { floatTensor, tableOf } from '../../tables.ts'
import { addedBy, expectClose } from './added.ts'
import { adapter, planOf, valuesOf } from './small.ts'

/** As ComfyUI renames HunyuanVideo on loading. Source: its supported_models.py, `HunyuanVideo.process_unet_state_dict`. */
function inComfyUi(key: string): string {
  return key
    .replace(/(txt_in\.t_embedder|_in)\.mlp\.0\./, '$1.in_layer.')
    .replace(/(txt_in\.t_embedder|_in)\.mlp\.2\./, '$1.out_layer.')
    .replace('c_embedder.linear_1.', 'c_embedder.in_layer.')
    .replace('c_embedder.linear_2.', 'c_embedder.out_layer.')
    .replace(/_mod\.linear\b/, '_mod.lin')
    .replace(/\.modulation\.linear\b/, '.modulation.lin')
    .replace(/_attn_(qkv|proj)\b/, '_attn.$1')
    .replace(/mlp\.fc1\b/, 'mlp.0')
    .replace(/mlp\.fc2\b/, 'mlp.2')
    .replace('_attn_q_norm.weight', '_attn.norm.query_norm.scale')
    .replace('_attn_k_norm.weight', '_attn.norm.key_norm.scale')
    .replace('.q_norm.weight', '.norm.query_norm.scale')
    .replace('.k_norm.weight', '.norm.key_norm.scale')
}

function renamed({ tensors }: TensorTable, rename: (key: string) => string): TensorTable {
  return tableOf([...tensors.values()].map((tensor) => ({ ...tensor, name: rename(tensor.name) })))
}

describe('HunyuanVideo', () => {
  const COMFYUI = renamed(goldenModel('hunyuan_video', 'native'), inComfyUi)

  it.each(['diffusers', 'native', 'kohya'])(
    'as ComfyUI saves it, a LoRA in the names of %s',
    async (dialect) => {
      const expected = await goldenChange('hunyuan_video', dialect, 'native')
      const added = await addedBy(COMFYUI, goldenLora('hunyuan_video', dialect))
      expectClose(added, new Map([...expected].map(([key, change]) => [inComfyUi(key), change])))
    },
  )

  it.each([
    ['the names of ComfyUI', COMFYUI, inComfyUi],
    ["Tencent's names", goldenModel('hunyuan_video', 'native'), (key: string) => key],
  ])("with %s, a LoRA in ComfyUI's", async (_, base, keyOf) => {
    const lora = renamed(goldenLora('hunyuan_video', 'native'), inComfyUi)
    const expected = await goldenChange('hunyuan_video', 'native', 'native')
    const added = await addedBy(base, lora)
    expectClose(added, new Map([...expected].map(([key, change]) => [keyOf(key), change])))
  })
})

/** The rows of a native layer that its parts in diffusers are, by those parts. */
function partsOf(family: string, layer: string): (readonly [key: string, rows: number])[] {
  const { native, diffusers } = familyGolden(family)
  return native[`${layer}.weight`]!.of.map((key) => [key, diffusers[key]![0]!] as const)
}

const floats = (key: string, shape: number[]) => floatTensor(key, shape, [...weightValues(key, shape)])

/** up x down, row after row. */
function product(up: readonly number[], down: readonly number[], rank: number): number[][] {
  const columns = down.length / rank
  return Array.from({ length: up.length / rank }, (_, row) =>
    Array.from({ length: columns }, (_, column) => {
      let sum = 0
      for (let r = 0; r < rank; r++) sum += up[row * rank + r]! * down[r * columns + column]!
      return sum
    }),
  )
}

describe('Flux.1 in the layout of diffusers', () => {
  const BASE = goldenModel('flux', 'diffusers')
  const { native } = familyGolden('flux')

  it.each([
    ['qkv_lora1', 'img_attn.qkv'],
    ['qkv_lora2', 'txt_attn.qkv'],
    ['proj_lora1', 'img_attn.proj'],
    ['proj_lora2', 'txt_attn.proj'],
  ])('%s of XLabs is for %s', async (name, layer) => {
    const [rows, columns] = native[`double_blocks.0.${layer}.weight`]!.shape as [number, number]
    const module = `double_blocks.0.processor.${name}`
    const [up, down] = [
      floats(`${module}.up.weight`, [rows, 2]),
      floats(`${module}.down.weight`, [2, columns]),
    ]
    const plan = await planOf(BASE, [adapter([up, down])])
    expect(plan.problems).toEqual([])
    const values = (key: string, shape: number[]) => [...weightValues(key, shape)]
    const change = product(values(up.name, [rows, 2]), values(down.name, [2, columns]), 2)
    let row = 0
    for (const [key, height] of partsOf('flux', `double_blocks.0.${layer}`)) {
      const before = await valuesOf(BASE, key)
      const expected = change.slice(row, row + height).flat()
      const after = await valuesOf(plan.table, key)
      const worst = Math.max(...after.map((value, i) => Math.abs(value - before[i]! - expected[i]!)))
      expect([key, worst < 1e-5]).toEqual([key, true])
      row += height
    }
    expect([row, plan.patches.size]).toEqual([rows, partsOf('flux', `double_blocks.0.${layer}`).length])
  })

  it("kohya's OFT of the parts of a fused layer is for the layers that those are in diffusers", async () => {
    const layer = 'single_blocks.0.linear1'
    const parts = partsOf('flux', layer)
    const blocks = parts.map(([, rows], i) =>
      floats(`oft_unet_single_blocks_0_linear1.oft_blocks.${i}`, [rows / 8, 8, 8]),
    )
    const lora = adapter([...blocks, floatTensor('oft_unet_single_blocks_0_linear1.alpha', [], [1])])
    const whole = await planOf(goldenModel('flux', 'native'), [lora])
    const parted = await planOf(BASE, [lora])
    expect([whole, parted].flatMap(({ problems }) => problems.map(({ message }) => message))).toEqual([])
    expect([...parted.patches.keys()].sort()).toEqual(parts.map(([key]) => key).sort())
    const actual = await Promise.all(parts.map(([key]) => valuesOf(parted.table, key)))
    expect(actual.flat()).toEqual(await valuesOf(whole.table, `${layer}.weight`))
  })
})
