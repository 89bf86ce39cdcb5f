/** merge-lora as an operation: its options are JSON, all of them count, and recipes of 0.1 ask for the same. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GenericSchema } from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { withModels } from '../../../src/library/session.ts'
import { mergeLora } from '../../../src/operations/merge-lora/merge-lora.ts'
import { type MergeLoraOptions, mergeLoraOptions } from '../../../src/operations/merge-lora/options.ts'
import type { MergeLoraPlan } from '../../../src/operations/merge-lora/plan.ts'
import { migrateOptions } from '../../../src/operations/recipe-v1.ts'
import { inputModels, plainContext } from '../../../src/operations/run.ts'
import { readOptions, writeOptions } from '../../../src/operations/schema.ts'
import { writeSafetensors } from '../../../src/tensor/write/write.ts'
import { runCli } from '../../cli/run.ts'
import { QUIET_WORLD } from '../../quiet-world.ts'
import { floatTensor } from '../../tables.ts'

const file = (name: string) => join(import.meta.dirname, '../../../fixtures/tiny-sd', name)
const [BASE, OUTLINE] = ['tiny-sd.ckpt', 'tiny-outline.safetensors'].map(file) as [string, string]

const folder = mkdtempSync(join(tmpdir(), 'sdtool-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const ODD = join(folder, 'odd.safetensors')

/** A LoRA with a module for no layer, so that every option has something to decide. */
beforeAll(async () => {
  await withModels([file('tiny-stripes.safetensors')], QUIET_WORLD, async ([opened]) => {
    const { tensors, metadata } = opened!.model
    const stray = ['lora_up', 'lora_down'].map((part) =>
      floatTensor(`lora_unet_nowhere_at_all.${part}.weight`, [1, 1], [1]),
    )
    const all = new Map([...tensors, ...stray.map((tensor) => [tensor.name, tensor] as const)])
    await writeSafetensors({ tensors: all, metadata }, ODD, { inputs: [], threads: 0 })
  })
})

const NOTHING = { ratio: { unet: 0, text: 0 } }
const HALF = { unet: 0.5, text: 0.5 }
const PLAIN: MergeLoraOptions = { loras: [{ ratio: { unet: 0.7, text: 0.7 } }, { ratio: HALF }] }

async function planOf(options: MergeLoraOptions): Promise<MergeLoraPlan> {
  const paths = [BASE, ODD, OUTLINE]
  return withModels(paths, QUIET_WORLD, async (opened) =>
    mergeLora.plan(await inputModels(paths, opened), options, plainContext(opened, QUIET_WORLD)),
  )
}

/** All that a plan says of what would be written, and whether it may be. */
async function fingerprint(options: MergeLoraOptions): Promise<string> {
  const { table, steps, problems } = await planOf(options)
  const tensors = [...table.tensors.values()].map(({ name, dtype, shape, source }) => [
    name,
    dtype,
    shape,
    source,
  ])
  return JSON.stringify([steps, problems.map(({ message }) => message), tensors])
}

/** An option of each name that a recipe can have, and what else stays as it is. */
const CHANGES: Readonly<Record<string, MergeLoraOptions>> = {
  'loras.ratio.unet': { loras: [{ ratio: { unet: 0.6, text: 0.7 } }, { ratio: HALF }] },
  'loras.ratio.text': { loras: [{ ratio: { unet: 0.7, text: 0.6 } }, { ratio: HALF }] },
  'loras.blocks': { loras: [{ ratio: { unet: 0.7, text: 0.7 }, blocks: 'IN01=0.5' }, { ratio: HALF }] },
  'dtype.all': { ...PLAIN, dtype: { all: 'fp32' } },
  'dtype.by': { ...PLAIN, dtype: { by: { vae: 'bf16' } } },
  only: { ...PLAIN, only: 'text' },
  include: { ...PLAIN, include: ['*attn1*'] },
  exclude: { ...PLAIN, exclude: ['*attn1*'] },
  allowUnmatched: { ...PLAIN, allowUnmatched: true },
  ema: { ...PLAIN, ema: 'patch' },
}

