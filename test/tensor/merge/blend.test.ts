/** The kernel for two weights of 16 bits, held against the plain loops for any others. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { combined, matrixOf } from '../../../src/tensor/algebra/matrix.ts'
import { cast, evaluateInto, newEvaluation } from '../../../src/tensor/values/expr.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { openInputs } from '../../../src/tensor/write/jobs.ts'
import { fc } from '../../properties.ts'
import { bytesTensor } from '../../tables.ts'
import { tempFolder } from '../../temp-folder.ts'

/** Finite in both types: NaN has many codes, and no use. */
const code = fc.integer({ min: 0, max: 0xffff }).filter((n) => (n & 0x7c00) !== 0x7c00)
const codes = fc.array(code, { minLength: 6, maxLength: 60 })
const types = fc.constantFrom('F16' as const, 'BF16' as const)

it('gives the same bytes, whatever the numbers are, and counts the same', async () => {
  const path = join(tempFolder(), 'b.bin')
  const inputs = openInputs()
  const alpha = fc.double({ min: -2, max: 2, noNaN: true })
  await fc.assert(
    fc.asyncProperty(codes, codes, types, types, alpha, async (a, b, type, otherType, share) => {
      const length = 3 * Math.floor(Math.min(a.length, b.length) / 3)
      const [left, right] = [a, b].map(
        (list) => new Uint8Array(Uint16Array.from(list.slice(0, length)).buffer),
      )
      writeFileSync(path, right!)
      const base = bytesTensor('w', type, [3, length / 3], left!)
      const plain = bytesTensor('w', otherType, [3, length / 3], right!)
      const file = { path, size: right!.byteLength }
      const stored: Tensor = {
        ...plain,
        source: { kind: 'stored', file, offset: 0, nbytes: right!.byteLength },
      }
      const results = []
      for (const other of [plain, stored]) {
        const value = combined('weighted-sum', [matrixOf(base), matrixOf(other)], base.shape, {
          alpha: [share],
          beta: 0,
          density: 1,
          seed: 0,
          range: [0, 1],
        })
        const out = new Uint8Array(left!.byteLength)
        const evaluation = newEvaluation(inputs.read)
        await evaluateInto({ ...base, source: { kind: 'patched', base, value } }, 0, length, out, evaluation)
        results.push({ out, casts: evaluation.stats.get('w'), changed: evaluation.patches.get('w')!.changed })
      }
      expect(results[1]).toEqual(results[0])
    }),
  )
  await inputs.close()
})

it('keeps its weights to itself while others are converted', async () => {
  const path = join(tempFolder(), 'b.bin')
  const count = 4096
  const bytes = (of: (i: number) => number) =>
    new Uint8Array(Uint16Array.from({ length: count }, (_, i) => of(i)).buffer)
  const [a, b] = [bytes((i) => 0x3c00 + (i % 1000)), bytes((i) => 0x3800 + (i % 777))]
  writeFileSync(path, b)
  const base = bytesTensor('w', 'F16', [64, 64], a)
  const file = { path, size: b.byteLength }
  const other: Tensor = { ...base, source: { kind: 'stored', file, offset: 0, nbytes: b.byteLength } }
  const parameters = { alpha: [0.3], beta: 0, density: 1, seed: 0, range: [0, 1] } as const
  const value = combined('weighted-sum', [matrixOf(base), matrixOf(other)], base.shape, parameters)
  const merged: Tensor = { ...base, source: { kind: 'patched', base, value } }
  const inputs = openInputs()
  const evaluated = async (tensor: Tensor) => {
    const out = new Uint8Array(2 * count)
    await evaluateInto(tensor, 0, count, out, newEvaluation(inputs.read))
    return out
  }
  const alone = await evaluated(merged)
  // the second one finds the room of the first one taken, and goes the way of all other types
  const together = await Promise.all([merged, merged, cast(base, 'BF16'), merged].map(evaluated))
  for (const i of [0, 1, 3]) expect(Buffer.compare(together[i]!, alone)).toBe(0)
  await inputs.close()
})
