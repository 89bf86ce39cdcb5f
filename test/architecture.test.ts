import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const src = join(import.meta.dirname, '../src')

/** Folders each folder may import from, besides itself and `errors.ts`. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  system: ['tensor'],
  tensor: [],
  image: [],
  model: ['tensor'],
  runtime: ['system', 'image', 'model', 'tensor'],
  library: ['system', 'model', 'tensor'],
  civitai: ['system', 'tensor'],
  report: ['system', 'image'],
  operations: ['report', 'library', 'runtime', 'system', 'image', 'model', 'tensor'],
  commands: ['operations', 'report', 'library', 'civitai', 'runtime', 'system', 'image', 'model', 'tensor'],
}

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
    expect(importsOf('main.ts')).toContain('report/error.ts')
    expect(importsOf('commands/registry.ts')).toContain('commands/inspect.ts')
  })

  it('imports go down only', () => {
    const broken = files.flatMap((file) => {
      const folder = folderOf(file)
      if (folder === '') return []
      return importsOf(file)
        .filter((target) => target !== 'errors.ts' && folderOf(target) !== folder)
        .filter((target) => !ALLOWED[folder]?.includes(folderOf(target)))
        .map((target) => `${file} imports ${target}`)
    })
    expect(broken).toEqual([])
  })

  it('keeps the core pure: no printing, no process, no argv below the commands', () => {
    const broken = files
      .filter((file) => ['tensor', 'model', 'image'].includes(folderOf(file)))
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
    const heavy = [...seen].filter((file) =>
      /^(tensor|model|civitai|runtime)\/|commands\/(?!registry|command)/.test(file),
    )
    expect(heavy).toEqual([])
  })
})
