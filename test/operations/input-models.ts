/** Inputs of operations with real names and shapes, in files that do not exist. */
import { identify } from '../../src/model/identify/identify.ts'
import { withKnownNames } from '../../src/model/layouts/known-names.ts'
import type { Shape } from '../../src/model/networks/topology/match.ts'
import type { InputModel, PlanContext } from '../../src/operations/operation.ts'
import { plainMatMul } from '../../src/tensor/algebra/matmul.ts'
import type { Tensor } from '../../src/tensor/values/table.ts'
import { type TableOptions, tableOf, valuesOf } from '../model/tables.ts'

export async function inputModel(
  name: string,
  keys: Iterable<readonly [string, Shape]>,
  {
    values,
    ...options
  }: TableOptions & { readonly values?: Readonly<Record<string, readonly number[]>> } = {},
): Promise<InputModel> {
  const file = { path: name, size: Number.MAX_SAFE_INTEGER }
  const { metadata, tensors } = tableOf(keys, options)
  const own = new Map([...tensors].map(([key, tensor]) => [key, inFile(tensor, file)]))
  const model = withKnownNames({
    metadata,
    tensors: own,
    file,
    format: 'safetensors',
    extras: {},
    leftovers: [],
    findings: [],
  })
  return { name, file: model, identity: await identify(model, valuesOf(values)) }
}

function inFile(tensor: Tensor, file: { readonly path: string; readonly size: number }): Tensor {
  const { source } = tensor
  return source.kind === 'stored' ? { ...tensor, source: { ...source, file } } : tensor
}

export interface CountingContext extends PlanContext {
  /** Reads so far. */
  readonly reads: () => number
}

/** Whatever is read is full of zeros; what was read is counted. */
export function zeroContext(more: Partial<PlanContext> = {}): CountingContext {
  let reads = 0
  return {
    read: async (_, __, target) => {
      reads++
      target.fill(0)
    },
    signal: new AbortController().signal,
    engine: async () => ({ matmul: plainMatMul, name: 'plain' }),
    reads: () => reads,
    ...more,
  }
}
