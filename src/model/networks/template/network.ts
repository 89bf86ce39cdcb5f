import type { BlockRow } from '../numbered-blocks.ts'
import type { ShapeOf, Topology } from '../topology/match.ts'
import { type Alias, aliasTemplate } from './alias.ts'
import { counterOf } from './counter.ts'
import type { Dims } from './row.ts'
import { spelledAs, type Template, templateTopology } from './template.ts'

/** A diffusion transformer: its layers, and their names in other layouts. */
export interface DitNetwork {
  readonly kind: 'dit'
  /** In the layout of its authors, which ComfyUI reads. */
  readonly template: Template
  /** Numbers of the published network; of the usual one, where variants have others. */
  readonly dims: Dims
  /** Names of diffusers; `native` where diffusers took over those of the authors. */
  readonly diffusers?: readonly Alias[] | 'native'
  /** Names that only trainers of adapters use. */
  readonly adapterNames?: readonly Alias[]
  /** The layer that takes latents, and how many: control and inpainting models have more inputs there. */
  readonly latents?: { readonly path: string; readonly columns: number }
  /** Labels of its lists of blocks, by their native paths; those of others are the paths themselves. */
  readonly blocks?: readonly BlockRow[]
  /** Keys whose shape, presence or absence tells members of the family apart, for people. */
  readonly tells: readonly string[]
}

export type DitLayout = 'ldm' | 'diffusers'

const diffusersTemplates = new WeakMap<DitNetwork, Template>()

/** Rows of a network in a layout. Empty where the names of that layout are not known. */
export function templateIn(network: DitNetwork, layout: DitLayout): Template {
  const { template, diffusers } = network
  if (layout === 'ldm' || diffusers === 'native') return template
  if (diffusers === undefined) return []
  const known = diffusersTemplates.get(network) ?? aliasTemplate(template, diffusers)
  diffusersTemplates.set(network, known)
  return known
}

/** Keys and shapes that a network with these numbers has in a layout, in the spelling of a file. */
export function ditTopology(network: DitNetwork, layout: DitLayout, dims: Dims, shapeOf: ShapeOf): Topology {
  return spelledAs(templateTopology(templateIn(network, layout), dims), shapeOf)
}

/** A list of blocks in the layout of diffusers, and in that of the authors: what stands before the number. */
export type ListName = readonly [theirs: string, ours: string]

/** Lists that diffusers calls otherwise. */
export function listNames(network: DitNetwork): ListName[] {
  const names = new Map<string, string>()
  for (const { name, path } of diffusersAliases(network)) {
    const [theirs, ours] = [counterOf(name)?.before, counterOf(path)?.before]
    if (theirs !== undefined && ours !== undefined && theirs !== ours) names.set(theirs, ours)
  }
  return [...names]
}

/** Names of diffusers, none where they are the native ones. */
export function diffusersAliases({ diffusers }: DitNetwork): readonly Alias[] {
  return diffusers === undefined || diffusers === 'native' ? [] : diffusers
}
