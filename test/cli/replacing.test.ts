/** What `--force` may replace, in every command that writes a file. */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startDouble } from '../civitai/double.ts'
import { loraFile } from '../civitai/files.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const TINY = join(import.meta.dirname, '../../fixtures/tiny-sd')
const tiny = (name: string): string => join(TINY, name)
const LORA = tiny('tiny-outline.safetensors')
const MIKU = { id: 7, name: 'miku.safetensors', bytes: loraFile() }

/** Command lines that write one small file, and how its name ends. */
const WRITERS: readonly (readonly [name: string, ending: string, args: readonly string[]])[] = [
  ['convert', '.safetensors', ['convert', tiny('sd-bad.pt')]],
  ['convert --to ckpt', '.ckpt', ['convert', '--to', 'ckpt', tiny('vivid.vae.safetensors')]],
  ['prune', '.safetensors', ['prune', tiny('tiny-sd.ckpt')]],
  ['extract vae', '.safetensors', ['extract', 'vae', tiny('tiny-sd-b.safetensors')]],
  ['lora merge', '.safetensors', ['lora', 'merge', LORA, tiny('tiny-stripes.safetensors')]],
  ['lora convert', '.safetensors', ['lora', 'convert', LORA, '--to', 'diffusers']],
  ['lora resize', '.safetensors', ['lora', 'resize', LORA, '--rank', '2']],
  ['diff --plot', '.png', ['diff', LORA, LORA, '--plot']],
]

function lineFor(args: readonly string[], output: string): readonly string[] {
  return args.at(-1) === '--plot' ? [...args, output, '--force'] : [...args, '-o', output, '--force']
}

async function download(output: string): ReturnType<typeof runCli> {
  const double = await startDouble()
  double.publish({ id: 30, modelId: 10, modelName: 'Miku', files: [MIKU] })
  const env = { SDTOOL_CIVITAI_URL: double.base.href, HOME: join(dirname(output), 'home') }
  return runCli(['download', 'version:30', '-o', output, '--force', '--sidecars', 'none'], undefined, env)
}

const ALL = [
  ...WRITERS.map(
    ([name, ending, args]) => [name, ending, (output: string) => runCli(lineFor(args, output))] as const,
  ),
  ['download', '.safetensors', download] as const,
]

describe.skipIf(process.platform === 'win32')('--force', () => {
  it.each(ALL)('of %s (%s) does not replace a pipe', async (_name, ending, run) => {
    const folder = tempFolder()
    const output = join(folder, `out${ending}`)
    execFileSync('mkfifo', [output])
    const { code, stderr } = await run(output)
    expect([code, stderr]).toEqual([2, expect.stringContaining('is a pipe and cannot be replaced by a file')])
    expect(lstatSync(output).isFIFO()).toBe(true)
    expect(readdirSync(folder).filter((name) => name !== 'home')).toEqual([`out${ending}`])
  })

  it.each(ALL)('of %s (%s) keeps a private file private', async (_name, ending, run) => {
    const output = join(tempFolder(), `out${ending}`)
    writeFileSync(output, 'old')
    for (const mode of [0o600, 0o640]) {
      chmodSync(output, mode)
      const { code, stderr } = await run(output)
      expect([code, stderr]).toEqual([0, ''])
      expect(statSync(output).size).toBeGreaterThan(3)
      expect((statSync(output).mode & 0o777).toString(8)).toBe(mode.toString(8))
      writeFileSync(output, 'old')
    }
  })

  it('of convert --to diffusers does not take a folder of other things away', async () => {
    const folder = tempFolder()
    const output = join(folder, 'mine')
    mkdirSync(join(output, 'photos'), { recursive: true })
    const line = ['convert', tiny('tiny-sd-b.safetensors'), '--to', 'diffusers', '-o', output, '--force']
    const { code, stderr } = await runCli(line)
    expect([code, stderr]).toEqual([2, expect.stringContaining('has no model_index.json')])
    expect(existsSync(join(output, 'photos'))).toBe(true)
  })
})
