/** What an adapter module makes of a weight and of its bias. */
import { defined } from '../../system/defined.ts'
import { added, matrixOf, place } from '../../tensor/algebra/matrix.ts'
import { elementCount } from '../../tensor/values/dtype.ts'
import type { Matrix } from '../../tensor/values/table.ts'
import { isPlain } from '../identify/evidence.ts'
import type { Algorithm, Modifier, Numbers, PartRole, Parts, PatchInput } from './algorithm.ts'
import { column, countOf, isLatentOf, isLatentPart, matrixSize } from './factors.ts'
import { loraScale } from './lora.ts'
import { messages } from './messages.ts'
import { MODIFIERS } from './registry.ts'

/** The tensors of an adapter module, and how they are meant. */
export interface Patchable {
  readonly algorithm: Algorithm
  readonly parts: Parts
}

/**
 * The new values of a weight, [O, I*kh*kw] of `patchedShape`; the very matrix of the input if the module only changes
 * the bias. To be called only if `patchShapeError` has no objection. Modules applied one after the other get what the one
 * before made; except for LoRA, LoHa, LoKr, norm and full differences their order counts.
 */
export function patchWeight({ algorithm, parts }: Patchable, input: PatchInput): Matrix {
  const modifier = modifierOf({ algorithm, parts })
  const grown = withNewShape(parts, input)
  if (modifier === undefined) return algorithm.patch(parts, grown)
  return modifier.patch(parts, grown, algorithm.patch(parts, { ...grown, ratio: 1 }))
}

function modifierOf({ algorithm, parts }: Patchable): Modifier | undefined {
  return MODIFIERS.find(({ of, markerRoles }) => {
    return of.includes(algorithm.id) && markerRoles.some((role) => parts.has(role))
  })
}

/**
 * The shape of a weight after the patch: Flux control LoRAs give the first layer more inputs. Some say so
 * (`reshape_weight`), of others the factor does.
 * @throws Error where `readNumbers` did not read `reshape_weight`
 */
export function patchedShape(
  parts: Parts,
  numbers: Numbers,
  shape: readonly number[],
  latents?: number,
): readonly number[] {
  const wanted = numbers.get('reshape_weight')
  if (wanted === undefined && parts.has('reshape_weight')) throw new Error('reshape_weight was not read')
  if (wanted !== undefined) return [...wanted]
  const inputs = parts.get('lora_down')?.shape[1] ?? 0
  return isLatentOf(inputs, shape, latents) ? [shape[0]!, inputs] : shape
}

/** The input with zeros after what is there, if the weight gets another shape. */
function withNewShape(parts: Parts, input: PatchInput): PatchInput {
  const shape = patchedShape(parts, input.numbers, input.shape, input.latents)
  const [rows, columns] = matrixSize(shape)
  const { weight } = input
  if (weight.rows === rows && weight.columns === columns) return input
  return { ...input, shape, weight: place(weight, 0, rows, columns) }
}

/** Six times the inputs are known (Flux fill); more than this is not a control model but an attempt to fill the disk. */
const MAX_GROWTH = 16

function shapeMismatch(shape: readonly number[], wanted: readonly number[]): string | undefined {
  // Outputs and input channels can follow after those that are there, a kernel cannot grow by rows and columns.
  const grows = wanted.every((n, axis) => {
    const now = shape[axis] ?? 0
    return axis < 2 ? n >= now && Number.isInteger(n) : n === now
  })
  const limited = elementCount(wanted) <= MAX_GROWTH * elementCount(shape)
  if (wanted.length === shape.length && grows && limited) return undefined
  return messages.otherWeightShape(shape, wanted)
}

/**
 * Why a module cannot change a weight of this shape, as the end of a sentence ("it is for 768 inputs, the weight has
 * 1024"); undefined if it can.
 * @throws what `patchWeight` throws, except RangeError: that is the objection
 */
export function patchShapeError(
  { algorithm, parts }: Patchable,
  shape: readonly number[],
  numbers: Numbers,
  latents?: number,
): string | undefined {
  const wrong = partsError({ algorithm, parts })
  if (wrong !== undefined) return wrong
  const target = patchedShape(parts, numbers, shape, latents)
  return (
    shapeMismatch(shape, target) ??
    targetMismatch({ algorithm, parts }, target, latents) ??
    algorithm.targetShapeError?.(parts, target, numbers, latents) ??
    modifierOf({ algorithm, parts })?.targetShapeError(parts, target) ??
    buildError({ algorithm, parts }, { shape, numbers, ...defined({ latents }) })
  )
}

