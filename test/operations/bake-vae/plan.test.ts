import { describe, expect, it } from 'vitest'
import { identify } from '../../../src/model/identify/identify.ts'
import { vaeNames } from '../../../src/model/layouts/vae-names.ts'
import type { Model } from '../../../src/model/model.ts'
import type { Shape } from '../../../src/model/networks/topology/match.ts'
import { VAE_16, VAE_KL_F8, type VaeConfig, vaeTopology } from '../../../src/model/networks/topology/vae.ts'
import { mayOverflow, overflowFindings, planBakeVae } from '../../../src/operations/bake-vae/plan.ts'
import { narrowSd1, narrowSdxl, type TableOptions, tableOf, valuesOf } from '../../model/tables.ts'

const NARROW: VaeConfig = { ...VAE_KL_F8, widths: [32, 64, 128, 128] }
const SD1 = narrowSd1()
const WITHOUT_VAE = SD1.filter(([name]) => !name.startsWith('first_stage_model.'))

async function model(
  name: string,
  keys: Iterable<readonly [string, Shape]>,
  options: TableOptions = {},
): Promise<Model> {
  const file = tableOf(keys, options)
  return { name, file, identity: await identify(file, valuesOf()) }
}

const vae = (keys: Iterable<readonly [string, Shape]> = vaeTopology(NARROW), options: TableOptions = {}) =>
  model('new.vae.pt', keys, options)

/** The same VAE as diffusers names and shapes it. */
function inDiffusers(): [string, Shape][] {
  return [...vaeTopology(NARROW)].map(([name, shape]) => {
    const isLinear = /attn_1\.(?:q|k|v|proj_out)\.weight$/.test(name)
    return [vaeNames(4).toDiffusers.get(name)!, isLinear ? shape.slice(0, 2) : shape]
  })
}

