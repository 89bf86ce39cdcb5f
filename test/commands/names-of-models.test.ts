/** Every place of a command line that names a model takes a bare name, looked up in `--models`. */
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Argv } from 'yargs'
import { COMMANDS } from '../../src/commands/registry.ts'
import { runCli } from '../cli/run.ts'

const FOLDER = resolve(import.meta.dirname, '../../fixtures/tiny-sd')
const MODELS = {
  '{model}': 'tiny-sd.ckpt',
  '{other}': 'tiny-sd-b.safetensors',
  '{vae}': 'vivid.vae.safetensors',
  '{lora}': 'tiny-stripes.safetensors',
  '{lora2}': 'tiny-outline.safetensors',
} as const

/** Command lines that together have every place for a model, after the name of the command. */
const LINES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  inspect: [['{model}', '{lora}', '--brief']],
  diff: [['{model}', '{other}']],
  convert: [
    ['{model}', '{lora}', '--dtype', 'fp16', '--dry-run'],
    ['{model}', '--to', 'diffusers', '--dry-run'],
  ],
  prune: [['{model}', '{other}', '--dtype', 'fp16', '--dry-run']],
  'merge-lora': [['{model}', '{lora}', '{lora2}:0.5', '--dry-run']],
  merge: [
    ['{model}', '{other}', '--dry-run'],
    ['{model}', '{other}', '--vae', '{vae}', '--dry-run'],
  ],
  'bake-vae': [['{model}', '{vae}', '--dry-run']],
  join: [['{model}', '--text', '{other}', '--vae', '{vae}', '--dry-run']],
  extract: [['vae', '{model}', '--dry-run']],
  'extract lora': [['{other}', '{model}', '--rank', '1', '--only', 'text', '--dry-run']],
  'extract embeddings': [['{model}', '--prompt', 'a fox', '--name', 'fox', '--dry-run']],
  render: [
    ['{model}', '--vae', '{vae}', '--lora', '{lora}:0.5', '-p', '<lora:{lora2}:1>'],
    ['{model}', '--compare', '{other}', '{model}'],
    ['{model}', '--sweep', '{lora}=0,1'],
    ['{model}', '--merge', '{other}', '--sweep', 'alpha=0,1'],
    ['--check', '{model}'],
  ],
  replay: [['{model}']],
  verify: [['{model}', '{lora}']],
  identify: [['{lora}']],
  'lora merge': [['{lora}', '{lora2}', '--dry-run']],
  'lora resize': [['{lora}', '--rank', '1', '--dry-run']],
  'lora convert': [['{lora}', '--to', 'diffusers', '--dry-run']],
  'lora check': [['{lora}', '--base', '{model}']],
}

/** Without a model on their command line; `list` has the folders themselves. */
const NAME_NONE = ['list', 'download', 'search', 'login', 'doctor']

/** Another line for what only some kinds of file take. */
const NEEDS_BASE = ['extract embeddings', ['{lora}', '--base', '{model}', '--dry-run']] as const

/** They draw, or ask a server: here only what they look up is of interest. */
const TAKES_LONG = ['render', 'identify']

const ALL = [...Object.entries(LINES).flatMap(([name, lines]) => lines.map((line) => [name, line] as const)), NEEDS_BASE] // biome-ignore format: one line

interface Place {
  readonly command: string
  readonly line: readonly string[]
  readonly index: number
}

const PLACES: Place[] = ALL.flatMap(([command, line]) =>
  line.flatMap((word, index) => (/\{\w+\}/.test(word) ? [{ command, line, index }] : [])),
)

const RE_MODEL = /\{\w+\}/

function filled(line: readonly string[], name: (file: string) => string): string[] {
  return line.map((word) => word.replace(RE_MODEL, (model) => name(MODELS[model as keyof typeof MODELS])))
}

describe('bare names of models', () => {
  it('have a place in every command of the registry, but for those that name none', () => {
    expect([...Object.keys(LINES), ...NAME_NONE].sort()).toEqual(COMMANDS.map(({ name }) => name).sort())
  })

  it.each(PLACES.map((place) => [`${place.command} ${place.line.join(' ')}`, place.index, place] as const))(
    '%s: word %i is looked up',
    async (_, index, { command, line }) => {
      const lost = line.map((word, i) => (i === index ? word.replace(RE_MODEL, 'nosuch') : word))
      const args = [...command.split(' '), ...filled(lost, (file) => file), '--models', FOLDER]
      const { code, stderr } = await runCli(args)
      expect(code).toBe(1)
      expect(stderr).toContain(`nosuch does not exist, and there is no model of that name in ${FOLDER}\n`)
    },
  )

  it.each(
    ALL.filter(([command]) => !TAKES_LONG.includes(command)).map(
      ([command, line]) => [`${command} ${line.join(' ')}`, command, line] as const,
    ),
  )('%s does with names what it does with paths', async (_, command, line) => {
    const run = (name: (file: string) => string) =>
      runCli([...command.split(' '), ...filled(line, name), '--models', FOLDER])
    expect(await run((file) => file)).toEqual(await run((file) => join(FOLDER, file)))
  })
})

/** What a command declares. Stands for the parser: all it does is to remember. */
function declared(options: (yargs: Argv) => Argv): Record<'positional' | 'option', string[]> {
  const names: Record<'positional' | 'option', string[]> = { positional: [], option: [] }
  const add = (kind: 'positional' | 'option') => (name: string, how: { alias?: string }) => {
    names[kind].push(name, ...(how.alias === undefined ? [] : [how.alias]))
    return parser
  }
  const parser: object = new Proxy(
    { positional: add('positional'), option: add('option') },
    { get: (known, key) => known[key as 'option'] ?? (() => parser) },
  )
  options(parser as Argv)
  return names
}

const nameOf = (placeholder: string) => /\w+/.exec(placeholder)![0]

describe('names on a command line', () => {
  it.each(COMMANDS.map(({ name, load }) => [name, load] as const))(
    '%s has no option that is called like one of its places, and declares all of these',
    async (_, load) => {
      const { positionals, options } = await load()
      const places = positionals.split(' ').filter(Boolean).map(nameOf)
      const names = declared(options)
      expect(names.positional.sort()).toEqual(places.sort())
      expect(names.option.filter((option) => places.includes(option))).toEqual([])
    },
  )

  it.each(COMMANDS.map(({ name, load }) => [name, load] as const))(
    '%s takes nothing for a place in the form of an option',
    async (name, load) => {
      const { positionals } = await load()
      for (const place of positionals.split(' ').filter(Boolean).map(nameOf)) {
        const option = `${place.length === 1 ? '-' : '--'}${place}`
        for (const words of [[option, '/'], [`${option}=/`]]) {
          const { code, stderr } = await runCli([...name.split(' '), ...words])
          expect([code, stderr]).toEqual([
            2,
            `sdtool: unknown option: ${option}\n  Leave ${option} out: sdtool ${name} ${positionals}\n`,
          ])
        }
      }
    },
  )
})
