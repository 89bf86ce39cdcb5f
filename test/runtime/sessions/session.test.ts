import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { CPU, sessionOptions } from '../../../src/runtime/devices/devices.ts'
import { encodeModel } from '../../../src/runtime/onnx/model.ts'
import { openSession } from '../../../src/runtime/sessions/session.ts'
import { built, WITHOUT_BUILD } from '../../built.ts'
import { tempFolder } from '../../temp-folder.ts'
import { SLOW } from '../networks.ts'

const X = { name: 'x', type: 'float32', shape: [3] } as const
const DOUBLE = {
  model: encodeModel({
    inputs: [X],
    outputs: [{ ...X, name: 'y' }],
    nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
  }),
  options: sessionOptions(CPU, { root: '/' }),
}
const FEEDS = { x: { data: Float32Array.of(1, 2, 3), dims: [3] } }
const BROKEN = { ...DOUBLE, model: Uint8Array.of(1, 2, 3) }

function script(code: string): URL {
  const path = join(tempFolder(), 'process.mjs')
  writeFileSync(path, code)
  return pathToFileURL(path)
}

const LOADS = "process.on('message', (m) => { if ('create' in m) process.send({ results: {} });"

describe('a session', SLOW, () => {
  it.skipIf(WITHOUT_BUILD)('gives the same in a process of its own as in this one', async () => {
    for (const world of [{}, { sessions: pathToFileURL(built('session-process.js')) }]) {
      const session = await openSession(DOUBLE, world)
      expect(await session.run(FEEDS)).toEqual({ y: Float32Array.of(2, 4, 6) })
      await session.close()
      await session.close()
      await expect(openSession(BROKEN, world)).rejects.toMatchObject({ code: 'SESSION_FAILED' })
    }
  })

  it('says how its process ended, with the last thing it said', async () => {
    const crash = script(`${LOADS} else { console.error('out of cheese'); process.exit(7) } })`)
    const session = await openSession(DOUBLE, { sessions: crash })
    const run = session.run(FEEDS)
    await expect(run).rejects.toMatchObject({ code: 'SESSION_ENDED' })
    await expect(run).rejects.toThrow('ended with code 7: out of cheese')
    await expect(session.run(FEEDS)).rejects.toMatchObject({ code: 'SESSION_ENDED' })
  })

  it('is stopped at once by the signal, though its process never listens again', async () => {
    const busy = script(`${LOADS} else { for (;;); } })`)
    const abort = new AbortController()
    const session = await openSession(DOUBLE, { sessions: busy, signal: abort.signal })
    const run = session.run(FEEDS)
    setTimeout(() => abort.abort(new Error('Ctrl-C')), 200)
    await expect(run).rejects.toThrow('Ctrl-C')
    await session.close()
  })

  it('is not started when the signal came before', async () => {
    const signal = AbortSignal.abort(new Error('too late'))
    await expect(openSession(DOUBLE, { signal })).rejects.toThrow('too late')
  })
})
