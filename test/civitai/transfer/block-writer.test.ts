import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { blockWriter } from '../../../src/civitai/transfer/block-writer.ts'
import type { PartWriter } from '../../../src/civitai/transfer/part-writer.ts'
import { fc } from '../../properties.ts'

/** Ascending bytes from `first` on. */
const bytes = (length: number, first = 0) => Uint8Array.from({ length }, (_, i) => (first + i) & 255)

/** As a thread does: memory moves away, and back some time later, one block after the other. */
function distantWriter(): { readonly take: PartWriter['take']; readonly file: number[] } {
  const file: number[] = []
  let last = Promise.resolve()
  const take: PartWriter['take'] = (block, position) => {
    const there = structuredClone(block, { transfer: [block.buffer] })
    last = last.then(async () => {
      for (let turns = there.byteLength % 4; turns > 0; turns--) await setImmediate()
      file.splice(position, there.byteLength, ...there)
    })
    return last.then(() => structuredClone(there, { transfer: [there.buffer] }))
  }
  return { take, file }
}

describe('a block writer', () => {
  it('hands pieces of any size on in order, however slow the writer is', async () => {
    const pieces = fc.array(fc.tuple(fc.nat(40), fc.nat(3), fc.boolean()), { maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(pieces, fc.nat(20), async (list, start) => {
        const { take, file } = distantWriter()
        const before = [...bytes(start, 200)]
        file.push(...before)
        const writer = blockWriter(take, start, 16)
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
        expect(file).toEqual([...before, ...expected])
      }),
      { numRuns: 200 },
    )
  })

  it('asks its caller to wait only when every block is on its way', async () => {
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const writer = blockWriter((block) => held.then(() => block), 0, 16)
    expect(writer.write(bytes(10))).toBeUndefined()
    for (let block = 0; block < 7; block++) await writer.write(bytes(16))
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
    const { take, file } = distantWriter()
    const writer = blockWriter(take, 0, 16)
    await writer.write(bytes(50, 100))
    await writer.rewind()
    expect(writer.size).toBe(0)
    file.length = 0
    await writer.write(bytes(20))
    await writer.drain()
    expect(file).toEqual([...bytes(20)])
  })

  it('says what the writer could not do', async () => {
    const writer = blockWriter(async () => Promise.reject(new Error('EIO: broken')), 0, 16)
    const rest = async (): Promise<void> => {
      for (let block = 0; block < 20; block++) await writer.write(bytes(16))
    }
    await expect(rest()).rejects.toThrow('EIO')
    await expect(writer.drain()).rejects.toThrow('EIO')
  })
})
