import type { Architecture } from '../networks/architectures/architecture.ts'
import type { ComponentId } from '../networks/components.ts'
import { ditModules } from './keymap/dit.ts'
import { flatten, type ModuleNames } from './keymap/target.ts'
import { openClipModules, transformersModules } from './keymap/text.ts'
import { unetModules } from './keymap/unet.ts'
import type { TargetId } from './targets.ts'

/** Which encoder a trainer calls the first, the second, the third. The refiner has only the second one. */
export const ENCODERS: Readonly<Partial<Record<ComponentId, readonly TargetId[]>>> = {
  clip_l: ['te1'],
  clip_g: ['te2'],
  clip_h: ['te1'],
  openclip_h: ['te1'],
  openclip_g: ['te2', 'te1'],
  t5xxl: ['te3'],
  text: ['te1'], // of a width that no published encoder has
}

/** Built once for each architecture and part: SDXL has some 2,500 names. */
const built = new WeakMap<Architecture, Map<TargetId, ModuleNames>>()

/**
 * Every name a trainer may give a layer of one part of an architecture, flattened (`.` as `_`), with the place in
 * the checkpoint. Names are looked up in such a dictionary, never parsed: `_` stands for two things in them.
 */
export function modulesOf(architecture: Architecture, target: TargetId): ModuleNames {
  const parts = built.get(architecture) ?? new Map<TargetId, ModuleNames>()
  built.set(architecture, parts)
  const names = parts.get(target) ?? build(architecture, target)
  parts.set(target, names)
  return names
}

function build(architecture: Architecture, target: TargetId): ModuleNames {
  return target === 'unet' ? denoiserModules(architecture) : encoderModules(architecture, target)
}

function denoiserModules({ network }: Architecture): ModuleNames {
  switch (network.kind) {
    case 'unet':
      return unetModules(network.config)
    case 'dit':
      return ditModules(network, network.dims)
    case 'named':
      return new Map()
  }
}

function encoderModules({ components }: Architecture, target: TargetId): ModuleNames {
  const mine = components.filter(({ id }) => ENCODERS[id]?.includes(target))
  // Where two encoders could be meant, the one that is called so first
  const template = mine.find(({ id }) => ENCODERS[id]?.[0] === target) ?? mine[0]
  if (template === undefined) return new Map()
  // Optional keys may be targets, too: the projection of CLIP-L
  const topology = new Map([...template.optional(), ...template.topology()])
  return template.id.startsWith('openclip') ? openClipModules(topology) : transformersModules(topology)
}

/** The name under which a module stands in `modulesOf`, from its path in any spelling. */
export function lookupName(path: string): string {
  return flatten(path.replace('.processor.', '.'))
}
