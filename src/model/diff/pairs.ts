import type { Tensor, TensorTable } from '../../tensor/values/table.ts'
import type { Identity } from '../identity.ts'
import { type DiffPlace, diffPlacesOf } from './place.ts'

/** A file of a comparison. */
export interface DiffSide {
  readonly table: TensorTable
  readonly identity: Identity
}

/** A tensor of one file and the one in its place in the other; one of them at least. */
export type Pair = { readonly place: DiffPlace } & (
  | { readonly a: Tensor; readonly b: Tensor }
  | { readonly a: Tensor; readonly b?: never }
  | { readonly a?: never; readonly b: Tensor }
)

/**
 * Pairs the tensors of two files: those of the same name, then those that have the same name inside the same
 * component, so that a VAE in its own file can be compared with the one in a checkpoint. In the order of a, then of b.
 */
export function pairTensors(a: DiffSide, b: DiffSide): Pair[] {
  const [placesA, placesB] = [diffPlacesOf(a.identity), diffPlacesOf(b.identity)]
  const left = [...b.table.tensors.values()].filter(({ name }) => !a.table.tensors.has(name))
  const byPlace = uniqueByPlace(left, placesB)
  const pairs: Pair[] = []
  for (const tensor of a.table.tensors.values()) {
    const place = placesA.get(tensor.name)!
    const other = b.table.tensors.get(tensor.name) ?? byPlace.get(placeId(place))
    byPlace.delete(placeId(place))
    pairs.push(other ? { place, a: tensor, b: other } : { place, a: tensor })
  }
  const taken = new Set(pairs.flatMap(({ b }) => (b ? [b.name] : [])))
  const added = left.filter(({ name }) => !taken.has(name))
  return [...pairs, ...added.map((tensor): Pair => ({ place: placesB.get(tensor.name)!, b: tensor }))]
}

function placeId({ component, key }: DiffPlace): string {
  return `${component} ${key}`
}

/** Where two tensors have one place (two networks in a file), nothing says which of them is meant. */
function uniqueByPlace(
  tensors: readonly Tensor[],
  places: ReadonlyMap<string, DiffPlace>,
): Map<string, Tensor> {
  const found = new Map<string, Tensor>()
  const ambiguous = new Set<string>()
  for (const tensor of tensors) {
    const id = placeId(places.get(tensor.name)!)
    if (found.has(id)) ambiguous.add(id)
    found.set(id, tensor)
  }
  for (const id of ambiguous) found.delete(id)
  return found
}