/** Names of all values that a schema has places for. */
function leavesOf(schema: GenericSchema, path: readonly string[] = []): string[] {
  const { entries, item, wrapped } = schema as {
    entries?: Readonly<Record<string, GenericSchema>>
    item?: GenericSchema
    wrapped?: GenericSchema
  }
  if (entries) return Object.entries(entries).flatMap(([name, entry]) => leavesOf(entry, [...path, name]))
  const inner = wrapped ?? item
  return inner === undefined ? [path.join('.')] : leavesOf(inner, path)
}

describe('options', () => {
  it('are all tried here', () => {
    expect(Object.keys(CHANGES).sort()).toEqual(leavesOf(mergeLoraOptions).sort())
  })

  it.each(Object.entries(CHANGES))(
    '%s changes the plan',
    async (name, options) => {
      const [plain, own] = [await fingerprint(PLAIN), await fingerprint(options)]
      expect(own === plain, name).toBe(false)
    },
    60_000,
  )

  it.each(Object.entries(CHANGES))('%s is the same behind JSON', (_, options) => {
    const json = JSON.parse(JSON.stringify(writeOptions(options)))
    expect(readOptions(mergeLoraOptions, json)).toEqual(options)
  })

  it.each([
    ['an unknown one', { ...PLAIN, strength: 1 }],
    ['a side that does not exist', { ...PLAIN, only: 'vae' }],
    ['a type that does not exist', { ...PLAIN, dtype: { all: 'fp3' } }],
    ['a ratio of one side', { loras: [{ ratio: { unet: 1 } }] }],
    ['a ratio that is a text', { loras: [{ ratio: '0.7' }] }],
    ['no LoRAs', { only: 'unet' }],
    ['a pattern that is no list', { ...PLAIN, include: '*attn1*' }],
  ])('%s is refused', (_, json) => {
    expect(() => readOptions(mergeLoraOptions, json as never)).toThrow(/recipe has an option/)
  })

  it.each([
    ['a ratio too few', { loras: [{ ratio: HALF }] }, 'there are 1 ratios for 2 LoRAs'],
    ['nothing but 0', { loras: [0, 0].map((n) => ({ ratio: { unet: n, text: n } })) }, 'every ratio is 0'],
    [
      'blocks that are none',
      { loras: [{ ratio: HALF, blocks: 'IN1=x' }, { ratio: HALF }] },
      'is not a block ratio',
    ],
  ])('%s makes no sense', async (_, options, message) => {
    await expect(planOf(options)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(message),
    })
  })
})

function recipeFile(facts: object): string {
  const common = {
    sdtool: '0.1.0',
    operation: 'merge-lora',
    produced: '2026-01-02T03:04:05.000Z',
    inputs: INPUTS,
  }
  const path = join(folder, 'recipe.json')
  writeFileSync(path, JSON.stringify({ ...common, ...facts }))
  return path
}

/** As 0.1 named them. */
const INPUTS = [
  ['tiny-sd-b', 21893974, '161d05d44115493f56f00aee3cf5906a7e4d477cbe6f5fa8c1ba79cbe3078f83'],
  ['tiny-stripes', 1798764, '239ac654b427f1032db78d85929e1f9366c8d0049eb8c0172807b04add8934f5'],
  ['tiny-outline', 1345704, '0e299bcb4868d79030422913170e0cf512d0df4a0c816f20a7961561b17592f9'],
].map(([name, bytes, sha256]) => ({
  name: `${name}.safetensors`,
  bytes: Number(bytes),
  sha256: String(sha256),
}))

