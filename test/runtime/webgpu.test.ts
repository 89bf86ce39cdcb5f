/**
 * The trained model on WebGPU, with no part of it allowed on the CPU. Where there is no card, SwiftShader draws in
 * software: `apt-get install chromium libvulkan1` and VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json
 * (`.ci/run` does both).
 */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { identifyFile, withModel } from '../../src/library/session.ts'
import type { Model } from '../../src/model/model.ts'
import { deviceKind, sessionOptions } from '../../src/runtime/devices/devices.ts'
import type { EngineOptions } from '../../src/runtime/engine/engine.ts'
import { encodeModel } from '../../src/runtime/onnx/model.ts'
import { hostSession } from '../../src/runtime/sessions/session-host.ts'
import { QUIET_WORLD } from '../quiet-world.ts'
import { contextError, goldens, picture, predictionError, TINY } from './tiny-sd.ts'

const DEVICE = { kind: deviceKind('webgpu'), half: false }
const ON_WEBGPU: EngineOptions = { device: DEVICE, threads: 0, strict: true }

/** Why there is none; undefined if there is one. */
async function missing(): Promise<string | undefined> {
  const x = { name: 'x', type: 'float32', shape: [4] } as const
  const nodes = [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }]
  const model = encodeModel({ inputs: [x], outputs: [{ ...x, name: 'y' }], nodes })
  try {
    await (await hostSession({ model, options: sessionOptions(DEVICE, { root: '/', strict: true }) })).close()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

const reason = await missing()
if (reason !== undefined) process.stderr.write(`WebGPU is not tested: ${reason}\n`)

/** As decibels of a signal that reaches from 0 to `peak`. */
function psnr(actual: ArrayLike<number>, expected: ArrayLike<number>, peak: number): number {
  let sum = 0
  for (let i = 0; i < expected.length; i++) sum += (actual[i]! - expected[i]!) ** 2
  return 10 * Math.log10(peak ** 2 / (sum / expected.length))
}

// in software, on a busy machine, programs alone take minutes to compile
describe.skipIf(reason !== undefined)('on WebGPU the trained model', { timeout: 1_200_000 }, () => {
  const path = join(TINY, 'tiny-sd-b.safetensors')
  const withTiny = (use: (model: Model) => Promise<void>) =>
    withModel(path, QUIET_WORLD, async (opened) =>
      use({ name: path, file: opened.model, identity: await identifyFile(path, opened) }),
    )

  it('reads text and predicts noise as torch does on a CPU', async () => {
    await withTiny(async (model) => {
      expect(await contextError(model, 'b-star', ON_WEBGPU)).toBeLessThan(1e-4)
      expect(await predictionError(model, 'b-star', ON_WEBGPU)).toBeLessThan(1e-4)
    })
  })

  it('decodes the picture that torch does, to 45 dB and more', async () => {
    await withTiny(async (model) => {
      const expected = (await goldens()).bytes.get('b-star.image')!
      expect(psnr(await picture(model, 'b-star', ON_WEBGPU), expected, 255)).toBeGreaterThan(45)
    })
  })
})
