/** Which component owns which key. */
import { defined } from '../../system/defined.ts'
import type { Tensor, TensorTable } from '../../tensor/values/table.ts'
import type { Slot, TablePart } from '../layouts/split.ts'
import { COMPONENTS, type Component, type ComponentId, measure, type Role } from '../networks/components.ts'
import { type ShapeOf, weightName, weightShape } from '../networks/topology/match.ts'
import { recogniseControlnet } from './controlnet.ts'
import { recogniseDenoiser } from './denoiser.ts'
import type { RecognisedDenoiser } from './denoiser-info.ts'
import type { EmaInfo } from './ema.ts'
import type { NearestEncoder } from './encoder-info.ts'
import { recogniseText } from './recognise-text.ts'
import { recogniseVae } from './recognise-vae.ts'

/** Component ids of the slots that names alone decide. */
export const NAMED: Readonly<Partial<Record<Slot, ComponentId>>> = {
  vision: 'vision',
  depth: 'depth',
  schedule: 'schedule',
  training: 'training',
  other: 'other',
  controlnet: 'controlnet',
  noise_augmentor: 'noise_augmentor',
  audio: 'audio',
  markers: 'markers',
  adapter: 'adapter',
  embedding: 'embedding',
}

/** A component of a file: `tensors`, which it owns, counted and measured. */
export function component(
  id: ComponentId,
  prefix: string,
  tensors: readonly Tensor[],
  more: Pick<Component, 'layout' | 'match'> = {},
): Component {
  const { role, title }: { role: Role; title: string } = COMPONENTS[id]
  return { id, role, title, prefix, ...measure(tensors), ...more }
}

interface Resolved {
  readonly components: readonly Component[]
  readonly denoiser?: RecognisedDenoiser
  readonly unknownTexts: readonly UnknownText[]
}

/** A text encoder that is none of those known, by its prefix, and the one that it is most like. */
export interface UnknownText {
  readonly prefix: string
  readonly nearest?: NearestEncoder
}

/** What a part is held against. */
interface Surroundings {
  readonly shapeOf: ShapeOf
  readonly ema: EmaInfo | undefined
  readonly ggufArchitecture: string | undefined
}

const GGUF_ARCHITECTURE = 'general.architecture'

/** What each part of the file is, in the order of a listing, and the network that speaks for the file. */
export function resolveParts(
  file: TensorTable,
  parts: readonly TablePart[],
  ema: EmaInfo | undefined,
): Resolved {
  const named = codesByWeight(file)
  const shapeOf = (name: string) => {
    const tensor = file.tensors.get(name) ?? named.get(name)
    return tensor && weightShape(tensor)
  }
  const ggufArchitecture = file.metadata[GGUF_ARCHITECTURE]
  const resolved = parts.map((part) => resolvePart(part, { shapeOf, ema, ggufArchitecture }))
  const denoisers = resolved.flatMap(({ denoiser }) => denoiser ?? [])
  // two networks in one file: the recognised one speaks for it
  const denoiser = denoisers.find(({ architecture }) => architecture !== undefined) ?? denoisers.at(-1)
  return {
    components: inOrder(resolved.map((part) => part.component)),
    unknownTexts: resolved.flatMap(({ unknown }) => unknown ?? []),
    ...defined({ denoiser }),
  }
}

interface ResolvedPart {
  readonly component: Component
  /** Of the slot of the UNet. */
  readonly denoiser?: RecognisedDenoiser
  readonly unknown?: UnknownText
}

function resolvePart(
  { slot, prefix, tensors }: TablePart,
  { shapeOf, ema, ggufArchitecture }: Surroundings,
): ResolvedPart {
  const keys = { prefix, names: tensors.map((tensor) => tensor.name), shapeOf }
  switch (slot) {
    case 'unet': {
      const denoiser = recogniseDenoiser(keys)
      return { component: component(denoiser.id, prefix, tensors, matched(denoiser)), denoiser }
    }
    case 'text': {
      const found = recogniseText(keys, ggufArchitecture)
      const unknown = found.unknown && { ...found.unknown, prefix }
      return {
        component: component(found.id, found.prefix, tensors, matched(found)),
        ...defined({ unknown }),
      }
    }
    case 'vae': {
      const found = recogniseVae(keys)
      return { component: component(found.id, found.prefix, tensors, matched(found)) }
    }
    case 'controlnet':
      return { component: component('controlnet', prefix, tensors, matched(recogniseControlnet(keys))) }
    case 'ema':
      return { component: component(ema?.of === 'vae' ? 'vae_ema' : 'unet_ema', prefix, tensors) }
    default:
      return { component: component(NAMED[slot] ?? 'other', prefix, tensors) }
  }
}

/** Codes whose names are not those of their weights, by these. */
function codesByWeight({ tensors }: TensorTable): Map<string, Tensor> {
  return new Map(
    [...tensors.values()].flatMap((tensor) => {
      const name = weightName(tensor)
      return name === tensor.name ? [] : [[name, tensor] as const]
    }),
  )
}

function matched({
  layout,
  match,
}: Pick<Component, 'layout' | 'match'>): Pick<Component, 'layout' | 'match'> {
  return { ...defined({ layout, match }) }
}

const ORDER = new Map(Object.keys(COMPONENTS).map((id, index) => [id, index]))

function inOrder(components: readonly Component[]): Component[] {
  return [...components].sort((a, b) => ORDER.get(a.id)! - ORDER.get(b.id)!)
}
