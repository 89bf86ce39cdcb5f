/** What of a model is blended: UNet and text encoders of what is known, all weights of what is not. */

import { placedTensors, placesIn } from '../../model/layouts/pairs.ts'
import type { Model } from '../../model/model.ts'
import { architectureById } from '../../model/networks/architectures/registry.ts'
import { type BlockNames, blockNames } from '../../model/networks/blocks.ts'
import type { Component } from '../../model/networks/components.ts'
import { isMainNetwork } from '../../model/unknown-networks.ts'
import type { NetworkSide } from '../merge-lora/sides.ts'
import type { PlannedBlend } from './job.ts'
import type { CheckpointMergeOptions } from './plan-options.ts'

/** Which half of the model a component belongs to; undefined for what is not blended whatever the options are. */
export function sideIn(component: Component, { identity }: Model): NetworkSide | undefined {
  const { role } = component
  if (role === 'unet' || role === 'text') return role
  if (isMainNetwork(component, identity)) return 'unet'
  return role === 'vae' ? 'text' : undefined
}

/** Undefined for what is not blended. */
export function blendFor(
  component: Component,
  models: readonly Model[],
  { vae, only }: CheckpointMergeOptions,
): PlannedBlend | undefined {
  const [first, ...rest] = models as [Model, ...Model[]]
  const side = sideIn(component, first)
  if (side === undefined) return undefined
  if (component.role === 'vae' && side === 'text') {
    if (vae !== 'blend') return undefined
  } else if (only !== undefined && only !== side) return undefined
  const places = placesIn(first, component)
  return {
    component,
    side,
    places,
    blockOf: blocksOf(component, places, first),
    others: rest.map((model) => placedTensors(model, component)),
  }
}

/** Labels by places. The VAE of a checkpoint counts as one thing. */
export function blocksOf(
  component: Component,
  places: ReadonlyMap<string, string>,
  model: Model,
): BlockNames {
  if (component.role === 'vae' && sideIn(component, model) === 'text') return () => 'BASE'
  const architecture = architectureById(model.identity.architecture?.id ?? '')
  return blockNames(component.role, places.values(), architecture)
}
