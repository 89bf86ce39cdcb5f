import type { Floats } from '../algebra/matmul.ts'

/** Numbers that a method takes. What a method does not use is there all the same. */
export interface MergeParameters {
  /** Share or strength, as the method defines it; for methods that take one for each further model, those in order. */
  readonly alpha: readonly number[]
  readonly beta: number
  /** Share of the differences that is kept, 0 to 1. */
  readonly density: number
  /** Of the random numbers of this tensor, 32 bits. */
  readonly seed: number
  /** Smallest and largest similarity in the whole model. */
  readonly range: readonly [low: number, high: number]
}

/** Models of a tensor as matrices of one size, and what shall become of a block of their rows. */
export interface MergeBlock {
  /** Rows of each model from `first` on; with a halo, rows around the block, too. */
  readonly models: readonly Floats[]
  readonly first: number
  /** Rows [begin, end) of the result. */
  readonly out: Floats
  readonly begin: number
  readonly end: number
  /** Of the whole tensor. */
  readonly shape: readonly number[]
  readonly rows: number
  readonly columns: number
  readonly parameters: MergeParameters
  /** What `survey` found; empty without one. */
  readonly facts: Float64Array
}

/** Calls `visit` for all rows of all models, a block at a time, in order. */
export type BlockWalk = (visit: (models: readonly Floats[]) => void) => Promise<void>

/** What is known of a tensor before its values are. */
export interface TensorSize {
  readonly models: number
  readonly rows: number
  readonly columns: number
}

/** How a number is given: `one`, or `each`: one for each model after the first. */
export interface AlphaRule {
  readonly takes: 'one' | 'each'
  /** Without `--alpha`; for `each`, by the number of models. */
  readonly byDefault: (models: number) => number
  /** For help. */
  readonly describe: () => string
}

/** A way to make one model of several. Arithmetic is binary64; results are rounded once, to the type that is written. */
export interface MergeMethod {
  readonly id: string
  /** One line of help, with A, B, C for the models in the order they are named. */
  readonly formula: () => string
  /** Whose definition this is, where tools differ, and what is different elsewhere. */
  readonly definition: () => string
  /** Fewest and most models. */
  readonly models: readonly [min: number, max: number]
  readonly alpha: AlphaRule
  /** Default of `--beta` and `--density`; undefined where it has none. */
  readonly beta?: number
  readonly density?: number
  readonly seeded?: true
  /** Rows above and below a block that it needs to see. */
  readonly halo?: number
  /** Numbers that need the whole tensor. Called once for a tensor, for the facts of its blocks. */
  survey?(walk: BlockWalk, size: TensorSize, parameters: MergeParameters): Promise<Float64Array>
  /** Similarities of a tensor whose range over the whole model has to be known before anything is merged. */
  similarities?(walk: BlockWalk, size: TensorSize): Promise<Float64Array>
  /** Of methods that are a weighted sum of their models: one number for each of them. */
  shares?(parameters: MergeParameters, facts: Float64Array): ArrayLike<number>
  /** Fills `out`. Pure: the same rows give the same result in any division into blocks. */
  combine(block: MergeBlock): void
  /** The model that the result is, value for value, whatever the others are. */
  copyOf?(parameters: MergeParameters): number | undefined
}

export const NO_FACTS = new Float64Array(0)

/** For methods that add something to the first model: with alpha 0 it stays what it is. */
export function nothingAdded({ alpha }: MergeParameters): number | undefined {
  return alpha.every((value) => value === 0) ? 0 : undefined
}

/** A weighted sum: all products of an element before the next element, so that every sum stays in binary64. */
export function weighted({ models, out }: MergeBlock, shares: ArrayLike<number>): void {
  for (let i = 0; i < out.length; i++) {
    let sum = 0
    for (let m = 0; m < models.length; m++) sum += shares[m]! * models[m]![i]!
    out[i] = sum
  }
}
