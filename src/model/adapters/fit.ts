import type { Architecture } from '../networks/architectures/architecture.ts'
import { architectureById } from '../networks/architectures/registry.ts'
import type { Shape } from '../networks/topology/match.ts'
import { BASE_IDS, type BaseId, baseById, baseOfArchitecture } from './base.ts'
import { isNumbered } from './cloneofsimo-order.ts'
import type { DialectId } from './dialects.ts'
import { ditFits, isLayerOf } from './dit-bases.ts'
import { isLatentOf } from './factors.ts'
import type { ModuleTarget } from './keymap/target.ts'
import { lookupName, modulesOf } from './keymap.ts'
import type { AdapterModule } from './modules.ts'

/** Names that belong to networks of their own are in no dictionary. */
const OTHER_NAMES: ReadonlySet<DialectId> = new Set(['xlabs', 'control-lora', 'lllite', 'cascade'])

function isInNoDictionary(module: AdapterModule): boolean {
  return OTHER_NAMES.has(module.dialect) || isNumbered(module)
}

/** Names of modules that no architecture of the family has. */
export function unknownModules(modules: readonly AdapterModule[], base: BaseId | undefined): string[] {
  if (base === undefined || baseById(base).architectures.length === 0) return []
  return namesOutside(modules, baseById(base).architectures)
}

/** Names of modules that no architecture at all has, where the family is not known. */
export function nowhereModules(modules: readonly AdapterModule[], base: BaseId | undefined): string[] {
  if (base !== undefined) return []
  return namesOutside(
    modules,
    BASE_IDS.map(baseById).flatMap(({ architectures }) => [...architectures]),
  )
}

function namesOutside(modules: readonly AdapterModule[], architectures: readonly string[]): string[] {
  let unknown = modules.filter((module) => !isInNoDictionary(module))
  for (const id of architectures) {
    unknown = unknown.filter((module) => !isNamedIn(module, id))
    if (unknown.length === 0) break
  }
  return unknown.map(({ name }) => name)
}

/** All that the trainer of cloneofsimo/lora knew. */
const OF_CLONEOFSIMO: readonly BaseId[] = ['sd1', 'sd2']

/** Families in which every module has its place with a fitting shape. */
export function basesThatFit(modules: readonly AdapterModule[]): BaseId[] {
  if (modules.some(isInNoDictionary)) return []
  const inTransformers = ditFits(modules.filter(({ target }) => target === 'unet'))
  if (inTransformers.length > 0)
    return [
      ...new Set(inTransformers.flatMap(({ architecture }) => baseOfArchitecture(architecture.id) ?? [])),
    ]
  const all = BASE_IDS
  const possible = modules.some(({ dialect }) => dialect === 'cloneofsimo') ? OF_CLONEOFSIMO : all
  return possible.filter((base) => {
    return baseById(base).architectures.some((id) => modules.every((module) => fitsIn(module, id)))
  })
}

/** Whether the family has such a layer, in a block that one of its members has. */
function isNamedIn(module: AdapterModule, id: string): boolean {
  const architecture = architectureById(id)
  if (architecture === undefined) return false
  if (isOfUnlistedEncoder(module, architecture)) return true
  return (module.target === 'unet' && isLayerOf(module, architecture)) || targetIn(module, id) !== undefined
}

/** Language models, which stand in no file of the family, have layers that it says nothing of. */
function isOfUnlistedEncoder({ target }: AdapterModule, architecture: Architecture): boolean {
  const { network } = architecture
  return network.kind === 'dit' && target.startsWith('te') && modulesOf(architecture, target).size === 0
}

function targetIn({ target, path }: AdapterModule, id: string): ModuleTarget | undefined {
  const architecture = architectureById(id)
  return architecture === undefined ? undefined : modulesOf(architecture, target).get(lookupName(path))
}

function fitsIn(module: AdapterModule, id: string): boolean {
  const place = targetIn(module, id)
  if (place === undefined) return false
  const { rows, columns } = module.shape
  const [out, input] = sides(place.shape, place.transposed === true)
  const isWider = columns !== undefined && isLatentOf(columns, place.shape, place.latents)
  return (rows ?? out) === out && ((columns ?? input) === input || isWider)
}

/** Outputs, and inputs of one output, of a weight. */
function sides(shape: Shape, transposed: boolean): readonly [number, number] {
  const out = shape[0] ?? 1
  const input = shape.slice(1).reduce((product, n) => product * n, 1)
  return transposed ? [input, out] : [out, input]
}
