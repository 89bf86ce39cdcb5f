import { fillRows } from '../../tensor/algebra/evaluate.ts'
import { plainMatMul } from '../../tensor/algebra/matmul.ts'
import { walkOf } from '../../tensor/merge/combine.ts'
import { similarityRange } from '../../tensor/merge/cosine.ts'
import { mergeMethod } from '../../tensor/merge/registry.ts'
import { decodeInto, newEvaluation, type ReadInto } from '../../tensor/values/expr.ts'
import type { CheckpointMergePlan } from './plan.ts'
import { modelsOf } from './value.ts'

/**
 * The range of similarities over all tensors that a plan computes, but not those of a VAE; undefined for methods that
 * need none. Reads every model once.
 * @param onTensor called after each tensor with its share of all
 */
export async function rangeOf(
  { table, blended }: CheckpointMergePlan,
  method: string,
  read: ReadInto,
  onTensor: (done: number, all: number) => void,
): Promise<readonly [low: number, high: number] | undefined> {
  const { similarities } = mergeMethod(method)
  if (similarities === undefined) return undefined
  const names = [...blended].filter(([, { role }]) => role !== 'vae').map(([name]) => name)
  const found: Float64Array[] = []
  for (const [i, name] of names.entries()) {
    const { source } = table.tensors.get(name)!
    const of = source.kind === 'patched' ? modelsOf(source.value) : []
    const evaluation = newEvaluation(read)
    const walk = walkOf(of, {
      precision: 'F32',
      fill: fillRows,
      matmul: plainMatMul,
      wholeMatrixCache: new Map(),
      decode: (tensor, begin, end, out) => decodeInto(tensor, begin, end, out, evaluation),
    })
    const { rows, columns } = of[0]!
    found.push(await similarities(walk, { models: of.length, rows, columns }))
    onTensor(i + 1, names.length)
  }
  const all = new Float64Array(found.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const values of found) {
    all.set(values, at)
    at += values.length
  }
  return similarityRange(all)
}
