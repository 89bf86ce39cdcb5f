/** Names that are not UTF-8, as unpacked archives of other systems leave them: sdtool cannot open them, and says so. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { built } from '../built.ts'
import { startDouble } from '../civitai/double.ts'
import { loraFile } from '../civitai/files.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const ODD = Buffer.from('caf\xe9.safetensors', 'latin1')

/** A folder with a sound file, one that is spelt with U+FFFD, an odd file, an odd folder, and an odd text. */
function oddFolder(): string {
  const folder = tempFolder()
  const inside = (name: Buffer): Buffer => Buffer.concat([Buffer.from(`${folder}/`), name])
  writeFileSync(join(folder, 'sound.safetensors'), loraFile())
  writeFileSync(join(folder, 'caf\ufffd.safetensors'), loraFile({ v: '2' }))
  writeFileSync(inside(ODD), loraFile({ v: '3' }))
  mkdirSync(inside(Buffer.from('mod\xe8les', 'latin1')))
  writeFileSync(inside(Buffer.from('r\xe9sum\xe9.txt', 'latin1')), '')
  return folder
}

const WALKERS: Readonly<Record<string, (folder: string) => readonly string[]>> = {
  inspect: (folder) => ['inspect', folder, '--brief'],
  list: (folder) => ['list', folder],
  verify: (folder) => ['verify', folder],
  convert: (folder) => ['convert', folder, '--dtype', 'fp32', '--dry-run'],
  prune: (folder) => ['prune', folder, '--dry-run'],
  identify: (folder) => ['identify', folder],
  'lora check': (folder) => ['lora', 'check', 'coffee', '--models', folder],
  'a bare name': (folder) => ['inspect', 'coffee', '--models', folder],
}

describe.skipIf(process.platform !== 'linux')('names that are not UTF-8', () => {
  it.each(Object.entries(WALKERS))('are told by %s, which does the rest', async (_name, line) => {
    const folder = oddFolder()
    const double = await startDouble()
    const env = { SDTOOL_CIVITAI_URL: double.base.href, HOME: join(folder, '.home') }
    const { stderr } = await runCli(line(folder), undefined, env)
    expect(stderr).toContain(
      `skipped (the name is not UTF-8, rename it): ${folder}/caf\\xe9.safetensors, ${folder}/mod\\xe8les\n`,
    )
    expect(stderr).not.toContain('unexpected')
  })

  it('do not stand for a file that is spelt with U+FFFD', async () => {
    const { stdout } = await runCli(['inspect', oddFolder(), '--json'])
    const results = JSON.parse(stdout).results as { path: string }[]
    const files = results.map(({ path }) => path.split('/').at(-1))
    expect(files).toEqual(['caf\ufffd.safetensors', 'sound.safetensors'])
  })
})

/** Node passes no bytes that are not UTF-8; a shell does. */
function shell(folder: string, line: string) {
  const script = `x=$(printf 'caf\\351.safetensors'); ${line}`
  return spawnSync('sh', ['-c', script], { cwd: folder, encoding: 'utf8', env: { ...process.env, NODE: process.execPath, CLI: built('cli.js') } }) // biome-ignore format: a row
}

describe.skipIf(process.platform !== 'linux')('a command line that is not UTF-8', () => {
  it.each([
    ['inspect', '"$NODE" "$CLI" inspect "$x"'],
    ['convert -o', '"$NODE" "$CLI" convert sound.safetensors --dtype fp32 -o "$x"'],
    ['verify', '"$NODE" "$CLI" verify sound.safetensors "$x"'],
    ['--models', '"$NODE" "$CLI" list --models="$x"'],
    ['render', '"$NODE" "$CLI" render sound --lora "$x"'],
  ])('is refused by %s, with the name as it is, and nothing is written', (_name, line) => {
    const folder = oddFolder()
    const before = readdirSync(folder, { encoding: 'latin1' }).sort()
    const { status, stdout, stderr } = shell(folder, line)
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain('an argument on the command line is not UTF-8: ')
    expect(stderr).toContain('caf\\xe9.safetensors\n  sdtool cannot open such names')
    expect(readdirSync(folder, { encoding: 'latin1' }).sort()).toEqual(before)
  })

  it('is as good as any if U+FFFD itself was typed', () => {
    const folder = oddFolder()
    const { status, stderr } = shell(
      folder,
      `"$NODE" "$CLI" inspect "$(printf 'caf\\357\\277\\275.safetensors')"`,
    )
    expect([status, stderr]).toEqual([0, ''])
  })

  it('may not stand in a folder of such a name, either', () => {
    const folder = oddFolder()
    const { status, stderr } = shell(folder, `cd mod* && "$NODE" "$CLI" inspect ../sound.safetensors`)
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining('the name of the current folder is not UTF-8: '),
    ])
  })
})
