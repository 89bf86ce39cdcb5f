/** What a model predicts, and how its schedule ends: kept by every command, and never mixed without a word. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Tensor, TensorTable } from '../../src/tensor/values/table.ts'
import { contentsOf, writeModel } from '../model-files.ts'
import { type Fill, halves, narrowSd1, narrowSd2, narrowSd3, narrowXl } from '../narrow-models.ts'
import { bytesTensor, floatTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { ALL_MAKERS, type Change, type PathOf, writeInputs } from './model-makers.ts'
import { runCli } from './run.ts'

type Metadata = Readonly<Record<string, string>>

/** Families that have models of noise and of velocity, each with a layer for LoRAs. */
interface Family {
  readonly narrow: (fill: Fill) => TensorTable
  readonly block: string
}
const FAMILIES: Readonly<Record<string, Family>> = {
  'SD 1.x': { narrow: narrowSd1, block: 'input_blocks_1_1' },
  'SD 2.x': { narrow: narrowSd2, block: 'input_blocks_1_1' },
  SDXL: { narrow: narrowXl, block: 'input_blocks_4_1' },
}

const empty = (name: string) => bytesTensor(name, 'F32', [0], new Uint8Array())
const level = (name: string, value: number) => floatTensor(name, [], [value])

/** As ComfyUI, SimpleTuner and Stability AI write them. */
const MARKERS: readonly (readonly Tensor[])[] = [
  [empty('v_pred'), empty('ztsnr')],
  [level('edm_vpred.sigma_max', 120), level('edm_vpred.sigma_min', 0.002)],
]
const namesOf = (markers: readonly Tensor[]) => markers.map(({ name }) => name)

const [V, ZERO] = ['modelspec.prediction_type', 'sdtool.zero_terminal_snr']

function withMarkers({ tensors, metadata }: TensorTable, markers: readonly Tensor[]): TensorTable {
  return tableOf([...tensors.values(), ...markers], metadata)
}

function lora({ block }: Family, seed: number, metadata: Metadata = {}): TensorTable {
  const module = `lora_unet_${block}_transformer_blocks_0_attn1_to_q`
  const values = (at: number) => Array.from({ length: 64 }, (_, i) => Math.cos(i * 0.3 + at + seed) / 4)
  return tableOf(
    [
      floatTensor(`${module}.lora_down.weight`, [2, 32], values(0)),
      floatTensor(`${module}.lora_up.weight`, [32, 2], values(1)),
      floatTensor(`${module}.alpha`, [], [2]),
    ],
    metadata,
  )
}

/** Inputs of every command that makes models, of one family, with an embedding in the checkpoints. */
function ofFamily(family: Family, markers: readonly Tensor[]): Change {
  return (name, table) => {
    if (name === 'vae') return table
    if (name.startsWith('lora')) return lora(family, name.length)
    const bundle = [...table.tensors.values()].filter(({ name }) => name.startsWith('bundle_emb.'))
    const { tensors } = family.narrow(name === 'other' ? others : halves)
    return withMarkers(tableOf([...tensors.values(), ...bundle]), markers)
  }
}

/** Other numbers. */
const others: Fill = (topology, prefix) =>
  halves(topology, prefix).map(({ name, dtype, shape, source }) => {
    const bytes = source.kind === 'bytes' ? source.data : new Uint8Array()
    return bytesTensor(
      name,
      dtype,
      [...shape],
      bytes.map((byte, i) => byte ^ (i % 16)),
    )
  })

interface Ran {
  readonly code: number
  /** Of the error, if there is one. */
  readonly error?: string
  // biome-ignore lint/suspicious/noExplicitAny: documents of many commands
  readonly result: any
  readonly codes: readonly string[]
  messageOf(code: string): string | undefined
}

async function ran(...args: string[]): Promise<Ran> {
  const { code, stdout } = await runCli([...args, '--json'])
  const { results, error } = JSON.parse(stdout)
  const [result] = results
  const findings: { code: string; message: string }[] = result?.findings ?? []
  const messageOf = (code: string) => findings.find((finding) => finding.code === code)?.message
  return { code, error: error?.code, result, codes: findings.map(({ code }) => code), messageOf }
}

