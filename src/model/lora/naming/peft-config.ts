/** The `adapter_config.json` of PEFT that goes with a file of renamed modules. */
import type { JsonObject } from '../../../system/json.ts'
import type { RenamedModule } from './rename.ts'

/** The value that most modules have, so that patterns name only the others. */
function mostCommon(values: readonly number[]): number {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1])[0]![0]
}

/**
 * PEFT takes a pattern for the end of a path, so that `proj_out` would be a layer of every block, too: each begins with ^.
 */
function patternOf(path: string): string {
  return `^${path.replaceAll('.', String.raw`\.`)}`
}

function patterns(modules: readonly (readonly [path: string, value: number])[], usual: number): JsonObject {
  return Object.fromEntries(
    modules.filter(([, value]) => value !== usual).map(([path, value]) => [patternOf(path), value]),
  )
}

/** Source: `LoraConfig` in peft/tuners/lora/config.py. @param modules of one network, all with a rank */
export function peftConfigOf(modules: readonly RenamedModule[]): JsonObject {
  const ranks = modules.map(({ path, rank }) => [path, rank!] as const)
  const alphas = modules.map(({ path, rank, strength }) => [path, strength! * rank!] as const)
  const [r, alpha] = [mostCommon(ranks.map(([, n]) => n)), mostCommon(alphas.map(([, n]) => n))]
  const has = (ending: string) =>
    modules.some(({ tensors }) => tensors.some(({ name }) => name.endsWith(ending)))
  return {
    peft_type: 'LORA',
    task_type: null,
    base_model_name_or_path: null,
    inference_mode: true,
    bias: 'none',
    r,
    lora_alpha: alpha,
    lora_dropout: 0,
    init_lora_weights: true,
    use_rslora: false,
    use_dora: has('.lora_magnitude_vector'),
    lora_bias: has('.lora_B.bias'),
    // as a text it has to match the whole path
    target_modules: modules.map(({ path }) => path.replaceAll('.', String.raw`\.`)).join('|'),
    rank_pattern: patterns(ranks, r),
    alpha_pattern: patterns(alphas, alpha),
  }
}
