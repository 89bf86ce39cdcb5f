/** The built command where onnxruntime-node is missing, or does not work: all that writes models works, and to the same values. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../../src/commands/registry.ts'
import { withModel } from '../../src/library/session.ts'
import { readValues } from '../../src/tensor/values/expr.ts'
import { built } from '../built.ts'
import { tempFolder } from '../temp-folder.ts'

const root = join(import.meta.dirname, '../..')
const MODELS = join(root, 'fixtures/tiny-sd')

/** The folder of a command that has been installed without any package beside it. */
function installed(): string {
  const folder = tempFolder()
  cpSync(dirname(built('cli.js')), join(folder, 'dist'), { recursive: true })
  cpSync(join(root, 'package.json'), join(folder, 'package.json'))
  return folder
}

interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

function run(at: string, args: readonly string[], cwd: string): Ran {
  const { NODE_PATH: _, ...env } = process.env
  const options = {
    encoding: 'utf8',
    cwd,
    env: { ...env, XDG_CACHE_HOME: cwd, XDG_CONFIG_HOME: cwd },
  } as const
  return spawnSync(process.execPath, [join(at, 'dist/cli.js'), ...args], options)
}

/** How much of what is written may differ from what onnxruntime gives. */
type Agreement = 'equal' | 'rounding' | 'effect'

/**
 * A command line for each command that writes models. Only products of matrices may be rounded differently: by one step
 * of the type that is written; of a decomposition, the factors may have other signs, but not another effect.
 */
const WRITERS: Readonly<Record<string, { readonly args: readonly string[]; readonly agreement: Agreement }>> =
  {
    convert: { args: ['tiny-sd.ckpt', '--dtype', 'bf16'], agreement: 'equal' },
    prune: { args: ['tiny-sd.ckpt', '--dtype', 'fp16'], agreement: 'equal' },
    'merge-lora': {
      args: ['tiny-sd.ckpt', 'tiny-stripes.safetensors:0.7', '--dtype', 'fp16'],
      agreement: 'rounding',
    },
    merge: { args: ['tiny-sd.ckpt', 'tiny-sd-b.safetensors', '--alpha', '0.3'], agreement: 'equal' },
    'bake-vae': { args: ['tiny-sd.ckpt', 'vivid.vae.safetensors'], agreement: 'equal' },
    join: { args: ['tiny-sd.ckpt', '--vae', 'vivid.vae.safetensors'], agreement: 'equal' },
    extract: { args: ['vae', 'tiny-sd.ckpt'], agreement: 'equal' },
    'extract lora': { args: ['tiny-sd-b.safetensors', 'tiny-sd.ckpt', '--rank', '4'], agreement: 'effect' },
    'extract embeddings': {
      args: ['tiny-sd.ckpt', '--prompt', 'a fox', '--name', 'fox'],
      agreement: 'equal',
    },
    'lora merge': {
      args: ['tiny-stripes.safetensors:0.7', 'tiny-outline.safetensors:0.4'],
      agreement: 'equal',
    },
    'lora convert': { args: ['tiny-stripes.safetensors', '--to', 'diffusers'], agreement: 'equal' },
    'lora resize': {
      args: ['tiny-stripes.safetensors', '--rank', '2', '--dtype', 'fp32'],
      agreement: 'effect',
    },
  }

/** Others: pictures of numbers, questions to a server, and what only reads. `render` has its own tests below. */
const OTHERS = ['inspect', 'list', 'diff', 'render', 'verify', 'download', 'search', 'replay', 'identify', 'login', 'doctor', 'lora check'] // biome-ignore format: one line

function workFolder(): string {
  const folder = tempFolder()
  for (const name of readdirSync(MODELS).filter((name) => /\.(ckpt|safetensors|pt)$/.test(name)))
    symlinkSync(join(MODELS, name), join(folder, name))
  return folder
}

interface Values {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly values: Float64Array
}

