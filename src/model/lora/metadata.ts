/** What a LoRA's metadata says of itself, as kohya's trainer writes it and UIs read it. */

import { defined } from '../../system/defined.ts'
import type { Identity } from '../identity.ts'
import { architectureById } from '../networks/architectures/registry.ts'

/** Source: kohya-ss/sd-scripts `library/train_util.py` (`get_sai_model_spec`, `ss_base_model_version`). */
const BASE_VERSIONS: Readonly<Record<string, string>> = {
  'stable-diffusion-v1': 'sd_v1',
  'stable-diffusion-v2': 'sd_v2',
  'stable-diffusion-xl-v1-base': 'sdxl_base_v1-0',
  'stable-diffusion-v3-medium': 'sd3_m',
  'flux-1-dev': 'flux1',
}

export interface LoraFacts {
  /** Of all modules, in any order. */
  readonly ranks: readonly number[]
  /** The largest of convolutions with a kernel, if there are such. */
  readonly convRank?: number
  /** Where not alpha = rank in every module. */
  readonly alpha?: number
}

/**
 * `ss_*` keys of a LoRA for a model. A1111 takes `ss_v2` and `ss_base_model_version` for what the LoRA is for; sites
 * and inspectors show rank, alpha and module.
 */
export function loraMetadata(identity: Identity, facts: LoraFacts): Record<string, string> {
  const { architecture } = identity
  const version = architecture && baseVersion(architecture.id, architecture.prediction.type)
  return {
    ...defined({ ss_base_model_version: version }),
    // without a version it would say SD 1.x
    ...(version !== undefined && { ss_v2: architecture?.id === 'stable-diffusion-v2' ? 'True' : 'False' }),
    ...rankMetadata(facts),
  }
}

/** What is said of ranks: one number, or "Dynamic" as kohya's resize tool says it. */
export function rankMetadata({ ranks, convRank, alpha }: LoraFacts): Record<string, string> {
  const distinct = new Set(ranks)
  const [rank] = distinct
  const isOne = distinct.size === 1
  return {
    ss_network_module: 'networks.lora',
    ss_network_dim: isOne ? String(rank) : 'Dynamic',
    ss_network_alpha: isOne ? String(alpha ?? rank) : 'Dynamic',
    ...(convRank === undefined
      ? {}
      : { ss_network_args: JSON.stringify({ conv_dim: String(convRank), conv_alpha: String(convRank) }) }),
  }
}

function baseVersion(id: string, prediction: string): string | undefined {
  const version = Object.hasOwn(BASE_VERSIONS, id) ? BASE_VERSIONS[id] : undefined
  return version === 'sd_v2' && prediction === 'v' ? 'sd_v2_v' : version
}

/** Value for `modelspec.architecture` of a LoRA for a model: `stable-diffusion-v1/lora`. */
export function loraArchitecture({ architecture }: Identity): string | undefined {
  const family = architecture?.modelspec ?? (architecture && architectureById(architecture.id)?.modelspec)
  return family === undefined || architecture?.width !== undefined ? undefined : `${family}/lora`
}
