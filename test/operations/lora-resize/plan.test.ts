/** Resizing of what is made of factors, held against complete decompositions (fixtures/goldens/resize.py). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { describeAdapter } from '../../../src/model/adapters/describe.ts'
import type { LoraFile } from '../../../src/model/lora/modules.ts'
import { type Resized, type ResizeOptions, resizeLora } from '../../../src/operations/lora-resize/plan.ts'
import { memorySource } from '../../../src/system/bytes.ts'
import { plainMatMul } from '../../../src/tensor/algebra/matmul.ts'
import { openModel } from '../../../src/tensor/formats/open.ts'
import { elementCount } from '../../../src/tensor/values/dtype.ts'
import { newEvaluation, type ReadInto, readValues } from '../../../src/tensor/values/expr.ts'
import type { StoredSource, Tensor, TensorTable } from '../../../src/tensor/values/table.ts'
import { bytesTensor, floatTensor, tableOf } from '../../tables.ts'

const FOLDER = join(import.meta.dirname, '../../../fixtures/goldens')

interface GoldenModule {
  readonly squares: number
  readonly energy: number
  readonly ranks: Readonly<Record<string, number>>
}

type Algorithm = 'lora' | 'loha' | 'lokr'

const GOLDEN: {
  readonly rank: number
  readonly rules: Readonly<Record<'sv_ratio' | 'sv_cumulative' | 'sv_fro', number>>
} & Readonly<Record<Algorithm, Readonly<Record<string, GoldenModule>>>> = JSON.parse(
  readFileSync(join(FOLDER, 'resize.json'), 'utf8'),
)

const OPTIONS: ResizeOptions = {
  rule: { method: 'fixed', limit: GOLDEN.rank },
  convLimit: GOLDEN.rank,
  dtype: 'F32',
  seed: 0,
}

/** One module of a file of goldens as a LoRA file, with the values of its weight before and after. */
async function golden(algorithm: Algorithm, module: string) {
  const data = readFileSync(join(FOLDER, `${algorithm}.safetensors`))
  const model = await openModel(memorySource('goldens', data))
  const read: ReadInto = async (_, offset, target) =>
    void target.set(data.subarray(offset, offset + target.byteLength))
  const values = (tensor: Tensor) => readValues(tensor, read)
  const own = [...model.tensors.values()].filter(({ name }) => name.startsWith(`${module}.`))
  const cases = JSON.parse(model.metadata.cases!) as {
    name: string
    modules: string[]
    steps: { ratios: number[]; expected: string }[]
  }[]
  const { name, steps } = cases.find(({ modules }) => modules.length === 1 && modules[0] === module)!
  const after = await values(model.tensors.get(steps.find(({ ratios }) => ratios[0] === 1)!.expected)!)
  const before = await values(model.tensors.get(`base.${name}`)!)
  return { table: tableOf(own), read, change: after.map((value, i) => value - before[i]!) }
}

interface Kept extends Resized {
  value(tensor: Tensor): Promise<Float64Array>
}

async function resize(
  table: TensorTable,
  read: ReadInto,
  options: Partial<ResizeOptions> = {},
): Promise<Kept> {
  const file: LoraFile = {
    name: 'golden',
    table,
    adapter: describeAdapter(table)!,
    read: (tensor) => readValues(tensor, read),
  }
  const spool: Uint8Array[] = []
  const keep = async (bytes: Uint8Array): Promise<StoredSource> => {
    spool.push(bytes.slice())
    return {
      kind: 'stored',
      file: { path: 'spool', size: 0 },
      offset: spool.length - 1,
      nbytes: bytes.length,
    }
  }
  const resized = await resizeLora(
    file,
    { ...OPTIONS, ...options },
    {
      evaluation: newEvaluation(read, plainMatMul),
      keep,
      signal: new AbortController().signal,
      onProgress: () => {},
    },
  )
  return {
    ...resized,
    async value({ dtype, shape, source }) {
      const data =
        source.kind === 'stored' && source.file.path === 'spool' ? spool[source.offset]! : undefined
      return data === undefined
        ? Float64Array.from(await readValues({ name: '', dtype, shape, source }, read))
        : Float64Array.from(await readValues(bytesTensor('', dtype, [...shape], data), read))
    },
  }
}

