import { type Alias, type AliasedKey, aliasedKeys } from '../../networks/template/alias.ts'
import { type DitNetwork, diffusersAliases, templateIn } from '../../networks/template/network.ts'
import type { Dims } from '../../networks/template/row.ts'
import { templateTopology } from '../../networks/template/template.ts'
import type { Topology } from '../../networks/topology/match.ts'
import { flatten, layerPaths, type ModuleNames, type ModuleTarget, targetAt, withRows } from './target.ts'

/** Names of every layer of a diffusion transformer in the layout of its authors: theirs, those of diffusers and of trainers. */
export function ditModules(network: DitNetwork, dims: Dims): ModuleNames {
  const topology = templateTopology(network.template, dims)
  const names = ownNames(topology)
  const aliases = [...diffusersAliases(network), ...(network.adapterNames ?? [])]
  for (const key of layersOf(network, aliases, dims)) {
    const target = targetOf(topology, key)
    if (target !== undefined) names.set(flatten(pathOf(key.name)), target)
  }
  return withLatents(names, network)
}

/**
 * The same of one in the layout of diffusers. A layer that it keeps in several parts has no name of the authors here.
 */
export function ditModulesInDiffusers(network: DitNetwork, dims: Dims): ModuleNames {
  const topology = templateTopology(templateIn(network, 'diffusers'), dims)
  const names = ownNames(topology)
  for (const { name, key, rows, swappedHalves } of layersOf(network, diffusersAliases(network), dims)) {
    const target = targetAt(topology, pathOf(name))
    if (rows !== undefined || target === undefined) continue
    names.set(flatten(pathOf(key)), swappedHalves ? { ...target, swappedHalves } : target)
  }
  addTrainersNames(names, network, dims)
  return withLatents(names, network)
}

/** Names that only trainers have, of layers that diffusers keeps whole, or of parts that are its own layers. */
function addTrainersNames(names: ModuleNames, network: DitNetwork, dims: Dims): void {
  const parts = partsOf(network, dims)
  for (const { name, key, rows } of layersOf(network, network.adapterNames ?? [], dims)) {
    const [own, path] = [flatten(pathOf(name)), flatten(pathOf(key))]
    const target =
      rows === undefined
        ? names.get(path)
        : parts.get(path)?.find(({ start, length }) => start === rows.start && length === rows.length)?.target
    if (target !== undefined && !names.has(own)) names.set(own, target)
  }
}

/**
 * Layers of the authors that diffusers keeps in several parts, by the name of the authors and by those of trainers: the
 * parts, one below the other.
 */
export function partedModules(network: DitNetwork, dims: Dims): Map<string, readonly ModuleTarget[]> {
  const parted = new Map<string, readonly ModuleTarget[]>()
  for (const [path, parts] of partsOf(network, dims))
    parted.set(
      path,
      parts.flatMap(({ target }) => target ?? []),
    )
  for (const { name, key, rows } of layersOf(network, network.adapterNames ?? [], dims)) {
    const parts = parted.get(flatten(pathOf(key)))
    if (rows === undefined && parts !== undefined) parted.set(flatten(pathOf(name)), parts)
  }
  return parted
}

/** Rows of a layer of the authors that are a layer of diffusers. */
interface Part {
  readonly start: number
  readonly length: number
  readonly target: ModuleTarget | undefined
}

/** By the flattened name of the authors, from the first row on. */
function partsOf(network: DitNetwork, dims: Dims): Map<string, readonly Part[]> {
  const topology = templateTopology(templateIn(network, 'diffusers'), dims)
  const parts = new Map<string, Part[]>()
  for (const { name, key, rows } of layersOf(network, diffusersAliases(network), dims)) {
    if (rows === undefined) continue
    const path = flatten(pathOf(key))
    const part = { ...rows, target: targetAt(topology, pathOf(name)) }
    parts.set(path, [...(parts.get(path) ?? []), part])
  }
  return new Map([...parts].map(([path, own]) => [path, own.toSorted((a, b) => a.start - b.start)]))
}

/** Each layer under its own name: all that is known of networks without a template. */
export function ownNames(topology: Topology): ModuleNames {
  return new Map(layerPaths(topology).map((path) => [flatten(path), targetAt(topology, path)!]))
}

const RE_LEAF = /\.(?:weight|scale)$/

function pathOf(key: string): string {
  return key.replace(RE_LEAF, '')
}

function layersOf({ template }: DitNetwork, aliases: readonly Alias[], dims: Dims): AliasedKey[] {
  return aliasedKeys(template, aliases, dims).filter(({ name }) => name.endsWith('.weight'))
}

function targetOf(topology: Topology, { key, rows, swappedHalves }: AliasedKey): ModuleTarget | undefined {
  const whole = targetAt(topology, pathOf(key))
  if (whole === undefined) return undefined
  const target = rows === undefined ? whole : withRows(whole, rows.start, rows.length)
  return swappedHalves ? { ...target, swappedHalves } : target
}

/** Says of the first layer that it takes latents, under all its names. */
function withLatents(names: ModuleNames, network: DitNetwork): ModuleNames {
  const { path, columns } = network.latents ?? {}
  if (path === undefined || columns === undefined) return names
  const others = diffusersAliases(network).filter((one) => one.path === path)
  for (const name of [path, ...others.map((one) => one.name)]) {
    const target = names.get(flatten(name))
    if (target !== undefined) names.set(flatten(name), { ...target, latents: columns })
  }
  return names
}
