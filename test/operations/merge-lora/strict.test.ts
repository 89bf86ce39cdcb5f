import { describe, expect, it } from 'vitest'
import { architectureById } from '../../../src/model/networks/architectures/registry.ts'
import type { MergeLoraPlanOptions } from '../../../src/operations/merge-lora/plan-options.ts'
import { openFileSource } from '../../../src/system/bytes.ts'
import { openModel } from '../../../src/tensor/formats/open.ts'
import { readValues } from '../../../src/tensor/values/expr.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { openInputs } from '../../../src/tensor/write/jobs.ts'
import { componentKeys, narrowSd1, tableOf as shapesOf } from '../../model/tables.ts'
import { describeReal, realFile } from '../../real-files.ts'
import { bytesTensor, floatTensor, tableOf } from '../../tables.ts'
import { adapter, CLIP, OPEN_CLIP, planOf, rankOne } from './small.ts'

const LAYER = 'lora_te_text_model_encoder_layers_0_'
const GOOD = rankOne({
  [`${LAYER}self_attn_q_proj`]: [
    [1, 2, 3, 4],
    [1, 0, 0, 1],
  ],
})

/** The problem of merging a sound module together with these tensors. */
async function problemWith(tensors: readonly Tensor[], options: MergeLoraPlanOptions = {}) {
  return (await planOf(CLIP, [adapter([...GOOD, ...tensors])], options)).problems[0]
}

const CASES: readonly {
  what: string
  tensors: readonly Tensor[]
  code: string
  exitCode?: number
  message: string
}[] = [
  {
    what: 'a name that no layer has',
    tensors: rankOne({
      [`${LAYER}self_attn_x_proj`]: [
        [1, 2, 3, 4],
        [1, 0, 0, 1],
      ],
    }),
    code: 'LORA_UNMATCHED',
    message: `1 of 2 modules without a layer in the base ("${LAYER}self_attn_x_proj")`,
  },
  {
    what: 'a prefix that stands there twice',
    tensors: rankOne({ [`lora_te_${LAYER}mlp_fc1`]: [new Array(16).fill(1), [1, 0, 0, 1]] }),
    code: 'LORA_DOUBLED_PREFIX',
    message: `1 of 2 modules with a doubled prefix, so that it names no layer ("lora_te_${LAYER}mlp_fc1")`,
  },
  {
    what: 'another number of outputs',
    tensors: rankOne({
      [`${LAYER}self_attn_k_proj`]: [
        [1, 2, 3, 4, 5],
        [1, 0, 0, 1],
      ],
    }),
    code: 'LORA_MISFIT',
    message: `1 of 2 modules with a shape that does not fit the layer ("${LAYER}self_attn_k_proj"): it is for 5 outputs, the weight has 4`,
  },
  {
    what: 'factors that do not fit each other',
    tensors: [
      floatTensor(`${LAYER}self_attn_k_proj.lora_up.weight`, [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]),
      floatTensor(`${LAYER}self_attn_k_proj.lora_down.weight`, [1, 4], [1, 2, 3, 4]),
    ],
    code: 'LORA_MISFIT',
    message: `1 of 2 modules with a shape that does not fit the layer ("${LAYER}self_attn_k_proj"): up has rank 2, down has rank 1`,
  },
  {
    what: 'a factor that is not there',
    tensors: [floatTensor(`${LAYER}self_attn_k_proj.lora_up.weight`, [4, 1], [1, 2, 3, 4])],
    code: 'LORA_INCOMPLETE',
    exitCode: 3,
    message: `1 of 2 modules with a tensor missing ("${LAYER}self_attn_k_proj"): it has only lora_up`,
  },
  {
    what: 'a second encoder that the base does not have',
    tensors: rankOne({ lora_te2_text_model_encoder_layers_0_mlp_fc1: [[1], [1]] }),
    code: 'LORA_PART_MISSING',
    message: '1 of 2 modules for a part that the base does not have (text encoder 2)',
  },
  {
    what: 'two modules for one layer',
    tensors: rankOne({
      'text_encoder.text_model.encoder.layers.0.self_attn.q_proj': [
        [1, 1, 1, 1],
        [1, 1, 1, 1],
      ],
    }),
    code: 'LORA_SAME_LAYER',
    message:
      '1 of 2 modules for a layer that another module also changes ("text_encoder.text_model.encoder.layers.0.self_attn.q_proj")',
  },
  {
    what: 'an alpha of 0',
    tensors: [
      ...rankOne({
        [`${LAYER}self_attn_k_proj`]: [
          [1, 2, 3, 4],
          [1, 0, 0, 1],
        ],
      }),
      floatTensor(`${LAYER}self_attn_k_proj.alpha`, [], [0]),
    ],
    code: 'LORA_ALPHA_ZERO',
    message: `1 of 2 modules with alpha 0, which would change nothing ("${LAYER}self_attn_k_proj")`,
  },
  {
    what: 'a key that no module uses',
    tensors: [floatTensor('nonsense', [1], [1])],
    code: 'LORA_STRAY_KEYS',
    message: '1 key that no module uses ("nonsense")',
  },
  {
    what: 'a bias of the wrong length',
    tensors: [
      ...rankOne({
        [`${LAYER}self_attn_k_proj`]: [
          [1, 2, 3, 4],
          [1, 0, 0, 1],
        ],
      }),
      floatTensor(`${LAYER}self_attn_k_proj.diff_b`, [3], [1, 2, 3]),
    ],
    code: 'LORA_MISFIT',
    message: `1 of 2 modules with a shape that does not fit the layer ("${LAYER}self_attn_k_proj"): its diff_b has 3 values, the bias has 4`,
  },
]

