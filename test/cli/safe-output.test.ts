/** No command lets through what could act on a terminal, or hide what stands in its output. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { main } from '../../src/main.ts'
import { iterm2 } from '../../src/report/terminal/preview/iterm2.ts'
import { kitty } from '../../src/report/terminal/preview/kitty.ts'
import { showPreview } from '../../src/report/terminal/preview/preview.ts'
import { sixel } from '../../src/report/terminal/preview/sixel.ts'
import { safeText, safeWorld } from '../../src/report/terminal/safe-output.ts'
import { startDouble } from '../civitai/double.ts'
import { loraFile, safetensorsFile } from '../civitai/files.ts'
import { tempFolder } from '../temp-folder.ts'

/** Colours, moves, titles, C1, directions, invisible marks, line ends of Unicode, a tag of the astral planes. */
const BAD = 'A\u001b[38;5;123mB\u001b[7A\u001b]0;title\u0007C\u0008\u007f\u009b31m\u0085D\u202e\u2066\u200b\u2028E\u{e0041}Z' // biome-ignore format: one text
/** The same as a name that a disk takes. */
const BAD_NAME = BAD.replaceAll('/', '')

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are meant
const OWN = /\u001b\[(?:(?!38;5;123)[\d;]*m|(?!7A)\d*[AJK])/g
const LEFT = /[^\n\t\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}]/gu

interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function run(args: readonly string[], isTTY: boolean, env: Record<string, string>): Promise<Run> {
  let [stdout, stderr] = ['', '']
  const terminal = isTTY ? { isTTY, columns: 100 } : {}
  // a clock that runs, so that lines of progress are drawn
  let time = Date.UTC(2026, 0, 2)
  const code = await main(args, {
    stdout: { write: (text) => (stdout += text), ...terminal },
    stderr: { write: (text) => (stderr += text), ...terminal },
    env: { ...env, ...(isTTY ? {} : { NO_COLOR: '1' }) },
    now: () => {
      time += 20_000
      return new Date(time)
    },
    threads: 0,
    random: () => 1,
    sleep: async () => {},
    signal: new AbortController().signal,
    version: '9.9.9',
  })
  return { code, stdout, stderr }
}

interface Place {
  readonly folder: string
  readonly lora: string
  readonly other: string
  readonly broken: string
  readonly env: Record<string, string>
}

async function place(): Promise<Place> {
  const folder = join(tempFolder(), BAD_NAME)
  mkdirSync(folder)
  const path = (name: string): string => join(folder, `${name}${BAD_NAME}.safetensors`)
  const [lora, other, broken] = [path('lora'), path('other'), path('broken')]
  const metadata = { [BAD]: BAD, ss_output_name: BAD, 'modelspec.title': BAD, ss_tag_frequency: JSON.stringify({ [BAD]: { [BAD]: 3 } }) } // biome-ignore format: a row
  writeFileSync(lora, loraFile(metadata))
  writeFileSync(other, safetensorsFile({ [BAD]: [2, 2], [`${BAD}.lora_up.weight`]: [2, 2] }, metadata))
  writeFileSync(broken, Buffer.from(`\x08\0\0\0\0\0\0\0{"${BAD}`))
  const double = await startDouble()
  const files = [{ id: 7, name: `${BAD}.safetensors`, bytes: loraFile(metadata) }]
  const facts = { trainedWords: [BAD], baseModel: BAD, description: BAD, usageControl: BAD }
  double.publish({ id: 30, modelId: 10, name: BAD, modelName: BAD, files, facts })
  double.publish({ id: 31, modelId: 11, name: BAD, modelName: BAD, files: [], facts })
  const env = { SDTOOL_CIVITAI_URL: double.base.href, HOME: join(folder, 'home') }
  return { folder, lora, other, broken, env }
}

