import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { adapterKeys } from '../../../src/model/adapters/describe.ts'
import type { AdapterModule } from '../../../src/model/adapters/modules.ts'
import { readNumbers } from '../../../src/model/adapters/numbers.ts'
import { patchShapeError, patchWeight } from '../../../src/model/adapters/patch.ts'
import { type ByteSource, openFileSource } from '../../../src/system/bytes.ts'
import { matrixOf } from '../../../src/tensor/algebra/matrix.ts'
import { openModel } from '../../../src/tensor/formats/open.ts'
import { elementCount } from '../../../src/tensor/values/dtype.ts'
import { evaluateInto, newEvaluation, type ReadInto, readValues } from '../../../src/tensor/values/expr.ts'
import { describeReal, realFile } from '../../real-files.ts'
import { bytesTensor } from '../../tables.ts'
import { doublesOf } from './goldens.ts'

interface RealDelta {
  readonly rows: number
  readonly columns: number
  readonly norm: number
  readonly values: readonly (readonly [row: number, column: number, value: number])[]
}

/** What torch and LyCORIS make of some modules: see fixtures/goldens/real.py. */
const REAL: Record<string, { modules: number; deltas: Record<string, RealDelta> }> = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../fixtures/goldens/real.json'), 'utf8'),
)

const opened: ByteSource[] = []
afterAll(() => Promise.all(opened.map((source) => source.close())))

async function readAdapter(file: string) {
  const source = await openFileSource(realFile(file)!)
  opened.push(source)
  const read: ReadInto = async (_, offset, target) => {
    target.set(await source.read(offset, target.byteLength))
  }
  const { modules } = adapterKeys(await openModel(source))
  const numbers = await readNumbers(modules, (tensor) => readValues(tensor, read))
  return { modules, numbers, read }
}

/** One byte a value, shared by all: a base costs nothing. */
const ZEROS = new Uint8Array(32 * 1024 * 1024)

/** What a module makes of a weight of zeros. */
function deltaOf(module: AdapterModule, numbers: ReadonlyMap<string, Float64Array>) {
  const { rows = 1, columns = 1, kernel = [1, 1] } = module.shape
  const shape = [rows, columns / (kernel[0] * kernel[1]), ...(kernel[0] > 1 ? kernel : [])]
  expect(patchShapeError(module, shape, numbers)).toBeUndefined()
  const base = bytesTensor('base', 'F8_E4M3', shape, ZEROS.subarray(0, elementCount(shape)))
  return { base, value: patchWeight(module, { weight: matrixOf(base), shape, ratio: 1, numbers }) }
}

describeReal('adapters that other people published', () => {
  it.each(Object.keys(REAL))('%s adds what torch and LyCORIS say', async (file) => {
    const { modules, numbers, read } = await readAdapter(file)
    expect(modules).toHaveLength(REAL[file]!.modules)
    for (const [name, { rows, columns, norm, values }] of Object.entries(REAL[file]!.deltas)) {
      const module = modules.find((module) => module.name === name)!
      const { value: delta } = deltaOf(module, numbers.get(name)!)
      expect([delta.rows, delta.columns]).toEqual([rows, columns])
      const doubles = await doublesOf(delta, read)
      const own = Math.sqrt(doubles.reduce((sum, x) => sum + x * x, 0))
      expect(Math.abs(own - norm)).toBeLessThanOrEqual(1e-12 * norm)
      const scale = norm / Math.sqrt(doubles.length)
      for (const [r, c, value] of values) {
        expect(Math.abs(doubles[r * columns + c]! - value)).toBeLessThanOrEqual(1e-12 * scale)
      }
    }
  })

  it.each(Object.keys(REAL))('%s: every module has its delta, finite in the last row', async (file) => {
    const { modules, numbers, read } = await readAdapter(file)
    for (const module of modules) {
      const { base, value } = deltaOf(module, numbers.get(module.name)!)
      const { rows, columns } = value
      const source = { kind: 'patched', base, value } as const
      const out = new Float32Array(columns)
      const last = [(rows - 1) * columns, rows * columns] as const
      await evaluateInto(
        { ...base, dtype: 'F32', source },
        ...last,
        new Uint8Array(out.buffer),
        newEvaluation(read),
      )
      expect(out.findIndex((x) => !Number.isFinite(x))).toBe(-1)
    }
  })
})
