/** What commands print with `--json` is what `docs/schemas` promises, key by key. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { DOCUMENTS } from '../../src/commands/documents.ts'
import { COMMANDS } from '../../src/commands/registry.ts'
import { startDouble, TOKEN } from '../civitai/double.ts'
import { loraFile, maliciousPickle } from '../civitai/files.ts'
import { MODEL_MAKERS, type PathOf, writeInputs } from '../cli/model-makers.ts'
import { runCli } from '../cli/run.ts'
import { tempFolder } from '../temp-folder.ts'
import { fieldsOf, withoutField, withRenamedField } from './document-fields.ts'

const TINY = join(import.meta.dirname, '../../fixtures/tiny-sd')
const tiny = (name: string): string => join(TINY, name)

interface Place {
  readonly folder: string
  readonly path: PathOf
  readonly env: Readonly<Record<string, string>>
}

type Line = (place: Place) => readonly string[]

const SMALL = ['-p', 'a heart', '--size', '64x64', '--steps', '1', '--device', 'cpu']

/** By the names of the registry: lines that succeed, and lines of which some or all of it fails. */
const READERS: Readonly<Record<string, readonly Line[]>> = {
  inspect: [
    () => ['inspect', tiny('tiny-sd.ckpt'), '--keys', '*betas', '--hashes', '--scan'],
    () => ['inspect', tiny('tiny-stripes.safetensors'), tiny('sd-bad.pt'), tiny('vivid.vae.pt')],
    ({ folder }) => ['inspect', join(folder, 'models')],
    ({ path }) => ['inspect', path('base')],
    () => ['inspect', 'version:30'],
    ({ folder }) => ['inspect', join(folder, 'gone.safetensors')],
    () => ['inspect', '--brief', '--hashes', 'x'],
  ],
  list: [({ folder }) => ['list', join(folder, 'models'), '--duplicates'], () => ['list', '/nowhere/at/all']],
  diff: [
    ({ path, folder }) => ['diff', path('base'), path('other'), '-o', join(folder, 'diff.svg')],
    ({ path }) => ['diff', path('base'), path('vae')],
    ({ path }) => ['diff', path('base')],
  ],
  verify: [({ folder, path }) => ['verify', path('lora'), join(folder, 'models'), join(folder, 'gone')]],
  search: [() => ['search', 'miku', '--limit', '1'], () => ['search', '--limit', '0']],
  identify: [
    ({ folder }) => ['identify', join(folder, 'models'), '--write', '--rename', '--dry-run'],
    ({ folder }) => ['identify', join(folder, 'gone.safetensors')],
  ],
  download: [
    ({ folder }) => ['download', 'version:30', 'version:77', '-o', `${folder}/d/`, '--dry-run'],
    ({ folder }) => ['download', 'version:30', '-o', `${folder}/d/`],
    ({ folder }) => ['download', 'version:30', '-o', `${folder}/d/`],
    () => ['download', 'no such thing'],
  ],
  login: [() => ['login', '--check'], () => ['login', '--remove'], () => ['login']],
  doctor: [() => ['doctor'], () => ['doctor', '--nothing']],
  render: [
    ({ folder }) => ['render', tiny('tiny-sd.ckpt'), ...SMALL, '--grid', '-o', `${folder}/r/`],
    ({ folder }) => [
      ...['render', tiny('tiny-sd.ckpt'), '--compare', tiny('tiny-sd-b.safetensors'), ...SMALL],
      ...['-o', join(folder, 'compare.png')],
    ],
    ({ folder }) => [
      'render',
      tiny('tiny-sd.ckpt'),
      '--sweep',
      'cfg=1,2',
      ...SMALL,
      '-o',
      join(folder, 'sweep.png'),
    ],
    ({ path }) => ['render', path('lora'), ...SMALL],
  ],
  replay: [
    ({ folder }) => ['replay', join(folder, 'prune-0.safetensors'), '--dry-run'],
    ({ folder }) => ['replay', join(folder, 'prune-0.safetensors')],
    ({ folder }) => ['replay', join(folder, 'prune-0.safetensors')],
    ({ path }) => ['replay', path('base')],
  ],
  'lora check': [
    () => ['lora', 'check', tiny('tiny-stripes.safetensors'), '--base', tiny('tiny-sd.ckpt')],
    ({ path }) => ['lora', 'check', path('base')],
  ],
}