const inspected = async (path: string) => (await ran('inspect', path)).result

/** Writes tables as `<name>.safetensors`. */
async function written(tables: Readonly<Record<string, TensorTable>>): Promise<(name: string) => string> {
  const folder = tempFolder()
  const path = (name: string) => join(folder, `${name}.safetensors`)
  for (const [name, table] of Object.entries(tables)) await writeModel(path(name), table)
  return path
}

const NETWORK_MAKERS = ALL_MAKERS.filter(([, { hasNetwork }]) => hasNetwork)
const PAIRS = Object.keys(FAMILIES).flatMap((family) =>
  MARKERS.filter((markers) => family === 'SDXL' || !namesOf(markers)[0]!.startsWith('edm')).map(
    (markers) => [family, namesOf(markers).join(' and '), markers] as const,
  ),
)

describe.each(PAIRS)('the markers of %s: %s', (family, _, markers) => {
  it.each(NETWORK_MAKERS)('%s', async (title, { args }) => {
    const isEdm = namesOf(markers)[0]!.startsWith('edm')
    if (isEdm && title.includes('--to diffusers')) return // refused, by a test of conversion
    const folder = tempFolder()
    const path: PathOf = await writeInputs(folder, ofFamily(FAMILIES[family]!, markers))
    const out = join(folder, 'made.safetensors')
    const { code, stderr } = await runCli(args(path, out))
    expect([code, stderr]).toEqual([0, ''])
    const { metadata, architecture, kind } = await inspected(out)
    const isLora = kind === 'lora'
    const isPart = title.includes('--to diffusers') // whose scheduler says it
    if (!isLora && !isPart) {
      const made = await contentsOf(out)
      const source = await contentsOf(path('base'))
      for (const { name } of markers) expect(made.bytes.get(name), name).toEqual(source.bytes.get(name))
    }
    if (!isEdm) expect(metadata[V]).toBe('v')
    expect(metadata[ZERO]).toBe(namesOf(markers).includes('ztsnr') ? 'true' : undefined)
    // metadata have no word for it, and a narrow UNet alone is of no known family
    if (!isEdm || kind === 'checkpoint') expect(architecture.prediction).toBe(isEdm ? 'edm-v' : 'v')
  })
})

/** What trainers write of a model of velocity; that of OneTrainer says its schedule, too. */
const SAID: readonly (readonly [key: string, value: string])[] = [
  [V, 'v'],
  ['modelspec.predict_key', 'v'],
  ['ss_base_model_version', 'sd_v2_v'],
  ['ss_v_parameterization', 'True'],
  ['ot_config', '{"rescale_noise_scheduler_to_zero_terminal_snr": true}'],
]

