import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { threadedHash } from '../../src/tensor/hash-thread.ts'

/** Built by `npm run build`, which `npm test` does first. */
const BUILT = join(import.meta.dirname, '../../dist/hash-worker.js')

describe('threadedHash', () => {
  it.skipIf(!existsSync(BUILT))('hashes blocks of shared memory in the order they were given', async () => {
    const blocks = [1, 2, 3].map((value) => new Uint8Array(new SharedArrayBuffer(100_000)).fill(value))
    const hash = threadedHash(['sha256', 'crc32'], pathToFileURL(BUILT))
    await Promise.all(blocks.map((block) => hash.update(block)))
    // not shared: copied on the way
    await hash.update(Uint8Array.of(4))
    // CRC-32 by Python's zlib
    const expected = createHash('sha256')
    for (const value of [1, 2, 3]) expected.update(Buffer.alloc(100_000, value))
    const { sha256, crc32 } = await hash.digest()
    expect(sha256).toBe(expected.update(Buffer.of(4)).digest('hex'))
    expect(crc32).toBe('13fd618a')
    await hash.close()
  })

  it('rejects when its thread dies', async () => {
    const script = new URL('data:text/javascript,process.exit(0)')
    const hash = threadedHash(['sha256'], script)
    await expect(hash.update(Uint8Array.of(1))).rejects.toThrow('ended early')
    await expect(hash.digest()).rejects.toThrow('ended early')
    await hash.close()
  })
})
