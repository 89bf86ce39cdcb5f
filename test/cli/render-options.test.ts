/**
 * Every option of render in every mode: it changes what is drawn or said, or is refused by its name. Nothing is drawn
 * here: what would be is caught on its way to the networks.
 */
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import yargs from 'yargs'
import { renderCommand } from '../../src/commands/render/index.ts'
import type { RenderMode } from '../../src/commands/render/rules.ts'
import { openImage } from '../../src/image/open.ts'
import { withModel } from '../../src/library/session.ts'
import type { Model } from '../../src/model/model.ts'
import { openDeviceCache } from '../../src/operations/render/device-cache.ts'
import { CPU } from '../../src/runtime/devices/devices.ts'
import type { EngineOptions } from '../../src/runtime/engine/engine.ts'
import type { RenderedImage, RenderHooks, RenderJob } from '../../src/runtime/engine/pipeline.ts'
import type { TensorTable } from '../../src/tensor/values/table.ts'
import { writeModel } from '../model-files.ts'
import { QUIET_WORLD } from '../quiet-world.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const drawn: string[] = []

vi.mock('../../src/runtime/engine/pipeline.ts', async (original) => ({
  ...(await original<object>()),
  async renderImages(job: RenderJob, _: unknown, engine: EngineOptions, hooks: RenderHooks) {
    drawn.push(fingerprint(job, engine))
    const { images, settings } = job
    const size = { width: settings.width, height: settings.height }
    const image = { ...size, data: new Uint8Array(3 * size.width * size.height) }
    const made = images.map((request): RenderedImage => ({ request, image, latents: new Float32Array(0) }))
    for (const [i, one] of made.entries()) await hooks.onImage?.(one, i)
    return made
  },
}))

/** Equal for jobs that would give the same pictures. */
function fingerprint({ model, vae, embeddings, images, settings }: RenderJob, engine: EngineOptions): string {
  const names = embeddings.map(({ name, path }) => `${name} ${path}`)
  const { sampler, schedule, ...numbers } = settings
  const said = [model, vae].map((one) => one && weightsOf(one))
  return text([said, names, images, sampler.name, schedule?.name, numbers, engine.precision])
}

function weightsOf({ file }: Model): string {
  const hash = createHash('sha256')
  for (const tensor of file.tensors.values()) hash.update(text(tensor))
  return hash.digest('hex')
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, part) => {
    if (typeof part === 'bigint') return String(part)
    if (part instanceof Map) return [...part]
    return ArrayBuffer.isView(part)
      ? createHash('sha256')
          .update(part as Uint8Array)
          .digest('hex')
      : part
  })
}

const tiny = join(import.meta.dirname, '../../fixtures/tiny-sd')
const file = (name: string) => join(tiny, name)
const CKPT = file('tiny-sd.ckpt')
const OTHER = file('tiny-sd-b.safetensors')
const STRIPES = file('tiny-stripes.safetensors')
/** It names an embedding, as a verification prompt does. */
const PROMPT = ['-p', 'a heart, fox']
const made = { baked: '', unmatched: '', cache: '', models: '' }

/** A run in each mode, without its prompt; `merge` is a sweep of alpha. */
const MODES: Readonly<Record<RenderMode | 'merge', () => string[]>> = {
  pictures: () => [CKPT, ...PROMPT],
  sheet: () => [CKPT],
  compare: () => [CKPT, '--compare', OTHER, ...PROMPT],
  sweep: () => [CKPT, '--sweep', `${STRIPES}=0,1`, ...PROMPT],
  merge: () => [CKPT, '--merge', OTHER, '--sweep', 'alpha=0,0.5', ...PROMPT],
  check: () => ['--check', made.baked, '--models', tiny, ...PROMPT],
}

interface Given {
  readonly args: () => readonly string[]
  /** What the run has with it and without it. */
  readonly beside?: (mode: keyof typeof MODES) => readonly string[]
}

/** Each option with a value that is not what a run has anyway. */
const OPTIONS: Readonly<Record<string, Given>> = {
  json: { args: () => ['--json'] },
  quiet: { args: () => ['--quiet'] },
  preview: { args: () => ['--preview'] },
  models: { args: () => ['--models', made.models] },
  prompt: { args: () => ['-p', 'a house'] },
  negative: { args: () => ['-n', 'blurry'] },
  seed: { args: () => ['--seed', '5'] },
  count: { args: () => ['--count', '2'] },
  steps: { args: () => ['--steps', '7'] },
  cfg: { args: () => ['--cfg', '3'] },
  'cfg-rescale': { args: () => ['--cfg-rescale', '0.5'] },
  sampler: { args: () => ['--sampler', 'heun'] },
  schedule: { args: () => ['--schedule', 'karras'] },
  size: { args: () => ['--size', '72x64'] },
  rng: { args: () => ['--rng', 'nv'] },
  'clip-skip': { args: () => ['--clip-skip', '2'] },
  prediction: { args: () => ['--prediction', 'v'] },
  ztsnr: { args: () => ['--ztsnr'] },
  vae: { args: () => ['--vae', file('vivid.vae.safetensors')] },
  lora: { args: () => ['--lora', file('tiny-outline.safetensors')] },
  'allow-unmatched': {
    args: () => ['--allow-unmatched'],
    beside: (mode) => (mode === 'check' ? [] : ['--lora', made.unmatched]),
  },
  ema: { args: () => ['--ema'] },
  embeddings: { args: () => ['--embeddings', join(made.models, 'embeddings')] },
  device: { args: () => ['--device', 'cpu'] },
  precision: { args: () => ['--precision', 'fp32'] },
  grid: { args: () => ['--grid'] },
  output: { args: () => ['-o', 'FOLDER/own.png'] },
  force: { args: () => ['--force'], beside: () => ['-o', 'FOLDER/taken.png'] },
  compare: { args: () => ['--compare', OTHER] },
  sweep: { args: () => ['--sweep', 'cfg=3,7'] },
  merge: { args: () => ['--merge', OTHER] },
  'merge-method': { args: () => ['--merge-method', 'slerp'] },
  check: { args: () => ['--check', made.baked] },
}

