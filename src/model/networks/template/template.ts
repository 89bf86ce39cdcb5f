import type { Shape, ShapeOf, Topology } from '../topology/match.ts'
import { type Counter, counterOf, pathsOf, rangeOf } from './counter.ts'
import type { Dims, Row, Size } from './row.ts'

/** All rows of a network in one layout. */
export type Template = readonly Row[]

/** Value of a size; undefined where a number in it is not known. */
export function sizeValue(size: Size, dims: Dims): number | undefined {
  let sum = 0
  for (const { factor, dim } of size) {
    const value = dim === undefined ? 1 : dims[dim]
    if (value === undefined) return undefined
    sum += factor * value
  }
  return sum
}

/** Key of the weight of a row at a path. */
export function keyAt(path: string, { leaf }: Pick<Row, 'leaf'>): string {
  return leaf === undefined ? path : `${path}.${leaf}`
}

/** Whether a network with these numbers has the row. */
export function hasRow({ part }: Row, dims: Dims): boolean {
  return part === undefined || dims[part] === 1
}

/** Keys and shapes of a network with these numbers. Sizes that are not known are 0. */
export function templateTopology(template: Template, dims: Dims): Topology {
  const keys = new Map<string, Shape>()
  for (const row of template) {
    if (!hasRow(row, dims)) continue
    const shape = row.shape.map((size) => sizeValue(size, dims) ?? 0)
    for (const path of pathsOf(row.path, dims)) {
      keys.set(keyAt(path, row), shape)
      if (row.bias) keys.set(`${path}.bias`, [shape[0]!])
    }
  }
  return keys
}

/** Norms whose weights are called `scale` by their authors are `weight` in files that ComfyUI has saved. */
export function otherSpelling(key: string): string | undefined {
  return key.endsWith('.scale') ? `${key.slice(0, -'scale'.length)}weight` : undefined
}

/** The names that a file has for keys, where it has them in another spelling. */
export function spelledAs(topology: Topology, shapeOf: ShapeOf): Topology {
  return new Map([...topology].map(([key, shape]) => [spelled(key, shapeOf), shape]))
}

export function spelled(key: string, shapeOf: ShapeOf): string {
  const other = otherSpelling(key)
  return other === undefined || shapeOf(key) !== undefined || shapeOf(other) === undefined ? key : other
}

/** No more blocks are counted: a file with a million invented ones must not cost more than a large real one. */
const MAX_BLOCKS = 256

/**
 * The numbers of a network, read off the shapes of a file by the rows themselves: the first row that holds a number alone
 * tells it.
 * @param published what cannot be read is as in the published network
 */
export function derivedDims(template: Template, shapeOf: ShapeOf, published: Dims): Dims {
  const dims: Record<string, number> = {}
  for (const row of template) {
    if (row.part !== undefined) dims[row.part] ??= 0
    const counter = counterOf(row.path)
    if (counter === undefined || counter.condition !== undefined) continue
    dims[counter.name] = Math.max(dims[counter.name] ?? 0, countBlocks(row, counter, shapeOf))
  }
  for (const row of template) readRow(row, shapeOf, dims)
  return { ...published, ...dims }
}

function countBlocks(row: Row, { before, after }: Counter, shapeOf: ShapeOf): number {
  let n = 0
  while (n < MAX_BLOCKS && shapeAt(`${before}${n}${after}`, row, shapeOf) !== undefined) n++
  return n
}

function shapeAt(path: string, row: Row, shapeOf: ShapeOf): Shape | undefined {
  const key = keyAt(path, row)
  return shapeOf(key) ?? shapeOf(otherSpelling(key) ?? key)
}

function readRow(row: Row, shapeOf: ShapeOf, dims: Record<string, number>): void {
  const shape = shapeAt(firstPath(row, dims), row, shapeOf)
  if (shape === undefined) return
  if (row.part !== undefined) dims[row.part] = 1
  if (shape.length !== row.shape.length) return
  for (const [i, size] of row.shape.entries()) readSize(size, shape[i]!, dims)
}

function firstPath({ path }: Row, dims: Dims): string {
  const counter = counterOf(path)
  return counter === undefined ? path : `${counter.before}${rangeOf(counter, dims)[0]}${counter.after}`
}

/** Reads a number off a value: a sum tells one where it is the only one that is not known yet. */
export function readSize(size: Size, value: number, dims: Record<string, number>): void {
  const unknown = size.filter(({ dim }) => dim !== undefined && dims[dim] === undefined)
  const [term] = unknown
  if (term?.dim === undefined || unknown.length > 1) return
  const rest =
    value -
    (sizeValue(
      size.filter((one) => one !== term),
      dims,
    ) ?? 0)
  if (rest > 0 && rest % term.factor === 0) dims[term.dim] = rest / term.factor
}