/** Command lines of all commands, by what they are given. */
const LINES: Readonly<Record<string, (place: Place) => readonly string[]>> = {
  inspect: ({ lora, other, broken }) => ['inspect', lora, other, broken],
  'inspect --keys': ({ lora, other }) => ['inspect', '--keys', '*', lora, other],
  'inspect --metadata': ({ lora }) => ['inspect', '--metadata', '*', lora],
  'inspect --metadata KEY': ({ lora }) => ['inspect', '--metadata', BAD, lora],
  'inspect --brief': ({ folder }) => ['inspect', '--brief', folder],
  'inspect --hashes': ({ lora }) => ['inspect', '--hashes', '--scan', lora],
  'inspect of nothing': ({ folder }) => ['inspect', join(folder, `${BAD_NAME}-gone`)],
  'a bare name': ({ folder }) => ['inspect', `${BAD_NAME}-gone`, '--models', folder],
  list: ({ folder }) => ['list', folder, '--duplicates'],
  diff: ({ lora, other }) => ['diff', lora, other, '--keys', '--exit-code'],
  convert: ({ lora, folder }) => ['convert', lora, '-o', `${folder}/out/`, '--dtype', 'fp32'],
  'convert of what is broken': ({ broken }) => ['convert', broken],
  prune: ({ lora }) => ['prune', lora, '--dry-run'],
  'prune --drop': ({ lora }) => ['prune', lora, '--drop', BAD],
  'merge-lora': ({ other, lora }) => ['merge-lora', other, lora],
  merge: ({ other, lora }) => ['merge', other, lora],
  'bake-vae': ({ other, lora }) => ['bake-vae', other, lora],
  'extract vae': ({ lora }) => ['extract', 'vae', lora],
  'extract lora': ({ other, lora }) => ['extract', 'lora', other, lora],
  'extract embeddings': ({ lora }) => ['extract', 'embeddings', lora],
  'lora check': ({ lora, other }) => ['lora', 'check', lora, other],
  'lora merge': ({ lora }) => ['lora', 'merge', lora, lora, '--dry-run'],
  'lora resize': ({ lora, folder }) => [
    'lora',
    'resize',
    lora,
    '--rank',
    '2',
    '-o',
    `${folder}/r.safetensors`,
  ],
  render: ({ other }) => ['render', other, '-p', BAD],
  replay: ({ lora }) => ['replay', lora],
  verify: ({ lora, broken }) => ['verify', lora, broken],
  search: () => ['search', BAD],
  'search that finds': () => ['search', 'A'],
  download: ({ folder }) => ['download', 'version:30', '-o', `${folder}/d/`],
  'download of nothing': () => ['download', 'version:31'],
  'download of what is none': () => ['download', BAD],
  identify: ({ folder }) => ['identify', folder, '--write', '--rename'],
  'no command': () => [BAD],
  'no option': ({ lora }) => ['inspect', lora, `--${BAD}`],
  'no choice': ({ lora }) => ['convert', lora, '--dtype', BAD],
}

describe.each(Object.entries(LINES))('%s', (_name, line) => {
  it('writes nothing that acts on a file or a program', async () => {
    const here = await place()
    const { stdout, stderr } = await run(line(here), false, here.env)
    expect(`${stdout}${stderr}`.match(LEFT) ?? []).toEqual([])
    expect(stdout + stderr).not.toBe('')
  })

  it('writes nothing that acts on a terminal but its own colours', async () => {
    const here = await place()
    const { stdout, stderr } = await run(line(here), true, here.env)
    const rest = `${stdout}${stderr}`.replaceAll(OWN, '').replaceAll('\r', '')
    expect(rest.match(LEFT) ?? []).toEqual([])
  })

  it('writes the same as JSON, which stays JSON', async () => {
    const here = await place()
    const { stdout, stderr } = await run([...line(here), '--json'], false, here.env)
    expect(`${stdout}${stderr}`.match(LEFT) ?? []).toEqual([])
    JSON.parse(stdout)
  })

  it('says no unexpected error', async () => {
    const here = await place()
    expect((await run(line(here), false, here.env)).stderr).not.toContain('unexpected error')
  })
})

describe('JSON', () => {
  it('keeps every character', async () => {
    const { lora, env } = await place()
    const { stdout } = await run(['inspect', lora, '--json'], false, env)
    expect(stdout).toContain(String.raw`\u202e\u2066\u200b\u2028E\udb40\udc41Z`)
    const [{ path: file, metadata }] = JSON.parse(stdout).results
    expect([file, metadata[BAD]]).toEqual([lora, BAD])
  })
})

describe('safeText', () => {
  it.each([
    ['lines\n\tand columns', false, 'lines\n\tand columns'],
    ['\r\u001b[1mbold', false, String.raw`\u000d\u001b[1mbold`],
    [
      '\r\u001b[K\u001b[3A\u001b[J\u001b[1;31mbold\u001b[0m',
      true,
      '\r\u001b[K\u001b[3A\u001b[J\u001b[1;31mbold\u001b[0m',
    ],
    [
      '\u001b]0;x\u0007\u001b[2J\u001b[6n\u001b\u001b[',
      true,
      String.raw`\u001b]0;x\u0007\u001b[2J\u001b[6n\u001b\u001b[`.replace(String.raw`\u001b[2J`, '\u001b[2J'),
    ],
    ['e\u0301 👩\u200d💻 \ud800', true, 'e\u0301 👩\\u200d💻 \ud800'],
  ])('%j, on a terminal: %s', (text, isTerminal, expected) => {
    expect(safeText(text, isTerminal)).toBe(expected)
  })
})

describe('pictures on a terminal', () => {
  it.each([kitty, iterm2, sixel])('$id gets through', ({ id }) => {
    const envs: Record<string, Record<string, string>> = {
      kitty: { TERM: 'xterm-kitty', KITTY_WINDOW_ID: '1' },
      iterm2: { TERM_PROGRAM: 'iTerm.app' },
      sixel: { TERM: 'foot' },
    }
    let text = ''
    const stream = { write: (part: string) => (text += part), isTTY: true, columns: 80 }
    const world = { stdout: stream, stderr: stream, env: envs[id]!, now: () => new Date(), threads: 0, signal: new AbortController().signal, version: '1' } // biome-ignore format: a row
    const image = { width: 2, height: 2, data: new Uint8Array(12) }
    showPreview(image, world)
    const direct = text
    text = ''
    showPreview(image, safeWorld(world))
    expect(direct).toContain('\u001b')
    expect(text).toBe(direct)
  })
})
