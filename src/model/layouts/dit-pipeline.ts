/** A model with a diffusion transformer as one file, and as a folder of diffusers. */
import { refuse } from '../../system/errors.ts'
import { renamed } from '../../tensor/values/expr.ts'
import type { Tensor, TensorTable } from '../../tensor/values/table.ts'
import { recogniseText } from '../identify/recognise-text.ts'
import { hasBothNames, identifyVae, isKl, vaeLevels } from '../identify/vae.ts'
import type { Identifiable, Identity } from '../identity.ts'
import { UNET_PREFIX } from '../networks/architectures/architecture.ts'
import { type DitArchitecture, provenArchitecture } from '../networks/architectures/proof.ts'
import { autoencoderById } from '../networks/autoencoders/registry.ts'
import type { Component, ComponentId } from '../networks/components.ts'
import { type DitLayout, templateIn } from '../networks/template/network.ts'
import { derivedDims } from '../networks/template/template.ts'
import { encoderPrefix } from '../networks/text-encoders/component.ts'
import type { ShapeOf } from '../networks/topology/match.ts'
import { vaePrefix } from './all-in-one.ts'
import { inComfyui, localsOf, vaeOfAuthors } from './component.ts'
import {
  DIFFUSERS_FAMILIES,
  type DiffusersFamily,
  type EncoderClass,
  type Member,
} from './diffusers-families.ts'
import { ditInLayout, ditToNative } from './dit.ts'
import { messages } from './messages.ts'
import { vaeToDiffusers, vaeToLdm } from './networks.ts'
import type { Locals } from './openclip.ts'

/** A network with the names of diffusers, and what they have no place for. */
interface Placed {
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly left: readonly string[]
}

/** A model taken apart. */
export interface DitPipeline {
  readonly kind: 'dit'
  readonly tensors: DitPipelineTensors
  readonly family: DiffusersFamily
  readonly member: Member
  readonly encoders: readonly EncoderClass[]
  readonly left: readonly string[]
}

export type DitPipelineTensors = Readonly<Record<string, ReadonlyMap<string, Tensor>>>

/** Text encoders whose names and configuration are known in both layouts. */
const WRITTEN: ReadonlySet<ComponentId> = new Set<ComponentId>(['clip_l', 'clip_g', 't5xxl', 'umt5xxl'])

/** Markers of ComfyUI for what the configuration of the transformer says. */
const SAID_BY_CONFIG: ReadonlySet<string> = new Set(['__index_timestep_zero__'])

/** @throws NOT_A_PIPELINE, LAYOUT_MISFIT, SCALED_FP8, QUANTISED (exit 3) */
export function toDitPipeline(
  file: Identifiable,
  identity: Identity,
  architecture: DitArchitecture,
): DitPipeline {
  const family = DIFFUSERS_FAMILIES[architecture.id]
  const transformer = identity.components.find(({ id }) => id === 'dit')
  const isOther = family?.others?.includes(identity.architecture?.variant ?? '')
  if (family === undefined || transformer === undefined || isOther)
    throw refuse('NOT_A_PIPELINE', messages.notAPipeline(identity.title), messages.pipelinesAre)
  const networks = new Map<string, readonly [Component, Placed]>()
  const locals = localsOf(file, transformer)
  networks.set('transformer', [transformer, transformerInDiffusers(locals, transformer, architecture)])
  const vae = identity.components.find(({ role }) => role === 'vae')
  const placedVae = vae && vaeInDiffusers(file, vae, identity)
  if (vae && placedVae) networks.set('vae', [vae, placedVae])
  const encoders: EncoderClass[] = []
  for (const component of identity.components) {
    const place = family.encoders.find(({ id }) => id === component.id)
    if (place === undefined || !WRITTEN.has(place.id)) continue
    encoders.push(place)
    networks.set(place.folder, [component, encoderInDiffusers(localsOf(file, component), place)])
  }
  return {
    kind: 'dit',
    family,
    member: memberOf(locals, transformer, architecture, identity),
    encoders,
    tensors: Object.fromEntries([...networks].map(([folder, [, { tensors }]]) => [folder, tensors])),
    left: leftOf(file, networks),
  }
}

function leftOf(
  { tensors }: TensorTable,
  networks: ReadonlyMap<string, readonly [Component, Placed]>,
): string[] {
  const left = [...networks.values()].flatMap(([{ prefix }, { left }]) => left.map((name) => prefix + name))
  const owned = new Set([...networks.values()].flatMap(([{ names }]) => names))
  const others = [...tensors.keys()].filter((name) => !owned.has(name))
  return [...left, ...others].filter((name) => !SAID_BY_CONFIG.has(name.slice(name.lastIndexOf('.') + 1)))
}

function layoutOf({ layout }: Component): DitLayout {
  return layout === 'diffusers' ? 'diffusers' : 'ldm'
}

function transformerInDiffusers(locals: Locals, component: Component, { network }: DitArchitecture): Placed {
  const { tensors, left } = ditInLayout(locals, network, layoutOf(component), 'diffusers')
  const markers = [...tensors.keys()].filter((name) => SAID_BY_CONFIG.has(name))
  return { tensors: new Map([...tensors].filter(([name]) => !markers.includes(name))), left }
}

