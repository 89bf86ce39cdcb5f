/** The tensors of a base while adapters change them, one after the other. */

import type { Numbers } from '../../model/adapters/algorithm.ts'
import type { ModuleTarget } from '../../model/adapters/keymap/target.ts'
import {
  biasShapeError,
  biasUse,
  patchBias,
  patchedShape,
  patchShapeError,
  patchWeight,
} from '../../model/adapters/patch.ts'
import type { Component } from '../../model/networks/components.ts'
import { sameShape } from '../../model/networks/topology/match.ts'
import { defined } from '../../system/defined.ts'
import { matrixOf, place as placed } from '../../tensor/algebra/matrix.ts'
import { elementCount } from '../../tensor/values/dtype.ts'
import type { Matrix, Tensor, TensorTable } from '../../tensor/values/table.ts'
import { joined, type TargetView, viewOf, withJoined, withView } from './place.ts'
import type { PlacedModule, Unmatched } from './select.ts'
import { messages } from './unmatched-messages.ts'

/** A module that changes a tensor. */
export interface Patcher {
  /** Which adapter, in the order they were named. */
  readonly lora: number
  readonly module: string
}

/** A tensor with what is to become of it. */
export interface Patch {
  readonly base: Tensor
  readonly component: Component
  value: Matrix
  shape: readonly number[]
  readonly by: Patcher[]
}

/** By the key of the tensor. */
export type Patches = Map<string, Patch>

/** A second set of the same weights, which is changed in the same way (EMA): key -> key there. */
export interface EmaCopy {
  readonly component: Component
  readonly keys: ReadonlyMap<string, string>
}

type Objection = Pick<Unmatched, 'reason' | 'detail'>

/** Puts a module on top of what others have made. Says why not, and does nothing, where it does not fit. */
export function applyModule(
  patches: Patches,
  table: TensorTable,
  placed: PlacedModule,
  numbers: Numbers,
  lora: number,
  emaCopy: EmaCopy | undefined,
): Objection | undefined {
  return placed.pieces === undefined
    ? applyToWeight(patches, table, placed, numbers, lora, emaCopy)
    : applyToPieces(patches, table, placed, placed.pieces, numbers, lora)
}

function applyToWeight(
  patches: Patches,
  table: TensorTable,
  { module, part, place, ratio }: PlacedModule,
  numbers: Numbers,
  lora: number,
  emaCopy: EmaCopy | undefined,
): Objection | undefined {
  const weight = opened(patches, table, place.weight, part.component)
  const use = biasUse(module)
  const bias = use !== undefined && table.tensors.has(place.bias ?? '') ? place.bias : undefined
  if (use === 'needed' && bias === undefined) return { reason: 'no-bias' }
  const biasLength = place.rows?.length ?? (bias === undefined ? 0 : table.tensors.get(bias)!.shape[0]!)
  const shapeProblem =
    patchShapeError(module, seenShape(weight.shape, place), numbers, place.latents) ??
    growthShapeError(weight, place, module.parts, numbers) ??
    (bias === undefined ? undefined : biasShapeError(module.parts, biasLength))
  if (shapeProblem !== undefined) return { reason: 'misfit', detail: shapeProblem }
  const change = { ratio, numbers, by: { lora, module: module.name } }
  for (const [key, component] of copies(place.weight, part.component, emaCopy)) {
    changeWeight(opened(patches, table, key, component), place, module, change)
  }
  for (const [key, component] of bias === undefined ? [] : copies(bias, part.component, emaCopy)) {
    changeBias(opened(patches, table, key, component), place, module, change)
  }
  return undefined
}

/**
 * A module for a layer that is kept in several weights: it sees all of them as one, so that norms and rotations are those of
 * the whole. No such network has an EMA copy.
 */
function applyToPieces(
  patches: Patches,
  table: TensorTable,
  { module, part, place, ratio }: PlacedModule,
  pieces: readonly ModuleTarget[],
  numbers: Numbers,
  lora: number,
): Objection | undefined {
  const use = biasUse(module)
  const own = pieces.flatMap(({ bias }) => (bias !== undefined && table.tensors.has(bias) ? [bias] : []))
  const biases = use !== undefined && own.length === pieces.length ? own : []
  if (use === 'needed' && biases.length === 0) return { reason: 'no-bias' }
  const { shape } = place
  const shapeProblem =
    patchShapeError(module, shape, numbers) ??
    (sameShape(patchedShape(module.parts, numbers, shape), shape) ? undefined : messages.growsPart) ??
    (biases.length === 0 ? undefined : biasShapeError(module.parts, shape[0]!))
  if (shapeProblem !== undefined) return { reason: 'misfit', detail: shapeProblem }
  const by: Patcher = { lora, module: module.name }
  const open = (key: string) => opened(patches, table, key, part.component)
  const weights = pieces.map(({ weight }) => open(weight))
  changeJoined(weights, by, (weight) => patchWeight(module, { weight, shape, ratio, numbers }))
  changeJoined(biases.map(open), by, (bias) => patchBias(module, bias, ratio, numbers))
  return undefined
}

