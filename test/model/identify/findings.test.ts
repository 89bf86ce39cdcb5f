import { describe, expect, it } from 'vitest'
import { emaName } from '../../../src/model/identify/ema.ts'
import { type Identifiable, identify } from '../../../src/model/identify/identify.ts'
import { ARCHITECTURES } from '../../../src/model/networks/architectures/registry.ts'
import type { Shape } from '../../../src/model/networks/topology/match.ts'
import { clip, clipTopology } from '../../../src/model/networks/topology/text.ts'
import type { DType } from '../../../src/tensor/values/dtype.ts'
import type { Finding } from '../../../src/tensor/values/table.ts'
import { componentKeys, narrowSd1, narrowSdxl, prefixed, tableOf, valuesOf } from '../tables.ts'

type Keys = [string, Shape][]

/** The bias that tells the predictions of SD 2.x apart. */
const FLAT_BIAS = {
  'model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias': new Array(320).fill(0),
}

const UNET = 'model.diffusion_model.'
const IDS = 'cond_stage_model.transformer.text_model.embeddings.position_ids'

/** Findings beyond the width, which every narrow model has. */
async function findings(
  file: Identifiable,
  values: Record<string, readonly number[]> = {},
): Promise<Finding[]> {
  const { findings: found } = await identify(file, valuesOf(values))
  return found.filter(({ code }) => code !== 'non-standard-width')
}

function half(keys: Keys, dtypes: Record<string, DType> = {}): Identifiable {
  return tableOf(keys, { dtype: 'F16', dtypes })
}

