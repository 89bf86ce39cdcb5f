/**
 * Narrow models of the families of diffusion transformers in both layouts, LoRAs in the names of several programs, and
 * what those do, as fixtures/goldens/families.py wrote it down.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { uniform, weightValues } from '../fixtures/seeded-weights.ts'
import type { TensorTable } from '../src/tensor/values/table.ts'
import { contentsOf, floatsOf } from './model-files.ts'
import { floatTensor, tableOf } from './tables.ts'

export type GoldenLayout = 'diffusers' | 'native'

interface NativeTensor {
  readonly shape: number[]
  /** First 16 digits, of its float32 values. */
  readonly sha256: string
  /** The tensors of diffusers that lie in it, one below the other. */
  readonly of: readonly string[]
  /** Halves of the rows stand the other way round; one dimension; or this part of so many equal ones. */
  readonly how?: string
}

export interface GoldenLora {
  /** In which layout its modules name layers. */
  readonly layers: GoldenLayout
  /** `diffusers` read the names too, and PEFT made the same of them; else only the definition of LoRA was computed. */
  readonly by: 'diffusers' | 'computed'
  /** Endings of the keys of the two factors. */
  readonly down: string
  readonly up: string
  /** Of every module. */
  readonly alpha?: number
  /** The layer that each module is for. */
  readonly modules: Readonly<Record<string, string>>
}

export interface FamilyGolden {
  /** Of diffusers. */
  readonly class: string
  readonly diffusers: Readonly<Record<string, number[]>>
  readonly native: Readonly<Record<string, NativeTensor>>
  readonly loras: Readonly<Record<string, GoldenLora>>
}

const FOLDER = join(import.meta.dirname, '../fixtures/goldens')

export const FAMILY_GOLDENS: Readonly<Record<string, FamilyGolden>> = JSON.parse(
  readFileSync(join(FOLDER, 'families.json'), 'utf8'),
)

export function familyGolden(family: string): FamilyGolden {
  const golden = FAMILY_GOLDENS[family]
  if (golden === undefined) throw new Error(`no golden of ${family}`)
  return golden
}

/** Rows of the parts, one below the other, as a native tensor has them. */
function laidOut<T extends Float32Array | Float64Array>(parts: readonly T[], how: string | undefined): T {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const all = new (parts[0]!.constructor as new (length: number) => T)(length)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  if (how === 'swap') return swapped(all)
  if (how === undefined || how === 'flat') return all
  const [number, count] = how.split('/').map(Number) as [number, number]
  return all.slice((number * length) / count, ((number + 1) * length) / count) as T
}

function swapped<T extends Float32Array | Float64Array>(values: T): T {
  const half = values.length / 2
  const out = values.slice() as T
  out.set(values.subarray(half), 0)
  out.set(values.subarray(0, half), half)
  return out
}

/** The model of a family, its values made from the names of diffusers. */
export function goldenModel(family: string, layout: GoldenLayout): TensorTable {
  const { diffusers, native } = familyGolden(family)
  const valuesOf = (key: string) => weightValues(key, diffusers[key]!)
  if (layout === 'diffusers') {
    return tableOf(
      Object.entries(diffusers).map(([key, shape]) => floatTensor(key, shape, [...valuesOf(key)])),
    )
  }
  return tableOf(
    Object.entries(native).map(([key, { shape, of, how }]) =>
      floatTensor(key, shape, [...laidOut(of.map(valuesOf), how)]),
    ),
  )
}

export const GOLDEN_RANK = 4

/** Keys and shapes of a LoRA. */
export function goldenLoraKeys(family: string, dialect: string): Map<string, number[]> {
  const { diffusers, native, loras } = familyGolden(family)
  const { layers, down, up, alpha, modules } = loras[dialect]!
  const keys = new Map<string, number[]>()
  for (const [module, layer] of Object.entries(modules)) {
    const key = `${layer}.weight`
    const [rows, columns] = layers === 'native' ? native[key]!.shape : diffusers[key]!
    keys.set(`${module}.${down}`, [GOLDEN_RANK, columns!])
    keys.set(`${module}.${up}`, [rows!, GOLDEN_RANK])
    if (alpha !== undefined) keys.set(`${module}.alpha`, [])
  }
  return keys
}

