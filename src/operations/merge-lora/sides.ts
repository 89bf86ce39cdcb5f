import type { TargetId } from '../../model/adapters/targets.ts'

/** The two halves of a model, as A1111 and ComfyUI divide it for their two strengths. */
export const SIDES = ['unet', 'text'] as const

export type NetworkSide = (typeof SIDES)[number]

export function sideOf(target: TargetId): NetworkSide {
  return target.startsWith('te') ? 'text' : 'unet'
}
