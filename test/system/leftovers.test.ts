/** What a killed run leaves behind goes with the next one, and nothing else does. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { OWNER, ownerOf, removeLeftovers, temporaryFolder } from '../../src/system/leftovers.ts'
import { tempFolder } from '../temp-folder.ts'

const processes = { host: 'studio', pid: 10, isAlive: (pid: number) => pid === 20 }

it('removes files and folders of dead processes of this machine', async () => {
  const folder = tempFolder()
  const [dead, deadFolder] = ['.a.safetensors.30@studio.0a1b2c3d.part', '.sdtool.31@studio.ffffffff.part']
  const kept = [
    '.a.safetensors.10@studio.0a1b2c3d.part', // its own
    '.a.safetensors.20@studio.0a1b2c3d.part', // of a process that lives
    '.a.safetensors.30@laptop.0a1b2c3d.part', // of another machine, whose processes nobody here knows
    '.a.safetensors.0a1b2c3d.part', // of nobody
    '.pipe.30@studio.0a1b2c3d.part.old', // the folder that was to be replaced: a person's own
    'model.safetensors.part',
    'model.safetensors',
  ]
  for (const name of [dead, ...kept]) writeFileSync(join(folder, name), 'x')
  mkdirSync(join(folder, deadFolder))
  writeFileSync(join(folder, deadFolder, 'values'), 'x')
  expect((await removeLeftovers(folder, processes)).toSorted()).toEqual([dead, deadFolder].toSorted())
  expect(readdirSync(folder).toSorted()).toEqual(kept.toSorted())
})

it('knows a host by a name that files can have', () => {
  expect(ownerOf({ ...processes, host: 'my host.local' })).toBe('10@my_host_local')
})

it('makes a folder of this process, after those of dead ones', async () => {
  const folder = tempFolder()
  // a process that has ended: its number is free for a while
  const { pid } = spawnSync('true')
  const dead = join(folder, `.sdtool.${OWNER.replace(/^\d+/, String(pid))}.00000000.part`)
  mkdirSync(dead)
  const made = await temporaryFolder(folder, '.sdtool')
  expect(existsSync(dead)).toBe(false)
  expect(readdirSync(folder)[0]).toMatch(/^\.sdtool\.\d+@[\w-]+\.[0-9a-f]{8}\.part$/)
  expect(made.path).toContain(`.${OWNER}.`)
  await made.remove()
  expect(readdirSync(folder)).toEqual([])
})

it('finds nothing in a folder that is not there', async () => {
  expect(await removeLeftovers(join(tempFolder(), 'none'))).toEqual([])
})
