/** Good and deliberately broken bakes of the small trained model, drawn and judged. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type CheckOutcome,
  checkableRecipe,
  checkBaked,
  exitCodeOfCheck,
  verdictLine,
} from '../../../src/commands/render/check.ts'
import { modelFolders } from '../../../src/commands/shared/model-folders.ts'
import type { RgbImage } from '../../../src/image/image.ts'
import { withModels } from '../../../src/library/session.ts'
import type { Model } from '../../../src/model/model.ts'
import { CPU } from '../../../src/runtime/devices/devices.ts'
import { renderImages } from '../../../src/runtime/engine/pipeline.ts'
import { euler } from '../../../src/runtime/sampling/samplers/euler.ts'
import { onnxEngine } from '../../../src/runtime/sessions/onnx-engine.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { writeSafetensors } from '../../../src/tensor/write/write.ts'
import { runCli } from '../../cli/run.ts'
import { QUIET_WORLD } from '../../quiet-world.ts'

const folder = join(import.meta.dirname, '../../../fixtures/tiny-sd')
const file = (name: string) => join(folder, name)
const CHECKPOINT = file('tiny-sd.ckpt')
const BASE = file('tiny-sd-b.safetensors')
const STRIPES = file('tiny-stripes.safetensors')
const VIVID = file('vivid.vae.safetensors')

const SHOT = { prompt: 'a red circle on a blue background', negative: '', seed: 1n }
const SETTINGS = { sampler: euler, steps: 4, rng: 'cpu', cfg: 5, width: 64, height: 64 } as const

async function draw(model: Model): Promise<readonly RgbImage[]> {
  const job = { model, embeddings: [], images: [SHOT], settings: SETTINGS }
  return (await renderImages(job, onnxEngine, { device: CPU, threads: 0 })).map(({ image }) => image)
}

/** Pictures of what several checks draw alike. */
const drawn = new Map<string, Promise<readonly RgbImage[]>>()

async function check(path: string): Promise<CheckOutcome> {
  const drawOnce = (model: Model) => {
    if (model.name === path) return draw(model)
    const key = `${model.name} ${BAKES.get(path)}`
    if (!drawn.has(key)) drawn.set(key, draw(model))
    return drawn.get(key)!
  }
  const folders = modelFolders({ models: [folder] }, QUIET_WORLD)
  const recipe = await checkableRecipe(path, QUIET_WORLD)
  return checkBaked({ path, recipe, folders, shots: [SHOT], draw: drawOnce }, QUIET_WORLD)
}

const out = mkdtempSync(join(tmpdir(), 'sdtool-test-'))
afterAll(() => rmSync(out, { recursive: true, force: true }))

/** Which recipe is in a file. */
const BAKES = new Map<string, string>()

async function bake(name: string, base: string, lora: string): Promise<string> {
  const path = join(out, `${name}.safetensors`)
  const { code, stderr } = await runCli(['merge-lora', base, lora, '-o', path])
  expect([code, stderr]).toEqual([0, ''])
  BAKES.set(path, name)
  return path
}

/** A file that says it was made as `good` was, with other tensors. */
async function forged(
  name: string,
  good: string,
  from: string,
  tensorsOf: (
    good: ReadonlyMap<string, Tensor>,
    from: ReadonlyMap<string, Tensor>,
  ) => Iterable<Tensor | undefined>,
): Promise<string> {
  const path = join(out, `${name}.safetensors`)
  BAKES.set(path, BAKES.get(good)!)
  await withModels([good, from], QUIET_WORLD, async ([own, other]) => {
    const tensors = new Map<string, Tensor>()
    for (const tensor of tensorsOf(own!.model.tensors, other!.model.tensors)) {
      if (tensor) tensors.set(tensor.name, tensor)
    }
    await writeSafetensors({ tensors, metadata: own!.model.metadata }, path, { inputs: [], threads: 0 })
  })
  return path
}

let good: string
let goodOfEma: string

