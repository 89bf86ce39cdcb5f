import { describe, expect, it } from 'vitest'
import { ALGORITHMS, MODIFIERS } from '../../../src/model/adapters/registry.ts'
import { elementCount, type OutputDType } from '../../../src/tensor/values/dtype.ts'
import { readValues } from '../../../src/tensor/values/expr.ts'
import { doublesOf, type Goldens, patchedBy, readGoldens, writtenAs } from './goldens.ts'

/** Cases with several modules on one weight, and of PEFT, whose settings stand in a file of their own. */
const MIXED = ['stacked', 'peft']

const NAMES = [...ALGORITHMS, ...MODIFIERS].map(({ id }) => id)
const loaded = new Map<string, Goldens | undefined>()
for (const name of [...NAMES, ...MIXED]) loaded.set(name, await readGoldens(name))
const found = [...loaded].flatMap(([name, goldens]) => (goldens ? [{ name, goldens }] : []))
const cases = found.flatMap(({ name, goldens }) =>
  goldens.cases.map((golden) => ({ title: `${name}/${golden.name} (${golden.by})`, goldens, golden })),
)

/** Spacing of the numbers of a type around a value: significant bits after the first, smallest exponent. */
const SPACING: Readonly<Partial<Record<OutputDType, readonly [bits: number, minimum: number]>>> = {
  F16: [10, -14],
  BF16: [7, -126],
  F32: [23, -126],
}

function ulp(value: number, dtype: OutputDType): number {
  const [bits, minimum] = SPACING[dtype]!
  return 2 ** (Math.max(Math.floor(Math.log2(Math.abs(value))), minimum) - bits)
}

describe('goldens of the adapter algorithms', () => {
  it.each(NAMES)('%s has some', (name) => {
    const goldens = loaded.get(name)
    expect(goldens?.cases.length).toBeGreaterThan(0)
    const used = [...goldens!.modules.values()].map(({ algorithm }) => algorithm.id)
    const modifier = MODIFIERS.find(({ id }) => id === name)
    expect(new Set(used)).toEqual(new Set(modifier?.of ?? [name]))
  })

  it.each(ALGORITHMS)('$id: every tensor it knows is in one of them', ({ id, required, optional }) => {
    const roles = new Set(
      found.flatMap(({ goldens }) =>
        [...goldens.modules.values()]
          .filter(({ algorithm }) => algorithm.id === id)
          .flatMap(({ parts }) => [...parts.keys()]),
      ),
    )
    // stands in lists of suffixes, but no trainer writes it
    roles.add('lokr_t1')
    // means nothing to them
    if (id === 'full' || id === 'norm') roles.add('alpha')
    expect([...roles]).toEqual(expect.arrayContaining([...required.flat(), ...optional]))
  })
})

describe('patchWeight agrees with the trainers', () => {
  it.each(cases)('$title', async ({ goldens, golden }) => {
    const { file, read } = goldens
    for (const { ratios, expected, bias } of golden.steps) {
      const patched = await patchedBy(goldens, golden, ratios)
      const exact = file.tensors.get(expected)!
      expect(patched.shape).toEqual(exact.shape)
      await expectClose(patched.weight, await readValues(exact, read), goldens)
      if (bias !== undefined) {
        await expectClose(patched.bias!, await readValues(file.tensors.get(bias)!, read), goldens)
      }
    }
  })

  async function expectClose(
    matrix: Parameters<typeof doublesOf>[0],
    exact: Float64Array,
    { read }: Goldens,
  ): Promise<void> {
    const largest = Math.max(...exact.map(Math.abs))
    for (const rows of [matrix.rows, 5]) {
      const values = await doublesOf(matrix, read, rows)
      expect(values.length).toBe(exact.length)
      const errors = values.map((value, i) => Math.abs(value - exact[i]!))
      expect(Math.max(...errors) / largest).toBeLessThan(1e-12)
    }
  }
})

describe('at strength 0', () => {
  /** LyCORIS multiplies by `rescale` at any strength; a weight that is set has none. */
  const scaled = cases.filter(({ goldens, golden }) =>
    golden.modules.every((name) => {
      const { algorithm, parts } = goldens.modules.get(name)!
      return algorithm.id !== 'set-weight' && !parts.has('rescale')
    }),
  )

  it.each(scaled)('$title leaves weight and bias as they are', async ({ goldens, golden }) => {
    const { file, read } = goldens
    const none = golden.steps[0]!.ratios.map(() => 0)
    const { weight, shape, bias } = await patchedBy(goldens, golden, none)
    const base = file.tensors.get(`base.${golden.name}`)!
    const before = await readValues(base, read)
    const [rows, columns] = [weight.rows, before.length / weight.rows]
    const after = await doublesOf(weight, read)
    // where the weight has become wider, what is new is 0
    const kept = after.filter((_, i) => i % weight.columns < columns)
    expect(kept).toEqual(before)
    expect(after.filter((value) => value !== 0).length).toBe(before.filter((value) => value !== 0).length)
    expect(elementCount(shape)).toBe(rows * weight.columns)
    const own = file.tensors.get(`bias.${golden.name}`)
    if (own !== undefined) expect(await doublesOf(bias!, read)).toEqual(await readValues(own, read))
  })
})

describe('patched values are rounded once', () => {
  it.each(['F16', 'BF16', 'F32'] as const)('to %s: all but a few in a thousand correctly', async (dtype) => {
    let [all, correct, worst] = [0, 0, 0]
    for (const { goldens, golden } of cases) {
      const { file, read } = goldens
      const base = file.tensors.get(`base.${golden.name}`)!
      for (const { ratios, expected } of golden.steps) {
        const exact = await readValues(file.tensors.get(expected)!, read)
        const patched = await patchedBy(goldens, golden, ratios)
        const written = await writtenAs(dtype, base, patched, read)
        exact.forEach((value, i) => {
          const error = Math.abs(written[i]! - value) / ulp(value, dtype)
          all++
          if (error <= 0.5) correct++
          worst = Math.max(worst, error)
        })
      }
    }
    expect(all).toBeGreaterThan(50_000)
    expect(correct / all).toBeGreaterThanOrEqual(0.999)
    expect(worst).toBeLessThanOrEqual(1)
  })
})
