import { describe, expect, it } from 'vitest'
import { identify } from '../../../src/model/identify/identify.ts'
import { withKnownNames } from '../../../src/model/layouts/known-names.ts'
import type { Model } from '../../../src/model/model.ts'
import { unetNaming } from '../../../src/model/networks/topology/diffusers.ts'
import type { Shape } from '../../../src/model/networks/topology/match.ts'
import { type CheckpointMergePlan, planMerge } from '../../../src/operations/merge/plan.ts'
import type { CheckpointMergeOptions } from '../../../src/operations/merge/plan-options.ts'
import type { SdtoolError } from '../../../src/system/errors.ts'
import type { PatchedSource } from '../../../src/tensor/values/table.ts'
import { narrowSd1, narrowSdxl, type TableOptions, tableOf } from '../../model/tables.ts'

type Keys = readonly (readonly [string, Shape])[]

const SD1 = narrowSd1()
const FIRST = 'model.diffusion_model.input_blocks.0.0.weight'
const IDS = 'cond_stage_model.transformer.text_model.embeddings.position_ids'
const FIRST_STAGE = 'first_stage_model.'

/** Position ids as they should be; other values are never read. */
const read = async () => Float64Array.from({ length: 77 }, (_, i) => i)

async function model(name: string, keys: Keys = SD1, options: TableOptions = {}): Promise<Model> {
  const file = withKnownNames(tableOf(keys, options))
  return { name, file, identity: await identify(file, read) }
}

async function merged(
  models: readonly Model[],
  options: Partial<CheckpointMergeOptions> = {},
): Promise<CheckpointMergePlan> {
  return planMerge(models, { method: 'weighted-sum', alpha: [0.3], ...options }, read)
}

async function refusal(
  models: readonly Model[],
  options: Partial<CheckpointMergeOptions> = {},
): Promise<SdtoolError> {
  try {
    await merged(models, options)
  } catch (error) {
    return error as SdtoolError
  }
  throw new Error('nothing was refused')
}

function stepsOf({ steps }: CheckpointMergePlan): unknown[] {
  return steps.map(({ action, component, tensors }) => `${action} ${component} ${tensors}`)
}

function alphaOf({ table }: CheckpointMergePlan, name: string): number | undefined {
  const { source } = table.tensors.get(name)!
  const value = source.kind === 'patched' ? source.value : undefined
  return value?.op === 'combine' ? value.parameters.alpha[0] : undefined
}

function without(keys: Keys, pattern: RegExp): Keys {
  return keys.filter(([name]) => !pattern.test(name))
}

