/** Extraction from fixtures/tiny-sd, held against complete decompositions in binary64 (fixtures/goldens/extract_lora.py). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { identifyFile, type OpenedModel, readAny, withModels } from '../../../src/library/session.ts'
import {
  type Extraction,
  type ExtractLoraPlanOptions,
  extractFactors,
} from '../../../src/operations/extract-lora/plan.ts'
import type { RankRule } from '../../../src/operations/lora/rank-rule.ts'
import { matmul } from '../../../src/runtime/sessions/matmul.ts'
import { newEvaluation } from '../../../src/tensor/values/expr.ts'
import { QUIET_WORLD } from '../../quiet-world.ts'

const FIXTURES = join(import.meta.dirname, '../../../fixtures')
/** Some seconds of work; a machine that is busy with other things takes longer. */
const SLOW = 120_000

const PATHS = ['tiny-sd-b.safetensors', 'tiny-sd.ckpt'].map((name) => join(FIXTURES, 'tiny-sd', name))

interface GoldenLayer {
  readonly delta2: number
  /** Share of delta2 in the best approximation of rank 8. */
  readonly energy: number
  readonly ranks: Readonly<Record<string, number>>
  /** What LyCORIS' own extraction leaves of delta2. */
  readonly lycoris?: number
}

const GOLDEN: {
  readonly rank: number
  readonly limit: number
  readonly rules: Readonly<Record<string, number>>
  readonly extract: Readonly<Record<string, GoldenLayer>>
} = JSON.parse(readFileSync(join(FIXTURES, 'goldens/extract-lora.json'), 'utf8'))

const OPTIONS: ExtractLoraPlanOptions = {
  algo: 'locon',
  rule: { method: 'fixed', limit: GOLDEN.rank },
  convLimit: GOLDEN.limit,
  dtype: 'F32',
  seed: 0,
}

function extract(
  opened: readonly OpenedModel[],
  options: Partial<ExtractLoraPlanOptions> = {},
): Promise<Extraction> {
  return withInputs(opened, (tuned, base) =>
    extractFactors(
      tuned,
      base,
      { ...OPTIONS, convLimit: options.rule?.limit ?? GOLDEN.rank, ...options },
      {
        evaluation: newEvaluation(readAny(opened), matmul),
        signal: new AbortController().signal,
        onProgress: () => {},
      },
    ),
  )
}

async function withInputs<T>(
  opened: readonly OpenedModel[],
  use: (
    tuned: Parameters<typeof extractFactors>[0],
    base: Parameters<typeof extractFactors>[0],
  ) => Promise<T>,
): Promise<T> {
  const [tuned, base] = await Promise.all(
    opened.map(async (one, i) => ({
      name: PATHS[i]!,
      file: one.model,
      identity: await identifyFile(PATHS[i]!, one),
    })),
  )
  return use(tuned!, base!)
}

describe('a LoRA extracted from two models', () => {
  let fixed: Extraction
  beforeAll(async () => {
    fixed = await withModels(PATHS, QUIET_WORLD, (opened) => extract(opened))
  }, SLOW)

  it('holds every layer that differs, under the names kohya gives them', () => {
    expect(fixed.layers.map(({ module }) => module).toSorted()).toEqual(
      Object.keys(GOLDEN.extract).toSorted(),
    )
    for (const { module, delta2 } of fixed.layers)
      expect(delta2 / GOLDEN.extract[module]!.delta2, module).toBeCloseTo(1, 5)
  })

  it('keeps at least 99 % of the energy that the best LoRA of its rank could keep, and never more', () => {
    let worst = 1
    for (const { module, delta2, error2 } of fixed.layers) {
      const share = (1 - error2 / delta2) / GOLDEN.extract[module]!.energy
      expect(share, module).toBeLessThanOrEqual(1 + 1e-5)
      worst = Math.min(worst, share)
    }
    expect(worst).toBeGreaterThan(0.99)
  })

  it('leaves hardly more than the complete decomposition of LyCORIS does', () => {
    const compared = fixed.layers.filter(({ module }) => GOLDEN.extract[module]!.lycoris !== undefined)
    expect(compared.length).toBeGreaterThan(5)
    for (const { module, error2 } of compared)
      expect(error2 / GOLDEN.extract[module]!.lycoris!, module).toBeLessThan(1.01)
  })

  it.each(Object.entries(GOLDEN.rules))(
    'chooses the ranks of kohya by %s = %d',
    async (method, target) => {
      const rule = { method, target, limit: GOLDEN.limit } as RankRule
      const { layers } = await withModels(PATHS, QUIET_WORLD, (opened) => extract(opened, { rule }))
      const off = layers.filter(({ module, rank }) => rank !== GOLDEN.extract[module]!.ranks[method])
      expect(off.map(({ module, rank }) => [module, rank, GOLDEN.extract[module]!.ranks[method]])).toEqual([])
    },
    SLOW,
  )

  it('says which tensors no LoRA holds', () => {
    expect(fixed.unchanged).toBe(72)
    const { tensors } = fixed.outside
    expect(tensors).toHaveLength(408)
    expect(tensors).toContain('model.diffusion_model.input_blocks.0.0.weight')
    expect(tensors.every((name) => /norm|bias|layers\.0|time_embed|blocks\.0\.0|out\./.test(name))).toBe(true)
  })
})
