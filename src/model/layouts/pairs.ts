/** The tensors of several models that stand in the same place, whatever their files call them. */
import type { Tensor } from '../../tensor/values/table.ts'
import { canonicalVae, type VaeInfo } from '../identify/vae.ts'
import type { Model } from '../model.ts'
import { architectureById } from '../networks/architectures/registry.ts'
import { type Component, type ComponentId, sameSelector } from '../networks/components.ts'
import { deriveUnet } from '../networks/topology/derive.ts'
import { unetNaming } from '../networks/topology/diffusers.ts'
import { type Shape, sameShape } from '../networks/topology/match.ts'
import { unetTopology } from '../networks/topology/unet.ts'
import { toOpenClip, toTransformers } from './openclip.ts'

/** Tensors of a model by their places: name inside the component, in the layout of ldm or of the component asked for. */
export type PlacedTensors = ReadonlyMap<string, Tensor>

/** The tensors of the component that does the same in a model as `like` does in another; undefined if it has none. */
export function placedTensors(model: Model, like: Component): PlacedTensors | undefined {
  const { vae } = model.identity
  if (like.role === 'vae' && isKl(vae)) return canonicalVae(model.file, vae)
  const component = counterpart(model, like)
  if (component === undefined) return undefined
  const tensors = [...placesIn(model, component)]
  const placed = new Map(tensors.map(([name, place]) => [place, model.file.tensors.get(name)!]))
  const [own, wanted] = [component.layout === 'openclip', like.layout === 'openclip']
  if (own === wanted) return placed
  return wanted ? toOpenClip(placed) : toTransformers(placed)
}

/** The same encoder may have the names of OpenCLIP, as in checkpoints of ldm, or those of transformers, as in ComfyUI. */
function counterpart({ identity: { components } }: Model, { id, role }: Component): Component | undefined {
  const alike = components.filter((component) => component.role === role && sameSelector(component.id, id))
  return (
    alike.find((component) => component.id === id) ??
    alike[0] ??
    components.find((component) => isSameUnknown(component.id, id))
  )
}

/** A network of no known family is all of a file of its own, and what stands where a UNet does in a checkpoint. */
function isSameUnknown(a: ComponentId, b: ComponentId): boolean {
  return UNKNOWN_NETWORK.has(a) && UNKNOWN_NETWORK.has(b)
}

const UNKNOWN_NETWORK: ReadonlySet<ComponentId> = new Set<ComponentId>(['unet', 'dit', 'weights'])

function isKl(vae: VaeInfo | undefined): vae is VaeInfo {
  return vae !== undefined && vae.layout !== 'taesd'
}

/** Place of each tensor of a component, by its full name. */
export function placesIn(model: Model, component: Component): Map<string, string> {
  const { prefix, names, role, layout } = component
  const local = (name: string) => (name.startsWith(prefix) ? name.slice(prefix.length) : name)
  const { vae } = model.identity
  if (role === 'vae' && isKl(vae))
    return new Map([...canonicalVae(model.file, vae)].map(([ldm, { name }]) => [name, ldm]))
  const toLdm = role === 'unet' && layout === 'diffusers' ? ldmNames(model, component) : undefined
  return new Map(names.map((name) => [name, toLdm?.get(local(name)) ?? local(name)]))
}

/** diffusers -> ldm, of the UNet that the file really has; nothing for other networks. */
function ldmNames({ file, identity }: Model, { prefix }: Component): Map<string, string> {
  const network = architectureById(identity.architecture?.id ?? '')?.network
  if (network?.kind !== 'unet') return new Map()
  const shapeOf = (name: string) => file.tensors.get(prefix + name)?.shape
  const naming = unetNaming(network.config.resBlocks, shapeOf)
  const config = deriveUnet((name) => shapeOf(naming(name))) ?? network.config
  return new Map([...unetTopology(config).keys()].map((ldm) => [naming(ldm), ldm]))
}

/** How the shapes of a place fit together. */
export type Fit = 'same' | 'first-inputs' | undefined

/**
 * The first model's tensor may have more input channels than the others' (9 for inpainting, 8 for instruct-pix2pix):
 * then its first ones are theirs. 1x1 convolutions and linear layers are the same.
 */
export function fitOf(first: Shape, other: Shape): Fit {
  const [a, b] = [bare(first), bare(other)]
  if (sameShape(a, b)) return 'same'
  const isWider = a.length === 4 && b.length === 4 && a[1]! > b[1]!
  return isWider && sameShape(a.with(1, b[1]!), b) ? 'first-inputs' : undefined
}

/** Linear layers as the 1x1 convolutions they could be. */
function bare(shape: Shape): Shape {
  return shape.length === 2 ? [...shape, 1, 1] : shape
}
