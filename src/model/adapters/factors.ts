/** What the patches of the algorithms are made of. */
import { added, matrixOf, permute, place, product } from '../../tensor/algebra/matrix.ts'
import { elementCount } from '../../tensor/values/dtype.ts'
import type { Matrix, Tensor } from '../../tensor/values/table.ts'
import type { Numbers, PartRole, Parts, PatchInput } from './algorithm.ts'
import { messages } from './messages.ts'

function partOf(parts: Parts, role: PartRole): Tensor {
  const part = parts.get(role)
  if (part === undefined) throw new Error(`no ${role} in a module whose algorithm needs it`)
  return part
}

/** A factor as the matrix [its first dimension, the rest]. @throws Error where the module has none */
export function factor(parts: Parts, role: PartRole): Matrix {
  return matrixOf(partOf(parts, role))
}

/**
 * All values of a part as a column [n, 1], whatever its dimensions. @throws Error where the module has no such part
 */
export function column(parts: Parts, role: PartRole): Matrix {
  const part = partOf(parts, role)
  return matrixOf(part, elementCount(part.shape), 1)
}

/** Values of a part; undefined if there is no such part. */
export function countOf(parts: Parts, role: PartRole): number | undefined {
  const part = parts.get(role)
  return part === undefined ? undefined : elementCount(part.shape)
}

/**
 * The one number of a part; undefined if there is no such part. May stand in `numbers` alone (PEFT's configuration).
 * @throws Error where the part is there and `readNumbers` did not read it
 */
export function numberOf(parts: Parts, numbers: Numbers, role: PartRole): number | undefined {
  const value = numbers.get(role)?.[0]
  // Without it the module would be applied at a wrong scale, and nobody would see it.
  if (value === undefined && parts.has(role)) throw new Error(`${parts.get(role)?.name} was not read`)
  return value
}

/** alpha / rank, or the scale of a configuration; 1 without an alpha, or without a rank that could divide it. */
export function alphaScale(parts: Parts, numbers: Numbers, rank: number | undefined): number {
  const scale = numbers.get('scale')?.[0]
  if (scale !== undefined) return scale
  const alpha = numberOf(parts, numbers, 'alpha')
  return alpha === undefined || rank === undefined ? 1 : alpha / rank
}

/**
 * sum over p, q of up[o, p] * core[p, q, x, y] * down[q, i], as [O, I*kh*kw]: the Tucker form of a convolution.
 *
 * @param core tensor (P, Q, kh, kw)
 * @param up [O, P]
 * @param down [Q, I]
 */
export function tuckerProduct(parts: Parts, core: PartRole, up: Matrix, down: Matrix): Matrix {
  return product(up, tuckerInner(parts, core, down))
}

/**
 * sum over q of core[p, q, x, y] * down[q, i], as [P, I*kh*kw].
 * @param core tensor (P, Q, kh, kw)
 * @param down [Q, I]
 * @throws Error where the module has no core; RangeError for shapes that do not fit
 */
export function tuckerInner(parts: Parts, core: PartRole, down: Matrix): Matrix {
  const [p, q, ...kernel] = partOf(parts, core).shape as [number, number, ...number[]]
  const k = elementCount(kernel)
  const inner = product(permute(factor(parts, core), [p, q, k], [0, 2, 1], p * k), down)
  return permute(inner, [p, k, down.columns], [0, 2, 1], p)
}

/** Channels of the latent, and of the input of an inpainting UNet: latent, mask, masked latent. */
const LATENT_CHANNELS = 4
const INPAINTING_CHANNELS = 9

/**
 * A delta of the latent alone fits a model that has more inputs: the first of them are the latent.
 * Source: A1111 for the 4 of 9 channels of an inpainting UNet; diffusers `_maybe_expand_lora_state_dict` for Flux
 * @param latents of `ModuleTarget`
 */
export function isLatentPart(columns: number, shape: readonly number[], latents?: number): boolean {
  const [, channels = 0, ...kernel] = shape
  if (shape.length === 2) return columns === latents && isWidened(channels, latents)
  const isInput = shape.length === 4 && channels === INPAINTING_CHANNELS
  return isInput && columns === LATENT_CHANNELS * elementCount(kernel)
}

/**
 * The other way round: a LoRA of Flux.1 with more inputs than the latent gives the model as many.
 * Source: diffusers `_maybe_expand_transformer_param_shape_or_error_`, ComfyUI `convert_lora_bfl_control`
 */
export function isLatentOf(columns: number, shape: readonly number[], latents: number | undefined): boolean {
  return shape.length === 2 && latents !== undefined && shape[1] === latents && isWidened(columns, latents)
}

/** With a control picture beside the latent (two times as many), or with Fill's picture and mask (six times). */
const WIDENED: readonly number[] = [2, 6]

function isWidened(channels: number, latents: number): boolean {
  return WIDENED.includes(channels / latents)
}

/** weight + ratio * scale * delta. */
export function withDelta(
  { weight, shape, ratio, latents }: PatchInput,
  scale: number,
  delta: Matrix,
): Matrix {
  const whole = isLatentPart(delta.columns, shape, latents)
    ? place(delta, 0, weight.rows, weight.columns)
    : delta
  return added(weight, ratio * scale, whole)
}

/** [O, I*kh*kw] of the shape of a weight; [n, 1] of a vector. */
export function matrixSize(shape: readonly number[]): readonly [rows: number, columns: number] {
  return [shape[0] ?? 1, elementCount(shape.slice(1))]
}

const WRONG_COUNT = {
  inputs: 'wrongInputCount',
  outputs: 'wrongOutputCount',
  elements: 'wrongElementCount',
} as const satisfies Record<string, keyof typeof messages>

/** The objection to a part that needs one value for each of something, as the end of a sentence. */
export function miscounted(
  parts: Parts,
  role: PartRole,
  expected: number,
  of: keyof typeof WRONG_COUNT,
): string | undefined {
  const count = countOf(parts, role)
  return count === undefined || count === expected
    ? undefined
    : messages[WRONG_COUNT[of]](role, count, expected)
}
