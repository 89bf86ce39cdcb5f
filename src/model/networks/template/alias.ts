/** Layers of a network under the names of another layout. */
import { counterOf, pathsOf, withoutCondition } from './counter.ts'
import { choicesOf, type Dims, type Row, type Size, sizeOf } from './row.ts'
import { hasRow, keyAt, sizeValue, type Template } from './template.ts'

/** A layer of another layout: its name there, and where it lies in the native one. Both have the same counter. */
export interface Alias {
  readonly name: string
  /** Path of a row; its key where that is a parameter. */
  readonly path: string
  /** It is only these rows of a fused weight and bias. */
  readonly rows?: { readonly start: Size; readonly length: Size }
  /** Upper and lower half of the rows stand the other way round. */
  readonly swappedHalves?: true
  /** The same values in another shape. */
  readonly shape?: readonly Size[]
}

/** The same layer under another name. Choices in both stand in the same order. */
export function alias(name: string, path: string): Alias[] {
  const paths = choicesOf(path)
  return choicesOf(name).map((one, i) => ({ name: one, path: paths[i]! }))
}

/** A layer whose halves are scale and shift in one layout, shift and scale in the other. */
export function swapped(name: string, path: string): Alias[] {
  return alias(name, path).map((one) => ({ ...one, swappedHalves: true }))
}

/** A parameter whose values are the same in another shape. */
export function reshaped(name: string, path: string, shape: string): Alias[] {
  return alias(name, path).map((one) => ({ ...one, shape: shape.split(' ').map(sizeOf) }))
}

/** Rows of a fused layer, one below the other: `['to_q', 'hidden'], ['to_k', 'kv'], ...` */
export function fused(path: string, ...parts: readonly (readonly [name: string, length: string])[]): Alias[] {
  const start: string[] = []
  return parts.map(([name, length]) => {
    const rows = { start: start.length === 0 ? sizeOf('0') : sizeOf(start.join('+')), length: sizeOf(length) }
    start.push(length)
    return { name, path, rows }
  })
}

interface AliasedRow {
  readonly alias: Alias
  readonly row: Row
}

/** Rows of a template by the path without conditions. */
function rowsByPath(template: Template): Map<string, Row[]> {
  const found = new Map<string, Row[]>()
  for (const row of template) {
    const path = withoutCondition(row.path)
    found.set(path, [...(found.get(path) ?? []), row])
  }
  return found
}

/** Every alias with the rows it names: one without a condition means the layer in all blocks. */
function aliasedRows(template: Template, aliases: readonly Alias[]): AliasedRow[] {
  const byPath = rowsByPath(template)
  return aliases.flatMap((one) => {
    const isLimited = counterOf(one.path)?.condition !== undefined
    const named = byPath.get(withoutCondition(one.path)) ?? []
    return named.filter(({ path }) => !isLimited || path === one.path).map((row) => ({ alias: one, row }))
  })
}

/** The name with the counter that the row goes over. */
function nameIn({ alias: { name }, row }: AliasedRow): string {
  const counter = counterOf(row.path)
  if (counter === undefined) return name
  const { condition } = counter
  const text = condition === undefined ? counter.name : `${counter.name}${condition.sign}${condition.bound}`
  return name.replace(/\{\w+[^}]*\}/, `{${text}}`)
}

/** A template of the other layout. Layers without an alias are not in it. */
export function aliasTemplate(template: Template, aliases: readonly Alias[]): Template {
  return aliasedRows(template, aliases).map((found): Row => {
    const { alias: one, row } = found
    const shape = one.shape ?? (one.rows === undefined ? row.shape : [one.rows.length, ...row.shape.slice(1)])
    const leaf = row.leaf === undefined ? {} : { leaf: 'weight' as const }
    return { ...row, ...leaf, path: nameIn(found), shape }
  })
}

/** One tensor of the other layout, and where it lies. */
export interface AliasedKey {
  readonly name: string
  readonly key: string
  readonly rows?: { readonly start: number; readonly length: number }
  readonly swappedHalves?: true
  /** In the other layout, where it is another than in the native one. */
  readonly shape?: readonly number[]
}

/** Weight and bias of every layer of the other layout in a network with these numbers. */
export function aliasedKeys(template: Template, aliases: readonly Alias[], dims: Dims): AliasedKey[] {
  return aliasedRows(template, aliases).flatMap((found) => {
    if (!hasRow(found.row, dims)) return []
    const names = pathsOf(nameIn(found), dims)
    return pathsOf(found.row.path, dims).flatMap((path, i) => keysAt(found, names[i]!, path, dims))
  })
}

function keysAt({ alias: one, row }: AliasedRow, name: string, path: string, dims: Dims): AliasedKey[] {
  const place = {
    ...(one.rows && {
      rows: { start: sizeValue(one.rows.start, dims) ?? 0, length: sizeValue(one.rows.length, dims) ?? 0 },
    }),
    ...(one.swappedHalves && { swappedHalves: one.swappedHalves }),
    ...(one.shape && { shape: one.shape.map((size) => sizeValue(size, dims) ?? 0) }),
  }
  const whole = { name: row.leaf === undefined ? name : `${name}.weight`, key: keyAt(path, row), ...place }
  return row.bias ? [whole, { name: `${name}.bias`, key: `${path}.bias`, ...place }] : [whole]
}
