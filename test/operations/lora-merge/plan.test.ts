/** Sums of LoRAs whose every number is known. */
import { describe, expect, it } from 'vitest'
import { describeAdapter } from '../../../src/model/adapters/describe.ts'
import { type LoraToMerge, mergeLoras } from '../../../src/operations/lora-merge/plan.ts'
import { readValues } from '../../../src/tensor/values/expr.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { floatTensor, tableOf } from '../../tables.ts'

const MODULE = 'lora_te_text_model_encoder_layers_0_mlp_fc1'
const read = (tensor: Tensor) => readValues(tensor, async () => {})

function lora(name: string, ratio: number, tensors: Tensor[]): LoraToMerge {
  const table = tableOf(tensors)
  return {
    file: { name, table, adapter: describeAdapter(table)!, read },
    ratio: { unet: ratio, text: ratio },
  }
}

/** up [2, 1] @ down [1, 2] with an alpha of its own. */
function module(up: number[], down: number[], alpha: number, name = MODULE): Tensor[] {
  return [
    floatTensor(`${name}.lora_up.weight`, [2, 1], up),
    floatTensor(`${name}.lora_down.weight`, [1, 2], down),
    floatTensor(`${name}.alpha`, [], [alpha]),
  ]
}

describe('the sum of LoRAs', () => {
  it('adds what they do to the biases, by the strength each of the two ways has', async () => {
    const peft = [
      floatTensor(`${MODULE}.lora_A.weight`, [1, 2], [1, 0]),
      floatTensor(`${MODULE}.lora_B.weight`, [2, 1], [0, 1]),
      floatTensor(`${MODULE}.lora_B.bias`, [2], [10, 20]),
      floatTensor(`${MODULE}.alpha`, [], [0.5]),
    ]
    const kohya = [...module([1, 1], [1, 1], 4), floatTensor(`${MODULE}.diff_b`, [2], [1, 2])]
    const { table } = await mergeLoras([lora('a', 2, peft), lora('b', 3, kohya)])
    // 2 * 0.5 * [10, 20] + 3 * [1, 2]
    expect([...(await read(table.tensors.get(`${MODULE}.diff_b`)!))]).toEqual([13, 26])
  })

  it('keeps a bias where alpha is 0', async () => {
    const tensors = [...module([1, 1], [1, 1], 0), floatTensor(`${MODULE}.diff_b`, [2], [1, 2])]
    const { table } = await mergeLoras([lora('a', 1, tensors), lora('b', 1, module([1, 2], [3, 4], 0))])
    const values = await Promise.all([...table.tensors.values()].map(read))
    expect(values.every((own) => own.every(Number.isFinite))).toBe(true)
    expect([...(await read(table.tensors.get(`${MODULE}.diff_b`)!))]).toEqual([1, 2])
  })

  it('says which modules are left out, and which embeddings', async () => {
    const bundle = (value: number) =>
      floatTensor('bundle_emb.word.emb_params', [1, 768], Array(768).fill(value))
    const text = module([1, 1], [1, 1], 1)
    const unet = module([1, 1], [1, 1], 1, 'lora_unet_mid_block_attentions_0_proj_in')
    const merged = await mergeLoras([
      { ...lora('a', 1, [...text, ...unet, bundle(1)]), ratio: { unet: 1, text: 0 } },
      { ...lora('b', 1, [...unet, bundle(2)]), ratio: { unet: 1, text: 1 } },
    ])
    expect(merged.findings.map(({ code, message }) => [code, message])).toEqual([
      ['no-strength', `1 module ("${MODULE}") left out: at a ratio of 0 they add nothing`],
      ['bundle-taken', 'the embedding "word" of b is left out: a has one with the same name'],
    ])
    expect((await read(merged.table.tensors.get('bundle_emb.word.emb_params')!))[0]).toBe(1)
  })

  it('refuses what it would have to drop', async () => {
    const strange = [...module([1, 1], [1, 1], 1), floatTensor('lora_te_what_is_this.gate', [1], [1])]
    await expect(mergeLoras([lora('a', 1, strange), lora('b', 1, strange)])).rejects.toMatchObject({
      code: 'LORA_UNKNOWN_KEYS',
      exitCode: 3,
      message:
        'a: 1 tensor ("lora_te_what_is_this.gate") belongs to no module that sdtool understands, and would be lost',
    })
  })
})
