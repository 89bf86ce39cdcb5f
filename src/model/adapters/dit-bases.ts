/** Which diffusion transformers an adapter fits: by the tables of their networks, not by what one or other name sounds like. */
import type { Architecture } from '../networks/architectures/architecture.ts'
import { DIT_ARCHITECTURES, type DitArchitecture } from '../networks/architectures/proof.ts'
import { rangeOf } from '../networks/template/counter.ts'
import type { DitNetwork } from '../networks/template/network.ts'
import type { Dims, Row, Size } from '../networks/template/row.ts'
import { hasRow, readSize, sizeValue } from '../networks/template/template.ts'
import { type DitLayer, type DitPlace, type LayerName, layerIn, layerNames } from './keymap/dit-layers.ts'
import { lookupName } from './keymap.ts'
import type { AdapterModule } from './modules.ts'

/** A module, and the layer of a network that it is for. */
interface Hit extends DitLayer {
  readonly module: AdapterModule
}

/** Whether the layer exists in the architecture, in a block that one of its members has. */
export function isLayerOf(module: AdapterModule, architecture: Architecture): boolean {
  if (!isDit(architecture)) return false
  const layer = layerIn(layerNames(lookupName(module.path)), architecture)
  return layer !== undefined && membersOf(architecture).some(({ dims }) => placesIn(layer, dims).length > 0)
}

function isDit(architecture: Architecture): architecture is DitArchitecture {
  return architecture.network.kind === 'dit'
}

interface Member {
  readonly title: string
  readonly dims: Dims
}

/** The published networks of a family: variants, and the usual one where no variant is it. */
function membersOf({ title, network, variants }: DitArchitecture): Member[] {
  const own = variants.flatMap(({ title: variant, dims }) =>
    dims === undefined ? [] : [{ title: `${title} ${variant}`, dims: { ...network.dims, ...dims } }],
  )
  const isUsual = ({ dims }: Member) =>
    Object.entries(dims).every(([name, value]) => network.dims[name] === value)
  return own.some(isUsual) ? own : [{ title, dims: network.dims }, ...own]
}

/** The rows of a layer in a network with these numbers. */
function placesIn({ places, number }: DitLayer, dims: Dims): DitPlace[] {
  return places.filter(({ row, counter }) => {
    if (!hasRow(row, dims)) return false
    if (counter === undefined || number === undefined) return true
    const [first, end] = rangeOf(counter, dims)
    return number >= first && number < end
  })
}

function fits(hit: Hit, dims: Dims, network: DitNetwork): boolean {
  return placesIn(hit, dims).some(({ row }) => fitsRow(hit.module, row, dims, network))
}

function fitsRow({ shape }: AdapterModule, row: Row, dims: Dims, network: DitNetwork): boolean {
  const [out, ...inner] = row.shape
  const isEqual = (value: number | undefined, wanted: number | undefined) =>
    value === undefined || wanted === undefined || value === wanted
  if (!isEqual(shape.rows, sizeValue(out!, dims))) return false
  // control and inpainting models take more than the latents
  if (inner.length === 0 || row.path === network.latents?.path) return true
  return isEqual(shape.columns, product(inner, dims))
}

function product(sizes: readonly Size[], dims: Dims): number | undefined {
  let all = 1
  for (const size of sizes) {
    const value = sizeValue(size, dims)
    if (value === undefined) return undefined
    all *= value
  }
  return all
}

/** Numbers that all modules agree on where they are of no published network; undefined if they contradict each other. */
function sharedDims(hits: readonly Hit[], network: DitNetwork): Dims | undefined {
  const parts = Object.fromEntries(
    network.template.flatMap(({ part }) => (part === undefined ? [] : [[part, 1]])),
  )
  const dims: Record<string, number> = { ...parts }
  for (const { places, number = 0 } of hits) {
    for (const { counter } of places) {
      if (counter === undefined) continue
      dims[counter.name] = Math.max(dims[counter.name] ?? 0, number + 1)
    }
  }
  for (const { module, places } of [...hits, ...hits]) {
    const { row } = places[0]!
    if (module.shape.rows !== undefined) readSize(row.shape[0]!, module.shape.rows, dims)
    if (module.shape.columns !== undefined && row.shape.length === 2)
      readSize(row.shape[1]!, module.shape.columns, dims)
  }
  return hits.every((hit) => hit.places.some(({ row }) => fitsRow(hit.module, row, dims, network)))
    ? dims
    : undefined
}

/** How well an adapter fits a family. */
export interface DitFit {
  readonly architecture: DitArchitecture
  /** Published networks whose numbers it has; none where its widths are of no published one. */
  readonly members: readonly string[]
  /** Modules that are layers of it. */
  readonly modules: number
  /** It changes every block of a published network. */
  readonly isComplete: boolean
}

/** Of an adapter with a few modules that no network has, the others still tell. */
const MIN_SHARE = 0.8

/** Families in which (nearly) all modules have their place with a fitting shape, the best fitting alone. */
export function ditFits(modules: readonly AdapterModule[]): DitFit[] {
  if (modules.length === 0) return []
  const named = modules.map((module) => ({ module, names: layerNames(lookupName(module.path)) }))
  const found = DIT_ARCHITECTURES.flatMap((architecture) => fitOf(named, architecture) ?? [])
  const [best] = [...found].sort(compareFits)
  return best === undefined ? [] : found.filter((one) => compareFits(one, best) === 0)
}

/** More modules first, then published widths. */
function compareFits(a: DitFit, b: DitFit): number {
  return b.modules - a.modules || Number(b.members.length > 0) - Number(a.members.length > 0)
}

interface NamedModule {
  readonly module: AdapterModule
  readonly names: readonly LayerName[]
}

function fitOf(modules: readonly NamedModule[], architecture: DitArchitecture): DitFit | undefined {
  const { network } = architecture
  const hits = modules.flatMap(({ module, names }): Hit[] => {
    const layer = layerIn(names, architecture)
    return layer === undefined ? [] : [{ module, ...layer }]
  })
  if (hits.length === 0 || hits.length < MIN_SHARE * modules.length) return undefined
  const members = membersOf(architecture).filter(({ dims }) => hits.every((hit) => fits(hit, dims, network)))
  if (members.length === 0 && sharedDims(hits, network) === undefined) return undefined
  return {
    architecture,
    members: members.map(({ title }) => title),
    modules: hits.length,
    isComplete: members.some(({ dims }) => hasAllBlocks(hits, dims)),
  }
}

/** Of each list of blocks that is changed at all, every block is. */
function hasAllBlocks(hits: readonly Hit[], dims: Dims): boolean {
  const numbers = new Map<string, Set<number>>()
  for (const { places, number } of hits) {
    const name = places[0]!.counter?.name
    if (name === undefined || number === undefined) continue
    numbers.set(name, (numbers.get(name) ?? new Set()).add(number))
  }
  return numbers.size > 0 && [...numbers].every(([name, seen]) => seen.size === dims[name])
}
