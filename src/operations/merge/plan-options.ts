import type { DTypeChoice } from '../../model/dtype-choice.ts'
import type { Model } from '../../model/model.ts'
import { usage } from '../../system/errors.ts'
import type { MergeMethod } from '../../tensor/merge/method.ts'
import type { NetworkSide } from '../merge-lora/sides.ts'
import type { BlockWeights, KeyWeight } from './block-weights.ts'
import { messages } from './messages.ts'

/** `A` for the first model of a merge, and so on. */
export function letterOf(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index)
}

export interface CheckpointMergeOptions {
  /** Id of a method. */
  readonly method: string
  /** One number, or one for each further model; the method's own without it. */
  readonly alpha?: readonly number[]
  readonly beta?: number
  readonly density?: number
  readonly seed?: number
  /** Alpha of single blocks and keys. */
  readonly blocks?: BlockWeights
  readonly keys?: readonly KeyWeight[]
  /** The same for beta. */
  readonly betaBlocks?: BlockWeights
  readonly dtype?: DTypeChoice
  /** Blend only this half; the other one is A's. */
  readonly only?: NetworkSide
  /** Whose VAE it gets, by the index of the model, or another file's; `blend`: one of all of them. That of A without it. */
  readonly vae?: number | Model | 'blend'
  /** Keep A's tensor where another model has none, and leave out what A does not have. */
  readonly allowMissing?: boolean
  /** Merge models that predict different things. */
  readonly allowMixed?: boolean
  /** Range of similarities over the whole model, for methods that need it. */
  readonly range?: readonly [low: number, high: number]
}

/**
 * The alphas of a merge of so many models: those that are given, or the method's own.
 * @throws USAGE (exit 2) for a wrong count
 */
export function alphasOf(
  { id, alpha }: MergeMethod,
  models: number,
  given: readonly number[] | undefined,
): readonly number[] {
  const count = alpha.takes === 'one' ? 1 : models - 1
  const numbers = given ?? Array.from({ length: count }, () => alpha.byDefault(models))
  if (numbers.length === count) return numbers
  throw usage(
    messages.alphaCount(id, models, count, numbers.length),
    count === 1 ? undefined : messages.oneAlphaEach,
  )
}
