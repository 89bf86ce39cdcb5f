import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { identify } from '../../src/model/identify/identify.ts'
import { describeReal, realFile } from '../real-files.ts'
import { bytesTensor, tableOf } from '../tables.ts'

const noValues = async () => {
  throw new Error('names and shapes must do')
}

describeReal('RealESRGAN', () => {
  it('is an upscaler, by its real key list', async () => {
    const path = realFile('keys/invoke-ai__InvokeAI__tests__test_model_probe__RealESRGAN_x2plus.pth.json')!
    const { params_ema: keys } = JSON.parse(readFileSync(path, 'utf8')) as {
      params_ema: Record<string, { shape: number[] }>
    }
    const tensors = Object.entries(keys).map(([name, { shape }]) =>
      bytesTensor(name, 'F32', shape, new Uint8Array(0)),
    )
    const { kind, title, evidence } = await identify(tableOf(tensors), noValues)
    expect([kind, title]).toEqual(['upscaler', expect.stringMatching(/ESRGAN/)])
    expect(evidence).toEqual(['the key "body.0.rdb1.conv1.weight"'])
  })
})
