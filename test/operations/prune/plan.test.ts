import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { emaName } from '../../../src/model/identify/ema.ts'
import { type Identifiable, identify } from '../../../src/model/identify/identify.ts'
import { alphasCumprod, DEFAULT_BETAS } from '../../../src/model/identify/schedule.ts'
import { withKnownNames } from '../../../src/model/layouts/known-names.ts'
import { SCHEDULE_BUFFERS } from '../../../src/model/layouts/split.ts'
import { dit } from '../../../src/model/networks/architectures/architecture.ts'
import { fluxDev } from '../../../src/model/networks/architectures/flux.ts'
import { qwenImage } from '../../../src/model/networks/architectures/qwen-image.ts'
import { sd3Medium } from '../../../src/model/networks/architectures/sd3.ts'
import type { DitNetwork } from '../../../src/model/networks/template/network.ts'
import { encoderPrefix } from '../../../src/model/networks/text-encoders/component.ts'
import type { Shape } from '../../../src/model/networks/topology/match.ts'
import { VAE_KL_F8, vaeTopology } from '../../../src/model/networks/topology/vae.ts'
import { changesNothing, type Plan } from '../../../src/operations/plan.ts'
import { type PruneOptions, planPrune } from '../../../src/operations/prune/plan.ts'
import { EXIT, type SdtoolError } from '../../../src/system/errors.ts'
import type { DType } from '../../../src/tensor/values/dtype.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { type CollapsedKeys, expandedKeys } from '../../collapsed-keys.ts'
import { componentKeys, narrowSd1, narrowSdxl, tableOf, valuesOf } from '../../model/tables.ts'

type Keys = [string, Shape][]
type Values = Record<string, readonly number[]>

const UNET = 'model.diffusion_model.'
const POSITION_IDS = 'cond_stage_model.transformer.text_model.embeddings.position_ids'
const usual = Array.from(alphasCumprod(DEFAULT_BETAS), Math.fround)

async function prune(file: Identifiable, options: PruneOptions = {}, values: Values = {}): Promise<Plan> {
  const read = valuesOf(values)
  const known = withKnownNames(file)
  return planPrune(known, await identify(known, read), options, read)
}

async function failure(promise: Promise<unknown>): Promise<SdtoolError> {
  return promise.then(
    () => Promise.reject(new Error('nothing was thrown')),
    (error: SdtoolError) => error,
  )
}

/** The EMA copy of all UNet keys, with its two counters. */
function emaOf(keys: Keys): Keys {
  const copies = keys
    .filter(([name]) => name.startsWith(UNET))
    .map(([name, shape]): [string, Shape] => [emaName(name), shape])
  return [...copies, ['model_ema.decay', []], ['model_ema.num_updates', []]]
}

const COUNTERS = { 'model_ema.num_updates': 'I32' } as const satisfies Record<string, DType>
const trained: Values = { 'model_ema.num_updates': [470000], 'model_ema.decay': [0.9999] }

function fullCheckpoint(dtypes: Record<string, DType> = {}): Identifiable {
  const keys = narrowSd1()
  return tableOf([...keys, ...emaOf(keys)], { dtypes: { ...COUNTERS, ...dtypes } })
}

/** Where the values of a planned tensor come from in the input. */
function origin({ source }: Tensor): number | undefined {
  if (source.kind === 'cast') return origin(source.of)
  return source.kind === 'stored' ? source.offset : undefined
}

function summary(plan: Plan): [string, string, number][] {
  return plan.steps.map(({ action, component, tensors }) => [action, component, tensors])
}

describe('emaName', () => {
  it('is the name the EMA of CompVis gives a weight', () => {
    expect(emaName(`${UNET}input_blocks.0.0.weight`)).toBe('model_ema.diffusion_modelinput_blocks00weight')
    expect(emaName('encoder.conv_in.weight')).toBe('model_ema.encoderconv_inweight')
  })
})

