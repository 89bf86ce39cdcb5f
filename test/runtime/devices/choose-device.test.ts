import { describe, expect, it } from 'vitest'
import { chooseDevice, type Machine } from '../../../src/runtime/devices/choose-device.ts'
import { type DeviceId, deviceKind } from '../../../src/runtime/devices/devices.ts'
import type { Probe } from '../../../src/runtime/devices/probe.ts'

const CPU_SECONDS = 0.01

/** A machine on which the probes of these devices give this. */
function machine(probes: Partial<Record<DeviceId, Omit<Probe, 'kind'>>>): Machine {
  return {
    supported: async () => ['cpu', ...(Object.keys(probes) as DeviceId[])],
    cpu: async () => ({ values: new Float32Array(1), seconds: CPU_SECONDS }),
    probe: async (id) => ({ kind: deviceKind(id), ...probes[id] }),
  }
}

function working(id: DeviceId, seconds: number, half = false): Omit<Probe, 'kind'> {
  return { device: { kind: deviceKind(id), half }, seconds }
}

describe('auto', () => {
  it('takes the best device that works', async () => {
    const both = machine({ webgpu: working('webgpu', 0.01), cuda: working('cuda', 0.01, true) })
    const { device, why } = await chooseDevice('auto', both)
    expect([device.kind.id, device.half, why]).toEqual(['cuda', true, 'CUDA: it works, in fp16'])
  })

  it('passes over one that does not, and says why when nothing is left', async () => {
    const broken = { problem: 'its results are off by 12 % (fp32)' }
    const some = await chooseDevice('auto', machine({ cuda: broken, webgpu: working('webgpu', 0.02) }))
    expect(some.device.kind.id).toBe('webgpu')
    const none = await chooseDevice('auto', machine({ cuda: broken, webgpu: { problem: 'no driver' } }))
    expect(none.device.kind.id).toBe('cpu')
    expect(none.why).toBe(
      'CPU, as no graphics card works (CUDA: its results are off by 12 % (fp32); WebGPU: no driver)',
    )
  })

  it('does not take a renderer in software for a card', async () => {
    const { device, why } = await chooseDevice('auto', machine({ webgpu: working('webgpu', 2) }))
    expect(device.kind.id).toBe('cpu')
    expect(why).toContain('200 times slower than the CPU')
  })

  it('tries nothing where onnxruntime has nothing', async () => {
    expect((await chooseDevice('auto', machine({}))).device.kind.id).toBe('cpu')
  })
})

describe('a device that was asked for', () => {
  it('is taken, however slow, if it works', async () => {
    const { device } = await chooseDevice('webgpu', machine({ webgpu: working('webgpu', 2) }))
    expect(device.kind.id).toBe('webgpu')
  })

  it('is refused with the reason and what it needs otherwise', async () => {
    const refused = { code: 'DEVICE_UNAVAILABLE' }
    const broken = machine({ webgpu: { problem: 'no driver' } })
    await expect(chooseDevice('webgpu', broken)).rejects.toMatchObject(refused)
    await expect(chooseDevice('webgpu', broken)).rejects.toThrow('WebGPU does not work here: no driver')
    await expect(chooseDevice('dml', broken)).rejects.toMatchObject({
      ...refused,
      hint: expect.stringContaining('Windows 10'),
    })
  })
})
