import type { Dims } from './row.ts'

/** The counter in a path: which numbers it goes over. */
export interface Counter {
  readonly name: string
  /** Undefined where it counts. */
  readonly condition?: { readonly sign: '<' | '=' | '>='; readonly bound: string }
  /** What stands before and behind the number. */
  readonly before: string
  readonly after: string
}

const RE_COUNTER = /\{(\w+)(?:(<|=|>=)(\w+))?\}/

export function counterOf(path: string): Counter | undefined {
  const found = RE_COUNTER.exec(path)
  if (found === null) return undefined
  const [whole, name, sign, bound] = found
  return {
    name: name!,
    before: path.slice(0, found.index),
    after: path.slice(found.index + whole.length),
    ...(sign !== undefined && { condition: { sign: sign as '<' | '=' | '>=', bound: bound! } }),
  }
}

/** Numbers that a counter goes over, [first, end). */
export function rangeOf({ name, condition }: Counter, dims: Dims): readonly [first: number, end: number] {
  const count = dims[name] ?? 0
  if (condition === undefined) return [0, count]
  const bound = condition.bound === 'last' ? count - 1 : (dims[condition.bound] ?? 0)
  if (condition.sign === '<') return [0, Math.max(bound, 0)]
  return condition.sign === '=' ? [Math.max(bound, 0), bound + 1] : [bound, count]
}

/** The path in each block that it stands in. */
export function pathsOf(path: string, dims: Dims): string[] {
  const counter = counterOf(path)
  if (counter === undefined) return [path]
  const [first, end] = rangeOf(counter, dims)
  return Array.from({ length: Math.max(end - first, 0) }, (_, i) => {
    return `${counter.before}${first + i}${counter.after}`
  })
}

/** The path without its condition, so that rows of the same layer in different blocks are alike. */
export function withoutCondition(path: string): string {
  return path.replace(RE_COUNTER, '{$1}')
}
