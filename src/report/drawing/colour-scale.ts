import type { Colour } from './picture.ts'

/** From small to large: pale to dark, so that it also works in grey and for the colour-blind. */
const STOPS: readonly (readonly [red: number, green: number, blue: number])[] = [
  [254, 240, 176],
  [253, 196, 92],
  [244, 121, 60],
  [194, 40, 91],
  [112, 17, 104],
  [45, 8, 71],
]

/** Changes smaller than this part of the largest have the palest colour: more range would make all others look alike. */
const RANGE = 100

/** Colours for changes up to the largest, by their logarithms. */
export interface ColourScale {
  /** Round values along the scale, with their place on it between 0 and 1. */
  readonly ticks: readonly { readonly value: number; readonly at: number }[]
  colourOf(value: number): Colour
}

/** Undefined if nothing is larger than 0. Values that are infinite have the last colour. */
export function colourScale(values: readonly number[]): ColourScale | undefined {
  const sizes = values.filter((value) => value > 0)
  if (sizes.length === 0) return undefined
  const finite = sizes.filter(Number.isFinite)
  const high = finite.length > 0 ? finite.reduce((a, b) => Math.max(a, b)) : 1
  const low = high / RANGE
  const placeOf = (value: number) => Math.min(1, Math.max(0, Math.log(value / low) / Math.log(high / low)))
  return {
    ticks: ticksBetween(low, high).map((value) => ({ value, at: placeOf(value) })),
    colourOf: (value) => colourAt(placeOf(value)),
  }
}

/** The colour at a place between 0 and 1. */
export function colourAt(at: number): Colour {
  const place = at * (STOPS.length - 1)
  const index = Math.min(Math.floor(place), STOPS.length - 2)
  const [from, to] = [STOPS[index]!, STOPS[index + 1]!]
  const channels = from.map((value, i) => Math.round(value + (to[i]! - value) * (place - index)))
  return `#${channels.map((value) => value.toString(16).padStart(2, '0')).join('')}`
}

/** 1, 2, 5, 10 ... of any power, between two values. */
function ticksBetween(low: number, high: number): number[] {
  const ticks: number[] = []
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
    for (const step of [1, 2, 5]) {
      const value = step * 10 ** power
      if (value >= low && value <= high) ticks.push(value)
    }
  }
  return ticks
}
