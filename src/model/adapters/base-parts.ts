/** The parts of a checkpoint that adapters can change, with every name a trainer may give one of their layers. */
import { defined } from '../../system/defined.ts'
import type { TensorTable } from '../../tensor/values/table.ts'
import type { Identity } from '../identity.ts'
import type { Architecture } from '../networks/architectures/architecture.ts'
import { architectureById } from '../networks/architectures/registry.ts'
import type { Component } from '../networks/components.ts'
import { type DitLayout, type DitNetwork, templateIn } from '../networks/template/network.ts'
import { derivedDims, spelled } from '../networks/template/template.ts'
import { deriveUnet } from '../networks/topology/derive.ts'
import { unetNaming } from '../networks/topology/diffusers.ts'
import { type Shape, type ShapeOf, sameShape, type Topology } from '../networks/topology/match.ts'
import { isMainNetwork } from '../unknown-networks.ts'
import { ditModules, ditModulesInDiffusers, ownNames, partedModules } from './keymap/dit.ts'
import type { ModuleNames, ModuleTarget } from './keymap/target.ts'
import { openClipModules, transformersModules } from './keymap/text.ts'
import { unetModules } from './keymap/unet.ts'
import { ENCODERS } from './keymap.ts'
import type { TargetId } from './targets.ts'

/** One network of the base. */
export interface BasePart {
  readonly component: Component
  /** What trainers call it, the usual name first. */
  readonly targets: readonly TargetId[]
  /** Flattened module name -> its place. Keys are those of the file, shapes those of its tensors. */
  readonly names: ModuleNames
  /** Modules that the file keeps in several weights, by flattened name: those, one below the other. */
  readonly parted: ReadonlyMap<string, readonly ModuleTarget[]>
  /** Name of a key inside the network, without prefix, as blocks are numbered by it. */
  readonly localOf: (key: string) => string
}

/**
 * The networks of a file with the layers they really have, in whatever layout and width: the dictionaries are built
 * from the file's own shapes, not from those of the published model.
 */
export function baseParts(table: TensorTable, identity: Identity): BasePart[] {
  const architecture = identity.architecture && architectureById(identity.architecture.id)
  return identity.components.flatMap((component) => {
    const targets = targetsOf(component, identity)
    if (targets.length === 0) return []
    const network = networkOf(component, table)
    const { names, parted = [], fileName = same } = namesIn(component, network, architecture)
    const keyOf = (name: string) => network.keys.get(fileName(name))
    return [
      {
        component,
        targets,
        names: inFile(names, keyOf, table),
        parted: partedInFile(parted, keyOf, table),
        localOf: (key: string) =>
          key.startsWith(component.prefix) ? key.slice(component.prefix.length) : key,
      },
    ]
  })
}

/** A network that trainers have no word for is found by the names of its layers. */
function targetsOf(component: Component, identity: Identity): readonly TargetId[] {
  const { id, role } = component
  if (role === 'unet') return ['unet']
  if (role === 'text') return textTargets(component)
  if (!isMainNetwork(component, identity)) return []
  return id === 'weights' || id === 'other' ? ['unet', 'other'] : ['other']
}

/** Layers of T5, which trainers take for the third encoder wherever it is. */
const RE_T5 = /(?:^|\.)encoder\.block\.\d+\./

function textTargets({ id, names }: Component): readonly TargetId[] {
  const targets = ENCODERS[id] ?? ['other', 'te1', 'te2']
  const isT5 = names.some((name) => RE_T5.test(name))
  return isT5 && !targets.includes('te3') ? [...targets, 'te3'] : targets
}

/** The part of another file that does the same. */
export function partLike(parts: readonly BasePart[], { component, targets }: BasePart): BasePart | undefined {
  const { id } = component
  return (
    parts.find((part) => part.component.id === id) ?? parts.find((part) => part.targets[0] === targets[0])
  )
}

/** The part a trainer means by a target; where two could be meant, the one that is called so first. */
export function partFor(parts: readonly BasePart[], target: TargetId): BasePart | undefined {
  const mine = parts.filter(({ targets }) => targets.includes(target))
  return mine.find(({ targets }) => targets[0] === target) ?? mine[0]
}

interface Network {
  /** Name without prefix -> key in the file. */
  readonly keys: ReadonlyMap<string, string>
  readonly shapes: Topology
}

