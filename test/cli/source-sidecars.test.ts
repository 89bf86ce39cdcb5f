/** Files beside a model under its name: they go with it, or are named. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempFolder } from '../temp-folder.ts'
import { ALL_MAKERS, type PathOf, writeInputs } from './model-makers.ts'
import { runCli } from './run.ts'

/** Commands whose output is another form of their first input. */
const SAME_MODEL = ['convert base --dtype', 'prune', 'merge-lora', 'merge', 'bake-vae', 'lora resize']
const MAKERS = ALL_MAKERS.filter(([title]) => SAME_MODEL.some((start) => title.startsWith(start)))

const SHA = 'a'.repeat(64)
const NOTES = { id: 7, description: 'x', files: [{ name: 'base.safetensors', sha256: SHA, hashes: { SHA256: SHA, AutoV2: 'a'.repeat(10) } }] } // biome-ignore format: one line
const FILES: Readonly<Record<string, string>> = {
  '.yaml': 'parameterization: "v"\n',
  '.preview.png': 'no picture, really',
  '.png': 'nor this',
  '.txt': 'words',
  '.civitai.info': JSON.stringify(NOTES),
  '.json': JSON.stringify({ notes: 'mine', sha256: SHA }),
}

/** Beside the first input of every command. */
async function prepared(folder: string): Promise<PathOf> {
  const path = await writeInputs(folder)
  for (const name of ['base', 'lora'] as const)
    for (const [ending, text] of Object.entries(FILES))
      writeFileSync(path(name).replace('.safetensors', ending), text)
  writeFileSync(path('other').replace('.safetensors', '.yaml'), FILES['.yaml']!)
  return path
}

function codesOf(stdout: string): string[] {
  const [{ findings }] = JSON.parse(stdout).results
  return findings.map(({ code }: { code: string }) => code)
}

describe.each(MAKERS)('%s', (_, { args }) => {
  it('names the files that lose their model by its new name', async () => {
    const folder = tempFolder()
    const out = join(folder, 'made.safetensors')
    const line = [...args(await prepared(folder), out), '--json']
    for (const dry of [['--dry-run'], []]) {
      const { code, stdout } = await runCli([...line, ...dry])
      expect([code, stdout]).toEqual([0, expect.stringMatching(/6 files \(.*\.civitai\.info.*--sidecars/)])
    }
    expect(readdirSync(folder).filter((name) => name.startsWith('made.'))).toEqual(['made.safetensors'])
  })

  it('copies them with --sidecars, without hashes of other bytes', async () => {
    const folder = tempFolder()
    const out = join(folder, 'sub/made.safetensors')
    mkdirSync(join(folder, 'sub'))
    const { code } = await runCli([...args(await prepared(folder), out), '--sidecars'])
    expect(code).toBe(0)
    for (const ending of ['.yaml', '.preview.png', '.png', '.txt'])
      expect(readFileSync(out.replace('.safetensors', ending), 'utf8')).toBe(FILES[ending])
    const info = JSON.parse(readFileSync(out.replace('.safetensors', '.civitai.info'), 'utf8'))
    expect(info).toEqual({ id: 7, description: 'x', files: [{ name: 'base.safetensors', hashes: {} }] })
    expect(JSON.parse(readFileSync(out.replace('.safetensors', '.json'), 'utf8'))).toEqual({ notes: 'mine' })
    expect((await runCli(['verify', out])).code).toBe(0)
  })

  it('--sidecars writes nothing at all where one of them has no place', async () => {
    const folder = tempFolder()
    const out = join(folder, 'made.safetensors')
    const path = await prepared(folder)
    writeFileSync(join(folder, 'made.txt'), 'of someone else')
    const { code, stderr } = await runCli([...args(path, out), '--sidecars'])
    expect([code, stderr]).toEqual([2, expect.stringContaining('made.txt already exists')])
    expect(existsSync(out)).toBe(false)
    expect(readFileSync(join(folder, 'made.txt'), 'utf8')).toBe('of someone else')
  })
})

describe('a name that stays', () => {
  it('keeps its files without a word', async () => {
    const folder = tempFolder()
    const path = await prepared(folder)
    const ckpt = path('base').replace('.safetensors', '.ckpt')
    const { stdout } = await runCli(['convert', path('base'), '--to', 'ckpt', '-o', ckpt, '--json'])
    expect(codesOf(stdout)).toEqual(['prediction-unseen'])
  })
})
