/** Diffusion transformers with the names of their authors, and with those of diffusers: the same values in other places, bit for bit. */
import { refuse, type SdtoolError } from '../../system/errors.ts'
import { checkOperation } from '../../tensor/quantised/check.ts'
import { canCast, cast, renamed } from '../../tensor/values/expr.ts'
import { concatenated, reshape, tensorRows } from '../../tensor/values/slices.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import { type AliasedKey, aliasedKeys } from '../networks/template/alias.ts'
import {
  type DitLayout,
  type DitNetwork,
  diffusersAliases,
  templateIn,
} from '../networks/template/network.ts'
import type { Dims } from '../networks/template/row.ts'
import { derivedDims, otherSpelling, spelled, templateTopology } from '../networks/template/template.ts'
import type { Shape, ShapeOf } from '../networks/topology/match.ts'
import { messages } from './messages.ts'
import type { Renamed } from './networks.ts'
import type { Locals } from './openclip.ts'

/**
 * Tensors of a transformer in a layout, of one in the same or the other one. Native names are spelled as the authors do.
 * @throws LAYOUT_MISFIT, SCALED_FP8, QUANTISED (exit 3)
 */
export function ditInLayout(tensors: Locals, network: DitNetwork, from: DitLayout, to: DitLayout): Renamed {
  if (from === to) return to === 'ldm' ? respelled(tensors, network) : { tensors, left: [] }
  return to === 'diffusers' ? ditToDiffusers(tensors, network) : ditToNative(tensors, network)
}

/**
 * Rows of fused layers apart, halves exchanged where diffusers has them the other way round.
 * @throws LAYOUT_MISFIT, SCALED_FP8, QUANTISED (exit 3)
 */
export function ditToDiffusers(native: Locals, network: DitNetwork): Renamed {
  if (network.diffusers === 'native') return { tensors: native, left: [] }
  checkOperation('relayout', native.values(), messages.theNetwork)
  const shapeOf = shapesOf(native)
  const found = new Map<string, Tensor>()
  const used = new Set<string>()
  for (const [key, parts] of partsByKey(network, 'ldm', shapeOf)) {
    const tensor = native.get(spelled(key, shapeOf))
    if (tensor === undefined) continue
    used.add(tensor.name)
    checkRows(tensor, parts)
    for (const part of parts) found.set(part.name, partOf(tensor, part))
  }
  return { tensors: found, left: [...native.keys()].filter((name) => !used.has(name)) }
}

/**
 * Parts of fused layers put together.
 * @throws LAYOUT_MISFIT (exit 3) for a fused layer of which only some parts are there; SCALED_FP8, QUANTISED (exit 3)
 */
export function ditToNative(diffusers: Locals, network: DitNetwork): Renamed {
  if (network.diffusers === 'native') return { tensors: diffusers, left: [] }
  checkOperation('relayout', diffusers.values(), messages.theNetwork)
  const found = new Map<string, Tensor>()
  const used = new Set<string>()
  const shapeOf = shapesOf(diffusers)
  const native = templateTopology(network.template, dimsOf(network, 'diffusers', shapeOf))
  for (const [key, parts] of partsByKey(network, 'diffusers', shapeOf)) {
    const there = parts.flatMap(({ name }) => diffusers.get(name) ?? [])
    if (there.length === 0) continue
    const missing = parts.find(({ name }) => !diffusers.has(name))
    if (missing !== undefined) throw misfit(messages.partMissing(missing.name, there[0]!.name))
    for (const { name } of there) used.add(name)
    found.set(key, wholeOf(key, parts, there, native.get(key)))
  }
  return { tensors: found, left: [...diffusers.keys()].filter((name) => !used.has(name)) }
}

/** Names of norms as the authors spell them. */
function respelled(native: Locals, network: DitNetwork): Renamed {
  const shapeOf = shapesOf(native)
  const own = new Map(nativeKeys(native, network).map((key) => [spelled(key, shapeOf), key]))
  const tensors = [...native].map(([name, tensor]) => renamedTo(own.get(name) ?? name, tensor))
  return { tensors: new Map(tensors), left: [] }
}

