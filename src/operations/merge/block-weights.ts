/** What share or strength each tensor gets: by its name, its block, or the one for all. */

import type { Architecture } from '../../model/networks/architectures/architecture.ts'
import { type BlockLabel, unetBlocks } from '../../model/networks/blocks.ts'
import { usage } from '../../system/errors.ts'
import { type BlockRule, namesOf } from '../merge-lora/block-ratios.ts'
import type { NamePattern } from '../merge-lora/plan-options.ts'
import type { NetworkSide } from '../merge-lora/sides.ts'
import { messages } from './messages.ts'

/** Block weights as they were given: rules for blocks by name, or a list of numbers. */
export type BlockWeights =
  | { readonly rules: readonly BlockRule[] }
  | { readonly numbers: readonly number[]; readonly name?: string }

/** A value for the keys a pattern means. */
export interface KeyWeight extends NamePattern {
  readonly value: number
}

/** Blocks on the way down of SD 1.x and 2.x, and of SDXL: lists are made for these two. */
const [LONG, SHORT] = [12, 9]

/** Numbers of the lists that fit a UNet with so many blocks on the way down: without and with BASE, and for SDXL the VAE. */
const LENGTHS: Readonly<Record<number, readonly number[]>> = {
  [LONG]: [25, 26],
  [SHORT]: [19, 20, 21, 25, 26],
}

/** Whether any model has lists of so many numbers. */
export function isListLength(count: number): boolean {
  return Object.values(LENGTHS).some((lengths) => lengths.includes(count))
}

/**
 * Rules for the blocks of an architecture. A list for SD 1.x becomes one for SDXL without the blocks SDXL lacks, as
 * supermerger does it: IN09 to IN11 and OUT09 to OUT11.
 * @throws USAGE (exit 2) for a list that does not fit
 */
export function blockRules(
  weights: BlockWeights,
  architecture: Architecture | undefined,
): readonly BlockRule[] {
  if ('rules' in weights) return weights.rules
  const { numbers, name } = weights
  const blocks = architecture === undefined ? [] : unetBlocks(architecture)
  const depth = (blocks.length - 1) / 2
  if (!LENGTHS[depth]?.includes(numbers.length)) throw misfit(weights, architecture)
  const hasBase = numbers.length % 2 === 0 || numbers.length === 21
  const [base, inUnet] = hasBase ? [numbers[0], numbers.slice(1)] : [undefined, numbers]
  const values = numbers.length > 21 ? fitted(inUnet, depth) : inUnet
  const labels = [
    ...(base === undefined ? [] : ['BASE']),
    ...blocks.map((label) => (label === 'MID' ? 'M00' : label)),
  ]
  const all = base === undefined ? values : [base, ...values]
  return labels.map((label, i) => ({
    name: name ?? label,
    factor: all[i]!,
    matches: (other) => other === label,
  }))
}

/** The blocks of a UNet of 12 that one of `depth` has, too. */
function fitted(values: readonly number[], depth: number): readonly number[] {
  return [...values.slice(0, depth), ...values.slice(LONG, LONG + 1 + depth)]
}

function misfit(
  { numbers }: { readonly numbers: readonly number[] },
  architecture: Architecture | undefined,
): Error {
  const text =
    architecture === undefined
      ? messages.listDoesNotFitUnknown(numbers.length)
      : messages.listDoesNotFit(numbers.length, architecture.title)
  return usage(text, messages.listLengths)
}

/** What one tensor gets. */
export interface TensorWeights {
  readonly keys: readonly KeyWeight[]
  readonly rules: readonly BlockRule[]
  readonly otherwise: number
}

/** A pattern counts more than a block, a block more than the value for all; of several the last one counts. */
export function weightOf(
  { keys, rules, otherwise }: TensorWeights,
  name: string,
  block: BlockLabel,
  side: NetworkSide,
  used: Set<NamePattern>,
): number {
  const key = keys.findLast(({ matches }) => matches(name))
  for (const pattern of keys) if (pattern.matches(name)) used.add(pattern)
  if (key !== undefined) return key.value
  const names = namesOf(block, side)
  return rules.findLast(({ matches }) => names.some(matches))?.factor ?? otherwise
}
