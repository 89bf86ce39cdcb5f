/** Options of convert are data: which operation they are of, what they decide, and how version 1 spelled them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DTYPE_NAMES, type DTypeName } from '../../../src/model/dtype-choice.ts'
import { PIPELINE_FOLDERS } from '../../../src/model/layouts/pipeline.ts'
import { buildRecipe, parseRecipe, type Recipe, serialiseRecipe } from '../../../src/model/metadata/recipe.ts'
import { SELECTORS } from '../../../src/model/networks/components.ts'
import { convert } from '../../../src/operations/convert/convert.ts'
import { convertFile } from '../../../src/operations/convert/file.ts'
import { convertToFolder } from '../../../src/operations/convert/folder.ts'
import { convertNames } from '../../../src/operations/convert/names.ts'
import {
  type ConvertOptions,
  fileOptions,
  partOptions,
  singleOptions,
} from '../../../src/operations/convert/options.ts'
import { convertPart } from '../../../src/operations/convert/part.ts'
import { convertSingle } from '../../../src/operations/convert/single.ts'
import type { AnyOperation } from '../../../src/operations/operation.ts'
import type { Plan } from '../../../src/operations/plan.ts'
import { operationOfRecipe, planRecipe } from '../../../src/operations/recipe.ts'
import { withInputs } from '../../../src/operations/run.ts'
import { readOptions, writeOptions } from '../../../src/operations/schema.ts'
import type { JsonValue } from '../../../src/system/json.ts'
import { writeModel } from '../../model-files.ts'
import { halves, narrowXl } from '../../narrow-models.ts'
import { fc } from '../../properties.ts'
import { QUIET_WORLD } from '../../quiet-world.ts'

type JsonOptions = Readonly<Record<string, JsonValue>>

const OUTPUT = {
  json: false,
  quiet: true,
  verbose: false,
  force: false,
  dryRun: false,
  verify: false,
  hash: false,
  sidecars: false,
} as const

const folder = mkdtempSync(join(tmpdir(), 'sdtool-test-'))
const model = join(folder, 'model.safetensors')
const SDXL_FOLDERS = ['unet', 'vae', 'text_encoder', 'text_encoder_2'] as const
/** The weights of its folder, in this order. */
let weights: readonly string[]

