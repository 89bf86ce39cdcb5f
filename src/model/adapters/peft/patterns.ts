/** Values that a configuration of PEFT gives to single modules: `rank_pattern`, `alpha_pattern`. */
import { refuse } from '../../../system/errors.ts'
import { messages } from './messages.ts'

/** End of a module's path -> value, in the order of the configuration. */
export type Patterns = readonly (readonly [pattern: string, value: number])[]

/** One for each layer of the largest model. More would only cost time. */
const MAX_PATTERNS = 10_000

/**
 * The value of the first pattern that fits: the end of a path, at a dot, or with `^` all of it. Source: PEFT
 * `get_pattern_key`, where they are regular expressions.
 * @throws PEFT_PATTERN (exit 3)
 */
export function patternValue(path: string, patterns: Patterns): number | undefined {
  if (patterns.length > MAX_PATTERNS) throw refuse('PEFT_PATTERN', messages.tooManyPatterns(patterns.length))
  return patterns.find(([pattern]) => fits(path, pattern))?.[1]
}

function fits(path: string, pattern: string): boolean {
  const whole = pattern.startsWith('^')
  const name = plainPath(whole ? pattern.slice(1) : pattern)
  if (name === undefined) throw noPath(pattern)
  const start = path.length - name.length
  if (start < 0 || (whole ? start > 0 : start > 0 && path[start - 1] !== '.')) return false
  return [...name].every((c, i) => c === ANY || path[start + i] === c)
}

/** Any character, as a dot is in a regular expression. */
const ANY = '\0'

/**
 * The text a pattern stands for; undefined where it is more than a path. Names of digits alone are refused, too: JSON does
 * not keep their order here.
 */
function plainPath(pattern: string): string | undefined {
  const text = pattern.endsWith('$') ? pattern.slice(0, -1) : pattern
  const isPlain = /^(?:\\\.|[\w.-])+$/.test(text) && !/^\d+$/.test(pattern)
  return isPlain ? text.replaceAll(/\\\.|\./g, (dot) => (dot === '.' ? ANY : '.')) : undefined
}

/** Regular expressions of a file are not run: some take forever, and trainers write plain paths. */
function noPath(pattern: string): Error {
  return refuse('PEFT_PATTERN', messages.notAPath(pattern), messages.saveWithRanks)
}