function networkOf({ prefix, names }: Component, table: TensorTable): Network {
  const keys = new Map<string, string>()
  for (const key of names) {
    if (!key.startsWith(prefix)) continue
    keys.set(key.slice(prefix.length), key)
  }
  const shapes = new Map([...keys].map(([name, key]) => [name, table.tensors.get(key)!.shape] as const))
  return { keys, shapes }
}

interface Names {
  readonly names: ModuleNames
  readonly parted?: Iterable<readonly [name: string, parts: readonly ModuleTarget[]]>
  /** Name of a key in the layout of the file. */
  readonly fileName?: (name: string) => string
}

function namesIn(component: Component, { shapes }: Network, architecture: Architecture | undefined): Names {
  if (component.role === 'unet') return denoiserNames(component, shapes, architecture)
  if (component.role !== 'text') return { names: ownNames(shapes) }
  return { names: component.layout === 'openclip' ? openClipModules(shapes) : transformersModules(shapes) }
}

function denoiserNames(
  { layout }: Component,
  shapes: Topology,
  architecture: Architecture | undefined,
): Names {
  const shapeOf: ShapeOf = (name) => shapes.get(name)
  const network = architecture?.network
  if (network?.kind === 'unet') {
    const fileName = layout === 'diffusers' ? unetNaming(network.config.resBlocks, shapeOf) : same
    const config = deriveUnet((name) => shapeOf(fileName(name))) ?? network.config
    return { names: unetModules(config), fileName }
  }
  if (network?.kind === 'dit') return ditNames(network, layout === 'diffusers' ? 'diffusers' : 'ldm', shapes)
  return { names: ownNames(shapes) }
}

/** Layers that the family is not known to have are found by their own names. */
function ditNames(network: DitNetwork, layout: DitLayout, shapes: Topology): Names {
  const shapeOf: ShapeOf = (name) => shapes.get(name)
  const dims = derivedDims(templateIn(network, layout), shapeOf, network.dims)
  const isNative = layout === 'ldm'
  const known = isNative ? ditModules(network, dims) : ditModulesInDiffusers(network, dims)
  return {
    names: new Map([...ownNames(shapes), ...known]),
    parted: isNative ? [] : partedModules(network, dims),
    fileName: (name) => spelled(name, shapeOf),
  }
}

type KeyOf = (name: string) => string | undefined

/** The targets that the file has, with its own keys and shapes. */
function inFile(names: ModuleNames, keyOf: KeyOf, table: TensorTable): ModuleNames {
  return new Map(
    [...names].flatMap(([name, target]) => {
      const found = targetInFile(target, keyOf, table)
      return found === undefined ? [] : [[name, found] as const]
    }),
  )
}

function targetInFile(target: ModuleTarget, keyOf: KeyOf, table: TensorTable): ModuleTarget | undefined {
  const weight = keyOf(target.weight)
  const shape = weight === undefined ? undefined : partOf(table.tensors.get(weight)!.shape, target)
  if (weight === undefined || shape === undefined) return undefined
  const { bias: biasName, ...place } = target
  const bias = biasName === undefined ? undefined : keyOf(biasName)
  return { ...place, weight, shape, ...defined({ bias }) }
}

/** Those of which the file has every part, all with the same inputs. */
function partedInFile(
  parted: Iterable<readonly [name: string, parts: readonly ModuleTarget[]]>,
  keyOf: KeyOf,
  table: TensorTable,
): Map<string, readonly ModuleTarget[]> {
  const found = new Map<string, readonly ModuleTarget[]>()
  for (const [name, parts] of parted) {
    const own = parts.flatMap((part) => targetInFile(part, keyOf, table) ?? [])
    const inputs = own.map(({ shape }) => shape.slice(1))
    if (own.length === parts.length && inputs.every((shape) => sameShape(shape, inputs[0]!)))
      found.set(name, own)
  }
  return found
}

/** Shape of the rows that are the module's; undefined if a damaged file does not have them. */
function partOf(shape: Shape, { rows }: ModuleTarget): Shape | undefined {
  if (rows === undefined) return shape
  return rows.start + rows.length <= (shape[0] ?? 0) ? [rows.length, ...shape.slice(1)] : undefined
}

function same(name: string): string {
  return name
}
