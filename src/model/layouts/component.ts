/** One network of a model as a file of its own, with the names that UIs load. */
import { EXIT, SdtoolError } from '../../system/errors.ts'
import { reshape } from '../../tensor/values/slices.ts'
import type { Tensor, TensorTable } from '../../tensor/values/table.ts'
import { canonicalVae, hasBothNames, isKl, type VaeInfo, vaeLevels } from '../identify/vae.ts'
import { ldmShape } from '../identify/vae-content.ts'
import type { Identifiable, Identity } from '../identity.ts'
import { architectureById } from '../networks/architectures/registry.ts'
import { type Component, type ComponentId, isSelected, type Selector } from '../networks/components.ts'
import { deriveUnet } from '../networks/topology/derive.ts'
import { unetNaming } from '../networks/topology/diffusers.ts'
import { ditToNative } from './dit.ts'
import { comfyuiNaming } from './encoder-names.ts'
import { markersOf } from './markers.ts'
import { messages } from './messages.ts'
import { unetToLdm, vaeToLdm } from './networks.ts'
import { type Locals, toTransformers } from './openclip.ts'

/** Roles that are networks UIs load by themselves. */
const EXTRACTABLE: ReadonlySet<Component['role']> = new Set(['unet', 'text', 'vae', 'vision', 'control'])

export interface ExtractedComponent {
  readonly component: Component
  readonly table: TensorTable
  /** Stands behind the name of the model: `vae`, `clip_l`. */
  readonly suffix: string
  /** Tensors of the component that the layout has no place for. */
  readonly left: readonly string[]
}

/** Names of text encoders as ComfyUI's users know the files. */
const SUFFIXES: Readonly<Partial<Record<ComponentId, string>>> = {
  dit: 'unet',
  openclip_h: 'clip_h',
  openclip_g: 'clip_g',
}

/**
 * The components a word selects, each in the layout that A1111 and ComfyUI load from a file of one network: UNets and VAEs
 * with ldm names, text encoders with those of transformers, none with a prefix.
 * @throws COMPONENT_NOT_FOUND (exit 4)
 */
export function extractComponents(
  file: Identifiable,
  identity: Identity,
  selector: Selector,
): ExtractedComponent[] {
  const chosen = identity.components.filter((component) => {
    return EXTRACTABLE.has(component.role) && isSelected(component, [selector])
  })
  if (chosen.length === 0) throw notFound(identity, selector)
  return chosen.map((component) => {
    const locals = localsOf(file, component)
    const { tensors: own, left } = inFileLayout(component, locals, identity)
    const markers = component.role === 'unet' ? markersOf(file, identity) : []
    const tensors = new Map([...own, ...markers.map((marker) => [marker.name, marker] as const)])
    return {
      component,
      table: { tensors, metadata: file.metadata },
      suffix: SUFFIXES[component.id] ?? component.id,
      left,
    }
  })
}

function notFound({ components }: Identity, selector: Selector): SdtoolError {
  const present = components.filter(({ role }) => EXTRACTABLE.has(role)).map(({ id }) => id)
  return new SdtoolError('COMPONENT_NOT_FOUND', messages.noComponent(selector), {
    exitCode: EXIT.unverified,
    hint: present.length > 0 ? messages.componentsAre(present) : messages.notACheckpoint,
  })
}

/** Tensors by their names inside of the component. */
export function localsOf({ tensors }: TensorTable, { names, prefix }: Component): Map<string, Tensor> {
  return new Map(
    names.map((key) => {
      const name = key.slice(sharedPrefix(key, prefix).length)
      return [name, { ...tensors.get(key)!, name }]
    }),
  )
}

/** What ComfyUI keeps above an encoder has only the beginning of its prefix: `text_encoders.clip_l.logit_scale`. */
function sharedPrefix(key: string, prefix: string): string {
  let shared = prefix
  while (!key.startsWith(shared)) shared = shared.slice(0, shared.lastIndexOf('.', shared.length - 2) + 1)
  return shared
}

export interface Converted {
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly left: readonly string[]
}

function inFileLayout({ id, role, layout }: Component, locals: Locals, identity: Identity): Converted {
  if (role === 'text' && layout === 'openclip') {
    const tensors = toTransformers(locals)
    return { tensors, left: [...locals.keys()].filter((name) => NO_PLACE.test(name)) }
  }
  if (role === 'text')
    return { tensors: layout === 'transformers' ? inComfyui(id, locals) : locals, left: [] }
  if (layout !== 'diffusers') return { tensors: locals, left: [] }
  if (role === 'vae' && identity.vae !== undefined && !isKl(identity.vae))
    return vaeOfAuthors(identity.vae, locals)
  if (role === 'vae') return vaeToLdm(locals, vaeLevels({ tensors: locals, metadata: {} }, ''))
  const network = identity.architecture && architectureById(identity.architecture.id)?.network
  if (role === 'unet' && network?.kind === 'dit' && network.diffusers !== undefined)
    return ditToNative(locals, network)
  if (role !== 'unet' || network?.kind !== 'unet') return { tensors: locals, left: [] }
  const shapeOf = (name: string) => locals.get(name)?.shape
  const naming = unetNaming(network.config.resBlocks, shapeOf)
  return unetToLdm(locals, deriveUnet((name) => shapeOf(naming(name))) ?? network.config)
}

/** An autoencoder of its own layers, with the names of its authors where they are known. */
export function vaeOfAuthors(vae: VaeInfo, locals: Locals): Converted {
  if (!hasBothNames(vae)) return { tensors: locals, left: [] }
  const named = canonicalVae({ tensors: locals, metadata: {} }, { ...vae, prefix: '' })
  const inPlace = (name: string, tensor: Tensor) => reshape({ ...tensor, name }, ldmShape(name, tensor.shape))
  return { tensors: new Map([...named].map(([name, tensor]) => [name, inPlace(name, tensor)])), left: [] }
}

/** A text encoder with the names that ComfyUI loads. */
export function inComfyui(id: ComponentId, locals: Locals): Locals {
  const naming = comfyuiNaming(id, [...locals.keys()])
  return new Map(
    [...locals].map(([key, tensor]) => {
      const name = naming(key)
      return [name, { ...tensor, name }]
    }),
  )
}

/** Keys of OpenCLIP that transformers has no place for; nothing needs them. */
const NO_PLACE = /(?:^|\.)(?:logit_scale|attn_mask|position_ids)$/