function changeJoined(patches: readonly Patch[], by: Patcher, change: (view: Matrix) => Matrix): void {
  if (patches.length === 0) return
  const values = patches.map(({ value }) => value)
  const view = joined(values)
  const changed = change(view)
  if (changed === view) return
  const own = withJoined(values, view, changed)
  for (const [i, patch] of patches.entries()) {
    patch.value = own[i]!
    patch.by.push(by)
  }
}

/** The tensor itself, and its copy where there is one. */
function copies(key: string, component: Component, emaCopy: EmaCopy | undefined): [string, Component][] {
  const copy = emaCopy?.keys.get(key)
  return emaCopy === undefined || copy === undefined
    ? [[key, component]]
    : [
        [key, component],
        [copy, emaCopy.component],
      ]
}

interface Change {
  readonly ratio: number
  readonly numbers: Numbers
  readonly by: Patcher
}

function opened(patches: Patches, table: TensorTable, key: string, component: Component): Patch {
  const known = patches.get(key)
  if (known !== undefined) return known
  const base = table.tensors.get(key)!
  const patch: Patch = { base, component, value: matrixOf(base), shape: base.shape, by: [] }
  patches.set(key, patch)
  return patch
}

/** Shape of the weight as the trainer saw it. */
function seenShape(shape: readonly number[], { rows, transposed }: TargetView): readonly number[] {
  const part = rows === undefined ? shape : [rows.length, ...shape.slice(1)]
  return transposed ? part.toReversed() : part
}

function changeWeight(patch: Patch, place: TargetView, module: PlacedModule['module'], change: Change): void {
  const view = viewOf(patch.value, place)
  const shape = seenShape(patch.shape, place)
  const changed = patchWeight(module, {
    weight: view,
    shape,
    ratio: change.ratio,
    numbers: change.numbers,
    ...defined({ latents: place.latents }),
  })
  if (changed === view) return
  if (isWhole(place)) patch.shape = patchedShape(module.parts, change.numbers, patch.shape, place.latents)
  patch.value = withView(patch.value, view, changed, place)
  patch.by.push(change.by)
}

function changeBias(
  patch: Patch,
  { rows, swappedHalves }: TargetView,
  module: PlacedModule['module'],
  change: Change,
): void {
  const place: TargetView = { ...(rows && { rows }), ...(swappedHalves && { swappedHalves }) }
  const view = viewOf(patch.value, place)
  const changed = patchBias(module, view, change.ratio, change.numbers)
  if (changed === view) return
  patch.value = withView(patch.value, view, changed, place)
  patch.by.push(change.by)
}

function isWhole({ rows, transposed, swappedHalves }: TargetView): boolean {
  return rows === undefined && !transposed && !swappedHalves
}

/** A weight that grows is written next to zeros that are kept in memory. Known ones have 3072 x 384 values. */
const MAX_GROWN_VALUES = 32 * 1024 * 1024

function growthShapeError(
  { shape }: Patch,
  place: TargetView,
  parts: PlacedModule['module']['parts'],
  numbers: Numbers,
): string | undefined {
  const seen = seenShape(shape, place)
  const wanted = patchedShape(parts, numbers, seen, place.latents)
  if (sameShape(wanted, seen)) return undefined
  if (!isWhole(place)) return messages.growsPart
  return elementCount(wanted) <= MAX_GROWN_VALUES ? undefined : messages.growsTooLarge(wanted)
}

/** The tensor as it was, with zeros behind its inputs and outputs if the patch makes it larger. */
export function grownBase({ base, shape, value: { rows, columns } }: Patch): Tensor {
  if (sameShape(base.shape, shape)) return base
  // one byte for each of them
  const zeros: Tensor = {
    name: base.name,
    dtype: 'F8_E4M3',
    shape,
    source: { kind: 'bytes', data: new Uint8Array(rows * columns) },
  }
  const value = placed(matrixOf(base), 0, rows, columns)
  // another name, as what this step does is not a patch to be counted
  return {
    name: `${base.name} (grown)`,
    dtype: base.dtype,
    shape,
    source: { kind: 'patched', base: zeros, value },
  }
}
