/** The package as a stranger gets it: packed, installed into an empty folder, imported. */
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const TINY = join(ROOT, 'fixtures/tiny-sd')

/** The programs of docs/api.md, in their order. */
const PROGRAMS = [...readFileSync(join(ROOT, 'docs/api.md'), 'utf8').matchAll(/```js\n(.*?)```/gs)].map(
  (match) => match[1]!,
)

let folder: string

function npm(args: readonly string[], cwd: string): string {
  const env = { ...process.env, npm_config_update_notifier: 'false' }
  return execFileSync('npm', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
}

/** Runs a program in the folder; what it prints, and nothing may go to stderr. */
function node(program: string, name = 'program.mjs'): string {
  writeFileSync(join(folder, name), program)
  const script = `${process.execPath} ${name} 2>stderr.txt`
  const env = { ...process.env, SDTOOL_CACHE: join(folder, 'cache') }
  const out = execFileSync('sh', ['-c', script], { cwd: folder, env, encoding: 'utf8' })
  expect(readFileSync(join(folder, 'stderr.txt'), 'utf8')).toBe('')
  return out
}

beforeAll(() => {
  if (!existsSync(join(ROOT, 'dist/index.js'))) throw new Error('dist is missing: npm run build')
  folder = mkdtempSync(join(tmpdir(), 'sdtool-test-'))
  const [packed] = JSON.parse(npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], ROOT))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  npm(['install', '--offline', '--no-audit', '--omit=optional', join(folder, packed.filename)], folder)
  for (const name of ['onnxruntime-node', 'onnxruntime-common']) {
    const own = join(ROOT, 'node_modules', name)
    if (existsSync(own)) symlinkSync(own, join(folder, 'node_modules', name))
  }
  copyFileSync(join(TINY, 'tiny-sd-b.safetensors'), join(folder, 'base.safetensors'))
  copyFileSync(join(TINY, 'tiny-stripes.safetensors'), join(folder, 'style.safetensors'))
  mkdirSync(join(folder, 'models'))
  for (const name of ['sd-bad.pt', 'tiny-outline.safetensors'])
    copyFileSync(join(TINY, name), join(folder, 'models', name))
  writeFileSync(join(folder, 'models/cut.safetensors'), 'short')
}, 120_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the programs of docs/api.md', () => {
  it('are three', () => {
    expect(PROGRAMS).toHaveLength(3)
  })

  it('list a folder, with what cannot be read', () => {
    const lines = node(PROGRAMS[0]!).trimEnd().split('\n')
    expect(lines[0]).toMatch(/^cut\.safetensors {2}0\.0 MB {2}unreadable: [A-Z_]+$/)
    expect(lines[1]).toBe('sd-bad.pt  0.0 MB  A1111 textual inversion')
    expect(lines[2]).toMatch(/^tiny-outline\.safetensors {2}\d+\.\d MB {2}.*LoRA/)
    expect(lines).toHaveLength(3)
  })

  it('bake a LoRA, and prove it', () => {
    const out = node(PROGRAMS[1]!)
    const [, tensors, worst] = /^baked\.safetensors: (\d+) tensors, worst error (\d\.\d\d) ulp\n/.exec(out)!
    expect(Number(tensors)).toBeGreaterThan(0)
    expect(Number(worst)).toBeLessThanOrEqual(1)
    expect(existsSync(join(folder, 'baked.safetensors'))).toBe(true)
  })

  it('draw two ratios, which are different pictures', () => {
    // the model of the tests is small, and so may its pictures be
    const out = node(PROGRAMS[2]!.replace('steps: 20', 'steps: 2').replaceAll('512', '64'))
    const [weak, strong] = ['style-0.3.png', 'style-0.9.png'].map((name) => readFileSync(join(folder, name)))
    expect(out).toContain('style-0.3.png  64x64  a red circle <lora:style:0.3>\n')
    expect(weak!.subarray(1, 4).toString()).toBe('PNG')
    expect(weak!.equals(strong!)).toBe(false)
  }, 120_000)
})

it('importing does nothing: no output, nothing that keeps the process', () => {
  expect(
    node(
      "await import('sdtool')\nprocess.on('exit', () => console.log(process.getActiveResourcesInfo().length))",
    ),
  ).toBe('0\n')
})

it('has types that a strict program compiles with, without any other package', () => {
  writeFileSync(
    join(folder, 'program.ts'),
    `import { type InspectResult, openModel, operations, run, SdtoolError } from 'sdtool'
const model = await openModel('base.safetensors')
const values: Float64Array = await model.read([...model.file.tensors.keys()][0]!)
await model.close()
const made = await run(operations.prune, { inputs: ['a'], options: { ema: 'only', dtype: { all: 'fp16' } } })
const status: 'written' | 'planned' | 'skipped' = made.status
// @ts-expect-error an option that there is not
await run(operations.prune, { inputs: ['a'], options: { emma: 'only' } })
export function kindOf(result: InspectResult): string {
  return result.kind
}
export const code = (error: unknown) => (error instanceof SdtoolError ? error.code : undefined)
export { status, values }
`,
  )
  const options = [
    '--noEmit',
    '--strict',
    '--target',
    'es2023',
    '--module',
    'nodenext',
    '--lib',
    'es2023,esnext.disposable,dom',
    '--types',
    '',
  ]
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  expect(() => execFileSync(tsc, [...options, 'program.ts'], { cwd: folder, encoding: 'utf8' })).not.toThrow()
}, 60_000)