function valuesOf(path: string): Promise<Map<string, Values>> {
  return withModel(path, { signal: new AbortController().signal }, async ({ model, read }) => {
    const all = new Map<string, Values>()
    for (const [name, tensor] of model.tensors) {
      const values = Float64Array.from(await readValues(tensor, read))
      all.set(name, { dtype: tensor.dtype, shape: tensor.shape, values })
    }
    return all
  })
}

const largest = (values: Float64Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)

const AGREES: Readonly<Record<Agreement, (made: Map<string, Values>, other: Map<string, Values>) => void>> = {
  equal: (made, other) => expect(differing(made, other, () => 0)).toEqual([]),
  rounding(made, other) {
    // what is patched is written in half precision: 10 bits of fraction, 2^-24 is the smallest number
    const step = (dtype: string, value: number) =>
      dtype === 'F16' ? Math.max(2 ** -10 * Math.abs(value), 2 ** -24) : 0
    expect(differing(made, other, step)).toEqual([])
  },
  effect(made, other) {
    const modules = [...other.keys()].filter((name) => name.endsWith('.lora_up.weight'))
    expect(modules.length).toBeGreaterThan(10)
    for (const name of modules) {
      const [a, b] = [effectOf(made, name), effectOf(other, name)]
      // factors in half precision: each is rounded by 2^-11
      expect(largest(a.map((value, i) => value - b[i]!))).toBeLessThanOrEqual(2 ** -9 * largest(b))
    }
  },
}

/** Tensors with a value that is further from its own than it may be. */
function differing(
  made: Map<string, Values>,
  others: Map<string, Values>,
  allowed: (dtype: string, value: number) => number,
): string[] {
  return [...others].flatMap(([name, { dtype, values }]) => {
    const own = made.get(name)!
    const isNear = values.every((value, i) => Math.abs(own.values[i]! - value) <= allowed(dtype, value))
    return isNear ? [] : [name]
  })
}

/** up @ down, [rows, columns]. */
function effectOf(lora: Map<string, Values>, name: string): Float64Array {
  const [up, down] = [lora.get(name)!, lora.get(name.replace('lora_up', 'lora_down'))!]
  const [rows, rank] = [up.shape[0]!, down.shape[0]!]
  const columns = down.values.length / rank
  return Float64Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns]
    let sum = 0
    for (let r = 0; r < rank; r++) sum += up.values[row * rank + r]! * down.values[r * columns + column]!
    return sum
  })
}

