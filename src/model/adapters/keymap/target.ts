import type { Shape, Topology } from '../../networks/topology/match.ts'

/** Where in a checkpoint an adapter module acts. Names are inside the component, without its prefix. */
export interface ModuleTarget {
  /** Key of the weight. */
  readonly weight: string
  /** Key of its bias, if there is one. */
  readonly bias?: string
  /** Shape of the weight, or of the part of it that `rows` names. */
  readonly shape: Shape
  /** The module has only these rows of a fused weight and bias: q, k or v of a qkv. */
  readonly rows?: { readonly start: number; readonly length: number }
  /** The checkpoint keeps the matrix the other way round: its delta is the transposed one. */
  readonly transposed?: true
  /** Upper and lower half of the rows stand the other way round in the checkpoint. */
  readonly swappedHalves?: true
  /** The layer takes latents: their number, which are the first of its inputs where it has more. */
  readonly latents?: number
}

/** Flattened module name -> target. No two keys of one component have the same flattened name. */
export type ModuleNames = Map<string, ModuleTarget>

/** The name trainers without dots in their module names give a path. */
export function flatten(path: string): string {
  return path.replaceAll('.', '_')
}

/** Weights of norms in diffusion transformers are called `scale`. */
const WEIGHT_LEAVES = ['.weight', '.scale'] as const

/** The target at a path, undefined if the network has no such layer. */
export function targetAt(topology: Topology, path: string): ModuleTarget | undefined {
  for (const leaf of WEIGHT_LEAVES) {
    const shape = topology.get(path + leaf)
    if (shape === undefined) continue
    const bias = `${path}.bias`
    return { weight: path + leaf, shape, ...(topology.has(bias) ? { bias } : {}) }
  }
  return undefined
}

/** The same target, restricted to rows [start, start + length). */
export function withRows(target: ModuleTarget, start: number, length: number): ModuleTarget {
  return { ...target, rows: { start, length }, shape: [length, ...target.shape.slice(1)] }
}

/** Paths of all layers of a network: its keys without the last part. */
export function layerPaths(topology: Topology): string[] {
  const leaf = /\.(?:weight|scale)$/
  return [...topology.keys()].filter((key) => leaf.test(key)).map((key) => key.replace(leaf, ''))
}
