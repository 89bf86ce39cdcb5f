/** Whether a model can be drawn, and why not. What its tensors lack or hold wrongly is found where they are opened. */
import { KINDS, type Kind } from '../../model/kinds.ts'
import type { Model } from '../../model/model.ts'
import type { Architecture, Latents } from '../../model/networks/architectures/architecture.ts'
import { architectureById } from '../../model/networks/architectures/registry.ts'
import { upscaler } from '../../model/networks/architectures/sd2.ts'
import { latentFormat } from '../../model/networks/latents.ts'
import { PREDICTIONS } from '../../model/networks/predictions.ts'
import { refuse } from '../../system/errors.ts'
import { PARAMETERIZATIONS, type Parameterization } from '../sampling/denoiser.ts'
import { messages } from './messages.ts'

export type UnetArchitecture = Architecture & { readonly network: { readonly kind: 'unet' } }

/** How a model is drawn. */
export interface Drawable {
  readonly architecture: UnetArchitecture
  readonly format: Latents
  readonly prediction: Parameterization
}

/**
 * @param asked what the network predicts, if not what is known of the file
 * @throws NOT_RENDERABLE (exit 3) for anything but a checkpoint with a UNet that draws from text
 */
export function drawable(model: Model, asked?: Parameterization): Drawable {
  const { kind, architecture } = model.identity
  const format = latentFormat(model.identity)
  if (kind !== 'checkpoint' || architecture === undefined || format === undefined) throw notDrawable(model)
  const known = unetArchitecture(model)
  const prediction = asked ?? architecture.prediction.type
  if (!isParameterization(prediction)) {
    const said = messages.cannotSample(model.name, PREDICTIONS[architecture.prediction.type])
    throw refuse('NOT_RENDERABLE', said, messages.drawable)
  }
  return { architecture: known, format, prediction }
}

/** @throws NOT_RENDERABLE (exit 3) for anything but a UNet that draws from text, in whatever file */
export function unetArchitecture(model: Model): UnetArchitecture {
  const { architecture } = model.identity
  const known = architecture && architectureById(architecture.id)
  if (drawsFromText(known)) return known
  throw notDrawable(model)
}

function notDrawable(model: Model): Error {
  const said = messages.notDrawable(model.name, whatItIs(model))
  return refuse('NOT_RENDERABLE', said, messages[hintFor(model.identity.kind)])
}

function drawsFromText(known: Architecture | undefined): known is UnetArchitecture {
  return known?.network.kind === 'unet' && known.id !== upscaler.id
}

function isParameterization(type: string): type is Parameterization {
  return PARAMETERIZATIONS.includes(type)
}

/** A checkpoint by its title, anything else with its kind: "A1111 textual inversion (embedding)". */
export function whatItIs({ identity: { kind, title } }: Pick<Model, 'identity'>): string {
  if (kind === 'checkpoint') return title
  return kind === 'unknown' ? messages.unknownFile : `${title} (${KINDS[kind]})`
}

/** Which option a file is for that is no model by itself. */
const HINTS = {
  lora: 'useAsLora',
  vae: 'useAsVae',
  taesd: 'useAsVae',
  embedding: 'useAsEmbedding',
} as const satisfies Partial<Record<Kind, keyof typeof messages>>

function hintFor(kind: Kind): (typeof HINTS)[keyof typeof HINTS] | 'drawable' {
  return Object.hasOwn(HINTS, kind) ? HINTS[kind as keyof typeof HINTS] : 'drawable'
}

/** Latents; latents, a mask and the masked picture. */
const CHANNELS: readonly number[] = [4, 9]

/** @throws NOT_RENDERABLE (exit 3) for a UNet that starts from more than noise */
export function checkChannels({ name, identity }: Model, inChannels: number): void {
  if (CHANNELS.includes(inChannels)) return
  throw refuse('NOT_RENDERABLE', messages.needsImage(name, identity.title))
}

/** @throws NOT_RENDERABLE (exit 3) for a network whose vector is made of something else (refiner, unCLIP) */
export function checkVector(
  { name, identity }: Model,
  vectorWidth: number | undefined,
  pools: boolean,
): void {
  const isXl = identity.architecture?.id === 'stable-diffusion-xl-v1-base'
  if (vectorWidth === undefined || (isXl && pools)) return
  throw refuse('NOT_RENDERABLE', messages.needsMoreThanText(name, identity.title), messages.drawable)
}