describe('where onnxruntime-node is missing', () => {
  it('every command of the registry is tried that writes models', () => {
    expect([...Object.keys(WRITERS), ...OTHERS].sort()).toEqual(COMMANDS.map(({ name }) => name).sort())
  })

  it.each(Object.entries(WRITERS))('%s writes what it writes with it', async (name, { args, agreement }) => {
    const folder = workFolder()
    const line = [...name.split(' '), ...args, '--json', '--quiet', '-o', 'out.safetensors']
    const native = run(root, line, folder)
    expect([native.status, native.stderr]).toEqual([0, ''])
    const expected = await valuesOf(join(folder, 'out.safetensors'))
    rmSync(join(folder, 'out.safetensors'))
    const { status, stdout, stderr } = run(installed(), line, folder)
    expect([status, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toBeTypeOf('object')
    const made = await valuesOf(join(folder, 'out.safetensors'))
    const kinds = (all: Map<string, Values>) =>
      [...all].map(([name, { dtype, shape }]) => [name, dtype, shape])
    expect(kinds(made)).toEqual(kinds(expected))
    AGREES[agreement](made, expected)
    expect(partsIn(folder)).toEqual([])
  })
})

describe('a bake that our own kernel has computed', () => {
  it('is replayed by it also where onnxruntime is there, which rounds some weights differently', () => {
    const folder = workFolder()
    const bake = [...['merge-lora', ...WRITERS['merge-lora']!.args], '-q', '-o']
    expect(run(installed(), [...bake, 'own.safetensors'], folder).status).toBe(0)
    expect(run(root, [...bake, 'native.safetensors'], folder).status).toBe(0)
    expect(run(root, ['diff', 'own.safetensors', 'native.safetensors', '--exit-code'], folder).status).toBe(4)
    for (const [at, file] of [
      [root, 'own.safetensors'],
      [installed(), 'own.safetensors'],
      [root, 'native.safetensors'],
    ] as const) {
      const { status, stdout } = run(at, ['replay', file, '-o', 'again.safetensors', '--force'], folder)
      expect([status, stdout]).toEqual([0, expect.stringContaining('identical: every tensor is the same')])
    }
  })
})

const partsIn = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.part'))

const require = createRequire(import.meta.url)
const OWN_BINARY = `bin/napi-v6/${process.platform}/${process.arch}/onnxruntime_binding.node`
/** For another system than any that this runs on here. */
const OTHER_BINARY = `bin/napi-v6/${process.platform === 'win32' ? 'linux' : 'win32'}/x64/onnxruntime_binding.node`

/** Puts onnxruntime-node beside the command, with what its binary is. */
function installPackage(at: string, binary: 'none' | 'damaged' | 'of another system'): void {
  const packages = join(at, 'node_modules')
  const from = dirname(require.resolve('onnxruntime-node/package.json'))
  for (const part of ['package.json', 'dist'])
    cpSync(join(from, part), join(packages, 'onnxruntime-node', part), { recursive: true })
  cpSync(join(from, '../onnxruntime-common'), join(packages, 'onnxruntime-common'), { recursive: true })
  const place = join(packages, 'onnxruntime-node', OWN_BINARY)
  mkdirSync(dirname(place), { recursive: true })
  if (binary === 'damaged') writeFileSync(place, 'half of a downlo')
  if (binary === 'of another system') cpSync(join(from, OTHER_BINARY), place)
}

const STATES = [
  ['is not installed', 'MISSING', () => {}],
  ['has lost its binary', 'NO_BINARY', (at: string) => installPackage(at, 'none')],
  ['has a damaged binary', 'BROKEN', (at: string) => installPackage(at, 'damaged')],
  ['has the binary of another system', 'BROKEN', (at: string) => installPackage(at, 'of another system')],
] as const

describe.each(STATES)('where onnxruntime-node %s', (_, state, prepare) => {
  const code = `ONNXRUNTIME_${state}`

  it('a bake and a conversion are written, and say what computed them', async () => {
    const [at, folder] = [installed(), workFolder()]
    prepare(at)
    const baked = run(at, ['merge-lora', 'tiny-sd.ckpt', 'tiny-stripes.safetensors', '-q', '-o', 'a.safetensors'], folder) // biome-ignore format: a command line
    expect([baked.status, baked.stderr]).toEqual([0, ''])
    const recipe = run(at, ['inspect', 'a.safetensors', '--metadata', 'sdtool.recipe'], folder)
    expect(recipe.stdout).toContain('sdtool wasm 1')
    const converted = run(at, ['convert', 'tiny-sd.ckpt', '-q', '-o', 'b.safetensors'], folder)
    expect([converted.status, converted.stderr, partsIn(folder)]).toEqual([0, '', []])
  })

  it('render says what is missing and what to do, and doctor too', () => {
    const [at, folder] = [installed(), workFolder()]
    prepare(at)
    for (const device of ['auto', 'cpu', 'webgpu']) {
      const drawn = run(at, ['render', 'tiny-sd.ckpt', '-p', 'a', '--steps', '1', '--device', device, '--json'], folder) // biome-ignore format: a command line
      expect(drawn.status).toBe(1)
      const { error } = JSON.parse(drawn.stdout)
      expect(error).toMatchObject({ code, message: expect.stringContaining('onnxruntime-node') })
      expect(error.hint).toContain('npm install')
      expect(drawn.stderr.split('\n').filter((line) => line.startsWith('    at '))).toEqual([])
    }
    const examined = run(at, ['doctor', '--json'], folder)
    expect(examined.status).toBe(0)
    expect(JSON.parse(examined.stdout).results[0]).toMatchObject({
      onnxruntime: null,
      onnxruntimeProblem: { code },
      products: 'sdtool wasm 1',
      auto: null,
    })
  })
})
