/** What `bake-vae` is asked for, as it stands in recipes, and what it finds out while it plans. */
import { describe, expect, it } from 'vitest'
import { DTYPE_NAMES } from '../../../src/model/dtype-choice.ts'
import { buildRecipe, type Recipe } from '../../../src/model/metadata/recipe.ts'
import type { Shape } from '../../../src/model/networks/topology/match.ts'
import { VAE_KL_F8, vaeTopology } from '../../../src/model/networks/topology/vae.ts'
import { bakeVae } from '../../../src/operations/bake-vae/bake-vae.ts'
import { bakeVaeOptions } from '../../../src/operations/bake-vae/options.ts'
import type { InputModel } from '../../../src/operations/operation.ts'
import type { Plan } from '../../../src/operations/plan.ts'
import { operationOfRecipe, planRecipe } from '../../../src/operations/recipe.ts'
import { readOptions, writeOptions } from '../../../src/operations/schema.ts'
import type { JsonValue } from '../../../src/system/json.ts'
import { narrowSd1, narrowSdxl, type TableOptions } from '../../model/tables.ts'
import { inputModel, zeroContext } from '../input-models.ts'

const NARROW = [...vaeTopology({ ...VAE_KL_F8, widths: [32, 64, 128, 128] })]
const BASE = await inputModel('dir/base.safetensors', narrowSd1(), { dtype: 'F16' })
const XL = await inputModel('dir/xl.safetensors', narrowSdxl(), { dtype: 'F16' })

/** As large as its tensors are, so that it can be hashed. */
async function vaeFile(name: string, keys: readonly [string, Shape][] = NARROW, options: TableOptions = {}) {
  const model = await inputModel(name, keys, options)
  return { ...model, file: { ...model.file, file: { path: name, size: 1000 } } }
}

const VAE = await vaeFile('dir/new.vae.pt')
// every tensor of zeros is as the base has it, so one must be new
const BARE = await inputModel(
  'dir/bare.safetensors',
  narrowSd1().filter(([name]) => !name.startsWith('first_stage_model.')),
)
const BARE_XL = await inputModel(
  'dir/bare-xl.safetensors',
  narrowSdxl().filter(([name]) => !name.startsWith('first_stage_model.')),
)

function recipeOf(version: 1 | 2, options: Recipe['options']): Recipe {
  return buildRecipe({
    sdtool: '0.1.0',
    operation: 'bake-vae',
    produced: new Date(0),
    inputs: [],
    options,
    version,
  })
}

function contentsOf({ table }: Plan): string {
  return JSON.stringify([...table.tensors])
}

const DTYPES = Object.keys(DTYPE_NAMES)

describe('options of bake-vae', () => {
  it.each([{}, ...DTYPES.map((dtype) => ({ dtype }))])(
    '%j come back from the text of a recipe',
    (options) => {
      expect(readOptions(bakeVaeOptions, JSON.parse(JSON.stringify(writeOptions(options))))).toEqual(options)
    },
  )

  it('are one, which decides the plan', async () => {
    expect(Object.keys(bakeVaeOptions.entries)).toEqual(['dtype'])
    const plans = [undefined, 'fp16', 'bf16'] as const
    const texts = await Promise.all(
      plans.map(async (dtype) =>
        contentsOf(await bakeVae.plan([BARE, VAE], dtype ? { dtype } : {}, zeroContext())),
      ),
    )
    expect(new Set(texts).size).toBe(plans.length)
  })

  it.each([{}, { dtype: 'fp32' }, { dtype: 'fp16' }, { dtype: 'bf16' }, { dtype: 'keep' }])(
    '%j of 0.1 plan the same',
    async (options) => {
      const plans = ([1, 2] as const).map((version) =>
        planRecipe(recipeOf(version, options), [BARE, VAE], zeroContext()),
      )
      const [old, current] = await Promise.all(plans)
      expect(contentsOf(old!)).toBe(contentsOf(current!))
    },
  )

  it.each<Record<string, JsonValue>>([
    { dtype: 'fp3' },
    { dtype: ['fp16'] },
    { dtype: { all: 'fp16' } },
    { dtype: 16 },
    { vae: 'b' },
  ])('%j are refused', (options) => {
    expect(() => operationOfRecipe(recipeOf(2, options))).toThrow(
      expect.objectContaining({ code: 'RECIPE_UNREADABLE', exitCode: 3 }),
    )
  })

  it.each([1, 3])('a recipe of %i inputs makes no sense', async (count) => {
    const inputs = [BARE, VAE, VAE].slice(0, count)
    await expect(planRecipe(recipeOf(2, {}), inputs, zeroContext())).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      exitCode: 3,
    })
  })
})

