import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { checkOutput, createAtomic } from '../../src/system/atomic.ts'
import { tempFolder } from '../temp-folder.ts'

const ONE_BYTE = { bytes: 1, inputs: [] }

describe('checkOutput', () => {
  it('makes nothing, also where folders are missing', async () => {
    const folder = tempFolder()
    await checkOutput(join(folder, 'a/b/c.safetensors'), ONE_BYTE)
    expect(readdirSync(folder)).toEqual([])
  })

  it('looks for room on the disk of the nearest folder there is', async () => {
    const folder = tempFolder()
    const { bavail, bsize } = statfsSync(folder)
    const bytes = 2 * bavail * bsize
    const check = checkOutput(join(folder, 'a/b/c.safetensors'), { bytes, inputs: [] })
    await expect(check).rejects.toMatchObject({ code: 'DISK_FULL', exitCode: 1 })
  })

  it('refuses a folder, and a path below a file', async () => {
    const folder = tempFolder()
    writeFileSync(join(folder, 'file'), '')
    await expect(checkOutput(folder, ONE_BYTE)).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 })
    await expect(checkOutput(join(folder, 'file/a/b'), ONE_BYTE)).rejects.toMatchObject({
      code: 'OUTPUT_FOLDER',
      exitCode: 1,
    })
  })

  it('takes a name as taken if a link to nothing has it', async () => {
    const path = join(tempFolder(), 'link')
    symlinkSync('gone', path)
    await expect(checkOutput(path, ONE_BYTE)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' })
    await checkOutput(path, { ...ONE_BYTE, force: true })
  })

  it('knows an input by its path, through links of both kinds, and when it is gone', async () => {
    const folder = tempFolder()
    const input = { path: join(folder, 'in'), size: 1 }
    writeFileSync(input.path, 'x')
    linkSync(input.path, join(folder, 'hard'))
    symlinkSync('in', join(folder, 'soft'))
    symlinkSync('missing', join(folder, 'dangling'))
    const code = (name: string, path = input.path) =>
      checkOutput(join(folder, name), { bytes: 1, force: true, inputs: [{ path, size: 1 }] }).then(
        () => undefined,
        (error: { code: string }) => error.code,
      )
    const missing = join(folder, 'missing')
    expect(await Promise.all(['in', 'hard', 'soft'].map((name) => code(name)))).toEqual(
      Array(3).fill('OUTPUT_IS_INPUT'),
    )
    expect(await code('dangling', missing)).toBe('OUTPUT_IS_INPUT')
    expect(await code('missing', missing)).toBe('OUTPUT_IS_INPUT')
    expect(await code('other', missing)).toBeUndefined()
  })
})

describe('createAtomic', () => {
  it('takes the folders it made away again', async () => {
    const folder = tempFolder()
    mkdirSync(join(folder, 'kept'))
    const file = await createAtomic(join(folder, 'kept/a/b/c.safetensors'), ONE_BYTE)
    expect(existsSync(join(folder, 'kept/a/b'))).toBe(true)
    await file.abort()
    expect(readdirSync(folder)).toEqual(['kept'])
    expect(readdirSync(join(folder, 'kept'))).toEqual([])
  })

  it('leaves a folder it made to what else was put there', async () => {
    const folder = tempFolder()
    const file = await createAtomic(join(folder, 'a/b/c.safetensors'), ONE_BYTE)
    writeFileSync(join(folder, 'a/note'), '')
    await file.abort()
    expect(readdirSync(join(folder, 'a'))).toEqual(['note'])
  })
})

describe('commit', () => {
  /** What stood in the folder each time that something was made durable, by a handle of whatever file. */
  async function foldersAtSync(options: Partial<Parameters<typeof createAtomic>[1]> = {}, old = '') {
    const folder = tempFolder()
    const path = join(folder, 'x')
    if (old !== '') writeFileSync(path, old)
    const other = await open(folder, 'r')
    const sync = vi.spyOn(Object.getPrototypeOf(other) as typeof other, 'sync')
    await other.close()
    const seen: string[][] = []
    sync.mockImplementation(async () => {
      seen.push(readdirSync(folder).map((name) => `${name}: ${readFileSync(join(folder, name), 'latin1')}`))
    })
    try {
      const file = await createAtomic(path, { ...ONE_BYTE, ...options })
      await file.handle.write('new')
      await file.commit()
    } finally {
      sync.mockRestore()
    }
    return { seen, folder: readdirSync(folder) }
  }

  it('makes the bytes durable before they get the name, and the name after that', async () => {
    const { seen } = await foldersAtSync()
    expect(seen).toEqual([[expect.stringMatching(/^\.x\..*\.part: new$/)], ['x: new']])
  })

  it('does so, too, before it replaces a file', async () => {
    const { seen } = await foldersAtSync({ force: true }, 'old')
    expect(seen).toEqual([[expect.stringMatching(/^\.x\..*\.part: new$/), 'x: old'], ['x: new']])
  })

  it('waits for no disk where the file is for this run only', async () => {
    expect(await foldersAtSync({ temporary: true })).toEqual({ seen: [], folder: ['x'] })
  })
})
