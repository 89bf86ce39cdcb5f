/**
 * dist/ for the tests that need it. `npm test` builds it first; where a bare `vitest` finds none, or one that is older
 * than its sources, these tests say what to run.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'

const ROOT = join(import.meta.dirname, '..')

/** Set by scripts/mutate.mjs, whose faults are in no build. */
export const WITHOUT_BUILD = process.env.SDTOOL_TEST_WITHOUT_BUILD !== undefined

/**
 * Path of a file of dist/.
 * @throws Error if it is missing or older than what it is made of
 */
export function built(file: string): string {
  const path = join(ROOT, 'dist', file)
  if (!existsSync(path)) throw new Error(`dist/${file} is missing: npm run build`)
  const { mtimeMs } = statSync(path)
  const newer = sources().find((source) => statSync(source).mtimeMs > mtimeMs)
  if (newer) throw new Error(`dist/ is older than ${relative(ROOT, newer)}: npm run build`)
  return path
}

/** What scripts/build.mjs reads of the repository. */
function sources(): string[] {
  const modules = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
  const data = ['package.json', 'scripts/build.mjs', 'scripts/undici-agents.mjs']
  return [
    ...modules.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name)),
    ...data.map((path) => join(ROOT, path)),
  ]
}