describe('pruning a checkpoint with an EMA copy', () => {
  it('puts the EMA values into the live keys by default', async () => {
    const file = fullCheckpoint()
    const plan = await prune(file, {}, trained)
    expect(summary(plan)).toEqual([
      ['promote', 'unet', 686],
      ['keep', 'clip_l', 36],
      ['keep', 'vae', 248],
      ['drop', 'unet_ema', 688],
    ])
    expect([...plan.table.tensors.keys()].some((name) => name.startsWith('model_ema'))).toBe(false)
    for (const name of file.tensors.keys()) {
      if (!name.startsWith(UNET)) continue
      const planned = plan.table.tensors.get(name)!
      expect([name, origin(planned)]).toEqual([name, origin(file.tensors.get(emaName(name))!)])
      expect(planned.name).toBe(name)
    }
  })

  it('accounts for every byte of the input', async () => {
    const file = fullCheckpoint()
    const plan = await prune(file, {}, trained)
    const bytes = (tensors: Iterable<Tensor>) =>
      [...tensors].reduce((sum, { source }) => sum + (source.kind === 'stored' ? source.nbytes : 0), 0)
    const sum = (key: 'bytesBefore' | 'bytesAfter') => plan.steps.reduce((all, step) => all + step[key], 0)
    expect(sum('bytesBefore')).toBe(bytes(file.tensors.values()))
    expect(sum('bytesAfter')).toBe(bytes(plan.table.tensors.values()))
    expect(plan.steps.flatMap(({ names }) => names).sort()).toEqual([...file.tensors.keys()].sort())
  })

  it('keeps the type of the EMA, and casts it if asked to', async () => {
    const live = Object.fromEntries(
      narrowSd1().map(([name]) => [name, name.startsWith(UNET) ? 'F16' : 'F32'] as const),
    )
    const first = `${UNET}out.2.weight`
    const asStored = await prune(fullCheckpoint(live), {}, trained)
    expect(asStored.table.tensors.get(first)?.dtype).toBe('F32')
    const half = await prune(fullCheckpoint(live), { dtype: { all: 'fp16' } }, trained)
    expect(half.table.tensors.get(first)).toMatchObject({ dtype: 'F16', source: { kind: 'cast' } })
  })

  it('drops or keeps the copy when asked to', async () => {
    const dropped = await prune(fullCheckpoint(), { ema: 'drop' }, trained)
    expect(summary(dropped)).toEqual([
      ['keep', 'unet', 686],
      ['keep', 'clip_l', 36],
      ['keep', 'vae', 248],
      ['drop', 'unet_ema', 688],
    ])
    for (const options of [
      { ema: 'keep' },
      { ema: 'keep', dtype: { by: { ema: 'fp16' } } },
    ] as PruneOptions[]) {
      const kept = await prune(fullCheckpoint(), options, trained)
      expect(kept.table.tensors.size).toBe(686 + 36 + 248 + 688)
      expect(kept.table.tensors.get('model_ema.num_updates')?.dtype).toBe('I32')
    }
  })

  it.each([
    ['lacks a weight', (keys: Keys) => keys.slice(1)],
    [
      'has a weight of another shape',
      (keys: Keys) => [[keys[0]![0], [3]] as [string, Shape], ...keys.slice(1)],
    ],
  ])('refuses to promote a copy that %s, unless it is dropped', async (_, damage) => {
    const keys = narrowSd1()
    const file = tableOf([...keys, ...damage(emaOf(keys))], { dtypes: COUNTERS })
    const error = await failure(prune(file, {}, trained))
    expect(error).toMatchObject({ code: 'EMA_PARTIAL', exitCode: EXIT.unverified })
    expect(error.message).toContain('covers 685 of 686 weights')
    expect(await failure(prune(file, { ema: 'only' }, trained))).toMatchObject({ code: 'EMA_PARTIAL' })
    expect((await prune(file, { ema: 'drop' }, trained)).table.tensors.size).toBe(970)
  })

  it('promotes a never-updated copy only when asked by name', async () => {
    const values = { ...trained, 'model_ema.num_updates': [0] }
    expect(await failure(prune(fullCheckpoint(), {}, values))).toMatchObject({ code: 'EMA_NEVER_UPDATED' })
    const plan = await prune(fullCheckpoint(), { ema: 'only' }, values)
    expect(summary(plan)[0]).toEqual(['promote', 'unet', 686])
    expect(plan.findings.map(({ code }) => code)).toEqual(['ema-never-updated'])
  })

  it('promotes the EMA copy of a merge, which may be that of one parent, only when asked by name', async () => {
    const file = { ...fullCheckpoint(), metadata: { sd_merge_recipe: '{}' } }
    expect(await failure(prune(file, {}, trained))).toMatchObject({
      code: 'EMA_OF_MERGE',
      exitCode: EXIT.unverified,
    })
    expect(summary(await prune(file, { ema: 'only' }, trained))[0]).toEqual(['promote', 'unet', 686])
    expect(summary(await prune(file, { ema: 'drop' }, trained))[0]).toEqual(['keep', 'unet', 686])
  })

  it('takes an EMA without warm-up (num_updates -1) for valid', async () => {
    const plan = await prune(fullCheckpoint(), {}, { ...trained, 'model_ema.num_updates': [-1] })
    expect(summary(plan)[0]).toEqual(['promote', 'unet', 686])
  })

  it('refuses to lose the only copy of the UNet', async () => {
    const keys = narrowSd1()
    const file = tableOf([...keys.filter(([name]) => !name.startsWith(UNET)), ...emaOf(keys)], {
      dtypes: COUNTERS,
    })
    expect(await failure(prune(file, {}, trained))).toMatchObject({
      code: 'EMA_ALONE',
      exitCode: EXIT.unverified,
    })
  })

  it('refuses --ema only for a file without EMA', async () => {
    const error = await failure(prune(tableOf(narrowSd1()), { ema: 'only' }))
    expect(error).toMatchObject({ code: 'EMA_MISSING', exitCode: EXIT.unverified })
  })

  it('drops the bare counters that VAE training leaves', async () => {
    const keys: Keys = [...vaeTopology(VAE_KL_F8)]
    keys.push(['loss.logvar', []], ['model_ema.decay', []], ['model_ema.num_updates', []])
    const plan = await prune(tableOf(keys, { dtypes: COUNTERS }), {}, trained)
    expect(summary(plan)).toEqual([
      ['keep', 'vae', 248],
      ['drop', 'vae_ema', 2],
      ['drop', 'training', 1],
    ])
  })
})

