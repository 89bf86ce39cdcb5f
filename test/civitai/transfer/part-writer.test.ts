import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  openPartWriter,
  type PartSetup,
  partWriter,
  threadedPartWriter,
} from '../../../src/civitai/transfer/part-writer.ts'
import { built, WITHOUT_BUILD } from '../../built.ts'
import { tempFolder } from '../../temp-folder.ts'

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

function partOf(content: Uint8Array = new Uint8Array()): string {
  const path = join(tempFolder(), 'part')
  writeFileSync(path, content)
  return path
}

/** A handle whose writes, or whose syncs, fail from the nth on. */
async function failingHandle(path: string, what: 'write' | 'datasync', nth: number) {
  const handle = await open(path, 'r+')
  onTestFinished(() => handle.close())
  const calls: unknown[][] = []
  const failing = {
    write: handle.write.bind(handle),
    datasync: handle.datasync.bind(handle),
    sync: handle.sync.bind(handle),
    [what]: async (...args: never[]) => {
      calls.push(args)
      if (calls.length >= nth) throw Object.assign(new Error('EIO: broken'), { code: 'EIO' })
      return (handle[what] as (...args: never[]) => unknown)(...args)
    },
  } as unknown as FileHandle
  return { failing, calls }
}

const WRITERS = {
  'in this thread': (setup: PartSetup) => openPartWriter(setup),
  'that blocks': (setup: PartSetup) => openPartWriter(setup, true),
  ...(!WITHOUT_BUILD && {
    'in a thread of its own': async (setup: PartSetup) =>
      threadedPartWriter(setup, pathToFileURL(built('part-writer-worker.js'))),
  }),
}

describe.each(Object.entries(WRITERS))('a part writer %s', (_, open) => {
  it('goes on behind what is there, writes and hashes in order, and gives the memory back', async () => {
    const [old, first, second] = [50_000, 70_000, 3].map((length) => randomBytes(length))
    const path = partOf(old)
    const writer = await open({ path, only: ['sha256', 'crc32'] })
    await writer.adopt(0, 20_000)
    await writer.adopt(20_000, 30_000)
    const taken = [first!, second!].map((bytes, i) =>
      writer.take(new Uint8Array(bytes), i === 0 ? 50_000 : 120_000),
    )
    expect((await Promise.all(taken)).map(({ byteLength }) => byteLength)).toEqual([70_000, 3])
    await writer.sync()
    const all = Buffer.concat([old!, first!, second!])
    expect(readFileSync(path).equals(all)).toBe(true)
    expect((await writer.digest()).sha256).toBe(sha256(all))
    await writer.close()
  })

  it('forgets everything when it starts again', async () => {
    const path = partOf(randomBytes(1000))
    const writer = await open({ path, only: ['sha256'] })
    await writer.adopt(0, 1000)
    await writer.restart()
    await writer.take(Uint8Array.of(1, 2, 3), 0)
    expect([...readFileSync(path)]).toEqual([1, 2, 3])
    expect((await writer.digest()).sha256).toBe(sha256(Uint8Array.of(1, 2, 3)))
    await writer.close()
  })

  it('says so when less is there than was said', async () => {
    const writer = await open({ path: partOf(randomBytes(10)), only: ['sha256'] })
    await expect(writer.adopt(0, 11)).rejects.toMatchObject({ code: 'FILE_TRUNCATED' })
    await writer.close()
  })
})

describe('a part writer', () => {
  it('writes nothing behind a block that could not be written', async () => {
    const path = partOf()
    const { failing, calls } = await failingHandle(path, 'write', 2)
    const writer = await partWriter(failing, path, ['sha256'])
    const take = (position: number) => writer.take(new Uint8Array(16), position)
    await take(0)
    await expect(take(16)).rejects.toMatchObject({ code: 'EIO' })
    await expect(take(32)).rejects.toMatchObject({ code: 'EIO' })
    expect(calls).toHaveLength(2)
    expect(readFileSync(path)).toHaveLength(16)
  })

  it('lets the disk catch up on the way, and does not forget what it said then', async () => {
    const path = partOf()
    const { failing, calls } = await failingHandle(path, 'datasync', 1)
    const writer = await partWriter(failing, path, ['sha256'])
    const megabyte = 1024 * 1024
    for (let i = 0; i < 63; i++) await writer.take(new Uint8Array(megabyte), i * megabyte)
    expect(calls).toHaveLength(0)
    await writer.sync()
    await writer.take(new Uint8Array(megabyte), 63 * megabyte)
    expect(calls).toHaveLength(1)
    await expect(writer.sync()).rejects.toMatchObject({ code: 'EIO' })
  })

  it('fails when its thread dies', async () => {
    const script = new URL('data:text/javascript,process.exit(0)')
    const writer = threadedPartWriter({ path: 'part', only: ['sha256'] }, script)
    await expect(writer.take(Uint8Array.of(1), 0)).rejects.toThrow('ended early')
    await expect(writer.digest()).rejects.toThrow('ended early')
    await writer.close()
  })
})
