import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const src = join(import.meta.dirname, '../src')

/** Rooms from the ground up: each imports only from rooms before its own row, never from one of the same row. */
const STOREYS: readonly (readonly string[])[] = [
  ['system'],
  ['tensor'],
  ['image'],
  ['model'],
  ['runtime', 'library', 'civitai', 'report'],
  ['operations'],
  ['api'],
  ['commands'],
]

/** Tests of the whole rather than of a room. */
const UNMIRRORED = new Set(['cli', 'hostile', 'fixtures', 'scripts'])

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))

function folderOf(path: string): string {
  return path.includes('/') ? path.split('/')[0]! : ''
}

/** Files imported, static or dynamic, relative to `src`. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), 'utf8')
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) => match[1]!)
  return specifiers.map((specifier) => relative(src, resolve(src, dirname(file), specifier)))
}

describe('the house', () => {
  it('is where the test looks', () => {
    expect(files.length).toBeGreaterThan(50)
    expect(importsOf('main.ts')).toContain('report/terminal/error.ts')
    expect(importsOf('commands/registry.ts')).toContain('commands/inspect/index.ts')
  })

  it('has no room besides those in the storeys', () => {
    const rooms = new Set(files.map(folderOf).filter((folder) => folder !== ''))
    expect([...rooms].toSorted()).toEqual(STOREYS.flat().toSorted())
  })

  it('imports go down only', () => {
    const storeyOf = (folder: string) => STOREYS.findIndex((storey) => storey.includes(folder))
    const broken = files.flatMap((file) => {
      const folder = folderOf(file)
      if (folder === '') return []
      return importsOf(file)
        .filter((target) => folderOf(target) !== folder && storeyOf(folderOf(target)) >= storeyOf(folder))
        .map((target) => `${file} imports ${target}`)
    })
    expect(broken).toEqual([])
  })

  it('is mirrored by its tests', () => {
    const tests = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
    const folders = new Set(tests.filter((file) => file.endsWith('.test.ts')).map((file) => dirname(file)))
    const strangers = [...folders].filter(
      (folder) => folder !== '.' && !UNMIRRORED.has(folderOf(`${folder}/`)) && !existsSync(join(src, folder)),
    )
    expect(strangers).toEqual([])
  })

  it('keeps the core pure: no printing, no process, no argv below the commands', () => {
    const broken = files
      .filter((file) => ['tensor', 'image', 'model', 'operations'].includes(folderOf(file)))
      .filter((file) =>
        /\b(console\.|process\.(?!hrtime)|stdout|stderr)/.test(readFileSync(join(src, file), 'utf8')),
      )
    expect(broken).toEqual([])
  })

  it('loads yargs and what it needs for --version, but no command', () => {
    const seen = new Set<string>()
    const visit = (file: string): void => {
      if (seen.has(file)) return
      seen.add(file)
      const text = readFileSync(join(src, file), 'utf8')
      const statics = [...text.matchAll(/^(?:import|export)\s(?!type\s)[^;]*?from\s+'(\.[^']+)'/gms)].map(
        (match) => match[1]!,
      )
      for (const specifier of statics) visit(relative(src, resolve(src, dirname(file), specifier)))
    }
    visit('cli.ts')
    const heavy = [...seen].filter((file) => /^(tensor|model|civitai|runtime)\/|commands\/[^/]+\//.test(file))
    expect(heavy).toEqual([])
  })
})