beforeAll(async () => {
  good = await bake('good', BASE, `${STRIPES}:0.7`)
  goodOfEma = await bake('good-of-live', CHECKPOINT, `${STRIPES}:0.7`)
}, 300_000)

const TEXT = 'cond_stage_model.'
const VAE = 'first_stage_model.'

describe('a sound bake', () => {
  it.each([
    ['of a safetensors file', () => good],
    ['of the live weights of a training checkpoint', () => goodOfEma],
  ])('%s passes, with identical pictures', { timeout: 300_000 }, async (_, path) => {
    const outcome = await check(path())
    expect([outcome.verdict, exitCodeOfCheck(outcome), outcome.findings]).toEqual(['passed', 0, []])
    expect(outcome.baked!.similarities).toMatchObject([{ psnr: Number.POSITIVE_INFINITY, maxDifference: 0 }])
    // the LoRA shows, or the pass would mean nothing
    expect(outcome.base!.similarities[0]!.psnr).toBeLessThan(30)
    expect(verdictLine(outcome)).toContain('passed: good')
  })
})

interface Fault {
  readonly make: () => Promise<string>
  readonly says: RegExp
}

const FAULTS: Readonly<Record<string, Fault>> = {
  'the LoRA was not applied': {
    make: () => forged('unapplied', good, BASE, (_, base) => base.values()),
    says: /^UNet: it equals the base.*\nCLIP-L text encoder: it equals the base/,
  },
  'the ratio is wrong': {
    make: async () => {
      const other = await bake('at-half', BASE, `${STRIPES}:0.65`)
      return forged('ratio', good, other, (_, wrong) => wrong.values())
    },
    says: /^UNet: it changed 0\.929 times as much as the recipe says\n/,
  },
  'the text encoder is not patched': {
    make: () =>
      forged('text', good, BASE, (own, base) =>
        [...own.values()].map((tensor) => (tensor.name.startsWith(TEXT) ? base.get(tensor.name) : tensor)),
      ),
    says: /^CLIP-L text encoder: it equals the base: the recipe was not applied to it$/,
  },
  'the VAE is another': {
    make: () =>
      forged('vae', good, VIVID, (own, vae) =>
        [...own.values()].map((tensor) => {
          const other = vae.get(tensor.name.replace(VAE, ''))
          return tensor.name.startsWith(VAE) && other ? { ...other, name: tensor.name } : tensor
        }),
      ),
    says: /^VAE: it should equal the base, but is different/,
  },
  'the VAE is lost': {
    make: () =>
      forged('no-vae', good, BASE, (own) => [...own.values()].filter(({ name }) => !name.startsWith(VAE))),
    says: /has no VAE[\s\S]*VAE: 248 of its 248 tensors are missing/,
  },
  'the EMA copy was taken for the live weights': {
    make: async () => {
      const pruned = join(out, 'ema.safetensors')
      expect((await runCli(['prune', CHECKPOINT, '--ema', 'only', '-o', pruned])).code).toBe(0)
      const other = await bake('of-ema', pruned, `${STRIPES}:0.7`)
      return forged('ema-mixed-up', goodOfEma, other, (_, wrong) => wrong.values())
    },
    says: /UNet: it was made from the EMA copy of the base instead of its live weights$/,
  },
}

describe('a broken bake', () => {
  it.each(Object.entries(FAULTS))('%s', { timeout: 300_000 }, async (_, { make, says }) => {
    const outcome = await check(await make())
    expect([outcome.verdict, exitCodeOfCheck(outcome)]).toEqual(['failed', 4])
    expect(outcome.findings.map(({ message }) => message).join('\n')).toMatch(says)
    expect(verdictLine(outcome)).toMatch(/^FAILED/)
  })
})

describe('what cannot be checked', () => {
  it('a file without a recipe', async () => {
    await expect(check(BASE)).rejects.toMatchObject({ code: 'RECIPE_NOT_FOUND', exitCode: 3 })
  })
})
