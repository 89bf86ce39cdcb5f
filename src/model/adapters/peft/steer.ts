import type { Numbers } from '../algorithm.ts'
import type { AdapterModule } from '../modules.ts'
import { configRefusal, PEFT_TYPES, type PeftConfig } from './config.ts'
import { messages } from './messages.ts'
import { pathInConfig } from './path.ts'
import { patternValue } from './patterns.ts'
import type { PeftSettings } from './sources.ts'

/**
 * The numbers of a module with those that its trainer keeps outside of the tensors: `scale`, by which the change is
 * multiplied, or what its algorithm asks for. An alpha in the tensors stays what it is, as in every program.
 * @throws PEFT_CONFIG (exit 3) where the settings cannot be followed, are for another file, or disagree; PEFT_PATTERN (exit 3)
 */
export function withSettings(module: AdapterModule, numbers: Numbers, settings: PeftSettings): Numbers {
  const { algorithm } = module
  if (algorithm.configured === undefined && !isScaled(module, numbers)) return numbers
  const [problem] = settings.problems
  if (problem !== undefined) throw configRefusal(problem)
  const configs = settings.configs.filter(({ target }) => target === undefined || target === module.target)
  const other = configs.find(({ type }) => type !== undefined && PEFT_TYPES[type] !== algorithm.id)
  if (other !== undefined)
    throw configRefusal(messages.otherType(other.source, other.type, module.name, algorithm.title))
  const more =
    algorithm.configured === undefined
      ? scaleBy(configs, module)
      : algorithm.configured(
          configs.find(({ type }) => type !== undefined),
          module,
        )
  return more.size === 0 ? numbers : new Map([...numbers, ...more])
}

/** Whether alpha / rank would scale it, and no tensor says alpha. */
function isScaled({ algorithm, parts }: AdapterModule, numbers: Numbers): boolean {
  if (!SCALED.has(algorithm.id) || numbers.has('alpha')) return false
  return !(algorithm.id === 'lora' && parts.has('scale'))
}

const SCALED: ReadonlySet<string> = new Set(['lora', 'loha', 'lokr'])

function scaleBy(configs: readonly PeftConfig[], module: AdapterModule): Numbers {
  const scales = configs.flatMap((config) => {
    const scale = scaleOf(config, module)
    return scale === undefined ? [] : [{ config, scale }]
  })
  const [first, ...rest] = scales
  if (first === undefined) return new Map()
  const other = rest.find(({ scale }) => scale !== first.scale)
  if (other === undefined) return new Map([['scale', Float64Array.of(first.scale)]])
  throw configRefusal(
    messages.twoScales(first.config.source, module.name, first.scale, other.config.source, other.scale),
  )
}

/** PEFT divides by the rank of the configuration, which whole factors of LoKr do not show. */
function scaleOf(config: PeftConfig, module: AdapterModule): number | undefined {
  const path = pathInConfig(module)
  const alpha = patternValue(path, config.alphas) ?? config.alpha
  const own = module.algorithm.rank?.(module.parts)
  const said = patternValue(path, config.ranks) ?? config.rank
  if (said !== undefined && own !== undefined && said !== own)
    throw configRefusal(messages.otherRank(config.source, said, module.name, own))
  const rank = said ?? own
  if (alpha === undefined || rank === undefined) return undefined
  return alpha / (config.rankStabilised ? Math.sqrt(rank) : rank)
}