describe('an adapter that does not fit', () => {
  it.each(CASES)('is refused for $what', async ({ tensors, code, exitCode = 4, message }) => {
    const problem = await problemWith(tensors)
    expect(problem).toMatchObject({ code, exitCode })
    expect(problem?.message).toBe(`lora.safetensors: ${message}`)
  })

  it.each(CASES)('is merged without $what if that is allowed', async ({ tensors }) => {
    const plan = await planOf(CLIP, [adapter([...GOOD, ...tensors])], { allowUnmatched: true })
    expect(plan.problems).toEqual([])
    expect(plan.patches.size).toBe(1)
    expect(plan.findings).toContainEqual(expect.objectContaining({ severity: 'warning' }))
  })

  it('tells how to leave out a part that is missing', async () => {
    const unet = rankOne({ lora_unet_mid_block_attentions_0_proj_in: [[1], [1]] })
    expect((await problemWith(unet))?.hint).toBe('--only text leaves them out.')
    expect(await problemWith(unet, { only: 'text' })).toBeUndefined()
    const plan = await planOf(CLIP, [adapter([...GOOD, ...unet], { unet: 0, text: 1 })])
    expect(plan.problems).toEqual([])
  })

  it('lists every part and reason, with the first names', async () => {
    const tensors = [
      ...rankOne({ [`${LAYER}a`]: [[1], [1]], [`${LAYER}b`]: [[1], [1]], lora_unet_x: [[1], [1]] }),
    ]
    const { findings } = await planOf(CLIP, [adapter([...GOOD, ...tensors])])
    expect(findings.map(({ message }) => message)).toEqual([
      'lora.safetensors: UNet: 1 module for a part that the base does not have ("lora_unet_x")',
      `lora.safetensors: text encoder 1: 2 modules without a layer in the base ("${LAYER}a", "${LAYER}b")`,
    ])
  })

  it('is refused if nothing of it fits, whatever is allowed', async () => {
    const lora = adapter(
      rankOne({
        [`${LAYER}self_attn_x_proj`]: [
          [1, 2, 3, 4],
          [1, 0, 0, 1],
        ],
      }),
    )
    const { problems } = await planOf(CLIP, [lora], { allowUnmatched: true })
    expect(problems[0]).toMatchObject({ code: 'LORA_MATCHES_NOTHING', exitCode: 4 })
  })

  it('shows the reason of each of several', async () => {
    const bad = adapter(
      rankOne({
        [`${LAYER}self_attn_x_proj`]: [
          [1, 2, 3, 4],
          [1, 0, 0, 1],
        ],
      }),
    )
    const { problems, loras } = await planOf(CLIP, [bad, adapter(GOOD), bad])
    expect(problems.length).toBe(2)
    expect(loras.map(({ parts }) => parts[0]?.matched)).toEqual([0, 1, 0])
  })

  it('is refused for an alpha that is no number', async () => {
    const alpha = floatTensor(`${LAYER}self_attn_q_proj.alpha`, [], [Number.NaN])
    await expect(planOf(CLIP, [adapter([...GOOD, alpha])])).rejects.toMatchObject({
      code: 'BAD_ADAPTER_NUMBER',
      exitCode: 3,
      message: expect.stringMatching(/^lora\.safetensors: /),
    })
  })

  it('tells what an adapter for another model expects', async () => {
    const xl = (path: string) => `lora_unet_input_blocks_${path}_transformer_blocks_0_attn2_to_k`
    const lora = adapter(rankOne({ [xl('4_1')]: [new Array(64).fill(1), new Array(2048).fill(1)] }))
    const { problems } = await planOf(shapesOf(narrowSd1()), [lora])
    expect(problems[0]).toMatchObject({ code: 'LORA_WRONG_ARCHITECTURE', exitCode: 4 })
    expect(problems[0]?.message).toBe(
      'lora.safetensors: this is a Stable Diffusion XL LoRA, the base is Stable Diffusion 1.x: attn2.to_k expects 2048, the base has 48',
    )
  })

  it('tells an architecture by its blocks where no width does', async () => {
    const lora = adapter(rankOne({ lora_unet_vector_in_in_layer: [[1], [1]] }))
    const { problems } = await planOf(shapesOf(narrowSd1()), [lora])
    expect(problems[0]?.message).toBe(
      'lora.safetensors: this is a HunyuanVideo or Flux.1 LoRA, the base is Stable Diffusion 1.x: 1 module has the name and shape of a layer of HunyuanVideo, Flux.1',
    )
  })
})