function makersOf(command: string): readonly Line[] {
  return (MODEL_MAKERS[command] ?? []).flatMap(({ args }, i): Line[] => {
    const line: Line = ({ path, folder }) =>
      args(path, join(folder, `${command.replace(' ', '-')}-${i}.safetensors`))
    return [(place) => [...line(place), '--dry-run'], line, line]
  })
}

async function placed(): Promise<Place> {
  const folder = tempFolder()
  const path = await writeInputs(folder)
  const models = join(folder, 'models')
  mkdirSync(models)
  const LORA = loraFile()
  writeFileSync(join(models, 'miku.safetensors'), LORA)
  writeFileSync(join(models, 'miku-copy.safetensors'), LORA)
  writeFileSync(join(models, 'broken.safetensors'), 'not a model')
  writeFileSync(join(models, 'bad.ckpt'), maliciousPickle())
  copyFileSync(tiny('vivid.vae.pt'), join(models, 'vivid.vae.pt'))
  const double = await startDouble()
  double.publish({
    id: 30,
    modelId: 10,
    modelName: 'Miku',
    files: [{ id: 7, name: 'miku.safetensors', bytes: LORA }],
  })
  const env = { SDTOOL_CIVITAI_URL: double.base.href, HOME: join(folder, 'home'), CIVITAI_TOKEN: TOKEN }
  const [, prune] = makersOf('prune')
  expect((await runCli(prune!({ folder, path, env }))).code).toBe(0)
  return { folder, path, env }
}

const COVERED = Object.keys(DOCUMENTS)

it('there is a document for every command', () => {
  expect(COVERED.toSorted()).toEqual(COMMANDS.map(({ name }) => name).toSorted())
})

describe.each(COVERED)('%s --json', (command) => {
  const schema = DOCUMENTS[command]!
  const lines = [...(READERS[command] ?? []), ...makersOf(command)]

  it('prints what its schema says, whether it succeeds or fails, and nothing that may be left out', async () => {
    expect(lines.length).toBeGreaterThan(0)
    const place = await placed()
    let results = 0
    for (const line of lines) {
      const args = [...line(place), '--json']
      const { stdout } = await runCli(args, undefined, place.env)
      const document = JSON.parse(stdout)
      const { issues = [] } = v.safeParse(schema, document)
      expect(
        issues.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`),
        args.join(' '),
      ).toEqual([])
      const fields = fieldsOf(schema, document)
      expect(fields.length).toBeGreaterThan(6)
      for (const field of fields) {
        const where = `${args.join(' ')}: ${field.join('.')}`
        expect(v.is(schema, withoutField(document, field)), where).toBe(false)
        expect(v.is(schema, withRenamedField(document, field)), where).toBe(false)
      }
      results += document.results.length
    }
    expect(results).toBeGreaterThan(0)
  })
})

describe('-q', () => {
  it.each<[string, Line, (place: Place) => readonly string[]]>([
    [
      'prune',
      (place) => [...makersOf('prune')[1]!(place), '--force'],
      ({ folder }) => [join(folder, 'prune-0.safetensors')],
    ],
    ['inspect', ({ path }) => ['inspect', path('base')], ({ path }) => [path('base')]],
    ['diff', ({ path }) => ['diff', path('base'), path('other')], ({ path }) => [path('other')]],
    ['search', () => ['search', 'miku'], ({ env }) => [`${env.SDTOOL_CIVITAI_URL}models/10`]],
    [
      'verify, but not what could not be read',
      ({ path, folder }) => ['verify', join(folder, 'models/broken.safetensors'), path('lora')],
      ({ path }) => [path('lora')],
    ],
  ])('of %s prints what results are about, or what was made of it, and no more', async (_, line, paths) => {
    const place = await placed()
    const { stdout } = await runCli([...line(place), '-q'], undefined, place.env)
    expect(stdout).toBe(paths(place).map((path) => `${path}\n`).join('')) // biome-ignore format: a row
  })
})

describe('of a command line that cannot be understood, the document', () => {
  it.each([
    [['conjure', '--json'], null],
    [['inspect', 'x', '--nothing', '--json'], 'inspect'],
    [['lora', 'check', '--json'], 'lora check'],
    [['merge', '--json'], 'merge'],
    [['prune', '--json=yes', '--json'], 'prune'],
  ])('of %j has the error', async (args, command) => {
    const { code, stdout } = await runCli(args)
    expect(code).toBe(2)
    const error = { code: 'USAGE', message: expect.any(String) }
    const document = { sdtool: '9.9.9', command, schemaVersion: 1, results: [], findings: [], error }
    expect(JSON.parse(stdout)).toMatchObject(document)
  })
})
