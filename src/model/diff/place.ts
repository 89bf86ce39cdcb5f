import { type BaseId, baseById } from '../adapters/base.ts'
import { lookupName, modulesOf } from '../adapters/keymap.ts'
import { blocksByNumber, blocksOfModules, likelyKey } from '../adapters/module-blocks.ts'
import { splitKey } from '../adapters/modules.ts'
import { type ModulePlace, modulePlaceOf, TARGETS, type TargetId } from '../adapters/targets.ts'
import type { Identity } from '../identity.ts'
import type { Architecture } from '../networks/architectures/architecture.ts'
import { ARCHITECTURES, architectureById } from '../networks/architectures/registry.ts'
import { type BlockLabel, blockNames } from '../networks/blocks.ts'
import type { Component, ComponentId } from '../networks/components.ts'
import { layersOf, OTHER_LAYER } from './layers.ts'

/** Where in a model a tensor belongs: a row of a table, a cell of the heat map. */
export interface DiffPlace {
  /** Id of a component; in an adapter, of the network it changes, or `alphas`: factors are not weights. */
  readonly component: ComponentId | TargetId | 'alphas'
  /** "CLIP-L text encoder". */
  readonly title: string
  /** Name inside the component, the same whatever prefix the file puts before it. */
  readonly key: string
  readonly block: BlockLabel
  readonly layer: string
}

/** The place of every tensor of a file, by its full name. */
export function diffPlacesOf(identity: Identity): Map<string, DiffPlace> {
  const architecture = architectureById(identity.architecture?.id ?? '')
  const live = new Map([...(identity.ema?.pairs ?? [])].map(([name, copy]) => [copy, name]))
  const places = new Map<string, DiffPlace>()
  for (const component of identity.components) {
    const placeOf =
      component.id === 'adapter'
        ? adapterPlaces(component, identity)
        : componentPlaces(component, live, architecture)
    for (const name of component.names) places.set(name, placeOf(name))
  }
  // names of an EMA copy have lost their dots and prefix: the live weight says where they belong
  for (const [copy, name] of live) places.set(copy, emaPlace(places.get(copy)!, places.get(name)!))
  return places
}

function emaPlace(copy: DiffPlace, live: DiffPlace): DiffPlace {
  return { ...live, component: copy.component, title: copy.title }
}

/** @param live names of live weights by those of their EMA copies */
function componentPlaces(
  { id, title, prefix, role, names }: Component,
  live: ReadonlyMap<string, string>,
  architecture: Architecture | undefined,
): (name: string) => DiffPlace {
  const keyOf = (name: string) => localName(live.get(name) ?? name, prefix)
  const keys = names.map(keyOf)
  const [blockOf, layerOf] = [blockNames(role, keys, architecture), layersOf(keys)]
  return (name) => {
    const key = keyOf(name)
    return { component: id, title, key, block: blockOf(key), layer: layerOf(key) }
  }
}

/** ComfyUI keeps logit_scale a level above the rest of a text encoder. */
function localName(name: string, prefix: string): string {
  return name.startsWith(prefix) ? name.slice(prefix.length) : name.slice(name.lastIndexOf('.') + 1)
}

/** Factors of an adapter stand where the weight does that they change. */
function adapterPlaces({ names }: Component, { adapter }: Identity): (name: string) => DiffPlace {
  const places = new Map(
    names.map((name) => {
      const { module, role } = splitKey(name) ?? { module: name }
      return [name, { ...modulePlaceOf(module), role }]
    }),
  )
  const numberedBlock = blocksByNumber([...places.values()])
  const layerOf = layersOf([...places.values()].map(likelyKey))
  return (name) => {
    const place = places.get(name)!
    if (place.role === 'alpha')
      return { component: 'alphas', title: 'alphas', key: name, block: 'BASE', layer: OTHER_LAYER }
    const known = findWeight(place, adapter?.base.architecture)
    const { block, weight } = known ?? { block: numberedBlock(place), weight: likelyKey(place) }
    return { component: place.target, title: TARGETS[place.target], key: name, block, layer: layerOf(weight) }
  }
}

/** The weight of a module: in the architecture the adapter is for, or if that is unknown in the first that has it. */
function findWeight(
  { target, path }: ModulePlace,
  base: BaseId | undefined,
): { readonly weight: string; readonly block: BlockLabel } | undefined {
  const known: readonly string[] = base ? baseById(base).architectures : []
  for (const architecture of ARCHITECTURES) {
    if (base && !known.includes(architecture.id)) continue
    const modules = modulesOf(architecture, target)
    const weight = modules.get(lookupName(path))?.weight
    if (weight !== undefined) return { weight, block: blocksOfModules(target, modules, architecture)(weight) }
  }
  return undefined
}
