/** What is known of a model stays known of what is made of it, wherever it was said. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { TensorTable } from '../../src/tensor/values/table.ts'
import { writeModel } from '../model-files.ts'
import { halves, narrowSd1, narrowXl } from '../narrow-models.ts'
import { bytesTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { ALL_MAKERS, type Change, MODEL_MAKERS, modelMakers, writeInputs, writeYaml } from './model-makers.ts'
import { runCli } from './run.ts'

async function inspected(path: string) {
  const { code, stdout } = await runCli(['inspect', path, '--json'])
  expect(code).toBe(0)
  return JSON.parse(stdout).results[0]
}

async function made(args: readonly string[]): Promise<void> {
  const { code, stderr } = await runCli(args)
  expect([code, stderr]).toEqual([0, ''])
}

const V = 'modelspec.prediction_type'

/** Checkpoints with this in their metadata. */
const saying =
  (metadata: Record<string, string>): Change =>
  (name, table) =>
    name === 'base' || name === 'other' ? tableOf([...table.tensors.values()], metadata) : table

describe('every command that makes models', () => {
  it('is looked at here', async () => {
    expect(Object.keys(MODEL_MAKERS).sort()).toEqual([...(await modelMakers())].sort())
  })

  it.each(ALL_MAKERS)('%s: what a .yaml says', async (_, { args, hasNetwork }) => {
    const folder = tempFolder()
    const path = await writeInputs(folder)
    writeYaml(path('base'), 'v')
    writeYaml(path('other'), 'v')
    const out = join(folder, 'made.safetensors')
    await made(args(path, out))
    const { metadata, architecture } = await inspected(out)
    expect(metadata[V]).toBe(hasNetwork ? 'v' : undefined)
    if (hasNetwork) expect(architecture.prediction).toBe('v')
  })

  it.each(ALL_MAKERS.filter(([, { hasNetwork }]) => hasNetwork))(
    '%s: that its schedule ends in pure noise',
    async (_, { args }) => {
      const folder = tempFolder()
      const path = await writeInputs(folder)
      for (const name of ['base', 'other'] as const)
        writeFileSync(
          path(name).replace('.safetensors', '.yaml'),
          'parameterization: v\nzero_terminal_snr: true\n',
        )
      const out = join(folder, 'made.safetensors')
      await made(args(path, out))
      const { metadata, architecture } = await inspected(out)
      expect(metadata['sdtool.zero_terminal_snr']).toBe('true')
      if (architecture.predictionDetails) expect(architecture.predictionDetails.zeroTerminalSnr).toBe(true)
    },
  )

  it.each(ALL_MAKERS.filter(([, { hasNetwork }]) => hasNetwork))(
    '%s: a .yaml against the metadata; what these said is kept aside',
    async (_, { args }) => {
      const folder = tempFolder()
      const path = await writeInputs(folder, saying({ [V]: 'epsilon', 'modelspec.predict_key': 'epsilon' }))
      writeYaml(path('base'), 'v')
      writeYaml(path('other'), 'v')
      const { findings } = await inspected(path('base'))
      expect(findings.map(({ code }: { code: string }) => code)).toContain('prediction-contradicted')
      const out = join(folder, 'made.safetensors')
      await made(args(path, out))
      const { metadata } = await inspected(out)
      expect(metadata[V]).toBe('v')
      expect(metadata['modelspec.predict_key']).not.toBe('epsilon')
    },
  )

  it.each(ALL_MAKERS.filter(([, { hasNetwork }]) => hasNetwork))(
    '%s: what only a name says stays as weak as that',
    async (_, { args }) => {
      const folder = tempFolder()
      const path = await writeInputs(folder)
      const named: typeof path = (name) =>
        path(name).replace(/(base|other)\.safetensors$/, '$1-vpred.safetensors')
      for (const name of ['base', 'other'] as const) writeFileSync(named(name), readFileSync(path(name)))
      const out = join(folder, 'made.safetensors')
      await made(args(named, out))
      const { metadata, architecture } = await inspected(out)
      expect(metadata[V]).toBeUndefined()
      if (architecture.predictionDetails)
        expect(architecture).toMatchObject({
          prediction: 'v',
          predictionEvidence: expect.stringContaining(
            'only the name of a file it was made from, "base-vpred',
          ),
          predictionDetails: { weak: true },
        })
    },
  )
})

function withMarkers({ tensors }: TensorTable, ...names: string[]): TensorTable {
  return tableOf([
    ...tensors.values(),
    ...names.map((name) => bytesTensor(name, 'F32', [0], new Uint8Array())),
  ])
}

