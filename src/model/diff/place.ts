import { BASES } from '../adapters/base.ts'
import { lookupName, modulesOf } from '../adapters/keymap.ts'
import { splitKey } from '../adapters/modules.ts'
import { placeOf as modulePlace, TARGETS, type TargetId } from '../adapters/targets.ts'
import type { Architecture } from '../architectures/architecture.ts'
import { architectureById } from '../architectures/registry.ts'
import { type BlockLabel, blockOf } from '../blocks.ts'
import type { Component, ComponentId } from '../components.ts'
import type { Identity } from '../identity.ts'
import { layerOf } from './layers.ts'

/** Where in a model a tensor belongs: a row of a table, a cell of the heat map. */
export interface Place {
  /** Id of a component; in an adapter, of the network it changes. */
  readonly component: ComponentId | TargetId
  /** "CLIP-L text encoder". */
  readonly title: string
  /** Name inside the component, the same whatever prefix the file puts before it. */
  readonly key: string
  readonly block: BlockLabel
  readonly layer: string
}

/** The place of every tensor of a file, by its full name. */
export function placesOf(identity: Identity): Map<string, Place> {
  const architecture = architectureById(identity.architecture?.id ?? '')
  const live = new Map([...(identity.ema?.pairs ?? [])].map(([name, copy]) => [copy, name]))
  const places = new Map<string, Place>()
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

function emaPlace(copy: Place, live: Place): Place {
  return { ...live, component: copy.component, title: copy.title }
}

function componentPlace(
  name: string,
  { id, title, prefix }: Component,
  architecture: Architecture | undefined,
): Place {
  // ComfyUI keeps logit_scale a level above the rest of a text encoder
  const key = name.startsWith(prefix) ? name.slice(prefix.length) : name.slice(name.lastIndexOf('.') + 1)
  return { component: id, title, key, block: blockOf(key, architecture), layer: layerOf(key) }
}

/** Factors of an adapter stand where the weight does that they change. */
function adapterPlace(name: string, { adapter }: Identity): Place {
  const module = splitKey(name)?.module ?? name
  const { target, path } = modulePlace(module)
  const base = adapter?.base.architecture
  const architecture = architectureById((base && BASES[base].architectures[0]) ?? '')
  const weight = architecture && modulesOf(architecture, target).get(lookupName(path))?.weight
  return {
    component: target,
    title: TARGETS[target],
    key: name,
    block: weight === undefined ? 'BASE' : blockOf(weight, architecture),
    layer: layerOf(weight ?? name),
  }
}