describe('planMerge', () => {
  it('blends UNet and text encoder, and takes VAE and position ids from the first model', async () => {
    const keys: Keys = [...SD1, [IDS, [1, 77]]]
    const options = { dtypes: { [IDS]: 'I64' } } as const
    const plan = await merged([await model('a', keys, options), await model('b', keys, options)])
    expect(stepsOf(plan)).toEqual(['blend unet 686', 'blend clip_l 36', 'keep clip_l 1', 'keep vae 248'])
    expect(plan.blended.size).toBe(722)
    expect(alphaOf(plan, FIRST)).toBe(0.3)
  })

  it('repairs position ids that an earlier merge has damaged', async () => {
    const keys: Keys = [...SD1, [IDS, [1, 77]]]
    const plan = await planMerge(
      [await model('a', keys), await model('b', keys)],
      { method: 'weighted-sum', alpha: [0.3] },
      async () => Float64Array.from({ length: 77 }, (_, i) => i - 0.01),
    )
    expect(plan.table.tensors.get(IDS)).toMatchObject({ dtype: 'I64', shape: [1, 77] })
    expect(stepsOf(plan)).toContain('rewrite clip_l 1')
  })

  it('keeps markers and unknown keys of the first model, and drops the EMA copy', async () => {
    const ema: Keys = SD1.filter(([name]) => name.startsWith('model.')).map(([name, shape]) => [
      `model_ema.${name.slice(6).replaceAll('.', '')}`,
      shape,
    ])
    const plan = await merged([
      await model('a', [...SD1, ...ema, ['ztsnr', []]]),
      await model('b', [...SD1, ['ztsnr', []]]),
    ])
    expect(plan.table.tensors.has('ztsnr')).toBe(true)
    expect(stepsOf(plan)).toContain('drop unet_ema 686')
    expect(plan.findings.map(({ code }) => code)).toEqual(['ema-dropped'])
  })

  it('writes the types of the first model, or those asked for', async () => {
    const [a, b] = [await model('a', SD1, { dtype: 'F16' }), await model('b', SD1, { dtype: 'F32' })]
    const dtypeOf = async (options: Partial<CheckpointMergeOptions>) =>
      (await merged([a, b], options)).table.tensors.get(FIRST)?.dtype
    expect(await dtypeOf({})).toBe('F16')
    expect(await dtypeOf({ dtype: { by: { unet: 'bf16' } } })).toBe('BF16')
  })

  it('copies what alpha 0 or 1 leaves whole instead of computing it', async () => {
    const rule = (name: string, factor: number) => ({
      name,
      factor,
      matches: (label: string) => label === name,
    })
    const rules = [rule('IN01', 0), rule('IN02', 1)]
    const plan = await merged([await model('a'), await model('b')], { blocks: { rules } })
    const kindOf = (block: string) =>
      plan.table.tensors.get(`model.diffusion_model.${block}.0.in_layers.0.weight`)!.source.kind
    expect([kindOf('input_blocks.1'), kindOf('input_blocks.2'), kindOf('input_blocks.4')]).toEqual([
      'stored',
      'stored',
      'patched',
    ])
    const steps = plan.steps.filter(({ component }) => component === 'unet')
    expect(steps.map(({ why }) => why)).toEqual([
      'weighted-sum of 2 models',
      'alpha leaves it as it is in A',
      'alpha takes all of B',
    ])
  })

  it('gives blocks and keys the alpha they are named with', async () => {
    const blocks = { numbers: Array.from({ length: 26 }, (_, i) => i / 100) }
    const keys = [{ text: '*out.2*', matches: (name: string) => name.includes('.out.2.'), value: 0.77 }]
    const plan = await merged([await model('a'), await model('b')], { blocks, keys })
    const unet = 'model.diffusion_model.'
    expect(alphaOf(plan, FIRST)).toBe(0.01)
    expect(alphaOf(plan, `${unet}time_embed.0.weight`)).toBe(0.01)
    expect(alphaOf(plan, `${unet}middle_block.0.in_layers.2.weight`)).toBe(0.13)
    expect(alphaOf(plan, `${unet}out.0.weight`)).toBe(0.25)
    expect(alphaOf(plan, `${unet}out.2.weight`)).toBe(0.77)
  })

  it('finds the same layer in the layout of diffusers and in the names of NovelAI', async () => {
    const shapes = new Map(SD1)
    const prefix = 'model.diffusion_model.'
    const naming = unetNaming(2, (name) => shapes.get(prefix + name))
    const theirs: Keys = SD1.map(([name, shape]) => {
      if (name.startsWith(prefix)) return [naming(name.slice(prefix.length)), shape]
      return [name.replace('transformer.text_model.', 'transformer.'), shape]
    })
    const plan = await merged(
      [await model('a'), await model('b', without(theirs, /^(first_stage|cond_stage)/))],
      { only: 'unet' },
    )
    expect(plan.blended.size).toBe(686)
    const nai = SD1.map(
      ([name, shape]) => [name.replace('transformer.text_model.', 'transformer.'), shape] as const,
    )
    expect((await merged([await model('a'), await model('b', nai)])).blended.size).toBe(722)
    expect((await merged([await model('a', nai), await model('b')])).blended.size).toBe(722)
  })

  it('merges the first four input channels of an inpainting model', async () => {
    const wide: Keys = SD1.map(([name, shape]) => [name, name === FIRST ? [32, 9, 3, 3] : shape])
    const plan = await merged([await model('a', wide), await model('b')])
    const { value } = plan.table.tensors.get(FIRST)!.source as PatchedSource
    expect(value).toMatchObject({
      op: 'over-columns',
      rows: 32,
      columns: 81,
      of: { op: 'combine', columns: 36, shape: [32, 4, 3, 3] },
    })
    expect(plan.findings.map(({ code }) => code)).toEqual(['merge-channels'])
    const error = await refusal([await model('a'), await model('b', wide)])
    expect(error).toMatchObject({ code: 'MERGE_MISFIT', exitCode: 4 })
    expect(error.hint).toBe('The inpainting or instruct-pix2pix model has to be A, the first one.')
  })

  it('takes the VAE of the model that is named, or blends it if told so', async () => {
    const [a, b] = [await model('a'), await model('b')]
    const other = await merged([a, b], { vae: 1 })
    expect(stepsOf(other)).toContain('replace vae 248')
    expect(stepsOf(await merged([a, b], { vae: 'blend' }))).toContain('blend vae 248')
    const bare = await model('a', without(SD1, /^first_stage/))
    expect((await merged([bare, b])).findings.map(({ code }) => code)).toEqual(['merge-no-vae'])
    const added = await merged([bare, b], { vae: 1 })
    expect(stepsOf(added)).toContain('add vae 248')
    expect([...added.table.tensors.keys()].filter((name) => name.startsWith(FIRST_STAGE))).toHaveLength(248)
  })
})