describe('markers', () => {
  it('go with the UNet, bare, as ComfyUI looks for them', async () => {
    const folder = tempFolder()
    const [path, out] = [join(folder, 'm.safetensors'), join(folder, 'unet.safetensors')]
    await writeModel(path, withMarkers(narrowSd1(halves), 'v_pred', 'ztsnr'))
    await made(['extract', 'unet', path, '-o', out])
    const { architecture, metadata } = await inspected(out)
    expect(architecture).toMatchObject({
      prediction: 'v',
      predictionEvidence: 'marker tensor v_pred',
      predictionDetails: { zeroTerminalSnr: true },
    })
    expect(metadata).toMatchObject({ [V]: 'v', 'sdtool.zero_terminal_snr': 'true' })
  })

  it('count more than metadata, as programs look at nothing else', async () => {
    const path = join(tempFolder(), 'm.safetensors')
    const { tensors } = withMarkers(narrowXl(halves), 'v_pred')
    await writeModel(path, { tensors, metadata: { [V]: 'epsilon' } })
    const { architecture, findings } = await inspected(path)
    expect(architecture.prediction).toBe('v')
    expect(findings).toContainEqual(
      expect.objectContaining({
        code: 'prediction-contradicted',
        severity: 'warning',
        message: `it predicts velocity (v), by marker tensor v_pred; metadata ${V} = "epsilon" says otherwise, and is ignored`,
      }),
    )
  })
})

describe('other containers', () => {
  it('a torch file says it beside its weights, also when it comes back', async () => {
    const folder = tempFolder()
    const path = await writeInputs(folder)
    writeYaml(path('base'), 'v')
    const [ckpt, back] = [join(folder, 'made.ckpt'), join(folder, 'back.safetensors')]
    await made(['convert', path('base'), '--to', 'ckpt', '-o', ckpt])
    expect((await inspected(ckpt)).architecture.prediction).toBe('v')
    await made(['convert', ckpt, '-o', back])
    expect((await inspected(back)).metadata[V]).toBe('v')
  })

  it('a folder of diffusers says it in its scheduler, and each file that is made of its UNet does', async () => {
    const folder = tempFolder()
    const path = await writeInputs(folder)
    writeFileSync(path('base').replace('.safetensors', '.yaml'), 'parameterization: v\nzsnr: true\n')
    const out = join(folder, 'made')
    await made(['convert', path('base'), '--to', 'diffusers', '-o', out])
    const scheduler = JSON.parse(readFileSync(join(out, 'scheduler/scheduler_config.json'), 'utf8'))
    expect(scheduler).toMatchObject({ prediction_type: 'v_prediction', rescale_betas_zero_snr: true })
    const single = join(folder, 'single.safetensors')
    await made(['convert', out, '-o', single])
    expect((await inspected(single)).metadata).toMatchObject({ [V]: 'v', 'sdtool.zero_terminal_snr': 'true' })
    // a UNet that others have written says nothing itself
    const unet = join(folder, 'theirs/unet')
    mkdirSync(unet, { recursive: true })
    mkdirSync(join(folder, 'theirs/scheduler'))
    writeFileSync(join(folder, 'theirs/scheduler/scheduler_config.json'), JSON.stringify(scheduler))
    await made(['extract', 'unet', path('other'), '-o', join(unet, 'diffusion_pytorch_model.safetensors')])
    const copy = join(folder, 'copy.safetensors')
    await made(['convert', join(unet, 'diffusion_pytorch_model.safetensors'), '--dtype', 'fp16', '-o', copy])
    expect((await inspected(copy)).metadata).toMatchObject({ [V]: 'v', 'sdtool.zero_terminal_snr': 'true' })
  })
})

describe('a merge', () => {
  it('of models that say different things is refused; told to, it says what A does', async () => {
    const folder = tempFolder()
    const path = await writeInputs(folder)
    writeYaml(path('other'), 'v')
    const out = join(folder, 'made.safetensors')
    const args = ['merge', path('base'), path('other'), '--alpha', '0.3', '-o', out]
    expect((await runCli(args)).code).toBe(4)
    const { code, stdout } = await runCli([...args, '--allow-mixed'])
    expect([code, stdout]).toEqual([0, expect.stringContaining('the merge declares the prediction of A')])
    expect((await inspected(out)).metadata[V]).toBeUndefined()
  })

  it('knows what one of them says where the other only has it by habit', async () => {
    const folder = tempFolder()
    const path = await writeInputs(folder)
    writeYaml(path('other'), 'eps')
    const out = join(folder, 'made.safetensors')
    await made(['merge', path('base'), path('other'), '--alpha', '0.3', '-o', out])
    expect((await inspected(out)).metadata[V]).toBe('epsilon')
  })
})
