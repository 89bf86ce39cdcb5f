import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  memorySource,
  openFileSource,
  readExactly,
  readExactlySync,
  readSmallFile,
  writeFully,
  writeFullySync,
} from '../../src/system/bytes.ts'
import { tempFolder } from '../temp-folder.ts'

const TEN = Uint8Array.of(10, 11, 12, 13, 14, 15, 16, 17, 18, 19)

function fileOf(bytes: Uint8Array): string {
  const path = join(tempFolder(), 'x')
  writeFileSync(path, bytes)
  return path
}

/** A handle whose system moves at most three bytes at once. */
function slow(handle: FileHandle): FileHandle {
  const read = (target: Uint8Array, at: number, length: number, position: number) =>
    handle.read(target, at, Math.min(length, 3), position)
  const write = (bytes: Uint8Array, at: number, length: number, position: number | null) =>
    handle.write(bytes, at, Math.min(length, 3), position)
  return { read, write } as unknown as FileHandle
}

/** Every way to read bytes [offset, offset + length) of a file. */
const READERS: Record<string, (path: string, offset: number, length: number) => Promise<Uint8Array>> = {
  async readExactly(path, offset, length) {
    const handle = await open(path)
    const target = new Uint8Array(length)
    await readExactly(slow(handle), path, target, offset).finally(() => handle.close())
    return target
  },
  async readExactlySync(path, offset, length) {
    const fd = openSync(path, 'r')
    const target = new Uint8Array(length)
    try {
      readExactlySync(fd, path, target, offset)
    } finally {
      closeSync(fd)
    }
    return target
  },
  async openFileSource(path, offset, length) {
    const source = await openFileSource(path)
    return source.read(offset, length).finally(() => source.close())
  },
  memorySource: (path, offset, length) => memorySource(path, readFileSync(path)).read(offset, length),
}

describe.each(Object.keys(READERS))('%s', (name) => {
  const read = READERS[name]!

  it.each([
    [0, 10],
    [0, 0],
    [2, 7],
    [9, 1],
  ])('reads from byte %d on %d bytes', async (offset, length) => {
    expect([...(await read(fileOf(TEN), offset, length))]).toEqual([...TEN.subarray(offset, offset + length)])
  })

  it.each([
    [0, 11, 1],
    [8, 5, 3],
    [10, 2, 2],
  ])('says where a file ends: from byte %d on %d', async (offset, length, missing) => {
    const path = fileOf(TEN)
    const needed = name === 'memorySource' ? `${offset + length} are` : `${missing} more bytes are`
    await expect(read(path, offset, length)).rejects.toMatchObject({
      code: 'FILE_TRUNCATED',
      exitCode: 3,
      message: `${path}: ends at byte 10, but ${needed} needed`,
    })
  })
})

describe('writing', () => {
  it('goes on where the system wrote a part only', async () => {
    const path = fileOf(new Uint8Array(12))
    const handle = await open(path, 'r+')
    await writeFully(slow(handle), TEN, 1)
    await handle.close()
    expect([...readFileSync(path)]).toEqual([0, ...TEN, 0])
  })

  it('without a place goes on behind what was written last', async () => {
    const path = fileOf(new Uint8Array(0))
    const handle = await open(path, 'r+')
    for (const part of [TEN.subarray(0, 4), TEN.subarray(4)]) await writeFully(slow(handle), part)
    await handle.close()
    expect([...readFileSync(path)]).toEqual([...TEN])
  })

  it('in a thread of its own puts bytes where they belong', () => {
    const path = fileOf(new Uint8Array(12))
    const fd = openSync(path, 'r+')
    writeFullySync(fd, TEN, 2)
    closeSync(fd)
    expect([...readFileSync(path)]).toEqual([0, 0, ...TEN])
  })
})

describe('readSmallFile', () => {
  it('reads no file that is larger than said', async () => {
    const path = fileOf(TEN)
    expect(await readSmallFile(path, 9)).toBeUndefined()
    expect([...(await readSmallFile(path, 10))!]).toEqual([...TEN])
    expect(await readSmallFile(`${path}-missing`, 10)).toBeUndefined()
  })
})
