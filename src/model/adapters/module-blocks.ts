/** The blocks that modules of adapters lie in, with a model and without one. */
import type { Architecture } from '../networks/architectures/architecture.ts'
import { type BlockLabel, type BlockNames, blockNames } from '../networks/blocks.ts'
import type { Role } from '../networks/components.ts'
import { withNumberSteps } from '../networks/numbered-blocks.ts'
import type { BasePart } from './base-parts.ts'
import type { ModuleNames } from './keymap/target.ts'
import type { ModulePlace, TargetId } from './targets.ts'

/** Of a network of a file, by the keys of the file. */
export function blocksOfPart(
  { component: { role, names }, localOf }: BasePart,
  architecture: Architecture | undefined,
): BlockNames {
  const labelOf = blockNames(role, names.map(localOf), architecture)
  return (key) => labelOf(localOf(key))
}

const built = new WeakMap<ModuleNames, BlockNames>()

/** Of a published network, by the keys of its weights. */
export function blocksOfModules(
  target: TargetId,
  modules: ModuleNames,
  architecture: Architecture,
): BlockNames {
  const keys = [...modules.values()].map(({ weight }) => weight)
  const names = built.get(modules) ?? blockNames(roleOf(target), keys, architecture)
  built.set(modules, names)
  return names
}

/** Of a network that nothing is known of but the modules of an adapter for it, by their numbers. */
export function blocksByNumber(modules: readonly ModulePlace[]): (module: ModulePlace) => BlockLabel {
  const targets = new Set(modules.map(({ target }) => target))
  const names = new Map(
    [...targets].map((target) => {
      const own = modules.filter((module) => module.target === target)
      return [target, blockNames(roleOf(target), own.map(likelyKey))]
    }),
  )
  return (module) => names.get(module.target)!(likelyKey(module))
}

function roleOf(target: TargetId): Role {
  return target.startsWith('te') ? 'text' : target === 'other' ? 'other' : 'unet'
}

/** The weight it would change, as far as the name tells. */
export function likelyKey({ path, prefix }: ModulePlace): string {
  return `${prefix.endsWith('_') || !path.includes('.') ? withNumberSteps(path) : path}.weight`
}
