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

/** Keys of a file held against a topology. Names are full names, with the prefix of the component. */
export interface TopologyMatch {
  /** Keys the topology asks for. */
  readonly expected: number
  readonly missing: readonly MissingKey[]
  readonly misshapen: readonly MisshapenKey[]
  /** Keys that the topology does not know, neither as required nor as optional. */
  readonly extra: readonly string[]
}

/** Nothing is missing and nothing has another shape. Keys beyond the topology do no harm. */
export function isComplete(match: TopologyMatch): boolean {
  return match.missing.length === 0 && match.misshapen.length === 0
}
