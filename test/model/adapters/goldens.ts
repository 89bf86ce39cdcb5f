import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AdapterModule, splitModules } from '../../../src/model/adapters/modules.ts'
import { readNumbers } from '../../../src/model/adapters/numbers.ts'
import { patchBias, patchedShape, patchShapeError, patchWeight } from '../../../src/model/adapters/patch.ts'
import { peftSettings } from '../../../src/model/adapters/peft/sources.ts'
import { withSettings } from '../../../src/model/adapters/peft/steer.ts'
import { memorySource } from '../../../src/system/bytes.ts'
import { fillRows } from '../../../src/tensor/algebra/evaluate.ts'
import { newFloats, plainMatMul } from '../../../src/tensor/algebra/matmul.ts'
import { matrixOf, place } from '../../../src/tensor/algebra/matrix.ts'
import { openModel } from '../../../src/tensor/formats/open.ts'
import type { OutputDType } from '../../../src/tensor/values/dtype.ts'
import {
  evaluateInto,
  newEvaluation,
  type ReadInto,
  readValues,
  tensorBytes,
} from '../../../src/tensor/values/expr.ts'
import type { Matrix, ModelFile, Tensor } from '../../../src/tensor/values/table.ts'

const FOLDER = join(import.meta.dirname, '../../../fixtures/goldens')

/** One weight, the modules that change it one after the other, and what it has to be. See fixtures/goldens/adapters.py. */
export interface GoldenCase {
  readonly name: string
  readonly modules: readonly string[]
  readonly by: string
  /** `adapter_config.json` of PEFT. */
  readonly config?: object
  readonly steps: readonly {
    readonly ratios: readonly number[]
    readonly expected: string
    readonly bias?: string
  }[]
}

export interface Goldens {
  readonly file: ModelFile
  readonly modules: ReadonlyMap<string, AdapterModule>
  readonly cases: readonly GoldenCase[]
  readonly read: ReadInto
}

/** Undefined if there is no such file. */
export async function readGoldens(name: string): Promise<Goldens | undefined> {
  const path = join(FOLDER, `${name}.safetensors`)
  if (!existsSync(path)) return undefined
  const data = readFileSync(path)
  const file = await openModel(memorySource(path, data))
  const own = [...file.tensors].filter(([key]) => !/^(base|bias|expected|expected-bias)\./.test(key))
  const { modules, incomplete, strays } = splitModules({ tensors: new Map(own), metadata: {} })
  if (incomplete.length + strays.length > 0) throw new Error(`${path} holds keys of no module`)
  return {
    file,
    modules: new Map(modules.map((module) => [module.name, module])),
    cases: JSON.parse(file.metadata.cases!),
    read: async (_, offset, target) => void target.set(data.subarray(offset, offset + target.byteLength)),
  }
}

export interface Patched {
  readonly weight: Matrix
  readonly shape: readonly number[]
  readonly bias?: Matrix
}

/** The expression of a case at some strengths. */
export async function patchedBy(
  goldens: Goldens,
  { name, modules, config }: GoldenCase,
  ratios: readonly number[],
): Promise<Patched> {
  const { file, read } = goldens
  const own = modules.map((module) => goldens.modules.get(module)!)
  const numbers = await readNumbers(own, (tensor) => readValues(tensor, read))
  const base = file.tensors.get(`base.${name}`)!
  const bias = file.tensors.get(`bias.${name}`)
  let patched: Patched = {
    weight: matrixOf(base),
    shape: base.shape,
    ...(bias ? { bias: matrixOf(bias) } : {}),
  }
  const settings = peftSettings({
    tensors: new Map(),
    metadata: {},
    ...(config && { companion: { name: 'adapter_config.json', text: JSON.stringify(config) } }),
  })
  own.forEach((module, i) => {
    patched = step(patched, module, ratios[i]!, withSettings(module, numbers.get(module.name)!, settings))
  })
  return patched
}

function step(
  before: Patched,
  module: AdapterModule,
  ratio: number,
  numbers: ReadonlyMap<string, Float64Array>,
): Patched {
  const misfit = patchShapeError(module, before.shape, numbers)
  if (misfit !== undefined) throw new Error(`${module.name}: ${misfit}`)
  return {
    weight: patchWeight(module, { weight: before.weight, shape: before.shape, ratio, numbers }),
    shape: patchedShape(module.parts, numbers, before.shape),
    ...(before.bias ? { bias: patchBias(module, before.bias, ratio, numbers) } : {}),
  }
}

/** All values in binary64, evaluated `rows` rows at a time. */
export async function doublesOf(
  m: Matrix,
  read: ReadInto,
  rows = m.rows,
): Promise<Float64Array<ArrayBuffer>> {
  const tensors = new Map<Tensor, Promise<Float64Array>>()
  const arithmetic = {
    precision: 'F64',
    fill: fillRows,
    matmul: plainMatMul,
    wholeMatrixCache: new Map(),
    async decode(tensor: Tensor, begin: number, end: number, out: Float32Array | Float64Array) {
      const values = tensors.get(tensor) ?? readValues(tensor, read)
      tensors.set(tensor, values)
      out.set((await values).subarray(begin, end))
    },
  } as const
  const out = newFloats('F64', m.rows * m.columns) as Float64Array<ArrayBuffer>
  for (let begin = 0; begin < m.rows; begin += rows) {
    const end = Math.min(begin + rows, m.rows)
    await fillRows(m, begin, end, out.subarray(begin * m.columns, end * m.columns), arithmetic)
  }
  return out
}

/** The values as the writer rounds them to a type, as numbers. */
export async function writtenAs(
  dtype: OutputDType,
  base: Tensor,
  { weight, shape }: Patched,
  read: ReadInto,
): Promise<Float64Array> {
  const source = { kind: 'patched', base: await grown(base, weight, read), value: weight } as const
  const tensor: Tensor = { name: base.name, dtype, shape, source }
  const data = new Uint8Array(tensorBytes(tensor))
  await evaluateInto(tensor, 0, weight.rows * weight.columns, data, newEvaluation(read))
  return readValues({ ...tensor, source: { kind: 'bytes', data } }, read)
}

/** The base of a weight that gets another shape: what is new was zero. */
async function grown(base: Tensor, { rows, columns }: Matrix, read: ReadInto): Promise<Tensor> {
  if (matrixOf(base).columns === columns) return base
  const values = await doublesOf(place(matrixOf(base), 0, rows, columns), read)
  const source = { kind: 'bytes', data: new Uint8Array(values.buffer) } as const
  return { name: base.name, dtype: 'F64', shape: [rows, columns], source }
}