/** alpha / rank * up @ down of the only module, by three loops. */
async function product({ tensors, value }: Kept): Promise<Float64Array> {
  const [alpha, down, up] = tensors as readonly [Tensor, Tensor, Tensor]
  const rank = down.shape[0]!
  const [a, b] = [await value(up), await value(down)]
  const scale = (await value(alpha))[0]! / rank
  const [m, n] = [up.shape[0]!, elementCount(down.shape) / rank]
  const out = new Float64Array(m * n)
  for (let i = 0; i < m; i++)
    for (let k = 0; k < rank; k++)
      for (let j = 0; j < n; j++) out[i * n + j]! += scale * a[i * rank + k]! * b[k * n + j]!
  return out
}

const CASES = (['lora', 'loha', 'lokr'] as const).flatMap((algorithm) =>
  Object.keys(GOLDEN[algorithm]).map((module) => [algorithm, module] as const),
)

describe('lora resize', () => {
  it('has goldens of every form', () => {
    for (const algorithm of ['lora', 'loha', 'lokr'] as const)
      expect(Object.keys(GOLDEN[algorithm]).length, algorithm).toBeGreaterThan(3)
  })

  it.each(CASES)('gives the best approximation of a %s, and its energy: %s', async (algorithm, module) => {
    const { squares, energy } = GOLDEN[algorithm][module]!
    const { table, read, change } = await golden(algorithm, module)
    const resized = await resize(table, read)
    const [layer] = resized.layers
    expect(resized.layers).toHaveLength(1)
    expect(layer!.delta2 / squares).toBeCloseTo(1, 5)
    expect(1 - layer!.error2 / layer!.delta2).toBeCloseTo(energy, 5)
    const error = (await product(resized)).reduce((sum, value, i) => sum + (value - change[i]!) ** 2, 0)
    expect(1 - error / squares).toBeCloseTo(energy, 5)
  })

  it.each(CASES)('chooses the ranks of kohya for a %s: %s', async (algorithm, module) => {
    const { table, read } = await golden(algorithm, module)
    const found: Record<string, number> = {}
    for (const [method, target] of Object.entries(GOLDEN.rules)) {
      const rule = { method: method as keyof typeof GOLDEN.rules, target, limit: 128 }
      found[method] = (await resize(table, read, { rule, convLimit: 128 })).layers[0]!.rank
    }
    expect(found).toEqual(GOLDEN[algorithm][module]!.ranks)
  })

  it('weighs modules of different strength by what they add', async () => {
    const module = (name: string, alpha: number) => [
      floatTensor(`lora_unet_${name}.lora_down.weight`, [2, 3], [1, 0, 0, 0, 1, 0]),
      floatTensor(`lora_unet_${name}.lora_up.weight`, [3, 2], [2, 0, 0, 1, 0, 0]),
      floatTensor(`lora_unet_${name}.alpha`, [], [alpha]),
    ]
    const { layers } = await resize(tableOf([...module('a', 2), ...module('b', 20)]), async () => {}, {
      rule: { method: 'fixed', limit: 1 },
    })
    // singular values 2 and 1, times alpha / 2
    expect(layers.map(({ delta2, error2 }) => [delta2, error2])).toEqual([
      [expect.closeTo(5, 9), expect.closeTo(1, 9)],
      [expect.closeTo(500, 7), expect.closeTo(100, 7)],
    ])
  })

  it('refuses values that are no numbers, and names the module', async () => {
    const name = 'lora_te_text_model_encoder_layers_0_mlp_fc1'
    const table = tableOf([
      floatTensor(`${name}.lora_down.weight`, [1, 2], [1, Number.NaN]),
      floatTensor(`${name}.lora_up.weight`, [2, 1], [3, 4]),
    ])
    await expect(resize(table, async () => {})).rejects.toMatchObject({
      code: 'NOT_FINITE',
      exitCode: 3,
      message: `golden: "${name}" has values that are not finite`,
    })
  })

  it('keeps what is added to biases', async () => {
    const name = 'lora_te_text_model_encoder_layers_0_mlp_fc1'
    const table = tableOf([
      floatTensor(`${name}.lora_A.weight`, [1, 2], [1, 2]),
      floatTensor(`${name}.lora_B.weight`, [2, 1], [3, 4]),
      floatTensor(`${name}.lora_B.bias`, [2], [5, 6]),
      floatTensor(`${name}.alpha`, [], [0.5]),
    ])
    const { tensors, value } = await resize(table, async () => {})
    const bias = tensors.find(({ name }) => name.endsWith('.diff_b'))
    // PEFT scales the bias of `up` as it does up @ down
    expect([...(await value(bias!))]).toEqual([2.5, 3])
  })
})