/** A LoRA for the model of a family. */
export function goldenLora(
  family: string,
  dialect: string,
  metadata: Record<string, string> = {},
): TensorTable {
  const { alpha } = familyGolden(family).loras[dialect]!
  const tensors = [...goldenLoraKeys(family, dialect)].map(([key, shape]) =>
    floatTensor(key, shape, shape.length === 0 ? [alpha!] : [...weightValues(key, shape)]),
  )
  return tableOf(tensors, metadata)
}

/** The product of a matrix and the vector that the goldens of changes were multiplied with. */
export function projected(values: ArrayLike<number>, columns: number): Float64Array {
  const x = uniform('x', columns)
  return Float64Array.from({ length: values.length / columns }, (_, row) =>
    x.reduce((sum, factor, column) => sum + factor * values[row * columns + column]!, 0),
  )
}

/** Rows of a layer as diffusers has them, out of native tensors. */
function sourceRows(
  golden: FamilyGolden,
  native: ReadonlyMap<string, Float64Array>,
  key: string,
): Float64Array | undefined {
  const parts = Object.entries(golden.native).filter(([, { of }]) => of.includes(key))
  if (!parts.some(([name]) => native.has(name))) return undefined
  const [, { of, how }] = parts[0]!
  const heights = of.map((name) => golden.diffusers[name]![0]!)
  const start = heights.slice(0, of.indexOf(key)).reduce((sum, height) => sum + height, 0)
  const rows = parts.map(([name, { shape }]) => native.get(name) ?? new Float64Array(shape[0]!))
  const all = laidOut(rows, how === 'swap' ? how : undefined)
  return all.slice(start, start + golden.diffusers[key]![0]!)
}

/**
 * What a LoRA of strength 1 adds to each weight of a layout that it changes: (W' - W) x, see {@link projected}. To float32,
 * as the golden has it.
 */
export async function goldenChange(
  family: string,
  dialect: string,
  layout: GoldenLayout,
): Promise<Map<string, Float64Array>> {
  const golden = familyGolden(family)
  const contents = await contentsOf(join(FOLDER, 'families.safetensors'))
  const prefix = `${family}/${dialect}/`
  const changes = new Map(
    [...contents.model.tensors.keys()]
      .filter((name) => name.startsWith(prefix))
      .map((name) => [name.slice(prefix.length), Float64Array.from(floatsOf(contents, name))]),
  )
  const { layers } = golden.loras[dialect]!
  if (layers === layout) return changes
  return layout === 'native' ? asNative(golden, changes) : asDiffusers(golden, changes)
}

function asNative(
  golden: FamilyGolden,
  changes: ReadonlyMap<string, Float64Array>,
): Map<string, Float64Array> {
  const out = new Map<string, Float64Array>()
  for (const [key, { of, how }] of Object.entries(golden.native)) {
    if (!of.some((source) => changes.has(source))) continue
    const parts = of.map((source) => changes.get(source) ?? new Float64Array(golden.diffusers[source]![0]!))
    out.set(key, laidOut(parts, how))
  }
  return out
}

function asDiffusers(
  golden: FamilyGolden,
  changes: ReadonlyMap<string, Float64Array>,
): Map<string, Float64Array> {
  const out = new Map<string, Float64Array>()
  for (const key of Object.keys(golden.diffusers)) {
    const rows = sourceRows(golden, changes, key)
    if (rows !== undefined) out.set(key, rows)
  }
  return out
}

/** As `sha256` in the goldens. */
export function valuesDigest(float32: Uint8Array): string {
  return createHash('sha256').update(float32).digest('hex').slice(0, 16)
}