describe('findings', () => {
  it('are none for a plain fp16 checkpoint', async () => {
    expect(await findings(half(narrowSd1()))).toEqual([])
    expect(await findings(half(narrowSdxl()))).toEqual([])
  })

  it('count the bytes that fp16 would save', async () => {
    const keys: Keys = [...narrowSd1()]
    const parameters = keys.reduce((sum, [, shape]) => sum + shape.reduce((a, b) => a * b, 1), 0)
    const [found, ...rest] = await findings(tableOf(keys))
    expect(rest).toEqual([])
    expect(found).toMatchObject({ code: 'full-precision', severity: 'info', bytes: 2 * parameters })
    const [double] = await findings(tableOf(keys, { dtype: 'F64' }))
    expect(double?.bytes).toBe(6 * parameters)
  })

  it('name components with several types', async () => {
    const found = await findings(half(narrowSd1(), { [`${UNET}out.2.bias`]: 'BF16' }))
    expect(found).toMatchObject([
      { code: 'mixed-dtypes', message: 'the UNet has weights of several types: 685 F16, 1 BF16' },
    ])
  })

  it.each([
    [470000, 0, 'ema-duplicate', 'info'],
    [-1, 0, 'ema-duplicate', 'info'],
    [0, 0, 'ema-never-updated', 'warning'],
    [470000, 686, 'ema-counters', 'info'],
    [470000, 1, 'ema-partial', 'warning'],
  ])('judge an EMA copy after %i updates that lacks %i weights', async (updates, lacking, code, severity) => {
    const copies = narrowSd1()
      .filter(([name]) => name.startsWith(UNET))
      .map(([name, shape]): [string, Shape] => [emaName(name), shape])
      .slice(lacking)
    const counters: Keys = [['model_ema.decay', []], ['model_ema.num_updates', []]] // biome-ignore format: one line
    const table = half([...narrowSd1(), ...copies, ...counters], { 'model_ema.num_updates': 'I32' })
    const bytes = copies.reduce((sum, [, shape]) => sum + 2 * shape.reduce((a, b) => a * b, 1), 0) + 2 + 4
    const found = await findings(table, { 'model_ema.num_updates': [updates], 'model_ema.decay': [0.9999] })
    expect(found).toMatchObject([{ code, severity, bytes }])
  })

  it('doubt the EMA copy of a merge', async () => {
    const copies = narrowSd1().map(([name, shape]): [string, Shape] => [emaName(name), shape])
    const table = half([...narrowSd1(), ...copies.slice(0, 686)])
    const [found] = await findings({ ...table, metadata: { sd_merge_models: '{}' } })
    expect(found).toMatchObject({ code: 'ema-of-merge', severity: 'warning' })
  })

  it('tell damaged position_ids from those of another type', async () => {
    const keys: Keys = [...narrowSd1(), [IDS, [1, 77]]]
    const right = Array.from({ length: 77 }, (_, i) => i)
    expect(await findings(half(keys, { [IDS]: 'I64' }), { [IDS]: right })).toEqual([])
    const float = await findings(half(keys, { [IDS]: 'F32' }), { [IDS]: right })
    expect(float).toMatchObject([{ code: 'position-ids-dtype', severity: 'info' }])
    const damaged = right.map((id) => (id === 76 ? 75 : id))
    const found = await findings(half(keys, { [IDS]: 'I64' }), { [IDS]: damaged })
    expect(found).toMatchObject([{ code: 'position-ids-damaged', severity: 'warning' }])
    expect(found[0]?.message).toContain('has 1 wrong entry (entry 76 is 75)')
    const rows = half([...narrowSd1(), [IDS, [2, 77]]], { [IDS]: 'I64' })
    const ofRows = await findings(rows, { [IDS]: [...right, ...right] })
    expect(ofRows.filter(({ code }) => code.startsWith('position-ids'))).toEqual([])
  })

  it('never read position_ids of an absurd length', async () => {
    const found = await findings(half([...narrowSd1(), [IDS, [1, 1e9]]], { [IDS]: 'I64' }))
    expect(found.map(({ code }) => code)).toEqual(['incomplete-clip-l'])
    expect(found[0]?.message).toContain('is [1,1000000000] instead of [1,77]')
  })

  it('sum up training state in the table and beside it', async () => {
    const file = {
      ...half([...narrowSd1(), ['optimizer.state', [10]]]),
      leftovers: [{ path: 'optimizer_states', what: 'list', bytes: 1000 }],
    }
    const found = await findings(file)
    expect(found).toMatchObject([{ code: 'training-leftovers', bytes: 1020 }])
  })

  it('name unknown keys with their bytes', async () => {
    const found = await findings(half([...narrowSd1(), ['a.b', [3]], ['c', [4]], [`${UNET}x`, [5]]]))
    expect(found.map(({ code, bytes }) => [code, bytes])).toEqual([
      ['unknown-keys', undefined],
      ['unknown-keys', 14],
    ])
    expect(found[0]?.message).toContain(`1 key ("${UNET}x")`)
  })

  it.each([
    ['markers', 'v_pred'],
    ['adapter-inside', 'lora_unet_mid_block_attentions_0_proj_in.lora_up.weight'],
    ['embedding-inside', 'bundle_emb.cat.string_to_param.*'],
    ['scaled-fp8', `${UNET}out.2.scale_weight`],
    ['lcm', `${UNET}time_embedding.cond_proj.weight`],
  ])('report %s', async (code, key) => {
    const found = await findings(half([...narrowSd1(), [key, [4]]]))
    expect(found.map((finding) => finding.code)).toEqual([code])
  })

  it('name the embeddings inside a checkpoint', async () => {
    const keys: Keys = ['cat.clip_l', 'cat.clip_g', 'dog.clip_l'].map((key) => [`bundle_emb.${key}`, [4]])
    const [found] = await findings(half([...narrowSd1(), ...keys]))
    expect(found).toMatchObject({ code: 'embedding-inside', bytes: 24 })
    expect(found?.message).toContain('2 embeddings ("cat", "dog")')
  })

  it('report tokens that were trained into the token table', async () => {
    const keys = narrowSd1().map(([name, shape]): [string, Shape] =>
      name.endsWith('token_embedding.weight') ? [name, [49410, 48]] : [name, shape],
    )
    const found = await findings(half(keys))
    expect(found.map(({ code }) => code)).toEqual(['extended-vocabulary'])
    expect(found[0]?.message).toContain('2 tokens more than CLIP')
  })

  it('report tensors that share their bytes', async () => {
    const table = half([...narrowSd1(), ['copy', [8]]])
    const first = table.tensors.get(`${UNET}input_blocks.0.0.bias`)!
    const tensors = new Map(table.tensors).set('copy', { ...first, name: 'copy' })
    const found = await findings({ ...table, tensors })
    expect(found.find(({ code }) => code === 'shared-tensors')).toMatchObject({ bytes: 64 })
  })

  it('put the gravest first', async () => {
    const keys = narrowSd1().filter(([name]) => !name.startsWith('first_stage_model.'))
    const severities = (await findings(tableOf([...keys, ['v_pred', [0]]]))).map(({ severity }) => severity)
    expect(severities).toEqual(['warning', 'info', 'info'])
  })
})

describe('a text encoder with the names of transformers', () => {
  const WIDTHS = { openclip_h: clip(1024, 23), openclip_g: clip(1280, 32, true) }
  const withOpenClip = ARCHITECTURES.filter(({ components }) => components.some(({ id }) => id in WIDTHS))

  it('is expected of five architectures in those of OpenCLIP', () => {
    expect(withOpenClip.length).toBeGreaterThanOrEqual(5)
  })

  for (const { title, components } of withOpenClip) {
    it(`is said where programs look for those of OpenCLIP: ${title}`, async () => {
      const keys = components.flatMap((component) => {
        const config = WIDTHS[component.id as keyof typeof WIDTHS]
        return config ? prefixed(component.prefix, clipTopology(config)) : componentKeys(component)
      })
      const found = await findings(half(keys), FLAT_BIAS)
      expect(found).toContainEqual(expect.objectContaining({ code: 'text-layout', severity: 'warning' }))
      const sound = await findings(half(components.flatMap(componentKeys)), FLAT_BIAS)
      expect(sound.map(({ code }) => code)).not.toContain('text-layout')
    })
  }
})