/** Of all commands, or of errors only. */
const ELSEWHERE = ['help', 'version', 'verbose']

/** Options whose value a mode has in its own arguments already, so that another would be a second one. */
const OWN: Readonly<Partial<Record<keyof typeof MODES, readonly string[]>>> = {
  pictures: ['prompt'],
  compare: ['prompt', 'compare'],
  sweep: ['prompt', 'sweep'],
  merge: ['prompt', 'sweep', 'merge'],
  check: ['prompt', 'check', 'models'],
}

interface Outcome {
  readonly code: number
  readonly stderr: string
  /** Of everything that came of it. */
  readonly all: string
}

async function outcome(args: readonly string[]): Promise<Outcome> {
  const folder = tempFolder()
  writeFileSync(join(folder, 'taken.png'), '')
  const whole = [...args, ...(args.includes('-o') ? [] : ['-o', `${folder}/`])]
  const own = whole.map((arg) => arg.replace('FOLDER', folder))
  const size = args.includes('--size') ? [] : ['--size', '64x64']
  const { code, stdout, stderr } = await runCli(['render', ...own, ...size], undefined, {
    SDTOOL_CACHE: made.cache,
  })
  const pictures = readdirSync(folder).map((name) => `${name}: ${parametersOf(join(folder, name))}`)
  const all = [code, stdout, stderr, ...pictures, ...drawn].join('\n').replaceAll(folder, 'FOLDER')
  return { code, stderr, all }
}

function parametersOf(path: string): string {
  const bytes = readFileSync(path)
  return bytes.length === 0
    ? ''
    : openImage(bytes)
        .texts.map(({ text: own }) => own)
        .join('\n')
}

const folder = mkdtempSync(join(tmpdir(), 'sdtool-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

beforeAll(async () => {
  made.cache = join(folder, 'cache')
  const cache = await openDeviceCache({
    env: { SDTOOL_CACHE: made.cache },
    now: () => new Date('2026-01-02T01:00:00Z'),
    version: '9.9.9',
  })
  await cache.set('auto', { device: CPU, why: 'CPU, as no graphics card works' })
  made.models = join(folder, 'webui')
  mkdirSync(join(made.models, 'embeddings'), { recursive: true })
  copyFileSync(file('sd-postcard.safetensors'), join(made.models, 'embeddings', 'fox.safetensors'))
  made.baked = join(folder, 'baked.safetensors')
  expect((await runCli(['merge-lora', OTHER, `${STRIPES}:0.5`, '-o', made.baked])).code).toBe(0)
  made.unmatched = join(folder, 'unmatched.safetensors')
  await withModel(STRIPES, QUIET_WORLD, ({ model }) => writeModel(made.unmatched, withUnknownModule(model)))
}, 120_000)

/** A LoRA with a module that no model has. */
function withUnknownModule({ tensors, metadata }: TensorTable): TensorTable {
  const first = [...tensors.keys()][0]!.split('.')[0]!
  const more = [...tensors.values()].flatMap((tensor) => {
    const name = tensor.name.replace(first, 'lora_unet_input_blocks_1_1_of_nothing')
    return name === tensor.name ? [] : [{ ...tensor, name }]
  })
  return { tensors: new Map([...tensors.values(), ...more].map((tensor) => [tensor.name, tensor])), metadata }
}

afterEach(() => {
  drawn.length = 0
})

it('the table below has every option of render', () => {
  const { alias, array, boolean, string, choices } = renderCommandOptions()
  const letters = new Set(Object.values(alias).flat())
  const all = [...array, ...boolean, ...string, ...Object.keys(choices)].filter(
    (name) => name !== 'model' && !letters.has(name),
  )
  expect(Object.keys(OPTIONS).sort()).toEqual(
    [...new Set(all)].filter((name) => !ELSEWHERE.includes(name)).sort(),
  )
})

function renderCommandOptions() {
  const parser = renderCommand.options(yargs([]))
  return (
    parser as unknown as {
      getOptions(): Record<'alias', Record<string, string[]>> &
        Record<'array' | 'boolean' | 'string', string[]> &
        Record<'choices', object>
    }
  ).getOptions()
}

describe.each(Object.keys(MODES) as (keyof typeof MODES)[])('in the mode %s', (mode) => {
  const options = Object.keys(OPTIONS).filter((name) => !OWN[mode]?.includes(name))
  it.each(options)('--%s is used or refused', async (name) => {
    const { args, beside = () => [] } = OPTIONS[name]!
    const run = [...MODES[mode](), ...beside(mode)]
    const without = await outcome(run)
    drawn.length = 0
    const { code, stderr, all } = await outcome([...run, ...args()])
    if (code === 2) expect(stderr).toMatch(new RegExp(`--${name}\\b|LoRA`))
    else expect(all).not.toBe(without.all)
  })
})
