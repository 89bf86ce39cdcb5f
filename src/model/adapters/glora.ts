import { added, permute, product } from '../../tensor/algebra/matrix.ts'
import { elementCount } from '../../tensor/values/dtype.ts'
import type { Matrix } from '../../tensor/values/table.ts'
import {
  type Algorithm,
  dim,
  kernelOf,
  type PartRole,
  type Parts,
  type PatchInput,
  targetShape,
  times,
} from './algorithm.ts'
import { alphaScale, factor, tuckerProduct, withDelta } from './factors.ts'
import { messages } from './messages.ts'

/**
 * Two generations with the same suffixes, told apart by where the rank stands.
 *
 * | version     | a1     | a2     | b1              | b2              | dW                                   |
 * | new LyCORIS | (I, r) | (r, I) | (O, r)          | (r, I, kh, kw)  | alpha/r * (b1 @ b2 + (W @ a1) @ a2)  |
 * | old LyCORIS | (r, I) | (I, r) | (r, I, kh, kw)  | (O, r)          | alpha/r * (b2 @ b1 + (W @ a2) @ a1)  |
 *
 * W is multiplied along its input channels. In the Tucker form the kernel is in bm (r, r, kh, kw).
 */
export const glora: Algorithm = {
  id: 'glora',
  title: 'GLoRA',
  spellings: ['a1', 'a2', 'b1', 'b2', 'bm'].map((role) => ({ suffix: `${role}.weight`, role })),
  required: [['a1', 'a2', 'b1', 'b2']],
  optional: ['bm', 'alpha', 'dora_scale'],
  rank,
  target(parts) {
    const { up, down } = rolesOf(parts)
    const kernel = kernelOf(parts, parts.has('bm') ? 'bm' : down)
    const columns = times(dim(parts, down, 1), kernel?.[0], kernel?.[1])
    return targetShape(dim(parts, up, 0), columns, kernel)
  },
  scalarInputs: { alpha: 1 },
  patch,
  shapeError,
  targetShapeError(parts, [, inputs = 1]) {
    const { first, last } = rolesOf(parts)
    const [from, to] = [dim(parts, first, 0), dim(parts, last, 1)]
    return from === inputs && to === inputs ? undefined : messages.gloraInputs(first, last, from, to, inputs)
  },
}

interface GloraRoles {
  /** (I, r) and (r, I): the weight is multiplied by them, in this order. */
  readonly first: PartRole
  readonly last: PartRole
  /** (O, r) and (r, I, kh, kw): the part without the weight. */
  readonly up: PartRole
  readonly down: PartRole
}

const OLD: GloraRoles = { first: 'a2', last: 'a1', up: 'b2', down: 'b1' }
const NEW: GloraRoles = { first: 'a1', last: 'a2', up: 'b1', down: 'b2' }

function rolesOf(parts: Parts): GloraRoles {
  return gloraVersion(parts) === 'old' ? OLD : NEW
}

/** Both generations fit where all four are square, so the weight is, too: ComfyUI takes that for the old one. */
export function gloraVersion(parts: Parts): 'old' | 'new' | undefined {
  if (ranksAgree(parts, OLD)) return 'old'
  return ranksAgree(parts, NEW) ? 'new' : undefined
}

function ranksAgree(parts: Parts, { first, last, up, down }: GloraRoles): boolean {
  const rank = dim(parts, down, 0)
  return [dim(parts, up, 1), dim(parts, first, 1), dim(parts, last, 0)].every((n) => n === rank)
}

function rank(parts: Parts): number | undefined {
  return dim(parts, rolesOf(parts).down, 0)
}

function shapeError(parts: Parts): string | undefined {
  if (gloraVersion(parts) === undefined) return messages.gloraRanks
  const core = parts.get('bm')?.shape.slice(0, 2) ?? []
  return core.every((n) => n === rank(parts)) ? undefined : messages.gloraCore(core, rank(parts))
}

function patch(parts: Parts, input: PatchInput): Matrix {
  const { first, last, up, down } = rolesOf(parts)
  const scale = alphaScale(parts, input.numbers, rank(parts))
  const own = parts.has('bm')
    ? tuckerProduct(parts, 'bm', factor(parts, up), factor(parts, down))
    : product(factor(parts, up), factor(parts, down))
  const inputTerm = alongInputs(input, (inputs) => {
    return product(product(inputs, factor(parts, first)), factor(parts, last))
  })
  return added(withDelta(input, scale, own), input.ratio * scale, inputTerm)
}

/** What `change` makes of the weight as rows of input channels: (O, I, kh, kw) -> [O*kh*kw, I], and back. */
function alongInputs({ weight, shape }: PatchInput, change: (inputs: Matrix) => Matrix): Matrix {
  const [rows = 1, inputs = 1, ...kernel] = shape
  const k = elementCount(kernel)
  if (k === 1) return change(weight)
  const channelsLast = permute(weight, [rows, inputs, k], [0, 2, 1], rows * k)
  return permute(change(channelsLast), [rows, k, inputs], [0, 2, 1], rows)
}
