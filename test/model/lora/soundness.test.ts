/** Files whose modules cannot be used for calculations: every tool says so, and none begins. */
import { describe, expect, it } from 'vitest'
import { describeAdapter } from '../../../src/model/adapters/describe.ts'
import { checkLora } from '../../../src/model/lora/check.ts'
import type { LoraFile } from '../../../src/model/lora/modules.ts'
import { mergeLoras } from '../../../src/operations/lora-merge/plan.ts'
import { resizeLora } from '../../../src/operations/lora-resize/plan.ts'
import { SdtoolError } from '../../../src/system/errors.ts'
import { plainMatMul } from '../../../src/tensor/algebra/matmul.ts'
import { byteLength, type DType } from '../../../src/tensor/values/dtype.ts'
import { newEvaluation, type ReadInto, readValues } from '../../../src/tensor/values/expr.ts'
import type { TensorTable } from '../../../src/tensor/values/table.ts'
import { bytesTensor, tableOf } from '../../tables.ts'
import type { Shapes } from '../shape-table.ts'

const MODULE = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q'
const CONV = 'lora_unet_down_blocks_0_resnets_0_conv1'

function tableWith(name: string, parts: Shapes, dtypes: Readonly<Record<string, DType>> = {}): TensorTable {
  const tensors = Object.entries(parts).map(([suffix, shape]) => {
    const dtype = dtypes[suffix] ?? 'F32'
    const data = new Uint8Array(byteLength(dtype, shape)!).map((_, i) => (i % 4 === 3 ? 0x3d : i % 7))
    return bytesTensor(`${name}.${suffix}`, dtype, [...shape], data)
  })
  return tableOf(tensors)
}

const nothing: ReadInto = async () => {}

function fileOf(table: TensorTable): LoraFile {
  const adapter = describeAdapter(table)
  if (adapter === undefined) throw new Error('these tensors are no adapter')
  return { name: 'x.safetensors', table, adapter, read: (tensor) => readValues(tensor, nothing) }
}

const evaluation = () => newEvaluation(nothing, plainMatMul)
const { signal } = new AbortController()

/** What computes with all modules of a file. */
const TOOLS: Readonly<Record<string, (file: LoraFile) => Promise<unknown>>> = {
  'lora resize': (file) => {
    const options = { rule: { method: 'fixed', limit: 2 }, convLimit: 2, dtype: 'F32', seed: 0 } as const
    return resizeLora(file, options, { evaluation: evaluation(), signal, onProgress: () => {} })
  },
  'lora merge': (file) => {
    const ratio = { unet: 1, text: 1 }
    return mergeLoras([
      { file, ratio },
      { file, ratio },
    ])
  },
}

function check(file: LoraFile) {
  return checkLora(file, evaluation(), signal, () => {})
}

const UP = 'lora_up.weight'
const DOWN = 'lora_down.weight'

/** A kind of damage: tensors of a module, and types that are not F32. */
interface Damage {
  readonly what: string
  readonly parts: Shapes
  readonly dtypes?: Readonly<Record<string, DType>>
}

const DAMAGED: readonly Damage[] = [
  { what: 'ranks that differ', parts: { [DOWN]: [4, 320], [UP]: [4, 320] } },
  { what: 'an up factor of one dimension', parts: { [DOWN]: [4, 320], [UP]: [320] } },
  { what: 'a down factor of no dimensions', parts: { [DOWN]: [], [UP]: [320, 1] } },
  { what: 'a factor without values', parts: { [DOWN]: [4, 0], [UP]: [320, 4] } },
  { what: 'a factor of rank 0', parts: { [DOWN]: [0, 320], [UP]: [320, 0] } },
  {
    what: 'a factor without readable numbers',
    parts: { [DOWN]: [4, 320], [UP]: [320, 4] },
    dtypes: { [DOWN]: 'F4' },
  },
  { what: 'complex numbers', parts: { [DOWN]: [4, 320], [UP]: [320, 4] }, dtypes: { [UP]: 'C64' } },
  {
    what: 'a core of other ranks',
    parts: { [DOWN]: [4, 32, 1, 1], 'lora_mid.weight': [5, 4, 3, 3], [UP]: [32, 4, 1, 1] },
  },
  {
    what: 'DoRA magnitudes of another layer',
    parts: { [DOWN]: [4, 32], [UP]: [16, 4], dora_scale: [1, 31] },
  },
  {
    what: 'LoHa of two layers',
    parts: { hada_w1_a: [12, 4], hada_w1_b: [4, 36], hada_w2_a: [12, 4], hada_w2_b: [4, 12] },
  },
  {
    what: 'LoHa of two ranks',
    parts: { hada_w1_a: [12, 4], hada_w1_b: [5, 36], hada_w2_a: [12, 4], hada_w2_b: [4, 36] },
  },
  {
    what: 'LoHa without values',
    parts: { hada_w1_a: [12, 4], hada_w1_b: [4, 36], hada_w2_a: [12, 4], hada_w2_b: [4, 0] },
  },
  {
    what: 'LoHa with one core',
    parts: {
      hada_w1_a: [4, 12],
      hada_w1_b: [4, 36],
      hada_w2_a: [4, 12],
      hada_w2_b: [4, 36],
      hada_t1: [4, 4, 3, 3],
    },
  },
  { what: 'LoKr of two ranks', parts: { lokr_w1: [4, 4], lokr_w2_a: [8, 2], lokr_w2_b: [3, 8] } },
  { what: 'LoKr with a vector', parts: { lokr_w1: [4], lokr_w2: [8, 8] } },
  { what: 'a difference without values', parts: { diff: [4, 0] } },
]

