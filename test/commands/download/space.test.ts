import { describe, expect, it } from 'vitest'
import type { PlannedDownload } from '../../../src/commands/download/plan.ts'
import { spaceShortage } from '../../../src/commands/download/space.ts'

/** 10 GB free on the disk of /a, and as much on that of /b. */
const look = async (path: string) => {
  const folder = path.slice(0, 2)
  return { folder, device: folder === '/a' ? 1 : 2, free: 10e9 }
}

function planned(target: string, bytes: number | undefined, over: Partial<PlannedDownload> = {}) {
  const file = bytes === undefined ? {} : { bytes }
  return { target, file, isPresent: false, partBytes: 0, ...over } as PlannedDownload
}

describe('the free space for a plan', () => {
  it('is enough when each disk has room for all that goes there', async () => {
    const plan = [
      planned('/a/1', 6e9),
      planned('/a/2', 4e9),
      planned('/b/3', 10e9),
      planned('/b/4', undefined),
    ]
    expect(await spaceShortage(plan, look)).toBeUndefined()
  })

  it('is summed over the files of a disk, though there is room for each of them', async () => {
    const plan = [planned('/b/1', 1e9), planned('/a/2', 6e9), planned('/a/3', 6.5e9)]
    const error = await spaceShortage(plan, look)
    expect([error?.code, error?.exitCode]).toEqual(['DISK_FULL', 1])
    expect(error?.message).toBe('the 2 downloads need 12.5 GB, the disk of /a has 10.0 GB free')
    expect(error?.hint).toContain('Free 2.50 GB')
  })

  it('is left to the download itself where it cannot be told', async () => {
    const blind = async () => Promise.reject(new Error('no such place'))
    expect(await spaceShortage([planned('/a/1', 11e9)], blind)).toBeUndefined()
  })

  it('is not asked for what is there already: whole files, and parts of an earlier run', async () => {
    const plan = [planned('/a/1', 9e9, { isPresent: true }), planned('/a/2', 12e9, { partBytes: 3e9 })]
    expect(await spaceShortage(plan, look)).toBeUndefined()
    const error = await spaceShortage([planned('/a/2', 12e9, { partBytes: 1e9 })], look)
    expect(error?.message).toBe('the download needs 11.0 GB, the disk of /a has 10.0 GB free')
  })
})
