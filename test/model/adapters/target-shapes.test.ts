/** Factors tell what weight they are for; the weights of the goldens are the ones their trainers made them for. */
import { describe, expect, it } from 'vitest'
import type { TargetShape } from '../../../src/model/adapters/algorithm.ts'
import { ALGORITHMS } from '../../../src/model/adapters/registry.ts'
import { elementCount } from '../../../src/tensor/values/dtype.ts'
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
