import { describe, expect, it } from 'vitest'
import { doctorPage, examine } from '../../../src/commands/doctor/index.ts'
import type { Machine } from '../../../src/runtime/devices/choose-device.ts'
import { CPU, deviceKind } from '../../../src/runtime/devices/devices.ts'
import { SdtoolError } from '../../../src/system/errors.ts'

/** WebGPU works but slowly and without fp16, CUDA lacks its libraries, the others are not built in. */
const MACHINE: Machine = {
  supported: async () => ['cuda', 'webgpu', 'cpu'],
  cpu: async () => ({ values: new Float32Array(1), seconds: 0.01 }),
  async probe(id) {
    const kind = deviceKind(id)
    if (id === 'cpu') return { kind, device: CPU, seconds: 0.01 }
    if (id === 'cuda') return { kind, problem: 'the CUDA libraries of onnxruntime are not installed' }
    return { kind, device: { kind, half: false }, halfProblem: 'the card or its driver has none', seconds: 3 }
  },
}

describe('doctor', () => {
  it('says of every device what it can do, or what it lacks and how to get it', async () => {
    const tried: string[] = []
    const report = await examine(MACHINE, (title) => tried.push(title), { version: '9.9.9' })
    expect(tried).toEqual(['CUDA', 'WebGPU', 'CPU'])
    expect(report.auto).toBe('cpu')
    const [cuda, dml, webgpu, coreml, cpu] = report.devices
    expect(cuda).toMatchObject({
      id: 'cuda',
      works: false,
      problem: expect.stringContaining('CUDA libraries'),
    })
    expect(cuda!.needs).toContain('ONNXRUNTIME_NODE_INSTALL')
    for (const other of [dml, coreml]) {
      expect(other).toMatchObject({ works: false, problem: 'onnxruntime does not support it on this system' })
    }
    expect(webgpu).toMatchObject({ works: true, fp16: false, recommended: false })
    expect(webgpu!.problem).toContain('300 times slower than the CPU')
    expect(cpu).toMatchObject({ works: true, recommended: true })
  })

  it('prints the same as a table', async () => {
    const report = await examine(MACHINE, () => {}, { version: '9.9.9' })
    const machine = { node: 'v20', onnxruntime: '1.30.0', platform: 'linux x64', processor: 'Some CPU' }
    const sizes = { cores: 2, memoryBytes: 24e9, freeBytes: 12e9 }
    const devices = report.devices.filter(({ id }) => id === 'webgpu' || id === 'cpu')
    expect(doctorPage({ ...report, ...machine, ...sizes, devices })).toBe(
      [
        'sdtool 9.9.9, Node v20, onnxruntime 1.30.0, linux x64',
        'Some CPU, 2 cores, 12.0 GB of 24.0 GB memory free',
        'matrices are multiplied by sdtool wasm 1',
        '',
        '  device  state  fp16      probe  note',
        '  WebGPU  works  no    3000.0 ms  300 times slower than the CPU, so not a card but a software renderer. no fp16: the card or its driver has none',
        '  CPU     works  no      10.0 ms',
        '',
        '--device auto uses CPU.',
        '',
      ].join('\n'),
    )
  })

  it.each([
    ['ONNXRUNTIME_MISSING', 'onnxruntime-node, which renders, is not installed', 'supported'],
    ['ONNXRUNTIME_NO_BINARY', 'onnxruntime-node, which renders, has no binary for this system', 'supported'],
    ['ONNXRUNTIME_BROKEN', 'onnxruntime-node, which renders, cannot be loaded', 'supported'],
    ['SESSION_FAILED', 'onnxruntime could not load the network', 'cpu'],
    ['SESSION_ENDED', 'the process that ran the network ended by SIGILL', 'cpu'],
  ] as const)('says what is wrong where nothing can be drawn: %s', async (code, message, step) => {
    const fails = async () => {
      throw new SdtoolError(code, message, { hint: 'Do this.' })
    }
    const report = await examine({ ...MACHINE, [step]: fails }, () => {}, { version: '9.9.9' })
    expect(report).toMatchObject({
      onnxruntime: null,
      onnxruntimeProblem: { code, message, hint: 'Do this.' },
      auto: null,
      products: 'sdtool wasm 1',
    })
    expect(report.devices.map(({ works, recommended }) => works || recommended)).not.toContain(true)
    const page = doctorPage(report)
    expect(page).toContain('no onnxruntime')
    expect(page).toContain(`\n${message}\n  Do this.\n\nRendering does not work here.\n`)
  })
})
