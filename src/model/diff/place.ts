import { BASES, type BaseId } from '../adapters/base.ts'
import { lookupName, modulesOf } from '../adapters/keymap.ts'
import { splitKey } from '../adapters/modules.ts'
import { modulePlaceOf as modulePlace, TARGETS, type TargetId } from '../adapters/targets.ts'
import type { Identity } from '../identity.ts'
import type { Architecture } from '../networks/architectures/architecture.ts'
import { ARCHITECTURES, architectureById } from '../networks/architectures/registry.ts'
import { type BlockLabel, blockOf } from '../networks/blocks.ts'
import type { Component, ComponentId } from '../networks/components.ts'
import { layerOf, OTHER_LAYER } from './layers.ts'

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
    for (const name of component.names) {
      places.set(
        name,
        component.id === 'adapter'
          ? adapterPlace(name, identity)
          : componentPlace(live.get(name) ?? name, component, architecture),
      )
    }
  }
  // names of an EMA copy have lost their dots and prefix: the live weight says where they belong
  for (const [copy, name] of live) places.set(copy, emaPlace(places.get(copy)!, places.get(name)!))
  return places
}

function emaPlace(copy: DiffPlace, live: DiffPlace): DiffPlace {
  return { ...live, component: copy.component, title: copy.title }
}

function componentPlace(
  name: string,
  { id, title, prefix }: Component,
  architecture: Architecture | undefined,
): DiffPlace {
  // ComfyUI keeps logit_scale a level above the rest of a text encoder
  const key = name.startsWith(prefix) ? name.slice(prefix.length) : name.slice(name.lastIndexOf('.') + 1)
  return { component: id, title, key, block: blockOf(key, architecture), layer: layerOf(key) }
}

/** Factors of an adapter stand where the weight does that they change. */
function adapterPlace(name: string, { adapter }: Identity): DiffPlace {
  const { module, role } = splitKey(name) ?? { module: name, role: undefined }
  const { target, path } = modulePlace(module)
  if (role === 'alpha') {
    return { component: 'alphas', title: 'alphas', key: name, block: 'BASE', layer: OTHER_LAYER }
  }
  const { architecture, weight } = findWeight(target, lookupName(path), adapter?.base.architecture)
  const block = weight === undefined ? 'BASE' : blockOf(weight, architecture)
  return { component: target, title: TARGETS[target], key: name, block, layer: layerOf(weight ?? name) }
}

/** The weight of a module: in the architecture the adapter is for, or if that is unknown in the first that has it. */
function findWeight(
  target: TargetId,
  module: string,
  base: BaseId | undefined,
): { architecture?: Architecture; weight?: string } {
  const known: readonly string[] = base ? BASES[base].architectures : []
  for (const architecture of ARCHITECTURES) {
    if (base && !known.includes(architecture.id)) continue
    const weight = modulesOf(architecture, target).get(module)?.weight
    if (weight !== undefined) return { architecture, weight }
  }
  return {}
}
