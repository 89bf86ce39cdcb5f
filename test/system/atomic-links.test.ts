import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { createAtomic } from '../../src/system/atomic.ts'
import { tempFolder } from '../temp-folder.ts'

/** What the system says to a hard link. */
const refusal = vi.hoisted(() => ({ code: 'EPERM' }))

vi.mock('node:fs/promises', async (original) => ({
  ...(await original<typeof import('node:fs/promises')>()),
  link: () => Promise.reject(Object.assign(new Error('no link'), refusal)),
}))

async function written(meanwhile: (path: string) => void = () => {}) {
  const path = join(tempFolder(), 'x')
  const file = await createAtomic(path, { bytes: 1, inputs: [] })
  await file.handle.write('new')
  meanwhile(path)
  const error = await file.commit().then(
    () => undefined,
    (cause: { code: string }) => cause.code,
  )
  await file.abort()
  return { error, names: readdirSync(join(path, '..')), text: readFileSync(path, 'latin1') }
}

// what exFAT, FAT, SMB, FUSE and Android say
describe.each(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EACCES'])(
  'a file system that answers %s to links',
  (code) => {
    it('gets the file by its other way', async () => {
      refusal.code = code
      expect(await written()).toEqual({ error: undefined, names: ['x'], text: 'new' })
    })

    it('keeps a file that appeared in the meantime', async () => {
      refusal.code = code
      const found = await written((path) => writeFileSync(path, 'of another'))
      expect(found).toEqual({ error: 'OUTPUT_EXISTS', names: ['x'], text: 'of another' })
    })
  },
)
