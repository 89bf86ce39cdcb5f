import type { TargetId } from '../../model/adapters/targets.ts'
import type { Component } from '../../model/networks/components.ts'

/** The two halves of a model, as A1111 and ComfyUI divide it for their two strengths. */
export const SIDES = ['unet', 'text'] as const

export type NetworkSide = (typeof SIDES)[number]

export function sideOfPart({ component }: { readonly component: Pick<Component, 'role'> }): NetworkSide {
  return component.role === 'text' ? 'text' : 'unet'
}

/** Of a part that trainers mean. */
export function sideOf(target: TargetId): NetworkSide {
  return target.startsWith('te') ? 'text' : 'unet'
}
