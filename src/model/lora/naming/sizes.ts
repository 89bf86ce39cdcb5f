/** The numbers of the network that a LoRA is for, as far as its factors tell them. */

import { lookupName } from '../../adapters/keymap.ts'
import type { AdapterModule } from '../../adapters/modules.ts'
import { aliasedKeys } from '../../networks/template/alias.ts'
import { counterOf } from '../../networks/template/counter.ts'
import { type DitNetwork, diffusersAliases, templateIn } from '../../networks/template/network.ts'
import type { Dims } from '../../networks/template/row.ts'
import { derivedDims, templateTopology } from '../../networks/template/template.ts'
import type { Shape } from '../../networks/topology/match.ts'

const LAYOUTS = ['ldm', 'diffusers'] as const

/**
 * Numbers that the network may have: widths by the shapes of the modules, and as many blocks as the published one, or as
 * the modules name. Only the last block may differ from the others, so that modules of it tell which it is.
 */
export function sizesFor(network: DitNetwork, modules: readonly AdapterModule[]): readonly Dims[] {
  const shapes = new Map<string, Shape>()
  for (const { path, shape } of modules) {
    const { rows, columns } = shape
    if (rows !== undefined && columns !== undefined) shapes.set(anyBlock(lookupName(path)), [rows, columns])
  }
  let widths = network.dims
  for (const layout of LAYOUTS) {
    const found = derivedDims(
      templateIn(network, layout),
      (key) => shapes.get(anyBlock(flatPath(key))),
      widths,
    )
    // blocks are counted below
    widths = { ...found, ...countsOf(network, new Map()) }
  }
  const named = namedBlocks(network, modules)
  return [
    { ...widths, ...countsOf(network, named) },
    { ...widths, ...Object.fromEntries(named) },
  ]
}

function flatPath(key: string): string {
  return lookupName(key.replace(/\.(?:weight|scale)$/, ''))
}

/** The first number of a name is that of its block: a layer is as wide in all of them. */
function anyBlock(name: string): string {
  return name.replace(/\d+/, '#')
}

/** No network has more blocks than are counted in files. */
const MAX_BLOCKS = 256

/** How many blocks of each list there are at least. */
function namedBlocks(network: DitNetwork, modules: readonly AdapterModule[]): Map<string, number> {
  const counters = new Map<string, string>()
  for (const layout of LAYOUTS)
    for (const { path } of templateIn(network, layout)) {
      const counter = counterOf(path)
      if (counter !== undefined) counters.set(lookupName(`${counter.before}#${counter.after}`), counter.name)
    }
  const counts = new Map<string, number>()
  for (const { path } of modules) {
    const name = lookupName(path)
    const counter = counters.get(anyBlock(name))
    const count = Math.min(Number(/\d+/.exec(name)?.[0] ?? 0) + 1, MAX_BLOCKS)
    if (counter !== undefined) counts.set(counter, Math.max(counts.get(counter) ?? 0, count))
  }
  return counts
}

function countsOf({ template, dims }: DitNetwork, named: ReadonlyMap<string, number>): Dims {
  const names = template.flatMap(({ path }) => counterOf(path)?.name ?? [])
  return {
    ...Object.fromEntries(names.map((name) => [name, Math.max(dims[name] ?? 0, named.get(name) ?? 0)])),
    // whether the network has a part does not change the names of its layers
    ...Object.fromEntries(template.flatMap(({ part }) => (part === undefined ? [] : [[part, 1]]))),
  }
}

/** Where a layer lies in the native network. */
export interface NativePlace {
  /** Path of the layer, without the leaf. */
  readonly path: string
  readonly rows?: { readonly start: number; readonly length: number }
  readonly swappedHalves?: true
}

export interface DitNames {
  /** Place by flattened name, in whatever naming. */
  readonly places: ReadonlyMap<string, NativePlace>
  /** Layers of diffusers by native path: one, or the parts of a fused one in their order. */
  readonly parts: ReadonlyMap<string, readonly (NativePlace & { readonly name: string })[]>
  /** Outputs of each native layer. */
  readonly outputs: ReadonlyMap<string, number>
}

const RE_LEAF = /\.(?:weight|scale)$/

/** Every name of every layer of a network with these numbers. */
export function ditNames(network: DitNetwork, dims: Dims): DitNames {
  const places = new Map<string, NativePlace>()
  const outputs = new Map<string, number>()
  for (const [key, shape] of templateTopology(network.template, dims)) {
    if (!RE_LEAF.test(key)) continue
    const path = key.replace(RE_LEAF, '')
    places.set(lookupName(path), { path })
    outputs.set(path, shape[0]!)
  }
  const parts = new Map<string, (NativePlace & { name: string })[]>()
  for (const { name, key, rows, swappedHalves } of aliasedKeys(
    network.template,
    diffusersAliases(network),
    dims,
  )) {
    if (!name.endsWith('.weight')) continue
    const place = {
      path: key.replace(RE_LEAF, ''),
      ...(rows && { rows }),
      ...(swappedHalves && { swappedHalves }),
    }
    const theirs = name.replace(RE_LEAF, '')
    places.set(lookupName(theirs), place)
    parts.set(place.path, [...(parts.get(place.path) ?? []), { ...place, name: theirs }])
  }
  for (const { name, key, rows } of aliasedKeys(network.template, network.adapterNames ?? [], dims)) {
    if (name.endsWith('.weight'))
      places.set(lookupName(name.replace(RE_LEAF, '')), {
        path: key.replace(RE_LEAF, ''),
        ...(rows && { rows }),
      })
  }
  return { places, parts, outputs }
}
