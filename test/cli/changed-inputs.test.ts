/** An input that is changed while a command reads it: nothing of what is made of it gets a name. */
import {
  copyFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../../src/commands/registry.ts'
import { openFileSource } from '../../src/system/bytes.ts'
import { checkUnchanged } from '../../src/system/stamp.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli, runDisturbed } from './run.ts'
import { inFolder, MAKES_NOTHING, WRITERS } from './writers.ts'

const TINY = join(import.meta.dirname, '../../fixtures/tiny-sd')

describe('every command that makes files of models', () => {
  it('is in this table, or said to make none', () => {
    const listed = [...MAKES_NOTHING, ...WRITERS.map(([name]) => name), 'replay', 'diff', 'lora check']
    expect([...new Set(listed)].sort()).toEqual(COMMANDS.map(({ name }) => name).sort())
  })

  it.each(WRITERS)('%s of %j', async (_, files, args) => {
    const folder = folderWith(files)
    const { code, stderr } = await runDisturbed(inFolder(args, folder), () => touch(join(folder, files[0]!)))
    expect(stderr).toContain(`${files[0]} was modified while it was being read`)
    expect(code).toBe(1)
    expect(readdirSync(folder).sort()).toEqual([...files].sort())
  })

  it('replay', async () => {
    const folder = folderWith(['tiny-sd.ckpt'])
    const made = join(folder, 'made.safetensors')
    expect(await runCli(['prune', join(folder, 'tiny-sd.ckpt'), '-o', made])).toMatchObject({ code: 0 })
    const input = join(folder, 'tiny-sd.ckpt')
    const before = readFileSync(made)
    const { code, stderr } = await runDisturbed(
      ['replay', made, '-o', join(folder, 'again.safetensors')],
      () => touch(input),
    )
    // it holds its inputs against the recipe first
    expect([code, stderr]).toEqual([4, expect.stringContaining('tiny-sd.ckpt is not the')])
    expect(readdirSync(folder).sort()).toEqual(['made.safetensors', 'tiny-sd.ckpt'])
    expect(readFileSync(made).equals(before)).toBe(true)
  })
})

describe('what counts as a change', () => {
  const args = ['convert', 'tiny-sd.ckpt', '-o', 'out.safetensors']
  it.each<[string, string, (path: string) => void]>([
    ['a byte written in place', 'was modified while', (path) => touch(path)],
    [
      'the same bytes in another file of that name',
      'was replaced by another file',
      (path) => {
        copyFileSync(path, `${path}.new`)
        renameSync(`${path}.new`, path)
      },
    ],
    [
      'bytes behind its end',
      'bytes while it was being read',
      (path) => writeFileSync(path, 'more', { flag: 'a' }),
    ],
    ['its removal', 'does not exist', (path) => rmSync(path, { force: true })],
  ])('%s', async (_, message, change) => {
    const folder = folderWith(['tiny-sd.ckpt'])
    let isChanged = false
    const { code, stderr } = await runDisturbed(inFolder(args, folder), () => {
      if (!isChanged) change(join(folder, 'tiny-sd.ckpt'))
      isChanged = true
    })
    expect([code, stderr]).toEqual([1, expect.stringContaining(message)])
    expect(readdirSync(folder)).not.toContain('out.safetensors')
  })

  it('its removal after all of it was read', async () => {
    const path = join(folderWith(['sd-bad.pt']), 'sd-bad.pt')
    const source = await openFileSource(path)
    await source.close()
    rmSync(path)
    await expect(checkUnchanged([source.file])).rejects.toMatchObject({
      code: 'INPUT_CHANGED',
      message: expect.stringContaining('was removed while it was being read'),
    })
  })

  it('is not that somebody read it', async () => {
    const folder = folderWith(['tiny-sd.ckpt'])
    const result = await runDisturbed(inFolder(args, folder), () =>
      readFileSync(join(folder, 'tiny-sd.ckpt')),
    )
    expect(result).toMatchObject({ code: 0, stderr: '' })
  })
})

function folderWith(files: readonly string[]): string {
  const folder = tempFolder()
  for (const file of files) cpSync(join(TINY, file), join(folder, file))
  return folder
}

let touched = 0

/** One bit flipped in place; the clock of a file system may be too coarse to show it by itself. */
function touch(path: string): void {
  const bytes = readFileSync(path)
  const at = bytes.byteLength - 200
  bytes[at] = bytes[at]! ^ 1
  const { ino } = statSync(path)
  writeFileSync(path, bytes, { flag: 'r+' })
  touched += 1
  utimesSync(path, new Date(), new Date(Date.now() + touched * 1000))
  if (statSync(path).ino !== ino) throw new Error(`${basename(path)} was not written in place`)
}
