import { readFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { blockWriter } from '../../src/civitai/block-writer.ts'
import { tempFolder } from '../temp-folder.ts'

async function temporaryFile(): Promise<{ readonly path: string; readonly handle: FileHandle }> {
  const path = join(tempFolder(), 'part')
  const handle = await open(path, 'w+')
  onTestFinished(() => handle.close())
  return { path, handle }
}

/** Ascending bytes from `first` on. */
const bytes = (length: number, first = 0) => Uint8Array.from({ length }, (_, i) => (first + i) & 255)

/** A handle whose writes, or whose syncs, fail from the nth on. */
function failingHandle(handle: FileHandle, what: 'write' | 'datasync', nth: number) {
  const calls: unknown[][] = []
  const failing = {
    write: handle.write.bind(handle),
    datasync: handle.datasync.bind(handle),
    [what]: async (...args: never[]) => {
      calls.push(args)
      if (calls.length >= nth) throw Object.assign(new Error('EIO: broken'), { code: 'EIO' })
      return (handle[what] as (...args: never[]) => unknown)(...args)
    },
  } as unknown as FileHandle
  return { failing, calls }
}

describe('a block writer', () => {
  it('puts pieces of any size into the file, and shows them in order, however slow the reader is', async () => {
    const { path, handle } = await temporaryFile()
    const pieces = fc.array(fc.tuple(fc.nat(40), fc.nat(3), fc.boolean()), { maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(pieces, fc.nat(20), async (list, start) => {
        await handle.truncate(0)
        const seen: number[] = []
        // as a thread does: one block after the other, each some time after it was handed over
        let last = Promise.resolve()
        const writer = blockWriter(handle, start, 16, (block) => {
          last = last.then(async () => {
            for (let turns = block.byteLength % 4; turns > 0; turns--) await setImmediate()
            seen.push(...block)
          })
          return last
        })
        const expected: number[] = []
        for (const [length, turns, drains] of list) {
          const piece = bytes(length, expected.length)
          expected.push(...piece)
          await writer.write(piece)
          piece.fill(0) // the caller may use its memory again
          expect(writer.size).toBe(start + expected.length)
          for (let i = 0; i < turns; i++) await setImmediate()
          if (drains) await writer.drain()
        }
        await writer.drain()
        expect([...readFileSync(path).subarray(start)]).toEqual(expected)
        expect(seen).toEqual(expected)
      }),
      { numRuns: 200 },
    )
  })

  it('asks its caller to wait only when every block is in use', async () => {
    const { handle } = await temporaryFile()
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const writer = blockWriter(handle, 0, 16, () => held)
    expect(writer.write(bytes(10))).toBeUndefined()
    for (let block = 0; block < 3; block++) await writer.write(bytes(16))
    let waited = false
    const full = writer.write(bytes(16))!.then(() => {
      waited = true
    })
    for (let turns = 0; turns < 5; turns++) await setImmediate()
    expect(waited).toBe(false)
    release()
    await full
    await writer.drain()
  })

  it('begins again at byte 0', async () => {
    const { path, handle } = await temporaryFile()
    const writer = blockWriter(handle, 0, 16, async () => {})
    await writer.write(bytes(50, 100))
    await writer.rewind()
    expect(writer.size).toBe(0)
    await handle.truncate(0)
    await writer.write(bytes(20))
    await writer.drain()
    expect([...readFileSync(path)]).toEqual([...bytes(20)])
  })

  it('writes nothing behind a block that could not be written', async () => {
    const { path, handle } = await temporaryFile()
    const { failing, calls } = failingHandle(handle, 'write', 2)
    const writer = blockWriter(failing, 0, 16, async () => {})
    const rest = async (): Promise<void> => {
      for (let block = 0; block < 20; block++) await writer.write(bytes(16))
    }
    await expect(rest()).rejects.toThrow('EIO')
    await expect(writer.drain()).rejects.toThrow('EIO')
    expect(calls).toHaveLength(2)
    expect(readFileSync(path)).toHaveLength(16)
  })

  it('lets the disk catch up on the way, and does not forget what it said then', async () => {
    const { handle } = await temporaryFile()
    const { failing, calls } = failingHandle(handle, 'datasync', 1)
    const megabyte = 1024 * 1024
    const writer = blockWriter(failing, 0, megabyte, async () => {})
    await writer.write(new Uint8Array(60 * megabyte))
    await writer.drain()
    expect(calls).toHaveLength(0)
    await writer.write(new Uint8Array(10 * megabyte))
    await expect(writer.drain()).rejects.toThrow('EIO')
    expect(calls).toHaveLength(1)
  })
})
