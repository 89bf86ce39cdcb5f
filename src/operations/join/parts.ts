/** What each input gives to a joined file, and whether the model uses it. */
import { encoderPlaces, vaePrefix } from '../../model/layouts/all-in-one.ts'
import { type ExtractedComponent, extractComponents } from '../../model/layouts/component.ts'
import { toOpenClip } from '../../model/layouts/openclip.ts'
import { type Architecture, LATENT_SPACES } from '../../model/networks/architectures/architecture.ts'
import { architectureById } from '../../model/networks/architectures/registry.ts'
import { COMPONENTS, type Component, type Role, sameSelector } from '../../model/networks/components.ts'
import { latentFormat } from '../../model/networks/latents.ts'
import { refuse, unverified } from '../../system/errors.ts'
import { checkOperation } from '../../tensor/quantised/check.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import { checkVaeFit, type VaeModel } from '../bake-vae/plan.ts'
import { messages as shared } from '../messages.ts'
import type { InputModel } from '../operation.ts'
import { messages } from './messages.ts'
import type { JoinedPart } from './options.ts'

/** An input, and what is taken of it. */
export interface JoinInput {
  readonly model: InputModel & VaeModel
  readonly part: JoinedPart
}

/** A network on its way into the file. */
export interface Placed {
  readonly from: InputModel
  readonly component: Component
  readonly prefix: string
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly left: readonly string[]
}

function has({ identity }: InputModel, role: Role): boolean {
  return identity.components.some((component) => component.role === role)
}

/** @throws NOT_A_DENOISER (exit 3) */
export function architectureOf(base: InputModel): Architecture {
  const { name, identity } = base
  if (!has(base, 'unet')) throw refuse('NOT_A_DENOISER', messages.noDenoiser(name, identity.title))
  const architecture = identity.architecture && architectureById(identity.architecture.id)
  if (architecture === undefined || encoderPlaces(architecture, identity.architecture?.variant) === undefined)
    throw refuse('NOT_A_DENOISER', messages.unknownFamily(name, identity.title), messages.keepSeparate)
  return architecture
}

/** Networks of a role, under the names of a file of their own. */
export function networksOf(
  model: InputModel,
  role: 'unet' | 'text' | 'vae',
  prefixOf: (network: ExtractedComponent) => string,
): Placed[] {
  return extractComponents(model.file, model.identity, role).map((network) => {
    const { component, table, left } = network
    checkOperation('copy', table.tensors.values(), shared.componentOf(component.title, model.name))
    return { from: model, component, prefix: prefixOf(network), tensors: table.tensors, left }
  })
}

/** @throws ENCODER_NOT_FOUND (exit 3), ENCODER_WRONG_ARCHITECTURE (exit 4) */
export function encodersOf(model: InputModel, base: InputModel, architecture: Architecture): Placed[] {
  const { name, identity } = model
  if (!has(model, 'text')) throw refuse('ENCODER_NOT_FOUND', messages.noEncoder(name, identity.title))
  const places = encoderPlaces(architecture, base.identity.architecture?.variant)!
  const placeOf = (component: Component) => {
    const place = places.find(({ id }) => sameSelector(id, component.id))
    if (place !== undefined) return place
    const wanted = places.map(({ id }) => COMPONENTS[id].title)
    throw unverified(
      'ENCODER_WRONG_ARCHITECTURE',
      messages.wrongEncoder(name, component.title, base.name, base.identity.title, wanted),
    )
  }
  return networksOf(model, 'text', ({ component }) => placeOf(component).prefix).map((placed) => {
    const isOpenClip = placeOf(placed.component).id.startsWith('openclip_')
    return isOpenClip ? { ...placed, tensors: toOpenClip(placed.tensors) } : placed
  })
}

/** @throws VAE_NOT_FOUND (exit 3), VAE_WRONG_ARCHITECTURE (exit 4) */
export function vaeOf(model: InputModel & VaeModel, base: InputModel, architecture: Architecture): Placed[] {
  const { name, identity } = model
  const { vae } = identity
  if (vae === undefined || !has(model, 'vae'))
    throw refuse('VAE_NOT_FOUND', messages.noVae(name, identity.title))
  if (vae.layout === 'taesd') throw refuse('VAE_NOT_FOUND', messages.tinyVae(name, identity.title))
  const wanted = latentFormat(base.identity)?.space
  if (vae.space !== undefined && wanted !== undefined && vae.space !== wanted) {
    const spaces = [LATENT_SPACES[vae.space], LATENT_SPACES[wanted]] as const
    throw unverified(
      'VAE_WRONG_ARCHITECTURE',
      messages.wrongVae(name, vae.title, spaces[0], base.name, base.identity.title, spaces[1]),
    )
  }
  if (vae.space === undefined) checkVaeFit(base, model, vae)
  return networksOf(model, 'vae', () => vaePrefix(architecture))
}
