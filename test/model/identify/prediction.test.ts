import { describe, expect, it } from 'vitest'
import {
  type Hints,
  type Identifiable,
  identify,
  type Prediction,
} from '../../../src/model/identify/identify.ts'
import { sd1 } from '../../../src/model/networks/architectures/sd1.ts'
import { sd2 } from '../../../src/model/networks/architectures/sd2.ts'
import { sdxl } from '../../../src/model/networks/architectures/sdxl.ts'
import { unetInDiffusers } from '../../../src/model/networks/topology/diffusers.ts'
import type { Shape } from '../../../src/model/networks/topology/match.ts'
import { componentKeys, tableOf, valuesOf } from '../tables.ts'

const BIAS = 'model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias'
const sd1Keys = sd1.components.flatMap(componentKeys)
const sd2Keys = sd2.components.flatMap(componentKeys)
const sdxlKeys = sdxl.components.flatMap(componentKeys)

/** 320 values of this population spread: half of them above, half below zero. */
function spread(deviation: number): number[] {
  return Array.from({ length: 320 }, (_, i) => (i % 2 === 0 ? deviation : -deviation))
}

async function predict(file: Identifiable, deviation = 0, hints: Hints = {}): Promise<Prediction> {
  const identity = await identify(file, valuesOf({ [BIAS]: spread(deviation) }), hints)
  return identity.architecture!.prediction
}

describe('prediction type', () => {
  it('of SD 2.x follows the spread of one bias, as in ComfyUI', async () => {
    expect(await predict(tableOf(sd2Keys), 0.0899)).toMatchObject({ type: 'epsilon' })
    const v = await predict(tableOf(sd2Keys), 0.0901)
    expect(v.type).toBe('v')
    expect(v.evidence).toBe(`the spread of ${BIAS} is 0.0901, above 0.09`)
  })

  it('decides between the two models of SD 2.x', async () => {
    const read = (deviation: number) => valuesOf({ [BIAS]: spread(deviation) })
    const base = (await identify(tableOf(sd2Keys), read(0.01))).architecture
    expect(base).toMatchObject({
      variant: '512',
      modelspec: 'stable-diffusion-v2-512',
      title: 'Stable Diffusion 2.x base',
    })
    const v = (await identify(tableOf(sd2Keys), read(0.2))).architecture
    expect(v).toMatchObject({ variant: '768-v', modelspec: 'stable-diffusion-v2-768-v' })
  })

  it('finds the bias in a UNet of diffusers layout, too', async () => {
    const name = 'up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias'
    const keys = unetInDiffusers(sd2.components[0]!.topology(), 2, () => undefined)
    const { architecture } = await identify(tableOf(keys), valuesOf({ [name]: spread(0.2) }))
    expect(architecture?.prediction.type).toBe('v')
  })

  it('of other models is that of their architecture', async () => {
    expect((await predict(tableOf(sd1Keys))).type).toBe('epsilon')
    expect((await predict(tableOf(sdxlKeys))).type).toBe('epsilon')
  })

  it.each([
    [['v_pred'], { type: 'v', evidence: 'marker tensor v_pred' }],
    [['v_pred', 'ztsnr'], { type: 'v', zeroTerminalSnr: true }],
    [['edm_mean', 'edm_std'], { type: 'edm' }],
  ] as const)('follows the markers %j', async (markers, expected) => {
    const keys = [...sdxlKeys, ...markers.map((name): [string, Shape] => [name, [0]])]
    expect(await predict(tableOf(keys))).toMatchObject(expected)
  })

  it.each([
    ['modelspec.prediction_type', 'v', 'v'],
    ['modelspec.prediction_type', 'epsilon', 'epsilon'],
    ['modelspec.predict_key', 'v', 'v'],
  ])('follows the metadata %s = %s', async (key, value, type) => {
    const prediction = await predict(tableOf(sdxlKeys, { metadata: { [key]: value } }))
    expect(prediction).toEqual({ type, evidence: `metadata ${key} = "${value}"` })
  })

  it.each(['constructor', '__proto__', 'toString', ''])('ignores %j in the metadata', async (value) => {
    const table = tableOf(sdxlKeys, { metadata: { 'modelspec.prediction_type': value } })
    expect((await predict(table)).type).toBe('epsilon')
  })

  it('follows a .yaml beside the file before everything else', async () => {
    const table = tableOf(sd2Keys, { metadata: { 'modelspec.prediction_type': 'epsilon' } })
    const v = '    parameterization: "v"\n'
    expect((await predict(table, 0, { sidecar: v })).type).toBe('v')
    const silent = 'model:\n  target: ldm.models.diffusion.ddpm.LatentDiffusion\n'
    expect((await predict(tableOf(sd2Keys), 0.2, { sidecar: silent })).type).toBe('epsilon')
    expect((await predict(tableOf(sd2Keys), 0.2, { sidecar: 'something: else' })).type).toBe('v')
  })

  it('believes a file name only when nothing else speaks', async () => {
    const named = { fileName: 'noob_vpred_1.0.safetensors' }
    expect(await predict(tableOf(sdxlKeys), 0, named)).toEqual({
      type: 'v',
      evidence: 'only the file name "noob_vpred_1.0.safetensors" says so',
      weak: true,
    })
    const table = tableOf(sdxlKeys, { metadata: { 'modelspec.prediction_type': 'epsilon' } })
    expect((await predict(table, 0, named)).type).toBe('epsilon')
    expect((await predict(tableOf(sd1Keys), 0, { fileName: 'my-v-model.ckpt' })).type).toBe('epsilon')
  })

  it.each([
    [875000, 'epsilon'],
    [110000, 'v'],
  ])('knows the published SD 2.x by global_step %i where the bias is missing', async (step, type) => {
    const table = tableOf(sd2Keys.filter(([name]) => name !== BIAS))
    expect((await predict({ ...table, extras: { global_step: step } })).type).toBe(type)
  })

  it('does not judge SD 1.x by the steps of SD 2.x', async () => {
    expect((await predict({ ...tableOf(sd1Keys), extras: { global_step: 110000 } })).type).toBe('epsilon')
  })
})
