/** Lists of keys as the scripts beside the goldens write them: `layers.[0-35].mlp` stands for 36 names of one shape. */

export type CollapsedKeys = Readonly<Record<string, readonly number[]>>

/** Every name and its shape. */
export function expandedKeys(collapsed: CollapsedKeys, prefix = ''): Record<string, readonly number[]> {
  return Object.fromEntries(
    Object.entries(collapsed).flatMap(([pattern, shape]) =>
      namesOf(pattern).map((name) => [prefix + name, shape] as const),
    ),
  )
}

function namesOf(pattern: string): string[] {
  const found = /\[([\d,-]+)\]/.exec(pattern)
  if (found === null) return [pattern]
  const [before, after] = [pattern.slice(0, found.index), pattern.slice(found.index + found[0].length)]
  return found[1]!.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    const numbers = Array.from({ length: last - first + 1 }, (_, i) => first + i)
    return numbers.flatMap((n) => namesOf(`${before}${n}${after}`))
  })
}
