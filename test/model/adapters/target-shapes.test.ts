/** Factors tell what weight they are for; the weights of the goldens are the ones their trainers made them for. */
import { describe, expect, it } from 'vitest'
import type { TargetShape } from '../../../src/model/adapters/algorithm.ts'
import { splitModules } from '../../../src/model/adapters/modules.ts'
import { ALGORITHMS } from '../../../src/model/adapters/registry.ts'
import { elementCount } from '../../../src/tensor/values/dtype.ts'
import { type Shapes, shapeTable } from '../shape-table.ts'
import { readGoldens } from './goldens.ts'

/** What the factors of an algorithm always tell, by their definition: rotations and scales have one side, IA3 either. */
const TOLD: Readonly<Record<string, readonly (keyof TargetShape)[]>> = {
  lora: ['rows', 'columns'],
  glora: ['rows', 'columns', 'kernel'],
  loha: ['rows', 'columns'],
  lokr: ['rows', 'columns'],
  'peft-boft': ['rows', 'columns'],
  'set-weight': ['rows', 'columns'],
  full: ['rows'],
  norm: ['rows'],
  oft: ['rows'],
  boft: ['rows'],
}

describe('the shape that factors tell of their weight', () => {
  it.each([...ALGORITHMS.map(({ id }) => id), 'dora', 'stacked', 'peft'])('%s', async (name) => {
    const { cases, modules, file } = (await readGoldens(name))!
    expect(cases.length).toBeGreaterThan(0)
    for (const golden of cases) {
      const written = file.tensors.get(golden.steps[0]!.expected)!.shape
      // made for four channels, applied to the first four of nine
      const shape = golden.name === 'inpainting' ? [written[0]!, 4, ...written.slice(2)] : written
      const real = {
        rows: shape[0],
        columns: elementCount(shape.slice(1)),
        kernel: [shape[2] ?? 1, shape[3] ?? 1],
      }
      for (const one of golden.modules) {
        const { algorithm, parts } = modules.get(one)!
        const told = algorithm.target(parts)
        const always = golden.name === 'bias_alone' || shape.length === 1 ? ['rows'] : TOLD[algorithm.id]
        if (always !== undefined) expect(Object.keys(told), one).toEqual(expect.arrayContaining([...always]))
        expect(real, one).toMatchObject(told)
      }
    }
  })
})

/** Of a convolution of 8 outputs and 4 inputs whose kernel is no square; no trainer of the goldens meets one. */
it.each<[string, Shapes]>([
  ['lora', { 'lora_down.weight': [2, 4, 1, 3], 'lora_up.weight': [8, 2, 1, 1] }],
  [
    'lora',
    { 'lora_down.weight': [2, 4, 1, 1], 'lora_mid.weight': [2, 2, 1, 3], 'lora_up.weight': [8, 2, 1, 1] },
  ],
  [
    'loha',
    {
      hada_w1_a: [2, 8],
      hada_w1_b: [2, 4],
      hada_t1: [2, 2, 1, 3],
      hada_w2_a: [2, 8],
      hada_w2_b: [2, 4],
      hada_t2: [2, 2, 1, 3],
    },
  ],
  ['lokr', { lokr_w1: [2, 2], lokr_w2: [4, 2, 1, 3] }],
  ['lokr', { lokr_w1: [2, 2], lokr_w2_a: [2, 4], lokr_w2_b: [2, 2], lokr_t2: [2, 2, 1, 3] }],
  ['glora', { 'a1.weight': [4, 2], 'a2.weight': [2, 4], 'b1.weight': [8, 2], 'b2.weight': [2, 4, 1, 3] }],
  ['full', { diff: [8, 4, 1, 3] }],
])('%s tells a kernel of one row and three columns', (id, shapes) => {
  const keys = Object.entries(shapes).map(([suffix, shape]) => [`m.${suffix}`, shape] as const)
  const { modules } = splitModules(shapeTable(Object.fromEntries(keys)))
  expect(modules.map(({ algorithm }) => algorithm.id)).toEqual([id])
  expect(modules[0]!.shape).toEqual({ rows: 8, columns: 4 * 3, kernel: [1, 3] })
})