describe.each(Object.entries(FAMILIES))('LoRAs of %s', (title, family) => {
  // the keys are read in the same way for every family
  it.each(title === 'SD 1.x' ? SAID : SAID.slice(0, 1))(
    'trained on velocity by %s = %s: told where the base predicts noise',
    async (key, value) => {
      const path = await written({
        noise: family.narrow(halves),
        velocity: withMarkers(family.narrow(halves), [empty('v_pred'), empty('ztsnr')]),
        lora: lora(family, 1, { [key]: value }),
      })
      const merged = await ran('merge-lora', path('noise'), path('lora'), '-o', path('out'))
      expect([merged.code, merged.codes]).toEqual([0, expect.arrayContaining(['lora-prediction'])])
      expect(merged.messageOf('lora-prediction')).toMatch(
        /lora\.safetensors was trained to predict velocity \(v\).*noise\.safetensors predicts noise \(epsilon\)/,
      )
      const checked = await ran('lora', 'check', path('lora'), '--base', path('noise'))
      expect(checked.codes).toContain('lora-prediction')
      for (const args of [
        ['merge-lora', path('velocity'), path('lora'), '-o', path('out2')],
        ['lora', 'check', path('lora'), '--base', path('velocity')],
      ])
        expect((await ran(...args)).codes.filter((code) => /lora-(prediction|schedule)/.test(code))).toEqual(
          [],
        )
      expect((await inspected(path('lora'))).architecture).toMatchObject({ prediction: 'v' })
    },
  )

  it('trained on noise: told where the base predicts velocity', async () => {
    const path = await written({
      velocity: withMarkers(family.narrow(halves), [empty('v_pred')]),
      lora: lora(family, 1, { [V]: 'epsilon' }),
    })
    const { codes } = await ran('merge-lora', path('velocity'), path('lora'), '-o', path('out'))
    expect(codes).toContain('lora-prediction')
  })

  it('trained with zero SNR: told where the base is not said to have it', async () => {
    const path = await written({
      velocity: withMarkers(family.narrow(halves), [empty('v_pred')]),
      lora: lora(family, 1, { [V]: 'v', ss_zero_terminal_snr: 'True' }),
    })
    const { codes } = await ran('merge-lora', path('velocity'), path('lora'), '-o', path('out'))
    expect(codes).toContain('lora-schedule')
  })

  it('for noise and for velocity are not added up without a word', async () => {
    const path = await written({
      v: lora(family, 1, { [V]: 'v' }),
      flag: lora(family, 2, { ss_v_parameterization: 'true' }),
      noise: lora(family, 3, { [V]: 'epsilon' }),
      silent: lora(family, 4),
    })
    const sum = async (...names: string[]) => {
      const out = path(names.join('-and-'))
      const { code, codes } = await ran('lora', 'merge', ...names.map(path), '-o', out)
      expect(code).toBe(0)
      return { codes, said: (await inspected(out)).metadata[V] }
    }
    expect(await sum('v', 'noise')).toEqual({
      codes: expect.arrayContaining(['lora-mixed-predictions']),
      said: undefined,
    })
    expect((await sum('v', 'flag')).said).toBe('v')
    expect(await sum('v', 'silent')).toEqual({
      codes: expect.arrayContaining(['lora-prediction-unsaid']),
      said: undefined,
    })
    expect((await sum('noise', 'silent')).codes).not.toContain('lora-prediction-unsaid')
  })

  it.each([
    ['resize', '--rank', '1'],
    ['convert', '--to', 'diffusers'],
  ])('lora %s keeps what was said', async (verb, ...options) => {
    const path = await written({ lora: lora(family, 1, { [V]: 'v', ss_zero_terminal_snr: 'True' }) })
    expect((await ran('lora', verb, path('lora'), ...options, '-o', path('out'))).code).toBe(0)
    const { architecture } = await inspected(path('out'))
    expect(architecture).toMatchObject({ prediction: 'v', predictionDetails: { zeroTerminalSnr: true } })
  })

  it('extracted between models of different prediction say so, and what the tuned one predicts', async () => {
    const path = await written({
      tuned: withMarkers(family.narrow(others), [empty('v_pred')]),
      base: family.narrow(halves),
    })
    const args = ['extract', 'lora', path('tuned'), path('base'), '--rank', '2', '-o', path('out')]
    expect((await ran(...args)).codes).toContain('extract-mixed-predictions')
    expect((await inspected(path('out'))).architecture.prediction).toBe('v')
  })
})