function memberOf(
  locals: Locals,
  component: Component,
  { network }: DitArchitecture,
  { architecture }: Identity,
): Member {
  const shapeOf: ShapeOf = (name) => locals.get(name)?.shape
  const dims = derivedDims(templateIn(network, layoutOf(component)), shapeOf, network.dims)
  return { dims, ...(architecture?.variant !== undefined && { variant: architecture.variant }) }
}

/** Undefined for one whose names in diffusers are not known. */
function vaeInDiffusers(file: Identifiable, component: Component, { vae }: Identity): Placed | undefined {
  if (vae === undefined || !hasBothNames(vae)) return undefined
  const locals = localsOf(file, component)
  if (component.layout === 'diffusers') return { tensors: locals, left: [] }
  const { layers } = autoencoderById(vae.network) ?? {}
  if (layers !== undefined) return { tensors: renamedBy(locals, layers.inDiffusers), left: [] }
  const { tensors, left } = vaeToDiffusers(locals, vaeLevels({ tensors: locals, metadata: {} }, ''))
  const same = left.filter((name) => SAME_IN_VAES.test(name))
  return {
    tensors: new Map([...tensors, ...same.map((name) => [name, locals.get(name)!] as const)]),
    left: left.filter((name) => !same.includes(name)),
  }
}

function renamedBy(locals: Locals, naming: (name: string) => string): Map<string, Tensor> {
  return new Map(
    [...locals.values()].map((tensor) => [naming(tensor.name), renamed(tensor, naming(tensor.name))]),
  )
}

/** Statistics of the latents of Flux.2. */
const SAME_IN_VAES = /^bn\./

/** The classes without a projection have no place for it. */
function encoderInDiffusers(locals: Locals, { name }: EncoderClass): Placed {
  const left = [...locals.keys()].filter((key) => {
    return RE_BUFFER.test(key) || (name === 'CLIPTextModel' && key === 'text_projection.weight')
  })
  return { tensors: new Map([...locals].filter(([key]) => !left.includes(key))), left }
}

/** What ComfyUI keeps beside an encoder. */
const RE_BUFFER = /(?:^|\.)(?:logit_scale|position_ids|spiece_model|scaled_fp8)$/

/** A folder put together, as ComfyUI loads it: a checkpoint, or the transformer alone. */
export interface NativeFile {
  readonly table: TensorTable
  readonly left: readonly string[]
}

/**
 * @param networks by their folders
 * @throws NOT_A_PIPELINE, LAYOUT_MISFIT, SCALED_FP8, QUANTISED (exit 3)
 */
export function fromDitPipeline(networks: Readonly<Record<string, Locals | undefined>>): NativeFile {
  const { transformer, vae, ...encoders } = networks
  const architecture = architectureOf(transformer!)
  const isAlone = Object.keys(networks).length === 1
  const out = new Map<string, Tensor>()
  const left: string[] = []
  const add = (prefix: string, folder: string, { tensors, left: names }: Placed): void => {
    for (const [name, tensor] of tensors) out.set(prefix + name, { ...tensor, name: prefix + name })
    left.push(...names.map((name) => `${folder}: ${name}`))
  }
  add(isAlone ? '' : UNET_PREFIX, 'transformer', ditToNative(transformer!, architecture.network))
  if (vae !== undefined) add(vaePrefix(architecture), 'vae', vaeInNative(vae))
  for (const [folder, tensors = new Map()] of Object.entries(encoders)) {
    const id = encoderIn(folder, tensors)
    add(encoderPrefix(id), folder, { tensors: inComfyui(id, tensors), left: [] })
  }
  return { table: { tensors: out, metadata: {} }, left }
}

/** @throws NOT_A_PIPELINE (exit 3) */
function architectureOf(transformer: Locals): DitArchitecture {
  const proven = provenArchitecture((name) => transformer.get(name)?.shape)
  const network = proven?.architecture.network
  if (proven === undefined || network?.kind !== 'dit' || network.diffusers === undefined)
    throw refuse('NOT_A_PIPELINE', messages.unknownTransformer, messages.pipelinesAre)
  return { ...proven.architecture, network }
}

function vaeInNative(vae: Locals): Placed {
  const table = { tensors: vae, metadata: {} }
  const info = identifyVae(table)
  if (info?.layout !== 'diffusers') return { tensors: vae, left: [] }
  if (!hasBothNames(info)) return { tensors: new Map(), left: [...vae.keys()] }
  return isKl(info) ? vaeToLdm(vae, vaeLevels(table, '')) : vaeOfAuthors(info, vae)
}

/** @throws NOT_A_PIPELINE (exit 3) */
function encoderIn(folder: string, tensors: Locals): ComponentId {
  const { id } = recogniseText({
    prefix: '',
    names: [...tensors.keys()],
    shapeOf: (name) => tensors.get(name)?.shape,
  })
  if (id === 'text') throw refuse('NOT_A_PIPELINE', messages.unknownEncoder(folder), messages.removeEncoder)
  return id
}