describe('what pruning leaves out', () => {
  const buffers = SCHEDULE_BUFFERS.map((name): [string, Shape] => [name, [1000]])

  it('says so when there is nothing to prune', async () => {
    expect(changesNothing(await prune(tableOf(narrowSd1())))).toBe(true)
    expect(changesNothing(await prune(tableOf(narrowSdxl())))).toBe(true)
  })

  it('leaves out schedule buffers that hold the usual values', async () => {
    const plan = await prune(tableOf([...narrowSd1(), ...buffers]), {}, { alphas_cumprod: usual })
    expect(summary(plan).at(-1)).toEqual(['drop', 'schedule', 12])
    const kept = await prune(
      tableOf([...narrowSd1(), ...buffers]),
      { keepSchedule: true },
      { alphas_cumprod: usual },
    )
    expect(summary(kept).at(-1)).toEqual(['keep', 'schedule', 12])
  })

  it('keeps a trained schedule and says so', async () => {
    const zeroSnr = usual.map((value, i) => (i === 999 ? 0 : value))
    const file = tableOf([...narrowSd1(), ...buffers])
    const plan = await prune(file, { dtype: { all: 'fp16' } }, { alphas_cumprod: zeroSnr })
    expect(summary(plan).at(-1)).toEqual(['keep', 'schedule', 12])
    expect(plan.table.tensors.get('alphas_cumprod')?.dtype).toBe('F32')
    expect(plan.findings.map(({ code }) => code)).toEqual(['custom-schedule'])
  })

  it('leaves out training state, in the table and beside it', async () => {
    const file: Identifiable = {
      ...tableOf([...narrowSd1(), ['first_stage_model.loss.logvar', [2]], ['optimizer.state', [8]]]),
      leftovers: [
        { path: 'optimizer_states', what: 'list', bytes: 1234 },
        { path: 'callbacks', what: 'dict', bytes: 0 },
      ],
    }
    const plan = await prune(file)
    const dropped = plan.steps.filter(({ action }) => action === 'drop')
    expect(dropped.flatMap(({ names }) => names)).toEqual([
      'first_stage_model.loss.logvar',
      'optimizer.state',
      'optimizer_states',
    ])
    expect(dropped.reduce((sum, { bytesBefore }) => sum + bytesBefore, 0)).toBe(8 + 32 + 1234)
    expect(plan.table.tensors.size).toBe(970)
  })

  it('keeps the text encoders and markers of SDXL, which other tools delete', async () => {
    const file = tableOf([...narrowSdxl(), ['v_pred', [0]], ['ztsnr', [0]], ['optimizer.x', [1]]])
    const plan = await prune(file, { dtype: { all: 'fp16' } })
    const names = [...plan.table.tensors.keys()]
    expect(names).toEqual([...file.tensors.keys()].filter((name) => name !== 'optimizer.x'))
    expect(plan.table.tensors.get('v_pred')?.dtype).toBe('F32')
    expect(summary(plan)).toContainEqual(['keep', 'markers', 2])
  })

  it('keeps keys it does not know, in the type they have', async () => {
    const file = tableOf([...narrowSd1(), ['something.new', [4]], [`${UNET}strange.weight`, [4]]])
    const plan = await prune(file, { dtype: { all: 'fp16' } })
    expect(plan.table.tensors.get('something.new')?.dtype).toBe('F32')
    expect(plan.table.tensors.has(`${UNET}strange.weight`)).toBe(true)
    expect(summary(plan).at(-1)).toEqual(['keep', 'other', 1])
  })

  it('does not take a checkpoint without position_ids for broken', async () => {
    const plan = await prune(tableOf(narrowSd1()), { dtype: { all: 'fp16' } })
    expect(summary(plan)).toEqual([
      ['cast', 'unet', 686],
      ['cast', 'clip_l', 36],
      ['cast', 'vae', 248],
    ])
  })

  it('leaves every name of SD3 and Flux as it is, T5 included', async () => {
    for (const architecture of [sd3Medium, fluxDev]) {
      const file = tableOf(architecture.components.flatMap(componentKeys), { dtype: 'F16' })
      const plan = await prune(file)
      expect(changesNothing(plan)).toBe(true)
      expect([...plan.table.tensors.keys()]).toEqual([...file.tensors.keys()])
    }
  })

  it('keeps both sets of names that some merges with NovelAI have', async () => {
    const second = narrowSd1()
      .filter(([name]) => name.includes('.text_model.'))
      .map(([name, shape]): [string, Shape] => [name.replace('text_model.', ''), shape])
    const file = tableOf([...narrowSd1(), ...second])
    expect((await prune(file)).table.tensors.size).toBe(970 + 36)
  })

  it('gives the text encoder of NovelAI the names that programs expect', async () => {
    const keys = narrowSd1().map(([name, shape]): [string, Shape] => [name.replace('text_model.', ''), shape])
    const plan = await prune(tableOf(keys))
    expect([...plan.table.tensors.keys()]).toEqual(narrowSd1().map(([name]) => name))
    expect(summary(plan)).toContainEqual(['rename', 'clip_l', 36])
  })
})

