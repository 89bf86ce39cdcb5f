/** Which family the keys of a network prove, and which families its first blocks look like. */
import { counterOf, rangeOf } from '../template/counter.ts'
import { type DitLayout, type DitNetwork, templateIn } from '../template/network.ts'
import type { Row } from '../template/row.ts'
import { keyAt, otherSpelling } from '../template/template.ts'
import type { Shape, ShapeOf } from '../topology/match.ts'
import type { Architecture, Proof } from './architecture.ts'
import { ARCHITECTURES } from './registry.ts'

export type DitArchitecture = Architecture & { readonly network: DitNetwork }

function isDit(architecture: Architecture): architecture is DitArchitecture {
  return architecture.network.kind === 'dit'
}

export const DIT_ARCHITECTURES: readonly DitArchitecture[] = ARCHITECTURES.filter(isDit)

/** A family with a proof that the keys of a file meet. */
export interface Proven {
  readonly architecture: Architecture
  readonly proof: Proof
}

/** The first family of the registry that a network proves. @param shapeOf by names inside the network */
export function provenArchitecture(shapeOf: ShapeOf): Proven | undefined {
  for (const architecture of ARCHITECTURES) {
    const proof = architecture.proofs?.find((one) => isMet(one, shapeOf))
    if (proof !== undefined) return { architecture, proof }
  }
  return undefined
}

function isMet({ keys, not = [], size }: Proof, shapeOf: ShapeOf): boolean {
  const has = (key: string) => shapeInAnySpelling(key, shapeOf) !== undefined
  if (!keys.every(has) || not.some(has)) return false
  return size === undefined || size.is.includes(shapeOf(size.key)?.[size.axis] ?? -1)
}

export function shapeInAnySpelling(key: string, shapeOf: ShapeOf): Shape | undefined {
  return shapeOf(key) ?? shapeOf(otherSpelling(key) ?? key)
}

/** Layouts in which a family has names of its own. */
export function layoutsOf({ network: { diffusers } }: DitArchitecture): readonly DitLayout[] {
  return Array.isArray(diffusers) ? ['ldm', 'diffusers'] : ['ldm']
}

let firstKeySets: readonly ReadonlySet<string>[] | undefined
let anyFirstKey: ReadonlySet<string> | undefined

/** Keys outside of blocks and in the first ones, for each family and layout. Made when first needed: most runs need none. */
function firstKeysOfAll(): readonly ReadonlySet<string>[] {
  firstKeySets ??= DIT_ARCHITECTURES.flatMap((architecture) =>
    layoutsOf(architecture).map((layout) => {
      const { network } = architecture
      return new Set(templateIn(network, layout).flatMap((row) => firstKeys(row, network)))
    }),
  )
  return firstKeySets
}

function firstKeys(row: Row, { dims }: DitNetwork): string[] {
  const counter = counterOf(row.path)
  const path =
    counter === undefined ? row.path : `${counter.before}${rangeOf(counter, dims)[0]}${counter.after}`
  const key = keyAt(path, row)
  return [key, otherSpelling(key) ?? key]
}

/** A name in the first block of some diffusion transformer. */
export function isFirstKey(name: string): boolean {
  anyFirstKey ??= new Set(firstKeysOfAll().flatMap((keys) => [...keys]))
  return anyFirstKey.has(name)
}

/** So many names of its first blocks tell a transformer from something else that has layers and attention, too. */
const MIN_KEYS = 6
const MIN_SHARE = 0.4

/** Whether names are those of a diffusion transformer, complete or not. */
export function resemblesDit(has: (name: string) => boolean): boolean {
  return firstKeysOfAll().some((keys) => {
    let found = 0
    for (const key of keys) if (has(key)) found++
    return found >= MIN_KEYS && found >= MIN_SHARE * keys.size
  })
}
