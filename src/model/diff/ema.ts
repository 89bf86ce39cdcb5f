import { renamed } from '../../tensor/values/expr.ts'
import type { DiffSide } from './pairs.ts'

/** The file as if its EMA weights were the live ones, without the copy. Itself if it has none. */
export function withEmaWeights(side: DiffSide): DiffSide {
  const { table, identity } = side
  const { ema, components, ...rest } = identity
  if (ema === undefined) return side
  const copies = new Set(components.filter(({ role }) => role === 'ema').flatMap(({ names }) => names))
  const tensors = [...table.tensors.values()]
    .filter(({ name }) => !copies.has(name))
    .map((tensor) => {
      const copy = table.tensors.get(ema.pairs.get(tensor.name) ?? '')
      return copy ? renamed(copy, tensor.name) : tensor
    })
  return {
    table: { ...table, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) },
    identity: { ...rest, components: components.filter(({ role }) => role !== 'ema') },
  }
}