describe('position_ids', () => {
  const withIds = (dtype: DType) =>
    tableOf([...narrowSd1(), [POSITION_IDS, [1, 77]]], { dtypes: { [POSITION_IDS]: dtype } })
  const right = Array.from({ length: 77 }, (_, i) => i)
  const idsOf = (plan: Plan) => {
    const { source, dtype, shape } = plan.table.tensors.get(POSITION_IDS)!
    if (source.kind !== 'bytes') return { source: source.kind, dtype }
    return { dtype, shape, values: [...new BigInt64Array(source.data.slice().buffer)].map(Number) }
  }

  it('stay as they are when they are right', async () => {
    const plan = await prune(withIds('I64'), { dtype: { all: 'fp16' } }, { [POSITION_IDS]: right })
    expect(idsOf(plan)).toEqual({ source: 'stored', dtype: 'I64' })
  })

  it.each([
    // What a weighted sum in float32 and a truncation leave: 42 becomes 41.9999, then 41
    ['truncated', 'I64', right.map((id) => (id === 42 || id === 76 ? id - 1 : id))],
    ['of a merge in float32', 'F32', right.map((id) => (id === 76 ? 75.9975 : id))],
    ['right, but as float16', 'F16', right],
    ['fp8', 'F8_E4M3', right.map((id) => (id > 16 ? id & ~1 : id))],
  ] as const)('%s are written anew as int64', async (_, dtype, values) => {
    const plan = await prune(withIds(dtype), {}, { [POSITION_IDS]: values })
    expect(idsOf(plan)).toEqual({ dtype: 'I64', shape: [1, 77], values: right })
    expect(summary(plan)).toContainEqual(['rewrite', 'clip_l', 1])
  })

  it('count from 0 in each row where there are several', async () => {
    const rows = (dtype: DType) =>
      tableOf([...narrowSd1(), [POSITION_IDS, [2, 77]]], { dtypes: { [POSITION_IDS]: dtype } })
    const whole = await prune(rows('I64'), {}, { [POSITION_IDS]: [...right, ...right] })
    expect(changesNothing(whole)).toBe(true)
    const damaged = [...right, ...right.map((id) => (id === 76 ? 75 : id))]
    const plan = await prune(rows('I64'), {}, { [POSITION_IDS]: damaged })
    expect(idsOf(plan)).toEqual({ dtype: 'I64', shape: [2, 77], values: [...right, ...right] })
  })
})