describe('a base that LoRAs cannot be merged into', () => {
  it('is another LoRA: the order was wrong', async () => {
    await expect(planOf(tableOf([...GOOD]), [adapter(GOOD)])).rejects.toMatchObject({
      code: 'BASE_NOT_A_MODEL',
      exitCode: 3,
      hint: 'The base comes first: sdtool merge-lora base lora.',
    })
  })

  it('has fp8 weights with scales', async () => {
    const scale = floatTensor('cond_stage_model.transformer.scaled_fp8', [1], [1])
    const base = tableOf([...CLIP.tensors.values(), scale])
    await expect(planOf(base, [adapter(GOOD)])).rejects.toMatchObject({ code: 'SCALED_FP8', exitCode: 3 })
  })

  it('has integers where weights should be', async () => {
    const key = 'cond_stage_model.transformer.text_model.encoder.layers.0.self_attn.q_proj.weight'
    const tensors = new Map(CLIP.tensors).set(key, bytesTensor(key, 'I8', [4, 4], new Uint8Array(16)))
    await expect(planOf({ tensors, metadata: {} }, [adapter(GOOD)])).rejects.toMatchObject({
      code: 'NOT_PATCHABLE',
      exitCode: 3,
    })
  })

  it.each([
    ['a ControlNet-LLLite', [floatTensor('lllite_unet_x.down.0.weight', [1, 1], [1])]],
    ['for Stable Cascade', rankOne({ lora_prior_unet_x: [[1], [1]] })],
  ])('is not there for %s', async (what, tensors) => {
    await expect(planOf(CLIP, [adapter(tensors)])).rejects.toMatchObject({
      code: 'LORA_UNSUPPORTED',
      exitCode: 3,
      message: expect.stringContaining(what),
    })
  })
})

describe('embeddings in a LoRA', () => {
  it('are mentioned and do no harm', async () => {
    const embedding = floatTensor('bundle_emb.style.string_to_param.*', [1, 4], [1, 2, 3, 4])
    const { problems, findings } = await planOf(CLIP, [adapter([...GOOD, embedding])])
    expect(problems).toEqual([])
    expect(findings).toEqual([
      {
        code: 'lora-embeddings',
        severity: 'info',
        message: 'lora.safetensors: its 1 embedding ("style") cannot be merged and stays in the LoRA',
      },
    ])
  })
})

it('an encoder in the layout of OpenCLIP does not take the modules of the other one', async () => {
  const { problems } = await planOf(OPEN_CLIP, [
    adapter(rankOne({ lora_te1_text_model_encoder_layers_9_mlp_fc1: [[1], [1]] })),
  ])
  expect(problems[0]).toMatchObject({ code: 'LORA_MATCHES_NOTHING' })
})

describeReal('LoRAs that other people made', () => {
  /** The files hold no metadata that counts, so that the tensors are enough. */
  async function realPlan(file: string, architecture: string) {
    const source = await openFileSource(realFile(`loras/${file}`)!)
    const inputs = openInputs()
    const table = await openModel(source)
    const read = (tensor: Tensor) => readValues(tensor, inputs.read)
    const shapes = architectureById(architecture)!.components.flatMap(componentKeys)
    const lora = { ...adapter([...table.tensors.values()], 1, table.metadata), read }
    const plan = await planOf(shapesOf(shapes), [lora])
    await inputs.close()
    await source.close()
    return plan
  }

  it.each([
    ['KohakuBlueleaf__LyCORIS__result__smart_falcon_4_lokr.safetensors', 'stable-diffusion-v1'],
    ['KohakuBlueleaf__LyCORIS__result__smart_falcon_16_lokr.safetensors', 'stable-diffusion-v1'],
    ['cloneofsimo__lora__example_loras__lora_disney.safetensors', 'stable-diffusion-v1'],
    ['cloneofsimo__lora__contents__lora_kiriko.pt', 'stable-diffusion-v2'],
  ])('%s fits in every module', async (file, architecture) => {
    const { problems, loras } = await realPlan(file, architecture)
    expect(problems).toEqual([])
    for (const { matched, unmatched } of loras[0]!.parts) {
      expect(matched).toBeGreaterThan(40)
      expect(unmatched).toBe(0)
    }
  })
})