describe('what is refused', () => {
  it('mixed architectures', async () => {
    const error = await refusal([await model('a'), await model('b', narrowSdxl())])
    expect(error).toMatchObject({ code: 'MERGE_MIXED_ARCHITECTURES', exitCode: 4 })
    expect(error.message).toBe(
      'a (A) is Stable Diffusion 1.x, b (B) is Stable Diffusion XL: their weights are unrelated',
    )
  })

  it('models that predict different things, unless it is allowed', async () => {
    const [a, b] = [await model('a', narrowSdxl()), await model('b', [...narrowSdxl(), ['v_pred', []]])]
    const error = await refusal([a, b])
    expect(error).toMatchObject({ code: 'MERGE_MIXED_PREDICTIONS', exitCode: 4 })
    expect(error.message).toContain('b (B) predicts velocity (v) (marker tensor v_pred)')
    const { blended, findings } = await merged([a, b], { allowMixed: true })
    expect(blended.size).toBeGreaterThan(0)
    expect(findings.map(({ code }) => code)).toEqual(['merge-mixed-predictions'])
  })

  it('a model that lacks a weight, unless it is allowed', async () => {
    const [a, b] = [await model('a'), await model('b', without(SD1, /out\.2\.bias$/))]
    const error = await refusal([a, b])
    expect(error).toMatchObject({ code: 'MERGE_KEYS_MISSING', exitCode: 4 })
    expect(error.message).toBe('b (B) lacks 1 tensor ("model.diffusion_model.out.2.bias") of the UNet')
    const plan = await merged([a, b], { allowMissing: true })
    expect(plan.blended.has('model.diffusion_model.out.2.bias')).toBe(false)
    expect(plan.table.tensors.has('model.diffusion_model.out.2.bias')).toBe(true)
    expect(plan.findings.map(({ code }) => code)).toEqual(['merge-missing'])
    expect(await refusal([b, a])).toMatchObject({ code: 'MERGE_KEYS_MISSING' })
  })

  it('a model without text encoder, with the way out', async () => {
    const error = await refusal([await model('a'), await model('b', without(SD1, /^cond_stage/))])
    expect(error.message).toBe('b (B) has no CLIP-L text encoder')
    expect(error.hint).toBe('--only unet merges the other half; --allow-missing keeps what A has there.')
  })

  it('a LoRA, a wrong count of models or of alphas, and a merge that is a copy', async () => {
    const [a, b] = [await model('a'), await model('b')]
    const lora = await model('l', [
      ['lora_unet_mid_block_attentions_0_proj_in.lora_up.weight', [8, 4]],
      ['lora_unet_mid_block_attentions_0_proj_in.lora_down.weight', [4, 8]],
    ])
    expect(await refusal([a, lora])).toMatchObject({ code: 'MERGE_NOT_A_MODEL', exitCode: 3 })
    expect((await refusal([a, b], { method: 'add-difference' })).message).toBe(
      'add-difference needs 3 models; 2 were named',
    )
    expect((await refusal([a, b], { method: 'slerp', alpha: [0.1, 0.2] })).message).toBe(
      'slerp of 2 models takes 1 alpha; 2 were given',
    )
    expect(await refusal([a, b], { alpha: [0] })).toMatchObject({ code: 'MERGE_NOTHING', exitCode: 4 })
  })

  it('a pattern or a block that means nothing', async () => {
    const [a, b] = [await model('a'), await model('b')]
    const keys = [{ text: '--keys nowhere=1', matches: () => false, value: 1 }]
    expect(await refusal([a, b], { keys })).toMatchObject({ code: 'PATTERN_UNUSED', exitCode: 4 })
    const rules = [{ name: 'IN12', factor: 1, matches: (label: string) => label === 'IN12' }]
    expect(await refusal([a, b], { blocks: { rules } })).toMatchObject({ code: 'BLOCK_UNKNOWN', exitCode: 2 })
  })
})

it('every tensor has random numbers of its own, the same in every layout', async () => {
  const plan = await merged([await model('a'), await model('b')], { method: 'dare', alpha: [1], seed: 5 })
  const seeds = [...plan.table.tensors.values()].flatMap(({ source }) =>
    source.kind === 'patched' && source.value.op === 'combine' ? [source.value.parameters.seed] : [],
  )
  expect(seeds).toHaveLength(722)
  expect(new Set(seeds).size).toBe(722)
})