describe('types', () => {
  it('takes the type of a component before that of its role before that of all', async () => {
    const by = { text: 'bf16', openclip_g: 'fp32' } as const
    const { tensors } = (await prune(tableOf(narrowSdxl()), { dtype: { all: 'fp16', by } })).table
    expect(tensors.get(`${UNET}out.2.weight`)?.dtype).toBe('F16')
    expect(tensors.get('conditioner.embedders.0.transformer.text_model.final_layer_norm.bias')?.dtype).toBe(
      'BF16',
    )
    expect(tensors.get('conditioner.embedders.1.model.ln_final.bias')?.dtype).toBe('F32')
    expect(tensors.get('first_stage_model.quant_conv.bias')?.dtype).toBe('F16')
  })

  it.each(['clip_g', 'openclip_g'] as const)('knows the second encoder of SDXL as %s', async (name) => {
    const plan = await prune(tableOf(narrowSdxl()), { keep: [name], dtype: { by: { [name]: 'fp16' } } })
    expect(plan.table.tensors.size).toBeGreaterThan(0)
    for (const { name, dtype } of plan.table.tensors.values()) {
      expect(name).toMatch(/^conditioner\.embedders\.1\.model\./)
      expect(dtype).toBe(/position_ids$/.test(name) ? 'I64' : 'F16')
    }
  })

  it('leaves a component alone that shall keep its type', async () => {
    const plan = await prune(tableOf(narrowSd1()), { dtype: { all: 'fp16', by: { vae: 'keep' } } })
    expect(summary(plan)).toEqual([['cast', 'unet', 686], ['cast', 'clip_l', 36], ['keep', 'vae', 248]]) // biome-ignore format: a table
  })

  it('never casts integers and booleans', async () => {
    const flag = `${UNET}flag`
    const file = tableOf([...narrowSd1(), [flag, [1]]], { dtypes: { [flag]: 'BOOL' } })
    const plan = await prune(file, { dtype: { all: 'fp16' } })
    expect(plan.table.tensors.get(flag)).toEqual(file.tensors.get(flag))
  })

  it('refuses to cast scaled fp8 weights, and only those', async () => {
    const scale = `${UNET}out.2.scale_weight`
    const file = tableOf([...narrowSd1(), [scale, []]])
    const error = await failure(prune(file, { dtype: { all: 'fp16' } }))
    expect(error).toMatchObject({ code: 'SCALED_FP8', exitCode: EXIT.refused })
    const plan = await prune(file, { dtype: { by: { vae: 'fp16' } } })
    expect(plan.table.tensors.has(scale)).toBe(true)
  })

  it('refuses types for components the file does not have', async () => {
    const error = await failure(prune(tableOf(narrowSd1()), { dtype: { by: { clip_g: 'fp16' } } }))
    expect(error).toMatchObject({ code: 'COMPONENT_NOT_FOUND', exitCode: EXIT.unverified })
    expect(error.hint).toBe('It has: unet, clip_l, vae.')
  })
})

