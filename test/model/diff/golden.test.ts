/** The trained model in fixtures/tiny-sd against what numpy found: fixtures/goldens/diff.py. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { diffTensors, type TensorDiff } from '../../../src/model/diff/diff.ts'
import { withEmaWeights } from '../../../src/model/diff/ema.ts'
import type { DiffSide } from '../../../src/model/diff/pairs.ts'
import { byBlock, byComponent, type Tally, tally } from '../../../src/model/diff/summary.ts'
import { identify } from '../../../src/model/identify/identify.ts'
import { openFileSource } from '../../../src/system/bytes.ts'
import { openModel } from '../../../src/tensor/formats/open.ts'
import { relativeChange, type TensorComparison } from '../../../src/tensor/values/compare.ts'
import { readValues } from '../../../src/tensor/values/expr.ts'
import { openInputs } from '../../../src/tensor/write/jobs.ts'

const fixtures = join(import.meta.dirname, '../../../fixtures')

interface Facts {
  readonly relativeChange: number
  readonly norm: number
  readonly normOfChange: number
  readonly largestChange: number
  readonly changedValues: number
  readonly values: number
}

interface Golden {
  readonly total: Facts
  readonly components: Readonly<Record<string, Facts>>
  readonly blocks: Readonly<Record<string, Facts>>
  readonly tensors: Readonly<Record<string, Facts>>
}

const goldens = JSON.parse(readFileSync(join(fixtures, 'goldens/diff.json'), 'utf8')) as Record<
  'live' | 'ema',
  Golden
>

async function open(file: string, inputs: ReturnType<typeof openInputs>): Promise<DiffSide> {
  const source = await openFileSource(join(fixtures, 'tiny-sd', file))
  const table = await openModel(source)
  await source.close()
  return { table, identity: await identify(table, (tensor) => readValues(tensor, inputs.read)) }
}

async function diffTinySd(prepare: (side: DiffSide) => DiffSide): Promise<TensorDiff[]> {
  const inputs = openInputs()
  try {
    const a = prepare(await open('tiny-sd.ckpt', inputs))
    const b = prepare(await open('tiny-sd-b.safetensors', inputs))
    return await diffTensors(a, b, { read: inputs.read })
  } finally {
    await inputs.close()
  }
}

/** Norms agree to 5e-7 of themselves, all else exactly. */
function expectFacts(comparison: TensorComparison, golden: Facts, what: string): void {
  const { values, changed, largest, squares, differences } = comparison
  expect([values, changed, largest], what).toEqual([
    golden.values,
    golden.changedValues,
    golden.largestChange,
  ])
  const norms = [
    [Math.sqrt(squares), golden.norm],
    [Math.sqrt(differences), golden.normOfChange],
    [relativeChange(comparison), golden.relativeChange],
  ] as const
  for (const [found, expected] of norms) {
    if (expected === 0) expect(found, what).toBe(0)
    else expect(found / expected, what).toBeCloseTo(1, 6)
  }
}

const cases = [
  ['live', (side: DiffSide) => side],
  ['ema', withEmaWeights],
] as const

describe.each(cases)('tiny-sd against its fine-tune, %s weights', (weights, prepare) => {
  const golden = goldens[weights]
  const diffs = diffTinySd(prepare)

  it('norms of tensors', async () => {
    const found = new Map((await diffs).map((diff) => [diff.name, diff.comparison]))
    for (const [name, facts] of Object.entries(golden.tensors)) expectFacts(found.get(name)!, facts, name)
  })

  it.each([
    ['components', byComponent, ({ component }: { component: string }) => component],
    [
      'blocks of the UNet',
      (all: readonly TensorDiff[]) => byBlock(all).filter(({ component }) => component === 'unet'),
      ({ block }: { block?: string }) => block!,
    ],
  ] as const)('norms of %s', async (what, groupsOf, nameOf) => {
    const expected = what === 'components' ? golden.components : golden.blocks
    const found = new Map<string, Tally>(
      groupsOf(await diffs)
        .filter(({ comparison }) => comparison.values > 0)
        .map((group) => [nameOf(group), group]),
    )
    expect([...found.keys()].sort()).toEqual(Object.keys(expected))
    for (const [name, facts] of Object.entries(expected))
      expectFacts(found.get(name)!.comparison, facts, name)
  })

  it('norm of all weights together', async () => {
    expectFacts(tally(await diffs).comparison, golden.total, 'total')
  })
})
