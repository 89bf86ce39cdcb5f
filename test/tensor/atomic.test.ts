import { existsSync, linkSync, mkdirSync, readdirSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkOutput, createAtomic } from '../../src/tensor/atomic.ts'
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
