/** Writes the types of the library to dist: index.d.ts, and the few declarations it leads to. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'

const root = join(import.meta.dirname, '..')
const require = createRequire(import.meta.url)

const RE_IMPORT = /(from '\.[^']*)\.ts(')/g

export function buildTypes(dist) {
  const folder = mkdtempSync(join(tmpdir(), 'sdtool-types-'))
  try {
    const manifest = require.resolve('typescript/package.json')
    const { bin } = JSON.parse(readFileSync(manifest, 'utf8'))
    const tsc = join(dirname(manifest), bin.tsc)
    const emit = ['--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--outDir', folder]
    execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.types.json'), ...emit], {
      stdio: 'inherit',
    })
    copyDeclarations(join(folder, 'index.d.ts'), folder, dist, new Set())
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A program resolves `./x.js` to `./x.d.ts`; `./x.ts` is what only a compiler that makes nothing takes. */
function copyDeclarations(file, from, to, seen) {
  if (seen.has(file)) return
  seen.add(file)
  const text = readFileSync(file, 'utf8')
  const target = join(to, relative(from, file))
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, text.replace(RE_IMPORT, '$1.js$2'))
  for (const [, name] of text.matchAll(/from '(\.[^']*)\.ts'/g))
    copyDeclarations(join(dirname(file), `${name}.d.ts`), from, to, seen)
}