/** What is wrong with the tensors of a module whatever the weight, as `patchShapeError`. */
function partsError({ algorithm, parts }: Patchable): string | undefined {
  for (const [role, part] of parts) {
    if (elementCount(part.shape) === 0) return messages.emptyPart(role)
    if (!isPlain(part)) return messages.partNotNumbers(role, part.dtype)
  }
  return algorithm.shapeError?.(parts)
}

/**
 * Why nothing can be computed of a module by itself, as `patchShapeError`: where its tensors say which weight it is for, they
 * have to fit that one.
 */
export function moduleShapeError(module: Patchable, numbers: Numbers): string | undefined {
  const { rows, columns, kernel = [1, 1] } = module.algorithm.target(module.parts)
  const fault = partsError(module)
  if (fault !== undefined || rows === undefined || columns === undefined) return fault
  const inputs = columns / (kernel[0] * kernel[1])
  if (!Number.isInteger(inputs)) return messages.shapesDoNotFit
  const shape = kernel[0] * kernel[1] === 1 ? [rows, inputs] : [rows, inputs, ...kernel]
  return patchShapeError(module, shape, numbers)
}

/** What is left: the constructors of expressions check every shape (a factor of one dimension, a kernel of three). */
function buildError(module: Patchable, of: Omit<PatchInput, 'weight' | 'ratio'>): string | undefined {
  const source = { kind: 'bytes', data: new Uint8Array() } as const
  const weight = matrixOf({ name: 'weight', dtype: 'F32', shape: of.shape, source })
  try {
    patchWeight(module, { ...of, weight, ratio: 1 })
    return undefined
  } catch (error) {
    if (error instanceof RangeError) return messages.shapesDoNotFit
    throw error
  }
}

function targetMismatch(
  { algorithm, parts }: Patchable,
  shape: readonly number[],
  latents: number | undefined,
): string | undefined {
  const target = algorithm.target(parts)
  const [rows, columns] = matrixSize(shape)
  if ((target.rows ?? rows) !== rows) return messages.otherOutputs(target.rows, rows)
  if ((target.columns ?? columns) === columns || isLatentPart(target.columns!, shape, latents))
    return undefined
  return messages.otherInputs(target.columns, columns)
}

/** Roles whose values are added to the bias of the layer, as they are. */
const BIAS_DELTAS: readonly PartRole[] = ['diff_b', 'b_norm']

/** The bias of `up`, which takes part in its scale. Source: PEFT `lora_bias`, `merge`. */
const UP_BIAS: PartRole = 'lora_up_bias'

/** Whether the module changes the bias of its layer: `needed` has values for it, `along` scales it where there is one. */
export function biasUse({ algorithm, parts }: Patchable): 'needed' | 'along' | undefined {
  if ([...BIAS_DELTAS, UP_BIAS].some((role) => parts.has(role))) return 'needed'
  return algorithm.patchBias === undefined ? undefined : 'along'
}

/** As `patchShapeError`, for a bias of `count` values. */
export function biasShapeError(parts: Parts, count: number): string | undefined {
  const role = [...BIAS_DELTAS, UP_BIAS].find((role) => (countOf(parts, role) ?? count) !== count)
  return role === undefined ? undefined : messages.otherBias(role, countOf(parts, role), count)
}

/** The new values of the bias, [O, 1]; the very matrix given if the module does not change it. No alpha, no DoRA. */
export function patchBias(
  { algorithm, parts }: Patchable,
  bias: Matrix,
  ratio: number,
  numbers: Numbers,
): Matrix {
  let patched = algorithm.patchBias?.(parts, bias, { ratio, numbers }) ?? bias
  for (const role of BIAS_DELTAS) if (parts.has(role)) patched = added(patched, ratio, column(parts, role))
  if (!parts.has(UP_BIAS)) return patched
  return added(patched, ratio * loraScale(parts, numbers), column(parts, UP_BIAS))
}
