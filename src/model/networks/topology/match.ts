import { quantisedFormat } from '../../../tensor/quantised/formats.ts'
import { elementCount } from '../../../tensor/values/dtype.ts'
import type { Tensor } from '../../../tensor/values/table.ts'

/** Shape of each key of a network, by the name it has inside its component. */
export type Shape = readonly number[]
export type Topology = ReadonlyMap<string, Shape>

export interface MissingKey {
  readonly name: string
  readonly shape: Shape
}

export interface MisshapenKey {
  readonly name: string
  readonly expected: Shape
  readonly actual: Shape
}

/** Keys of a file compared with a topology. Names are full names, with the prefix of the component. */
export interface TopologyMatch {
  /** Keys the topology asks for. */
  readonly expected: number
  readonly missing: readonly MissingKey[]
  readonly misshapen: readonly MisshapenKey[]
  /** Keys that the topology does not know, neither as required nor as optional. */
  readonly extra: readonly string[]
}

/** The shape of a key, undefined if the file does not have it. */
export type ShapeOf = (name: string) => Shape | undefined

/** Nothing is missing and nothing has another shape. Keys beyond the topology do no harm. */
export function isComplete(match: TopologyMatch): boolean {
  return match.missing.length === 0 && match.misshapen.length === 0
}

/** Keys in which a component and a topology differ, in either direction. */
export function distance(match: TopologyMatch): number {
  return match.missing.length + match.misshapen.length + match.extra.length
}

/** Of a weight whose codes are packed, and nothing tells the shape it had: it fits anywhere. */
export const UNTOLD_SHAPE: Shape = []

/** The shape of a weight, however it is stored. */
export function weightShape({ shape, quantised }: Pick<Tensor, 'shape' | 'quantised'>): Shape {
  if (quantised?.role !== 'codes') return shape
  return quantised.shape ?? (quantisedFormat(quantised.format).packing === 'none' ? shape : UNTOLD_SHAPE)
}

/** Name the weight has where it is not quantised; that of the tensor itself for all that are not codes. */
export function weightName({ name, quantised }: Pick<Tensor, 'name' | 'quantised'>): string {
  const codes = quantised?.role === 'codes' ? quantisedFormat(quantised.format).codes : ''
  return codes === '' || !name.endsWith(`.${codes}`) ? name : `${name.slice(0, -codes.length)}weight`
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i])
}

/**
 * Holds the keys of a component (`names`, with `prefix`) against what it should have.
 * One pass over the topology and one over the names.
 */
export function matchTopology(
  names: readonly string[],
  shapeOf: ShapeOf,
  prefix: string,
  topology: Topology,
  optional: Topology = new Map(),
): TopologyMatch {
  const missing: MissingKey[] = []
  const misshapen: MisshapenKey[] = []
  for (const [key, expected] of topology) {
    const name = prefix + key
    const actual = shapeOf(name)
    if (actual === undefined) missing.push({ name, shape: expected })
    else if (actual !== UNTOLD_SHAPE && !sameShape(actual, expected))
      misshapen.push({ name, expected, actual })
  }
  for (const [key, expected] of optional) {
    const actual = shapeOf(prefix + key)
    // [77] and [1, 77] are the same position_ids
    if (actual && actual !== UNTOLD_SHAPE && elementCount(actual) !== elementCount(expected)) {
      misshapen.push({ name: prefix + key, expected, actual })
    }
  }
  const known = (name: string) => {
    // ComfyUI keeps logit_scale a level above the rest of a text encoder
    const key = name.startsWith(prefix) ? name.slice(prefix.length) : name.slice(name.lastIndexOf('.') + 1)
    return topology.has(key) || optional.has(key)
  }
  const allFound = names.length === topology.size - missing.length
  const extra = allFound ? [] : names.filter((name) => !known(name))
  return { expected: topology.size, missing, misshapen, extra }
}

/** The same network under other names, and where a layout stores them so, other shapes. */
export function renameTopology(
  topology: Topology,
  rename: (name: string) => string,
  reshape: (name: string, shape: Shape) => Shape = (_, shape) => shape,
): Topology {
  return new Map([...topology].map(([name, shape]) => [rename(name), reshape(name, shape)]))
}