describe('the plan of bake-vae', () => {
  it('calls the files by their names alone, and its output after both', async () => {
    const plan = await bakeVae.plan([BARE, VAE], {}, zeroContext())
    expect(plan.steps.find(({ action }) => action === 'add')?.why).toBe('from new.vae.pt')
    expect(bakeVae.outputName(plan, [BARE, VAE], {})).toBe('bare-new-vae.safetensors')
  })

  it.each([true, false])('refuses what changes nothing, in a rehearsal (%s), too', async (rehearsal) => {
    const same = { ...VAE, name: 'dir/same.vae.pt' }
    await expect(bakeVae.plan([BASE, same], {}, zeroContext({ rehearsal }))).rejects.toMatchObject({
      code: 'NOTHING_CHANGED',
      exitCode: 4,
      message: 'dir/base.safetensors already has the VAE of dir/same.vae.pt, value for value',
    })
  })

  // SHA-256 of the files as published on Hugging Face: madebyollin/sdxl-vae-fp16-fix, stabilityai/sdxl-vae
  const HASHES = {
    fixed: '235745af8d86bf4a4c1b5b4f529868b37019a10f7c0b2e79ad0abca3a22bc6e1',
    'fixed, of diffusers': '1b909373b28f2137098b0fd9dbc6f97f8410854f31f84ddc9fa04b077b0ace2c',
    unknown: '0'.repeat(64),
  }
  it.each([
    ['fixed', 'fp16', 'vae-fp16-safe'],
    ['fixed, of diffusers', 'fp16', 'vae-fp16-safe'],
    ['unknown', 'fp16', 'vae-fp16-unknown'],
    ['fixed', 'bf16', undefined],
    ['unknown', 'fp32', undefined],
  ] as const)('says what fp16 does to a VAE for SDXL: %s in %s', async (which, dtype, code) => {
    const asked: string[] = []
    const hash = async (name: string) => {
      asked.push(name)
      return { sha256: HASHES[which] }
    }
    const { findings } = await bakeVae.plan([BARE_XL, VAE], { dtype }, zeroContext({ hash }))
    const found = findings.filter((finding) => finding.code.startsWith('vae-fp16'))
    expect(found.map((finding) => finding.code)).toEqual(code === undefined ? [] : [code])
    expect(new Set(asked)).toEqual(new Set(['dir/new.vae.pt']))
  })

  it.each([
    ['SDXL', BARE_XL, HASHES.fixed, undefined],
    ['SD 1.x', BARE, HASHES.fixed, 'VAE_WRONG_ARCHITECTURE'],
    ['SD 1.x', BARE, HASHES.unknown, undefined],
  ] as const)('knows by its hash for whose latents a VAE is: into %s', async (_, base, sha256, code) => {
    const plan = bakeVae.plan([base as InputModel, VAE], {}, zeroContext({ hash: async () => ({ sha256 }) }))
    if (code === undefined) expect((await plan).baked).toHaveLength(248)
    else await expect(plan).rejects.toMatchObject({ code, exitCode: 4 })
  })

  it('does not hash what is too large to be a VAE alone', async () => {
    const hash = async () => {
      throw new Error('hashed')
    }
    const { baked } = await bakeVae.plan([BARE_XL, XL], { dtype: 'fp16' }, zeroContext({ hash }))
    expect(baked).toHaveLength(248)
  })
})