describe('planBakeVae', () => {
  it('replaces all 248 tensors, in the type of the VAE that was there', async () => {
    const base = await model('base.safetensors', SD1, { dtype: 'F16' })
    const { table, baked, steps } = planBakeVae(base, await vae())
    expect(baked).toHaveLength(248)
    expect(steps.map(({ action, component, tensors }) => [action, component, tensors])).toEqual([
      ['keep', 'unet', 686],
      ['keep', 'clip_l', 36],
      ['replace', 'vae', 248],
    ])
    expect(table.tensors.size).toBe(base.file.tensors.size)
    const tensor = table.tensors.get('first_stage_model.decoder.conv_in.weight')!
    expect([tensor.dtype, tensor.shape, tensor.source.kind]).toEqual(['F16', [128, 4, 3, 3], 'cast'])
  })

  it('adds the VAE where there is none, with its prefix and in its own type', async () => {
    const base = await model('base.safetensors', WITHOUT_VAE, { dtype: 'F16' })
    const { table, baked } = planBakeVae(base, await vae())
    expect(baked.every(({ before }) => before === undefined)).toBe(true)
    const names = [...vaeTopology(NARROW).keys()].map((name) => `first_stage_model.${name}`)
    expect(names.filter((name) => table.tensors.get(name)?.dtype !== 'F32')).toEqual([])
    expect(table.tensors.size).toBe(WITHOUT_VAE.length + 248)
  })

  it.each([
    ['its own names', () => [...vaeTopology(NARROW)] as [string, Shape][]],
    [
      'a prefix',
      () => [...vaeTopology(NARROW)].map(([n, s]) => [`first_stage_model.${n}`, s] as [string, Shape]),
    ],
    ['the layout of diffusers', inDiffusers],
    ['the checkpoint around it', () => SD1],
  ])('takes a VAE with %s to the same keys and shapes', async (_, keys) => {
    for (const base of [SD1, WITHOUT_VAE]) {
      const { table } = planBakeVae(await model('base.safetensors', base), await vae(keys()))
      const shapes = [...table.tensors].map(([name, { shape }]) => [name, shape])
      expect(new Map(shapes as [string, Shape][])).toEqual(new Map(SD1))
    }
  })

  it('casts to the type that is asked for, and keeps that of the file if told so', async () => {
    const base = await model('base.safetensors', SD1, { dtype: 'F16' })
    const dtypeOf = async (dtype: 'fp32' | 'bf16' | 'keep') =>
      planBakeVae(base, await vae(), { dtype }).table.tensors.get('first_stage_model.quant_conv.bias')?.dtype
    expect([await dtypeOf('bf16'), await dtypeOf('fp32'), await dtypeOf('keep')]).toEqual([
      'BF16',
      'F32',
      'F32',
    ])
  })

  it('drops what training left of the VAE that goes', async () => {
    const keys: [string, Shape][] = [...SD1, ['first_stage_model.loss.logvar', []]]
    const { table, steps } = planBakeVae(await model('base.safetensors', keys), await vae())
    expect(table.tensors.has('first_stage_model.loss.logvar')).toBe(false)
    expect(steps.at(-1)).toMatchObject({ action: 'drop', tensors: 1 })
  })

  const refused = async (base: Promise<Model>, other: Promise<Model>) => {
    const [one, two] = [await base, await other]
    try {
      planBakeVae(one, two)
    } catch (error) {
      return error as { code: string; exitCode: number; message: string }
    }
    throw new Error('nothing was refused')
  }

  it('refuses a VAE that lacks a tensor', async () => {
    const keys = [...vaeTopology(NARROW)].filter(([name]) => name !== 'quant_conv.bias')
    const error = await refused(model('base.safetensors', SD1), vae(keys))
    expect(error).toMatchObject({ code: 'VAE_INCOMPLETE', exitCode: 4 })
    expect(error.message).toBe(
      'new.vae.pt has 247 of the 248 tensors of a VAE; 1 tensor ("quant_conv.bias") missing or misshapen',
    )
  })

  it('refuses a decoder alone', async () => {
    const keys = [...vaeTopology(NARROW)].filter(([name]) => /decoder|post_quant/.test(name))
    expect(await refused(model('base.safetensors', SD1), vae(keys))).toMatchObject({ code: 'VAE_INCOMPLETE' })
  })

  it('refuses the VAE of another architecture, whether there is one to compare with or not', async () => {
    for (const base of [SD1, WITHOUT_VAE]) {
      const error = await refused(model('base.safetensors', base), vae(vaeTopology(VAE_16)))
      expect(error).toMatchObject({ code: 'VAE_WRONG_ARCHITECTURE', exitCode: 4 })
    }
  })

  it('refuses a VAE of other widths', async () => {
    const error = await refused(model('base.safetensors', SD1), vae(vaeTopology(VAE_KL_F8)))
    expect(error).toMatchObject({ code: 'VAE_MISFIT', exitCode: 4 })
  })

  it('refuses a base that is no checkpoint, and a source without VAE', async () => {
    expect(await refused(vae(), vae())).toMatchObject({ code: 'BASE_NOT_A_CHECKPOINT', exitCode: 3 })
    const none = model(
      'text.safetensors',
      SD1.filter(([name]) => name.startsWith('cond_stage_model.')),
    )
    expect(await refused(model('base.safetensors', SD1), none)).toMatchObject({
      code: 'VAE_NOT_FOUND',
      exitCode: 3,
    })
  })
})

describe('the VAE of SDXL in fp16', () => {
  it.each([
    ['F16', true],
    ['BF16', false],
    ['F32', false],
  ] as const)('is worth a word in %s: %s', async (dtype, expected) => {
    const base = await model('base.safetensors', narrowSdxl(), { dtype })
    expect(mayOverflow(base, planBakeVae(base, await vae()))).toBe(expected)
  })

  it('is no topic in SD 1.x', async () => {
    const base = await model('base.safetensors', SD1, { dtype: 'F16' })
    expect(mayOverflow(base, planBakeVae(base, await vae()))).toBe(false)
  })

  it('warns only of the VAE that is known to overflow', () => {
    const found = (['published', 'fixed', 'unknown'] as const).map((vae) => overflowFindings(vae)[0])
    expect(found.map((one) => [one?.code, one?.severity])).toEqual([
      ['vae-fp16-overflow', 'warning'],
      ['vae-fp16-safe', 'info'],
      ['vae-fp16-unknown', 'info'],
    ])
  })
})