beforeAll(async () => {
  await writeModel(model, narrowXl(halves))
  const output = { ...OUTPUT, output: join(folder, 'pipe') }
  await convertToFolder({ path: model, options: { to: 'diffusers' }, output }, QUIET_WORLD)
  const names = ['diffusion_pytorch_model', 'diffusion_pytorch_model', 'model', 'model']
  weights = SDXL_FOLDERS.map((part, i) => join(folder, 'pipe', part, `${names[i]}.safetensors`))
}, 60_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function recipe(version: 1 | 2, options: JsonOptions): Recipe {
  const facts = { sdtool: '0.1.0', operation: 'convert', produced: new Date(0), inputs: [], options, version }
  return parseRecipe(serialiseRecipe(buildRecipe(facts)))!
}

/** Everything of a plan that is written. */
function writtenBy({ table }: Plan): object {
  const tensors = [...table.tensors].map(([name, { dtype, shape, source }]) => {
    return [name, dtype, shape, source.kind, 'offset' in source ? source.offset : '']
  })
  return { tensors, metadata: table.metadata }
}

/** What a recipe makes of the model, or of the weights of its folder. */
async function made(version: 1 | 2, options: JsonOptions): Promise<object> {
  const paths = options.to === 'single' ? weights : [model]
  return withInputs(paths, OUTPUT, QUIET_WORLD, async (inputs, context) => {
    const asked = recipe(version, options)
    const plan = await planRecipe(asked, inputs, context)
    const { operation, options: read } = operationOfRecipe(asked)
    const { endings } = operation.form?.(read) ?? {}
    return { ...writtenBy(plan), endings, name: operation.outputName(plan, inputs, read) }
  })
}

const SINGLE = { to: 'single', parts: [...SDXL_FOLDERS] } as const
const PART = { to: 'diffusers', part: 'vae' } as const

describe('which operation a recipe is of', () => {
  it.each<[JsonOptions, AnyOperation]>([
    [{}, convertFile],
    [{ dtype: { all: 'fp16' } }, convertFile],
    [{ to: 'ckpt' }, convertFile],
    [{ to: 'safetensors' }, convertFile],
    [SINGLE, convertSingle],
    [PART, convertPart],
    [{ to: 'native' }, convertNames],
    [{ to: 'comfyui', dtype: { all: 'fp16' } }, convertNames],
  ])('%j', (options, operation) => {
    expect(operationOfRecipe(recipe(2, options)).operation).toBe(operation)
  })

  it.each<[string, JsonOptions]>([
    ['to', { to: 'gguf' }],
    ['part', { part: 'vae' }],
    ['part', { to: 'ckpt', part: 'vae' }],
    ['part', { to: 'diffusers' }],
    ['part', { ...PART, part: 'scheduler' }],
    ['parts', { to: 'single' }],
    ['parts.1', { to: 'single', parts: ['unet', 'lens'] }],
    ['part', { ...SINGLE, part: 'vae' }],
    ['zeroSnr', { ...SINGLE, zeroSnr: 1 }],
    ['prediction', { ...PART, prediction: 'epsilon' }],
    ['dtype.by', { ...PART, dtype: { by: { vae: 'fp16' } } }],
    ['dtype.all', { dtype: { all: 'fp3' } }],
    ['shard.number', { ...PART, shard: { number: 0, of: 2 } }],
  ])('says that %s is what it cannot repeat: %j', (name, options) => {
    expect(() => operationOfRecipe(recipe(2, options))).toThrow(
      expect.objectContaining({ code: 'RECIPE_UNREADABLE', message: expect.stringContaining(`"${name}"`) }),
    )
  })

  it('refuses a network for no input', async () => {
    await expect(made(2, { to: 'single', parts: ['unet', 'vae'] })).rejects.toMatchObject({
      code: 'RECIPE_INVALID',
      exitCode: 3,
    })
  })
})

const dtypeName = fc.constantFrom(...(Object.keys(DTYPE_NAMES) as DTypeName[]))
const oneDType = fc.option(fc.record({ all: dtypeName }), { nil: undefined })
const dtypes = fc.option(
  fc.record({ all: dtypeName, by: fc.dictionary(fc.constantFrom(...SELECTORS), dtypeName, { minKeys: 1 }) }),
  { nil: undefined },
)
const part = fc.constantFrom(...PIPELINE_FOLDERS)
const flag = fc.constantFrom(true, false, undefined)

it('options stay what they are through the JSON of a recipe', () => {
  const options = fc.oneof(
    fc.record({ to: fc.constantFrom('ckpt', 'native', 'comfyui', undefined), dtype: dtypes }),
    fc.record({
      to: fc.constant('single'),
      parts: fc.array(part, { minLength: 1 }),
      prediction: fc.option(fc.string(), { nil: undefined }),
      zeroSnr: flag,
      dtype: oneDType,
    }),
    fc.record({
      to: fc.constant('diffusers'),
      part,
      shard: fc.option(fc.constant({ number: 1, of: 2 }), { nil: undefined }),
      dtype: oneDType,
    }),
  )
  fc.assert(
    fc.property(options, (asked) => {
      const text = JSON.stringify(writeOptions(asked))
      const read = readOptions(convert.schema, JSON.parse(text))
      // what is not set is left out
      const set = Object.fromEntries(Object.entries(asked).filter(([, value]) => value))
      expect({ ...read, prediction: undefined }).toEqual({ ...set, prediction: undefined })
      expect(read.to === 'single' ? read.prediction : undefined).toBe(
        'prediction' in asked ? asked.prediction : undefined,
      )
      expect(convert.choose(read)).toBe(convert.choose(asked as ConvertOptions))
    }),
  )
})

/** By its schema: options, and others that differ from them by one field. */
const CHANGES = [
  [fileOptions, {}, { to: { to: 'ckpt' }, dtype: { dtype: { by: { vae: 'fp32' } } } }],
  [
    singleOptions,
    SINGLE,
    {
      parts: { parts: ['unet', 'vae', 'text_encoder_2', 'text_encoder'] },
      prediction: { prediction: 'v_prediction' },
      zeroSnr: { zeroSnr: true },
      dtype: { dtype: { all: 'bf16' } },
    },
  ],
  [partOptions, PART, { part: { part: 'text_encoder_2' }, dtype: { dtype: { all: 'fp32' } } }],
] as const

describe('every option decides what is written', () => {
  it('and has a row below, but for the word that says which operation it is', () => {
    for (const [{ entries }, base, changes] of CHANGES) {
      // shards are of networks of more than 10 GB: shards.test.ts
      const discriminator = 'to' in base ? ['to', ...('shard' in entries ? ['shard'] : [])] : []
      expect([...Object.keys(changes), ...discriminator].sort()).toEqual(Object.keys(entries).sort())
    }
  })

  it.each(
    CHANGES.flatMap(([, base, changes]) =>
      Object.entries(changes).map(([field, change]) => [field, base, { ...base, ...change }] as const),
    ),
  )('%s of %j', async (_, base, changed) => {
    const before = await made(2, base as JsonOptions)
    expect(await made(2, base as JsonOptions)).toEqual(before)
    expect(await made(2, changed as JsonOptions)).not.toEqual(before)
  })
})

it.each<[JsonOptions, JsonOptions]>([
  [{}, {}],
  [{ dtype: ['fp32'] }, { dtype: { all: 'fp32' } }],
  [{ dtype: ['vae=bf16', 'text=fp32'] }, { dtype: { by: { vae: 'bf16', text: 'fp32' } } }],
  [
    { to: 'ckpt', dtype: ['bf16', 'vae=fp32'] },
    { to: 'ckpt', dtype: { all: 'bf16', by: { vae: 'fp32' } } },
  ],
  [
    { to: 'diffusers', part: 'text_encoder', dtype: ['fp32'] },
    { to: 'diffusers', part: 'text_encoder', dtype: { all: 'fp32' } },
  ],
  [
    { ...SINGLE, prediction: 'v_prediction', zeroSnr: true, dtype: ['bf16'] },
    { ...SINGLE, prediction: 'v_prediction', zeroSnr: true, dtype: { all: 'bf16' } },
  ],
])('a recipe of version 1 is done as that of version 2: %j', async (one, two) => {
  expect(operationOfRecipe(recipe(1, one))).toEqual(operationOfRecipe(recipe(2, two)))
  expect(await made(1, one)).toEqual(await made(2, two))
})

it('the file of a folder says what its scheduler said', async () => {
  const names = ({ tensors }: { tensors: [string][] }) => tensors.map(([name]) => name)
  const plain = (await made(2, SINGLE)) as { tensors: [string][] }
  const marked = (await made(2, { ...SINGLE, prediction: 'v_prediction', zeroSnr: true })) as typeof plain
  // the empty tensors that ComfyUI and A1111 look for
  expect(names(marked).filter((name) => !names(plain).includes(name))).toEqual(['v_pred', 'ztsnr'])
})
