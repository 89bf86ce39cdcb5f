/** Layers of diffusion transformers by the flattened names that adapters call them, whatever the number of the block. */
import { DIT_ARCHITECTURES, type DitArchitecture } from '../../networks/architectures/proof.ts'
import { aliasTemplate } from '../../networks/template/alias.ts'
import { type Counter, counterOf } from '../../networks/template/counter.ts'
import { diffusersAliases } from '../../networks/template/network.ts'
import type { Row } from '../../networks/template/row.ts'
import { flatten } from './target.ts'

/** Stands for the number of a block. */
const NUMBER = '#'

export interface DitPlace {
  readonly row: Row
  readonly counter?: Counter
}

/** Blocks may differ: one name, several rows. */
type Places = ReadonlyMap<string, readonly DitPlace[]>

const built = new WeakMap<DitArchitecture, Places>()

function placesOf(architecture: DitArchitecture): Places {
  const known = built.get(architecture) ?? buildPlaces(architecture)
  built.set(architecture, known)
  return known
}

function buildPlaces({ network }: DitArchitecture): Places {
  const places = new Map<string, DitPlace[]>()
  const aliases = [...diffusersAliases(network), ...(network.adapterNames ?? [])]
  for (const row of [...network.template, ...aliasTemplate(network.template, aliases)]) {
    if (row.leaf === undefined) continue
    const counter = counterOf(row.path)
    const path = counter === undefined ? row.path : `${counter.before}${NUMBER}${counter.after}`
    const name = flatten(path)
    places.set(name, [...(places.get(name) ?? []), { row, ...(counter && { counter }) }])
  }
  return places
}

/** A name, and what it is without a number that may be that of its block. */
export interface LayerName {
  readonly text: string
  readonly number?: number
}

const RE_NUMBER = /(?<=^|_)\d+(?=_|$)/g

/** @param flat with `_` between the steps */
export function layerNames(flat: string): LayerName[] {
  const numbers = [...flat.matchAll(RE_NUMBER)]
  return [
    { text: flat },
    ...numbers.map(({ 0: digits, index }) => ({
      text: `${flat.slice(0, index)}${NUMBER}${flat.slice(index + digits.length)}`,
      number: Number(digits),
    })),
  ]
}

/** A layer of a network, in the block with this number. */
export interface DitLayer {
  readonly places: readonly DitPlace[]
  readonly number?: number
}

export function layerIn(names: readonly LayerName[], architecture: DitArchitecture): DitLayer | undefined {
  const places = placesOf(architecture)
  for (const { text, number } of names) {
    const found = places.get(text)
    if (found !== undefined) return { places: found, ...(number !== undefined && { number }) }
  }
  return undefined
}

/** Whether any diffusion transformer has a layer of this path. */
export function isLayerOfDit(path: string): boolean {
  const names = layerNames(flatten(path))
  return DIT_ARCHITECTURES.some((architecture) => layerIn(names, architecture) !== undefined)
}
