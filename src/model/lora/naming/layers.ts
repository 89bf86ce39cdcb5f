/** The layers that a LoRA changes, whatever its modules are called, and what another naming calls them. */

import { lookupName, modulesOf } from '../../adapters/keymap.ts'
import type { AdapterModule } from '../../adapters/modules.ts'
import type { TargetId } from '../../adapters/targets.ts'
import type { Architecture } from '../../networks/architectures/architecture.ts'
import { unetNameInDiffusers } from '../../networks/topology/diffusers.ts'
import type { PlacedLora } from '../modules.ts'
import { NAMINGS, type Naming, type NamingId } from './namings.ts'
import { type DitNames, ditNames, type NativePlace, sizesFor } from './sizes.ts'
import { dottedTextPath } from './text-path.ts'

/** A module, and where it acts: all of a layer, or some of its outputs. */
export interface LayerModule {
  readonly one: PlacedLora
  readonly place: NativePlace
}

/** All modules of a layer: one, or one for each part of it. */
export interface Layer {
  readonly target: TargetId
  /** In the layout of the authors; of a text encoder in that of transformers. */
  readonly path: string
  /** Undefined where nothing tells. */
  readonly outputs?: number
  readonly modules: readonly LayerModule[]
}

/** A name in another naming, and which outputs of the layer it is for. */
export type LayerName = Omit<NativePlace, 'path'> & { readonly name: string }

export interface Layers {
  readonly layers: readonly Layer[]
  /** Modules whose layer is not known. */
  readonly unplaced: readonly PlacedLora[]
  /** Names of a layer, without prefix, in the order of its outputs; none where the naming has no word for it. */
  namesOf(layer: Layer, naming: NamingId): readonly LayerName[]
}

export function layersOf(placed: readonly PlacedLora[], architecture: Architecture): Layers {
  const names = denoiserNames(placed, architecture)
  const layers = new Map<string, { target: TargetId; path: string; modules: LayerModule[] }>()
  const unplaced: PlacedLora[] = []
  for (const one of placed) {
    const place = placeOf(one, architecture, names)
    if (place === undefined) {
      unplaced.push(one)
      continue
    }
    const id = `${one.module.target} ${place.path}`
    const layer = layers.get(id) ?? { target: one.module.target, path: place.path, modules: [] }
    layers.set(id, layer)
    layer.modules.push({ one, place })
  }
  return {
    layers: [...layers.values()].map((layer) => withOutputs(layer, names)),
    unplaced,
    namesOf: ({ target, path }, naming) => {
      const rule = NAMINGS[naming]
      const found = target === 'unet' ? namesInDenoiser(path, rule, architecture, names) : [{ name: path }]
      return rule.isFlat ? found.map((one) => ({ ...one, name: lookupName(one.name) })) : found
    },
  }
}

/** Undefined for a UNet, whose layers are never in parts. */
function denoiserNames(placed: readonly PlacedLora[], { network }: Architecture): DitNames | undefined {
  if (network.kind !== 'dit') return undefined
  const modules = placed.filter(({ module }) => module.target === 'unet').map(({ module }) => module)
  const [first, ...others] = sizesFor(network, modules).map((dims) => ditNames(network, dims))
  const fits = (names: DitNames) => modules.every((module) => fitsIn(module, names))
  return [first!, ...others].find(fits) ?? first
}

/** Whether a module has the outputs of its layer, or of its part of one; what has no place is none of its business. */
function fitsIn({ path, shape: { rows } }: AdapterModule, names: DitNames): boolean {
  const place = names.places.get(lookupName(path))
  if (place === undefined || rows === undefined) return true
  return rows === (place.rows?.length ?? names.outputs.get(place.path))
}

function withOutputs(layer: Omit<Layer, 'outputs'>, names: DitNames | undefined): Layer {
  const known = layer.target === 'unet' ? names?.outputs.get(layer.path) : undefined
  const [first] = layer.modules
  const own = layer.modules.length === 1 && !first!.place.rows ? first!.one.module.shape.rows : undefined
  const outputs = own ?? known
  return outputs === undefined ? layer : { ...layer, outputs }
}

function placeOf(
  { module }: PlacedLora,
  architecture: Architecture,
  names: DitNames | undefined,
): NativePlace | undefined {
  if (module.target !== 'unet') {
    const path = dottedTextPath(module.path)
    return path === undefined ? undefined : { path }
  }
  if (names !== undefined)
    return fitsIn(module, names) ? names.places.get(lookupName(module.path)) : undefined
  const weight = modulesOf(architecture, 'unet').get(lookupName(module.path))?.weight
  return weight === undefined ? undefined : { path: weight.replace(/\.weight$/, '') }
}

/** Families whose kohya names are those of diffusers: sd-scripts walks a UNet of diffusers there, one of sgm for SDXL. */
const KOHYA_BY_DIFFUSERS: ReadonlySet<string> = new Set(['stable-diffusion-v1', 'stable-diffusion-v2'])

function namesInDenoiser(
  path: string,
  { layout, isFlat }: Naming,
  { id, network }: Architecture,
  names: DitNames | undefined,
): readonly LayerName[] {
  if (network.kind === 'unet') {
    const byDiffusers = layout === 'diffusers' || (isFlat && KOHYA_BY_DIFFUSERS.has(id))
    return [{ name: byDiffusers ? unetPath(path, network.config.resBlocks) : path }]
  }
  if (layout === 'ldm' || (network.kind === 'dit' && network.diffusers === 'native')) return [{ name: path }]
  const parts = names?.parts.get(path) ?? []
  return [...parts].sort((a, b) => (a.rows?.start ?? 0) - (b.rows?.start ?? 0))
}

function unetPath(path: string, resBlocks: number): string {
  return unetNameInDiffusers(`${path}.weight`, resBlocks).replace(/\.weight$/, '')
}