describe('a recipe of version 1', () => {
  const ratio = (unet: number, text = unet) => ({ unet, text })
  it.each([
    ['one LoRA', { ratios: [0.7] }, { loras: [{ ratio: ratio(0.7) }] }],
    [
      'a ratio of its own for the text encoder',
      { ratios: [{ unet: 0.4, text: 0.9 }, -0.5] },
      { loras: [{ ratio: ratio(0.4, 0.9) }, { ratio: ratio(-0.5) }] },
    ],
    [
      'blocks of one of two LoRAs',
      { ratios: [1, 2], blocks: ['IN01=0.5', 'ALL'] },
      { loras: [{ ratio: ratio(1), blocks: 'IN01=0.5' }, { ratio: ratio(2) }] },
    ],
    [
      'types',
      { ratios: [1], dtype: ['fp32', 'vae=fp16'] },
      { loras: [{ ratio: ratio(1) }], dtype: { all: 'fp32', by: { vae: 'fp16' } } },
    ],
    [
      'all others',
      {
        ratios: [1],
        only: 'unet',
        include: ['a'],
        exclude: ['b'],
        allowUnmatched: true,
        ema: 'patch',
        engine: 'sdtool wasm 1',
      },
      {
        loras: [{ ratio: ratio(1) }],
        only: 'unet',
        include: ['a'],
        exclude: ['b'],
        allowUnmatched: true,
        ema: 'patch',
      },
    ],
  ])('of %s asks for the same', (_, old, current) => {
    expect(readOptions(mergeLoraOptions, migrateOptions('merge-lora', old))).toEqual(current)
  })

  it.each([
    ['ratios that are texts', { ratios: ['x'] }],
    ['blocks of two LoRAs of three', { ratios: [1, 1, 1], blocks: ['ALL', 'MIDD'] }],
    ['an option of another version', { ratios: [1], strength: 2 }],
    ['an engine without a name', { ratios: [1], engine: 7 }],
  ])('of %s is refused', (_, old) => {
    const read = () => readOptions(mergeLoraOptions, migrateOptions('merge-lora', old))
    expect(read).toThrow(/recipe has an option/)
  })

  it('gives the tensors that 0.1 wrote', async () => {
    // of `merge-lora tiny-sd-b tiny-stripes:0.4:0.9 tiny-outline:-0.5 --blocks IN01=0.5 --blocks ALL ...` by sdtool 0.1.0
    const options = {
      ratios: [{ unet: 0.4, text: 0.9 }, -0.5],
      dtype: ['fp32', 'vae=fp16'],
      blocks: ['IN01=0.5', 'ALL'],
      include: ['*attn*', '*mlp*'],
      exclude: ['*attn2*'],
      allowUnmatched: true,
      engine: 'sdtool wasm 1',
    }
    const out = join(folder, 'again.safetensors')
    const json = recipeFile({ version: 1, options })
    const args = ['replay', json, '--models', file(''), '-o', out, '--json', '-q']
    const { code, stdout, stderr } = await runCli(args)
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout).results).toMatchObject([
      {
        operation: 'merge-lora',
        result: { status: 'written', loras: [{}, {}], proof: [{}, {}] },
        autoV3: 'e1cd47c3d439c93206f4be135f74c36a62899ae60419d9dd08e96a4cb03a76b6',
      },
    ])
  }, 120_000)
})

it.each([
  ['without inputs', { inputs: [] }, 'the recipe has no inputs'],
  ['with a ratio too few', { options: { loras: [{ ratio: HALF }] } }, 'there are 1 ratios for 2 LoRAs'],
  ['with ratios of 0', { options: { loras: [NOTHING, NOTHING] } }, 'every ratio is 0'],
])(
  'a recipe %s is refused as such',
  async (_, facts, message) => {
    const json = recipeFile({ version: 2, options: PLAIN, ...facts })
    const { code, stderr } = await runCli(['replay', json, '--models', file(''), '-q'])
    expect([code, stderr]).toEqual([3, expect.stringContaining(message)])
  },
  60_000,
)

it('what keeps a recipe from being repeated is said, beside what is known of it', async () => {
  const loras = [{ ratio: HALF }, { ratio: HALF }]
  const json = recipeFile({ version: 2, options: { loras, exclude: ['*'] } })
  const { code, stdout, stderr } = await runCli(['replay', json, '--models', file('')])
  expect([code, stderr]).toEqual([4, expect.stringContaining('the options leave out all of its')])
  expect(stdout).toContain('nothing written')
}, 60_000)
