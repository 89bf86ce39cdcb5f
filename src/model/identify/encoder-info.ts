import type { ComponentId, KeyLayout } from '../networks/components.ts'
import type { TopologyMatch } from '../networks/topology/match.ts'

/** A text encoder or VAE, and how it compares with what it should be. */
export interface Encoder {
  readonly id: ComponentId
  readonly layout?: KeyLayout
  /** Where the keys of the topology begin. */
  readonly prefix: string
  readonly match?: TopologyMatch
  /** Of an encoder that is none of those known: the one it is most like, if it is like any. */
  readonly unknown?: { readonly nearest?: NearestEncoder }
}

/** A known encoder, and what keeps another from being it. */
export interface NearestEncoder {
  readonly id: ComponentId
  readonly match: TopologyMatch
}
