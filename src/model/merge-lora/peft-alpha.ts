import { refuse } from '../../errors.ts'
import { quoted } from '../../tensor/text.ts'
import type { Numbers } from '../adapters/algorithm.ts'
import type { AdapterModule } from '../adapters/modules.ts'
import type { PeftConfig } from '../adapters/peft-config.ts'

/**
 * The numbers of a module with the alpha that PEFT keeps outside of the tensors. Rank-stabilised adapters are scaled by
 * alpha / sqrt(rank), here written as an alpha that is divided by the rank.
 * @throws PEFT_PATTERN
 */
export function withPeftAlpha(
  module: AdapterModule,
  numbers: Numbers,
  configs: readonly PeftConfig[],
): Numbers {
  if (numbers.has('alpha')) return numbers
  const config = configs.find(({ target }) => target === module.target)
  const rank = module.algorithm.rank?.(module.parts)
  const alpha = config && (patternAlpha(module.path, config) ?? config.alpha)
  if (alpha === undefined || rank === undefined) return numbers
  return new Map([
    ...numbers,
    ['alpha', Float64Array.of(config?.rankStabilised ? alpha * Math.sqrt(rank) : alpha)],
  ])
}

/** One for each layer of the largest model. More would only cost time. */
const MAX_PATTERNS = 10_000

/** The pattern may be the end of a path, at a dot, or with `^` all of it. Source: PEFT `get_pattern_key`. */
function patternAlpha(path: string, { alphas }: PeftConfig): number | undefined {
  if (alphas.length > MAX_PATTERNS)
    throw refuse('PEFT_PATTERN', `${alphas.length} alpha patterns in the metadata`)
  const found = alphas.find(([pattern]) => {
    const whole = pattern.startsWith('^')
    const name = whole ? pattern.slice(1) : pattern
    if (/[^\w.-]/.test(name)) throw noPath(pattern)
    return path === name || (!whole && path.endsWith(`.${name}`))
  })
  return found?.[1]
}

/** Regular expressions of a file are not run: some take forever, and trainers write plain paths. */
function noPath(pattern: string): Error {
  return refuse(
    'PEFT_PATTERN',
    `the alpha pattern ${quoted(pattern)} in the metadata is no plain path`,
    'Save it again with an alpha for each module, or merge it with the program that made it.',
  )
}