describe.each(Object.entries(FAMILIES))('models of %s', (_, family) => {
  const tables = () => {
    const [a, b] = [family.narrow(halves), family.narrow(others)]
    return {
      noise: a,
      v: withMarkers(b, [empty('v_pred')]),
      zero: withMarkers(a, [empty('v_pred'), empty('ztsnr')]),
      silent: a,
    }
  }

  it('for noise and for velocity are not merged unless that is allowed', async () => {
    const path = await written(tables())
    const args = ['merge', path('noise'), path('v'), '--alpha', '0.3', '-o', path('out')]
    const { code, error } = await ran(...args)
    expect([code, error]).toEqual([4, 'MERGE_MIXED_PREDICTIONS'])
    expect((await ran(...args, '--allow-mixed')).codes).toContain('merge-mixed-predictions')
  })

  it.each([
    ['v', 'zero', ['v_pred']],
    ['zero', 'v', ['v_pred', 'ztsnr']],
  ])('of one prediction and two schedules, %s and %s, keep that of A, and say so', async (a, b, markers) => {
    const path = await written(tables())
    const { code, messageOf } = await ran('merge', path(a), path(b), '--alpha', '0.3', '-o', path('out'))
    expect([code, messageOf('merge-mixed-schedules')]).toEqual([
      0,
      expect.stringMatching(/\(B\) predicts velocity \(v\).*; the merge declares velocity \(v\)/),
    ])
    const { model } = await contentsOf(path('out'))
    expect(['v_pred', 'ztsnr'].filter((name) => model.tensors.has(name))).toEqual(markers)
  })

  it('get the markers of another one where a .yaml says what they predict', async () => {
    const path = await written(tables())
    writeFileSync(path('silent').replace('.safetensors', '.yaml'), 'parameterization: v\nztsnr: true\n')
    await writeModel(path('b'), withMarkers(tables().v, [empty('ztsnr')]))
    expect((await ran('merge', path('silent'), path('b'), '--alpha', '0.3', '-o', path('out'))).code).toBe(0)
    const { model } = await contentsOf(path('out'))
    expect(['v_pred', 'ztsnr'].filter((name) => model.tensors.has(name))).toEqual(['v_pred', 'ztsnr'])
  })

  it('are told apart by diff', async () => {
    const path = await written(tables())
    const { messageOf } = await ran('diff', path('noise'), path('zero'))
    expect(messageOf('different-predictions')).toMatch(
      /^a predicts noise \(epsilon\) .*, b predicts velocity \(v\), zero terminal SNR/,
    )
    expect((await ran('diff', path('zero'), path('zero'))).codes).not.toContain('different-predictions')
  })
})

describe('SDXL, whose prediction programs know by a tensor', () => {
  it('is warned of where only its metadata say it, and extract writes the tensor', async () => {
    const { tensors } = narrowXl(halves)
    const path = await written({ m: { tensors, metadata: { [V]: 'v', ss_zero_terminal_snr: 'True' } } })
    expect((await ran('inspect', path('m'))).messageOf('prediction-unseen')).toContain('"v_pred"')
    expect((await ran('extract', 'unet', path('m'), '-o', path('unet'))).code).toBe(0)
    const { model } = await contentsOf(path('unet'))
    expect(['v_pred', 'ztsnr'].filter((name) => model.tensors.has(name))).toEqual(['v_pred', 'ztsnr'])
    expect((await ran('inspect', path('unet'))).codes).not.toContain('prediction-unseen')
  })

  it('keeps the markers that a trainer wrote into the UNet of a folder', async () => {
    const folder = tempFolder()
    const [file, pipeline, out] = ['m.safetensors', 'folder', 'back.safetensors'].map((name) =>
      join(folder, name),
    ) as [string, string, string]
    await writeModel(file, narrowXl(halves))
    expect((await runCli(['convert', file, '--to', 'diffusers', '-o', pipeline])).code).toBe(0)
    const scheduler = join(pipeline, 'scheduler/scheduler_config.json')
    const { prediction_type: _, ...silent } = JSON.parse(readFileSync(scheduler, 'utf8'))
    writeFileSync(scheduler, JSON.stringify(silent))
    const unet = join(pipeline, 'unet/diffusion_pytorch_model.safetensors')
    const { model, bytes } = await contentsOf(unet)
    rmSync(unet)
    const tensors = [...model.tensors.values()].map(({ name, dtype, shape }) =>
      bytesTensor(name, dtype, [...shape], bytes.get(name)!),
    )
    await writeModel(unet, withMarkers(tableOf(tensors), [empty('v_pred'), empty('ztsnr')]))
    const { code, stderr } = await runCli(['convert', pipeline, '-o', out])
    expect([code, stderr]).toEqual([0, ''])
    const { architecture, metadata } = await inspected(out)
    expect(architecture).toMatchObject({ prediction: 'v', predictionDetails: { zeroTerminalSnr: true } })
    expect(metadata).toMatchObject({ [V]: 'v', [ZERO]: 'true' })
  })
})

it('a family of flow stays one, whatever word a trainer wrote', async () => {
  const { tensors } = narrowSd3(halves)
  const path = await written({ m: { tensors, metadata: { [V]: 'epsilon' } } })
  expect((await inspected(path('m'))).architecture.prediction).toBe('flow')
})