describe.each(Object.entries(TOOLS))('%s refuses', (_, run) => {
  it.each(DAMAGED)('$what', async ({ parts, dtypes }) => {
    for (const name of [MODULE, CONV]) {
      const file = fileOf(tableWith(name, parts, dtypes))
      await expect(run(file)).rejects.toMatchObject({
        code: 'LORA_MISSHAPEN',
        exitCode: 3,
        message: expect.stringMatching(
          /^x\.safetensors: 1 module \(".*"\) cannot be used for calculations: .{5,}$/,
        ),
      })
    }
  })
})

it('lora resize refuses a convolution in time, which it would take for one in space', async () => {
  const file = fileOf(tableWith(MODULE, { [DOWN]: [4, 32, 3, 3, 3], [UP]: [320, 4, 1, 1, 1] }))
  await expect(TOOLS['lora resize']!(file)).rejects.toMatchObject({ code: 'LORA_UNRESIZABLE', exitCode: 3 })
})

describe('lora check tells of', () => {
  it.each(DAMAGED)('$what', async ({ parts, dtypes }) => {
    const { modules } = await check(fileOf(tableWith(MODULE, parts, dtypes)))
    expect(modules).toMatchObject([{ state: 'misshapen', norm: 0, fault: expect.stringMatching(/.{5,}/) }])
  })
})

/** Sound modules of every kind a tool computes with. */
const SOUND: readonly Shapes[] = [
  { [DOWN]: [4, 32], [UP]: [16, 4], alpha: [] },
  { [DOWN]: [4, 8, 3, 3], [UP]: [16, 4, 1, 1] },
  { [DOWN]: [4, 8, 1, 1], 'lora_mid.weight': [4, 4, 3, 3], [UP]: [16, 4, 1, 1] },
  { [DOWN]: [4, 32], [UP]: [16, 4], dora_scale: [1, 32] },
  { hada_w1_a: [12, 4], hada_w1_b: [4, 36], hada_w2_a: [12, 4], hada_w2_b: [4, 36] },
  { lokr_w1: [4, 4], lokr_w2_a: [8, 2], lokr_w2_b: [2, 8] },
  { lokr_w1: [2, 3], lokr_w2: [4, 4, 3, 3] },
  { diff: [8, 8], diff_b: [8] },
  { oft_blocks: [4, 4, 4] },
  { boft_R: [2, 2, 4, 4], boft_s: [6, 1] },
  { weight: [16], on_input: [] },
]

/** Numbers that look like chance, and are the same each time. */
function* chances(): Generator<number> {
  let state = 12345
  for (;;) {
    state = (state * 1103515245 + 12345) % 2 ** 31
    yield state
  }
}

it('whatever sizes its tensors have, a module is computed with or refused', async () => {
  const chance = chances()
  const below = (n: number) => chance.next().value! % n
  for (let round = 0; round < 40; round++) {
    for (const parts of SOUND) {
      const names = Object.keys(parts)
      const broken = names[below(names.length)]!
      const shape = [...parts[broken]!]
      const way = below(4)
      if (shape.length === 0 || way === 0) shape.push(below(5))
      else if (way === 1) shape.pop()
      else shape[below(shape.length)] = below(7)
      const table = tableWith(MODULE, { ...parts, [broken]: shape })
      if (describeAdapter(table) === undefined) continue
      for (const run of [...Object.values(TOOLS), check]) {
        const error = await run(fileOf(table)).catch((error: unknown) => error)
        const told = error instanceof Error ? `${broken} [${shape}]: ${error.stack}` : ''
        expect(!(error instanceof Error) || error instanceof SdtoolError, told).toBe(true)
      }
    }
  }
})