describe('components by name', () => {
  it('drops what is named, by id or by role', async () => {
    const one = await prune(tableOf(narrowSdxl()), { drop: ['clip_l'] })
    expect(summary(one)).toContainEqual(['drop', 'clip_l', 20])
    const both = await prune(tableOf(narrowSdxl()), { drop: ['text'] })
    expect([...both.table.tensors.keys()].some((name) => name.startsWith('conditioner.'))).toBe(false)
  })

  it('keeps only what is named, and what belongs to it', async () => {
    const file = tableOf([...narrowSdxl(), ['v_pred', [0]], ['unknown.key', [1]]])
    const unet = await prune(file, { keep: ['unet'] })
    expect(summary(unet).filter(([action]) => action === 'keep')).toEqual([
      ['keep', 'unet', 1680],
      ['keep', 'markers', 1],
    ])
    const vae = await prune(file, { keep: ['vae'] })
    expect(vae.table.tensors.size).toBe(248)
  })

  it('does not promote an EMA into a UNet that goes', async () => {
    const plan = await prune(
      fullCheckpoint(),
      { keep: ['vae'] },
      { ...trained, 'model_ema.num_updates': [0] },
    )
    expect(plan.table.tensors.size).toBe(248)
  })

  it('keeps the EMA copy when --keep names it', async () => {
    const plan = await prune(fullCheckpoint(), { keep: ['unet', 'ema'] }, trained)
    expect(summary(plan).filter(([action]) => action === 'keep')).toEqual([
      ['keep', 'unet', 686],
      ['keep', 'unet_ema', 688],
    ])
  })

  it.each<[PruneOptions, string]>([
    [{ ema: 'keep', drop: ['unet_ema'] }, '--ema keep and --drop unet_ema'],
    [{ ema: 'only', drop: ['ema'] }, '--ema only and --drop ema'],
    [{ ema: 'drop', keep: ['unet', 'ema'] }, '--ema drop and --keep ema'],
    [{ ema: 'only', keep: ['unet', 'unet_ema'] }, '--ema only and --keep unet_ema'],
    [{ ema: 'only', drop: ['vae', 'unet'] }, '--ema only and --drop unet'],
    [{ ema: 'only', keep: ['vae'] }, '--ema only and --keep vae'],
  ])('refuses %j, of which one would silently win', async (options, names) => {
    const error = await failure(prune(fullCheckpoint(), options, trained))
    expect(error).toMatchObject({ code: 'USAGE', exitCode: EXIT.usage })
    expect(error.message).toContain(`${names} contradict each other`)
  })

  it('takes --ema and names that agree', async () => {
    const dropped = await prune(fullCheckpoint(), { ema: 'drop', drop: ['ema'] }, trained)
    expect(dropped.table.tensors.size).toBe(970)
    const promoted = await prune(fullCheckpoint(), { ema: 'only', keep: ['unet'] }, trained)
    expect(summary(promoted)[0]).toEqual(['promote', 'unet', 686])
  })

  it('refuses to leave nothing', async () => {
    const error = await failure(prune(tableOf(vaeTopology(VAE_KL_F8)), { drop: ['vae'] }))
    expect(error).toMatchObject({ code: 'PRUNE_LOSES', exitCode: EXIT.unverified })
  })

  it('refuses names that select nothing', async () => {
    const error = await failure(prune(tableOf(narrowSd1()), { drop: ['depth'] }))
    expect(error).toMatchObject({ code: 'COMPONENT_NOT_FOUND' })
  })
})

describe('tensors safetensors cannot hold', () => {
  it('are refused by name', async () => {
    const name = `${UNET}strange`
    const file = tableOf([...narrowSd1(), [name, [256]]], { dtypes: { [name]: 'Q4_K' } })
    const error = await failure(prune(file))
    expect(error).toMatchObject({ code: 'TENSOR_NOT_CONVERTIBLE', exitCode: EXIT.refused })
    expect(error.message).toContain(`"${name}" is Q4_K`)
  })
})

describe('a transformer with its language model and video VAE', () => {
  const { encoders } = JSON.parse(readFileSync('fixtures/goldens/encoders.json', 'utf8')) as {
    encoders: Record<string, Record<string, CollapsedKeys>>
  }
  const vaes = JSON.parse(readFileSync('fixtures/goldens/vaes.json', 'utf8')) as Record<
    string,
    Record<string, CollapsedKeys>
  >
  const network = componentKeys(dit(qwenImage.network as DitNetwork))
  const text = Object.entries(expandedKeys(encoders.qwen25_7b!.transformers4!, encoderPrefix('qwen25_7b')))
  const vae = Object.entries(expandedKeys(vaes.native!.wan21!)).map(([name, shape]): [string, Shape] => [
    `vae.${name}`,
    shape,
  ])
  const tokenizer: Keys = [['text_encoders.spiece_model', [4096]]]
  const file = tableOf([...network, ...text, ...tokenizer, ...vae], { dtype: 'BF16' })

  it.each([
    [['qwen25_7b'], [...text, ...tokenizer]],
    [['text'], [...text, ...tokenizer]],
    [['vae'], vae],
    [['dit'], network],
    [
      ['unet', 'vae'],
      [...network, ...vae],
    ],
  ] as const)('keeps %j, all of it and nothing else', async (keep, kept) => {
    const { table } = await prune(file, { keep })
    expect(new Set(table.tensors.keys())).toEqual(new Set(kept.map(([name]) => name)))
  })
})