/** Names of norms as ComfyUI saves them: `.weight` where the authors have `.scale`. */
export function spelledAsWeight(native: Locals, network: DitNetwork): ReadonlyMap<string, Tensor> {
  const keys = new Set(nativeKeys(native, network))
  return new Map(
    [...native].map(([name, tensor]) =>
      renamedTo(keys.has(name) ? (otherSpelling(name) ?? name) : name, tensor),
    ),
  )
}

function nativeKeys(native: Locals, { template, dims }: DitNetwork): string[] {
  return [...templateTopology(template, derivedDims(template, shapesOf(native), dims)).keys()]
}

function renamedTo(name: string, tensor: Tensor): [string, Tensor] {
  return [name, renamed(tensor, name)]
}

function shapesOf(tensors: Locals): ShapeOf {
  return (name) => tensors.get(name)?.shape
}

function dimsOf(network: DitNetwork, layout: DitLayout, shapeOf: ShapeOf): Dims {
  return derivedDims(templateIn(network, layout), shapeOf, network.dims)
}

/** What diffusers makes of each native tensor, in the order of its rows. */
function partsByKey(network: DitNetwork, layout: DitLayout, shapeOf: ShapeOf): Map<string, AliasedKey[]> {
  const dims = dimsOf(network, layout, shapeOf)
  const found = new Map<string, AliasedKey[]>()
  for (const part of aliasedKeys(network.template, diffusersAliases(network), dims))
    found.set(part.key, [...(found.get(part.key) ?? []), part])
  return found
}

/** Rows of a fused tensor, all of a plain one. */
function rowsOf({ rows }: AliasedKey, tensor: Tensor): number {
  return rows?.length ?? tensor.shape[0] ?? 1
}

function partOf(tensor: Tensor, { name, rows, swappedHalves, shape }: AliasedKey): Tensor {
  if (shape !== undefined) return reshape(tensor, shape, name)
  const part = rows === undefined ? renamed(tensor, name) : tensorRows(tensor, rows.start, rows.length, name)
  return swappedHalves ? halvesSwapped(part) : part
}

function wholeOf(
  key: string,
  parts: readonly AliasedKey[],
  tensors: readonly Tensor[],
  native: Shape | undefined,
): Tensor {
  const [part] = parts
  if (part?.shape !== undefined && native !== undefined) return reshape(tensors[0]!, native, key)
  for (const [i, tensor] of tensors.entries()) checkRows(tensor, [parts[i]!])
  const rows = inOneType(tensors).map((tensor, i) =>
    parts[i]!.swappedHalves ? halvesSwapped(tensor) : tensor,
  )
  return rows.length === 1 ? renamed(rows[0]!, key) : concatenated(key, rows)
}

function halvesSwapped(tensor: Tensor): Tensor {
  const rows = tensor.shape[0]!
  const half = rows / 2
  if (!Number.isInteger(half)) throw misfit(messages.oddRows(tensor.name, rows))
  return concatenated(tensor.name, [tensorRows(tensor, half, half), tensorRows(tensor, 0, half)])
}

/** Parts of one tensor that are stored in different types: all in the one that holds every value of the others. */
function inOneType(tensors: readonly Tensor[]): readonly Tensor[] {
  const [first] = tensors
  if (tensors.every(({ dtype }) => dtype === first!.dtype)) return tensors
  const odd = tensors.find(({ dtype }) => dtype === 'F64' || !canCast(dtype, 'F32'))
  if (odd !== undefined) throw misfit(messages.partsOfTypes(odd.name, odd.dtype, first!.name, first!.dtype))
  return tensors.map((tensor) => cast(tensor, 'F32'))
}

function checkRows(tensor: Tensor, parts: readonly AliasedKey[]): void {
  const wanted = parts.reduce((sum, part) => sum + rowsOf(part, tensor), 0)
  const [rows = 1] = tensor.shape
  if (rows !== wanted) throw misfit(messages.otherRows(tensor.name, rows, wanted))
}

function misfit(message: string): SdtoolError {
  return refuse('LAYOUT_MISFIT', message, messages.seeInspect)
}
