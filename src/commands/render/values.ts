/** Values of options: one of a registry, numbers in a range, seeds, sizes. */

import { SIZE_MULTIPLE } from '../../runtime/engine/steered-denoiser.ts'
import type { Seed } from '../../runtime/random/gaussian.ts'
import { usage } from '../../system/errors.ts'
import { nearestNames } from '../../system/nearest.ts'
import type { Arguments } from '../command.ts'
import { filledText } from '../shared/options.ts'
import { messages } from './messages.ts'

interface Named {
  readonly name: string
}

/** @throws USAGE (exit 2) with what there is */
export function named<T>(
  option: string,
  name: string,
  find: (name: string) => T | undefined,
  all: readonly Named[],
): T {
  const found = find(name)
  if (found) return found
  const names = all.map((one) => one.name)
  const nearest = nearestNames(name, names, 1)
  throw usage(messages.unknownName(option, name), messages.namesAre(names, nearest[0]))
}

export interface Range {
  readonly fallback: number
  readonly least: number
  readonly most: number
  readonly whole?: boolean
}

/** @throws USAGE (exit 2) */
export function number(args: Arguments, name: string, { fallback, least, most, whole }: Range): number {
  const option = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  const given = filledText(args, name)
  if (given === undefined) return fallback
  const value = Number(given)
  const isRight =
    Number.isFinite(value) && value >= least && value <= most && (!whole || Number.isInteger(value))
  if (isRight) return value
  throw usage(
    whole
      ? messages.wholeNumberFrom(option, given, least, most)
      : messages.numberFrom(option, given, least, most),
  )
}

const MAX_SEED = 2n ** 64n - 1n

/** Undefined for a random one. @throws USAGE (exit 2) */
export function seedOf(given: string): Seed | undefined {
  if (given === '-1') return undefined
  if (/^\d+$/.test(given) && BigInt(given) <= MAX_SEED) return BigInt(given)
  throw usage(messages.badSeed(given, MAX_SEED))
}

export interface Size {
  readonly width: number
  readonly height: number
}

const MIN_SIDE = 64
const MAX_SIDE = 8192

/** @throws USAGE (exit 2) */
export function imageSize(given: string): Size {
  const [, width, height] = /^(\d+)(?:x(\d+))?$/i.exec(given) ?? []
  if (width === undefined) throw usage(messages.notASize(given), messages.sizeForm)
  const size = { width: Number(width), height: Number(height ?? width) }
  const isRight = (side: number) => side % SIZE_MULTIPLE === 0 && side >= MIN_SIDE && side <= MAX_SIDE
  if (isRight(size.width) && isRight(size.height)) return size
  throw usage(messages.sizeLimits(given, SIZE_MULTIPLE, MIN_SIDE, MAX_SIDE))
}
