import type { Matrix, Tensor } from '../../tensor/values/table.ts'
import type { PeftConfig } from './peft/config.ts'

/**
 * What a tensor is to its module: the suffix in its most common spelling (`lora_down`, `lokr_w1_a`, `alpha`).
 * Spellings of other trainers are resolved to it when keys are read.
 */
export type PartRole = string

/** The tensors of one adapter module. */
export type Parts = ReadonlyMap<PartRole, Tensor>

/** What the factors say about the weight they change. Undefined where the file alone cannot tell. */
export interface TargetShape {
  /** Output features. */
  readonly rows?: number
  /** Inputs of one output: I, or I*kh*kw of a convolution whose factors are flat. With `kernel` known: I*kh*kw. */
  readonly columns?: number
  /** [kh, kw]; absent for factors that are flat (LoHa and LoKr without Tucker form). */
  readonly kernel?: readonly [number, number]
}

/**
 * Values of the small tensors of a module that steer what its factors do, by role (`readNumbers`), and those that stand
 * outside of its tensors (`withSettings`).
 */
export type Numbers = ReadonlyMap<PartRole, Float64Array>

/** A matrix as it is, or as a product up @ down. */
export type Whole = { readonly whole: Matrix } | Product

export interface Product {
  readonly up: Matrix
  readonly down: Matrix
}

/** How a change is made of smaller matrices: its norm and its singular values can be had from those. */
export type Structure =
  | ({ readonly form: 'product' } & Product)
  | { readonly form: 'hadamard'; readonly of: readonly [Product, Product] }
  | { readonly form: 'kron'; readonly a: Whole; readonly b: Whole }

/** The change at full strength is `scale` times what is structured. */
export interface Structured {
  readonly scale: number
  readonly of: Structure
}

/** What the bake of one module starts from. */
export interface PatchInput {
  /** Values of the weight now, [O, I*kh*kw]: those of the checkpoint, or what an earlier adapter made of them. */
  readonly weight: Matrix
  /** Shape of the weight, (O, I) or (O, I, kh, kw); of the rows that a fused weight has for this module. */
  readonly shape: readonly number[]
  /** Strength the user asked for. 1 is full; it may be negative. */
  readonly ratio: number
  readonly numbers: Numbers
  /** Of `ModuleTarget`. */
  readonly latents?: number
}

/** A module as configurations know it. */
export interface ConfiguredModule {
  readonly name: string
  /** What stands before its path. */
  readonly prefix: string
  readonly parts: Parts
}

/** How a suffix is spelled in files. The longest spelling at the end of a key wins. */
export interface Spelling {
  readonly suffix: string
  readonly role: PartRole
  /**
   * `companion`: also ends ordinary weights (`weight`, `bias`, `scale`), so it counts only for a module that
   * another key has shown to be an adapter. `weak`: also ends other names (`up`, `down`), so it counts only if
   * the module becomes complete and its shapes fit.
   */
  readonly trust?: 'companion' | 'weak'
}

/** One family of adapters: which tensors make a module of it, and how to read their shapes. */
export interface Algorithm {
  readonly id: string
  /** For people: "LoRA", "LoKr". */
  readonly title: string
  readonly spellings: readonly Spelling[]
  /** Alternatives; a module belongs to the algorithm if all roles of one of them are there. */
  readonly required: readonly (readonly PartRole[])[]
  readonly optional: readonly PartRole[]
  /** A further condition on shapes, where two algorithms share their suffixes (OFT and BOFT). */
  readonly accepts?: (parts: Parts) => boolean
  /** The rank that divides alpha; undefined where alpha does not scale. */
  readonly rank?: (parts: Parts) => number | undefined
  readonly target: (parts: Parts) => TargetShape
  /** The new values of the weight. Called only where neither `shapeError` nor `targetShapeError` finds an error. */
  readonly patch: (parts: Parts, input: PatchInput) => Matrix
  /** The change without the weight; undefined where it is not of such a form, or depends on the weight. */
  readonly structure?: (parts: Parts, numbers: Numbers) => Structured | undefined
  /** Roles whose values `patch` needs in `numbers`, with the most values each may have. */
  readonly scalarInputs?: Readonly<Record<PartRole, number>>
  /**
   * Further `numbers`, where its trainer keeps them outside of the tensors. Where it is undefined, alpha / rank is all
   * that a configuration gives. @throws PEFT_CONFIG (exit 3) where nothing else tells
   */
  readonly configured?: (config: PeftConfig | undefined, module: ConfiguredModule) => Numbers
  /** The new values [O, 1] of the bias of the layer, where it has one and the algorithm changes it along. */
  readonly patchBias?: (parts: Parts, bias: Matrix, input: Pick<PatchInput, 'ratio' | 'numbers'>) => Matrix
  /** Shapes that contradict each other, as the end of a sentence; undefined when they fit. */
  readonly shapeError?: (parts: Parts) => string | undefined
  /** As `shapeError`, for what does not fit the weight to be changed and `target` does not say. */
  readonly targetShapeError?: (
    parts: Parts,
    shape: readonly number[],
    numbers: Numbers,
    latents?: number,
  ) => string | undefined
}

/** A change on top of an algorithm, by tensors of its own (DoRA). */
export interface Modifier {
  readonly id: string
  readonly title: string
  readonly spellings: readonly Spelling[]
  /** Any of these roles shows it. */
  readonly markerRoles: readonly PartRole[]
  readonly of: readonly string[]
  /** The new values of the weight, from those that the algorithm gives at full strength. */
  readonly patch: (parts: Parts, input: PatchInput, full: Matrix) => Matrix
  readonly targetShapeError: (parts: Parts, shape: readonly number[]) => string | undefined
}

/** Spellings that are the same as their roles. */
export function plainSpellings(...roles: readonly PartRole[]): Spelling[] {
  return roles.map((role) => ({ suffix: role, role }))
}

/** Size of one dimension of a part; undefined if there is no such part or dimension. */
export function dim(parts: Parts, role: PartRole, axis: number): number | undefined {
  return parts.get(role)?.shape[axis]
}

/** [kh, kw] of a convolution factor of shape [a, b, kh, kw]; [1, 1] of a matrix. */
export function kernelOf(parts: Parts, role: PartRole): readonly [number, number] | undefined {
  const shape = parts.get(role)?.shape
  if (shape === undefined || shape.length < 2) return undefined
  return [shape[2] ?? 1, shape[3] ?? 1]
}

/** Elements of one row: the product of all dimensions but the first. */
export function flatColumns(parts: Parts, role: PartRole): number | undefined {
  const shape = parts.get(role)?.shape
  return shape === undefined || shape.length < 2 ? undefined : shape.slice(1).reduce((a, b) => a * b, 1)
}

/** The product; undefined if a factor is. */
export function times(...factors: readonly (number | undefined)[]): number | undefined {
  let product = 1
  for (const factor of factors) {
    if (factor === undefined) return undefined
    product *= factor
  }
  return product
}

/** A target with the parts that are known. */
export function targetShape(
  rows: number | undefined,
  columns: number | undefined,
  kernel?: readonly [number, number],
): TargetShape {
  const shape: { -readonly [key in keyof TargetShape]: TargetShape[key] } = {}
  if (rows !== undefined) shape.rows = rows
  if (columns !== undefined) shape.columns = columns
  if (kernel !== undefined) shape.kernel = kernel
  return shape
}
