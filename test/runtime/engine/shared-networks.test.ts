/** Which networks of several jobs are loaded anew, told by networks that only take notes. */
import { describe, expect, it } from 'vitest'
import type { Identity } from '../../../src/model/identity.ts'
import type { Model } from '../../../src/model/model.ts'
import { CPU } from '../../../src/runtime/devices/devices.ts'
import type { Engine, EngineOptions, TextTower } from '../../../src/runtime/engine/engine.ts'
import { sharedEngine } from '../../../src/runtime/engine/shared-networks.ts'
import type { Source, Tensor } from '../../../src/tensor/values/table.ts'

const OPTIONS: EngineOptions = { device: CPU, threads: 0 }
const FORMAT = { scale: 0.18215, channels: 4 } as Parameters<Engine['openVae']>[1]
const ROOM = 20e9
const TOWER = { id: 'clip_l', title: 'CLIP-L text encoder', component: 0, skip: 1 } as unknown as TextTower

function tensor(name: string, source: Source): Tensor {
  return { name, dtype: 'F16', shape: [1], source }
}

function stored(offset: number, path = 'base'): Source {
  return { kind: 'stored', file: { path, size: 99 }, offset, nbytes: 2 }
}

/** A model of two weights. */
function model(text: Source, vae: Source): Model {
  const tensors = [tensor('text', text), tensor('vae', vae)]
  const components = [
    { role: 'text', names: ['text'] },
    { role: 'vae', names: ['vae'] },
  ]
  return {
    name: 'model',
    file: { tensors: new Map(tensors.map((one) => [one.name, one])), metadata: {} },
    identity: { components } as unknown as Identity,
  }
}

function noteTaking(): { engine: Engine; events: string[] } {
  const events: string[] = []
  const vae = {
    decode: async () => void events.push('decode'),
    close: async () => void events.push('close VAE'),
  }
  const engine = {
    textTowers: () => [TOWER],
    async openTextEncoder() {
      events.push('open text')
      return {
        async encode(inputs: readonly { readonly ids: readonly number[] }[]) {
          events.push(`encode ${inputs.map(({ ids }) => ids[0])}`)
          return { hidden: Float32Array.from(inputs.flatMap(({ ids }) => [ids[0]!, 0])), width: 2 }
        },
        close: async () => void events.push('close text'),
      }
    },
    async openVae() {
      events.push('open VAE')
      return vae
    },
  } as unknown as Engine
  return { engine, events }
}

async function encode(engine: Engine, of: Model, ids: readonly number[], skip?: number): Promise<number[]> {
  const encoder = await engine.openTextEncoder(of, TOWER, OPTIONS)
  const { hidden } = await encoder.encode(
    ids.map((id) => ({ ids: [id] })),
    skip === undefined ? {} : { skip },
  )
  await encoder.close()
  return [...hidden]
}

describe('texts', () => {
  it('are encoded once for models whose encoder is the same part of a file', async () => {
    const { engine, events } = noteTaking()
    const shared = sharedEngine(engine)
    expect(await encode(shared, model(stored(8), stored(16)), [7, 8, 7])).toEqual([7, 0, 8, 0, 7, 0])
    const other = model(stored(8), stored(16, 'other'))
    expect(await encode(shared, other, [8, 9])).toEqual([8, 0, 9, 0])
    expect(await encode(shared, other, [9])).toEqual([9, 0])
    expect(events).toEqual([
      'open text',
      'encode 7',
      'encode 8',
      'close text',
      'open text',
      'encode 9',
      'close text',
    ])
  })

  it('are encoded anew with other weights, with computed ones, and with another clip skip', async () => {
    const { engine, events } = noteTaking()
    const shared = sharedEngine(engine)
    const base = model(stored(8), stored(16))
    await encode(shared, base, [7])
    await encode(shared, base, [7], 2)
    await encode(shared, model(stored(10), stored(16)), [7])
    const patched: Source = { kind: 'cast', of: tensor('text', stored(8)) }
    await encode(shared, model(patched, stored(16)), [7])
    await encode(shared, model(patched, stored(16)), [7])
    expect(events.filter((event) => event === 'encode 7')).toHaveLength(5)
  })

  it('that are weighted afterwards do not change what is remembered', async () => {
    const shared = sharedEngine(noteTaking().engine)
    const base = model(stored(8), stored(16))
    const encoder = await shared.openTextEncoder(base, TOWER, OPTIONS)
    const { hidden } = await encoder.encode([{ ids: [7] }])
    hidden.fill(99)
    expect(await encode(shared, base, [7])).toEqual([7, 0])
  })

  it('of an embedding with other vectors are others', async () => {
    const { engine, events } = noteTaking()
    const encoder = await sharedEngine(engine).openTextEncoder(model(stored(8), stored(16)), TOWER, OPTIONS)
    for (const value of [1, 2, 2])
      await encoder.encode([{ ids: [7], vectors: [{ position: 0, values: Float32Array.of(value) }] }])
    expect(events).toEqual(['open text', 'encode 7', 'encode 7'])
  })
})

describe('a VAE', () => {
  async function draw(engine: Engine, of: Model): Promise<void> {
    const vae = await engine.openVae(of, FORMAT, OPTIONS)
    await vae.decode({ data: new Float32Array(4), height: 1, width: 1 })
    await vae.close()
  }

  it('stays for the next model that has the same, and is closed at the end', async () => {
    const { engine, events } = noteTaking()
    const shared = sharedEngine(engine, () => ROOM)
    await draw(shared, model(stored(8), stored(16)))
    await draw(shared, model(stored(10), stored(16)))
    await shared.close()
    expect(events).toEqual(['open VAE', 'decode', 'decode', 'close VAE'])
  })

  it('of another model takes its place', async () => {
    const { engine, events } = noteTaking()
    const shared = sharedEngine(engine, () => ROOM)
    await draw(shared, model(stored(8), stored(16)))
    await draw(shared, model(stored(8), stored(16, 'other')))
    await shared.close()
    expect(events).toEqual(['open VAE', 'decode', 'close VAE', 'open VAE', 'decode', 'close VAE'])
  })

  it('does not stay where memory is short', async () => {
    const { engine, events } = noteTaking()
    const shared = sharedEngine(engine, () => 5e9)
    await draw(shared, model(stored(8), stored(16)))
    await draw(shared, model(stored(8), stored(16)))
    expect(events).toEqual(['open VAE', 'decode', 'close VAE', 'open VAE', 'decode', 'close VAE'])
  })
})
