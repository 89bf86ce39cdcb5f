import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { remembering } from '../../../src/commands/doctor/index.ts'
import { knownDevice, openDeviceCache } from '../../../src/operations/render/device-cache.ts'
import { chooseDevice, type Machine } from '../../../src/runtime/devices/choose-device.ts'
import { deviceKind } from '../../../src/runtime/devices/devices.ts'
import { tempFolder } from '../../temp-folder.ts'

/** A machine whose WebGPU works or not, and the devices that were tried on it. */
function machine(works: boolean): Machine & { readonly tried: string[] } {
  const tried: string[] = []
  return {
    tried,
    supported: async () => ['webgpu', 'cpu'],
    cpu: async () => ({ values: new Float32Array(1), seconds: 0.01 }),
    async probe(id) {
      tried.push(id)
      const kind = deviceKind(id)
      return works ? { kind, device: { kind, half: true }, seconds: 0.01 } : { kind, problem: 'no driver' }
    },
  }
}

function world(
  folder: string,
  day = '2026-01-02',
  more: Readonly<Record<string, string>> = {},
  version = '9.9.9',
) {
  return { env: { SDTOOL_CACHE: folder, ...more }, now: () => new Date(`${day}T03:04:05Z`), version }
}

describe('a device that was found to work', () => {
  it('is not tried again, and the line says when it was', async () => {
    const [folder, card] = [tempFolder(), machine(true)]
    const first = await knownDevice('auto', card, world(folder))
    expect(first.why).toBe('WebGPU: it works, in fp16')
    const second = await knownDevice('auto', card, world(folder, '2026-01-15'))
    expect(second.device).toEqual({ kind: deviceKind('webgpu'), half: true })
    expect(second.why).toBe('WebGPU: it works, in fp16 (tried on 2026-01-02; sdtool doctor tries again)')
    expect(card.tried).toEqual(['webgpu'])
  })

  it.each([
    ['two weeks later', '2026-01-16', {}, '9.9.9'],
    ['with another driver', '2026-01-02', { VK_ICD_FILENAMES: '/other/icd.json' }, '9.9.9'],
    ['in another version of sdtool', '2026-01-02', {}, '9.9.10'],
  ])('is tried again %s', async (_, day, env, version) => {
    const [folder, card] = [tempFolder(), machine(true)]
    await knownDevice('auto', card, world(folder))
    await knownDevice('auto', card, world(folder, day, env, version))
    expect(card.tried).toEqual(['webgpu', 'webgpu'])
  })

  it('is tried again after it failed', async () => {
    const [folder, card] = [tempFolder(), machine(true)]
    await knownDevice('auto', card, world(folder))
    await (await openDeviceCache(world(folder))).forget()
    await knownDevice('auto', card, world(folder))
    expect(card.tried).toEqual(['webgpu', 'webgpu'])
  })

  it('that was asked for is not what auto takes', async () => {
    const [folder, card] = [tempFolder(), machine(true)]
    await knownDevice('webgpu', card, world(folder))
    expect((await openDeviceCache(world(folder))).get('auto')).toBeUndefined()
    expect((await knownDevice('webgpu', card, world(folder))).why).toMatch(/^WebGPU, as requested/)
    expect(card.tried).toEqual(['webgpu'])
  })
})

it('that no card works is believed for a day', async () => {
  const [folder, none] = [tempFolder(), machine(false)]
  for (const day of ['2026-01-02', '2026-01-02', '2026-01-03'])
    await knownDevice('auto', none, world(folder, day))
  expect(none.tried).toEqual(['webgpu', 'webgpu'])
})

it('a device that was asked for and does not work is tried each time', async () => {
  const [folder, none] = [tempFolder(), machine(false)]
  for (let i = 0; i < 2; i++) {
    await expect(knownDevice('webgpu', none, world(folder))).rejects.toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
    })
  }
  expect(none.tried).toEqual(['webgpu', 'webgpu'])
})

it('asks for nothing when the CPU is asked for', async () => {
  const card = machine(true)
  expect((await knownDevice('cpu', card, world(tempFolder()))).why).toBe('CPU, as requested')
  expect(card.tried).toEqual([])
})

it.each([
  ['webgpu', 'abacus'],
  ['2026-01-02', 'yesterday'],
  ['true', '"yes"'],
])('an entry with %s as %s is none', async (right, wrong) => {
  const [folder, card] = [tempFolder(), machine(true)]
  await knownDevice('auto', card, world(folder))
  const path = join(folder, 'devices.json')
  const text = readFileSync(path, 'utf8')
  expect(text).toContain(right)
  writeFileSync(path, text.replace(right, wrong))
  expect((await knownDevice('auto', card, world(folder))).why).toBe('WebGPU: it works, in fp16')
  expect(card.tried).toEqual(['webgpu', 'webgpu'])
})

it('doctor tries every device once, also where it chooses one afterwards', async () => {
  const card = machine(true)
  const asked = remembering(card)
  await asked.probe('webgpu', await asked.cpu())
  expect((await chooseDevice('auto', asked)).device.kind.id).toBe('webgpu')
  expect(card.tried).toEqual(['webgpu'])
})
