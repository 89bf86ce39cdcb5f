import { describe, expect, it } from 'vitest'
import { type Identifiable, identify } from '../../../src/model/identify/identify.ts'
import type { Shape } from '../../../src/model/networks/topology/match.ts'
import { type ConvertPlanOptions, planConvert } from '../../../src/operations/convert/plan.ts'
import { changesNothing, type Plan } from '../../../src/operations/plan.ts'
import { EXIT, SdtoolError } from '../../../src/system/errors.ts'
import type { DType } from '../../../src/tensor/values/dtype.ts'
import { narrowSd1, narrowSdxl, tableOf, valuesOf } from '../../model/tables.ts'

type Keys = [string, Shape][]

async function convert(file: Identifiable, options: ConvertPlanOptions = {}): Promise<Plan> {
  return planConvert(file, await identify(file, valuesOf()), options)
}

async function failure(file: Identifiable, options: ConvertPlanOptions = {}): Promise<SdtoolError> {
  try {
    await convert(file, options)
  } catch (error) {
    if (error instanceof SdtoolError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

/** Types of the tensors of a plan by name. */
function dtypes(plan: Plan): Record<string, DType> {
  return Object.fromEntries([...plan.table.tensors].map(([name, { dtype }]) => [name, dtype]))
}

describe('converting a checkpoint', () => {
  it('keeps every tensor as it is, also what prune would leave out', async () => {
    const keys: Keys = [...narrowSd1(), ['logvar', [1000]], ['optimizer.x', [3]], ['unknown', [2]]]
    const file = { ...tableOf(keys, { metadata: { format: 'pt' } }), format: 'torch-zip' } as const
    const plan = await convert(file)
    expect([...plan.table.tensors]).toEqual([...file.tensors])
    expect(plan.table.metadata).toEqual({ format: 'pt' })
    expect(changesNothing(plan)).toBe(true)
  })

  it('says which training state of a pickle has no place in safetensors', async () => {
    const leftovers = [{ path: 'optimizer_states', what: 'list', bytes: 77 }]
    const plan = await convert({ ...tableOf(narrowSd1()), leftovers })
    expect(plan.steps.at(-1)).toMatchObject({ action: 'drop', bytesBefore: 77, names: ['optimizer_states'] })
    expect(plan.table.tensors.size).toBe(970)
  })

  it('casts the weights of every component, and nothing else', async () => {
    const ids = 'cond_stage_model.transformer.text_model.embeddings.token_ids'
    const keys: Keys = [...narrowSdxl(), ['v_pred', [0]], ['unknown', [2]], [ids, [1]]]
    const plan = await convert(tableOf(keys, { dtypes: { [ids]: 'I64' } }), { dtype: { all: 'bf16' } })
    const other = Object.entries(dtypes(plan)).filter(([, dtype]) => dtype !== 'BF16')
    expect(other).toEqual([
      [ids, 'I64'],
      ['v_pred', 'F32'],
      ['unknown', 'F32'],
    ])
  })

  it('never rounds position_ids that a merge has stored as floats', async () => {
    const ids = 'cond_stage_model.transformer.text_model.embeddings.position_ids'
    const file = tableOf([...narrowSd1(), [ids, [1, 77]]])
    const identity = await identify(file, valuesOf({ [ids]: Array.from({ length: 77 }, (_, i) => i) }))
    expect(dtypes(planConvert(file, identity, { dtype: { all: 'fp8_e4m3fn' } }))[ids]).toBe('F32')
  })

  it('casts unknown keys when they are named', async () => {
    const file = tableOf([...narrowSd1(), ['unknown', [2]]])
    expect(dtypes(await convert(file, { dtype: { by: { other: 'fp16' } } })).unknown).toBe('F16')
  })

  it('leaves tensors alone that have the type already', async () => {
    const plan = await convert(tableOf(narrowSd1(), { dtype: 'F16' }), { dtype: { all: 'fp16' } })
    expect(changesNothing(plan)).toBe(true)
  })

  it('refuses scaled fp8 weights, whose values mean nothing without their scales', async () => {
    const file = tableOf([...narrowSd1(), ['model.diffusion_model.scaled_fp8', [0]]])
    expect(await failure(file, { dtype: { all: 'fp16' } })).toMatchObject({
      code: 'SCALED_FP8',
      exitCode: EXIT.refused,
    })
    expect(changesNothing(await convert(file))).toBe(true)
  })

  it.each(['Q4_K', 'C128'] as const)('refuses %s, which safetensors cannot store, by name', async (dtype) => {
    const file = tableOf([...narrowSd1(), ['odd', [256]]], { dtypes: { odd: dtype } })
    const error = await failure(file)
    expect(error).toMatchObject({ code: 'TENSOR_NOT_CONVERTIBLE', exitCode: EXIT.refused })
    expect(error.message).toContain(`"odd" is ${dtype}`)
  })

  it('refuses types for components the file does not have', async () => {
    const error = await failure(tableOf(narrowSd1()), { dtype: { by: { t5xxl: 'fp16' } } })
    expect(error).toMatchObject({ code: 'COMPONENT_NOT_FOUND', exitCode: EXIT.unverified })
  })
})

describe('converting a file of no known kind', () => {
  it('casts all weights: there is nothing else in it that could have been meant', async () => {
    const keys: Keys = [['lin0.model.1.weight', [1, 64, 1, 1]], ['steps', [1]]] // biome-ignore format: one line
    const plan = await convert(tableOf(keys, { dtypes: { steps: 'I64' } }), { dtype: { all: 'fp16' } })
    expect(dtypes(plan)).toEqual({ 'lin0.model.1.weight': 'F16', steps: 'I64' })
  })

  it('refuses a file without tensors', async () => {
    expect(await failure(tableOf([]))).toMatchObject({ code: 'NO_TENSORS', exitCode: EXIT.refused })
  })
})

describe('converting a LoRA', () => {
  const module = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q'
  const keys: Keys = [
    [`${module}.lora_down.weight`, [4, 320]],
    [`${module}.lora_up.weight`, [320, 4]],
    [`${module}.alpha`, []],
  ]

  it('leaves the keys as they are, and alpha exact', async () => {
    const plan = await convert(tableOf(keys), { dtype: { all: 'fp8_e4m3fn' } })
    expect(dtypes(plan)).toEqual({
      [`${module}.lora_down.weight`]: 'F8_E4M3',
      [`${module}.lora_up.weight`]: 'F8_E4M3',
      [`${module}.alpha`]: 'F32',
    })
  })
})

describe('converting an embedding of a pickle', () => {
  const pickle = (keys: Keys, dtypeOf: Record<string, DType> = {}): Identifiable => ({
    ...tableOf(keys, { dtypes: dtypeOf }),
    format: 'torch-zip',
  })

  it.each([
    ['A1111', 'string_to_param/*', [8, 768]],
    ['diffusers', '<birb-style>', [8, 768]],
    ['generic', 'emb_params', [8, 768]],
  ] as const)('of %s gives emb_params', async (_, name, shape) => {
    const plan = await convert(pickle([[name, shape]]))
    const [tensor] = plan.table.tensors.values()
    expect(tensor).toMatchObject({
      name: 'emb_params',
      shape: [8, 768],
      source: { kind: 'stored', offset: 0 },
    })
    expect(plan.table.tensors.size).toBe(1)
  })

  it('gives a single vector a row of its own', async () => {
    const plan = await convert(pickle([['<krk>', [768]]]))
    expect(plan.table.tensors.get('emb_params')?.shape).toEqual([1, 768])
  })

  it('keeps the strides of a vector that is a view', async () => {
    const file = pickle([['<krk>', [768]]])
    const tensor = file.tensors.get('<krk>')!
    if (tensor.source.kind !== 'stored') throw new Error('not stored')
    const view = { ...tensor, source: { ...tensor.source, strides: [2] } }
    const plan = await convert({ ...file, tensors: new Map([['<krk>', view]]) })
    const { shape, source } = plan.table.tensors.get('emb_params')!
    expect([shape, source.kind === 'stored' && source.strides]).toEqual([[1, 768], [0, 2]]) // biome-ignore format: one line
  })

  it('gives clip_l and clip_g for SDXL', async () => {
    const plan = await convert(pickle([['clip_g', [4, 1280]], ['clip_l', [4, 768]]])) // biome-ignore format: one line
    expect([...plan.table.tensors.keys()].sort()).toEqual(['clip_g', 'clip_l'])
  })

  it('leaves out the token ids of LDM, and says so', async () => {
    const keys: Keys = [['string_to_token/*', []], ['string_to_param/_parameters/*', [1, 768]]] // biome-ignore format: one line
    const plan = await convert(pickle(keys, { 'string_to_token/*': 'I64' }))
    expect([...plan.table.tensors.keys()]).toEqual(['emb_params'])
    expect(plan.steps.find(({ action }) => action === 'drop')?.names).toEqual(['string_to_token/*'])
  })

  it('refuses several embeddings in one file, which no safetensors format holds', async () => {
    const error = await failure(pickle([['<a>', [768]], ['<b>', [768]]])) // biome-ignore format: one line
    expect(error).toMatchObject({ code: 'EMBEDDING_IN_PIECES', exitCode: EXIT.refused })
  })

  it('leaves an embedding alone that is safetensors already', async () => {
    const file = { ...tableOf([['<token>', [768]]]), format: 'safetensors' } as const
    expect([...(await convert(file)).table.tensors]).toEqual([...file.tensors])
  })
})
