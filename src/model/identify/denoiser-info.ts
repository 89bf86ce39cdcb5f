import type { Architecture, Variant } from '../networks/architectures/architecture.ts'
import type { KeyLayout } from '../networks/components.ts'
import type { ShapeOf, TopologyMatch } from '../networks/topology/match.ts'

/** An architecture the network could be, and what keeps it from being it. */
export interface Candidate {
  readonly architecture: Architecture
  readonly match: TopologyMatch
}

/** What the keys and shapes of a UNet or diffusion transformer say. */
export interface RecognisedDenoiser {
  readonly id: 'unet' | 'dit'
  readonly layout: KeyLayout
  readonly architecture?: Architecture
  readonly variant?: Variant
  /** Widths that are not those of the architecture. */
  readonly width?: string
  readonly match?: TopologyMatch
  /** Nearest first; only where the architecture is unknown. */
  readonly candidates: readonly Candidate[]
  readonly evidence: readonly string[]
  /** Name of a key in the file, from its name in ldm layout. */
  readonly nameOf: (ldm: string) => string
}

/** The keys of one part of a file. */
export interface PartKeys {
  readonly prefix: string
  readonly names: readonly string[]
  /** By full name, of the whole file. */
  readonly shapeOf: ShapeOf
}

/** Every value that a variant names is that of the network. */
export function fits<T extends object>(expected: Partial<T>, actual: T): boolean {
  return Object.entries(expected).every(([key, value]) => actual[key as keyof T] === value)
}
