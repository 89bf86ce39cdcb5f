import { type BaseId, baseById } from '../adapters/base.ts'
import type { AdapterInfo } from '../adapters/info.ts'
import type { Identity } from '../identity.ts'
import type { Kind } from '../kinds.ts'
import { architectureById } from '../networks/architectures/registry.ts'

/** Kinds that are the model itself, or all of it that denoises. */
const MODELS: ReadonlySet<Kind> = new Set<Kind>(['checkpoint', 'unet', 'dit'])

/**
 * Value for `modelspec.architecture`: `stable-diffusion-v1`, `stable-diffusion-v1/lora`. Undefined unless keys,
 * shapes and values decide it, as the next reader will take it for the strongest evidence: an adapter for SD 2.x
 * fits 512 and 768-v, one for Flux dev and schnell. No VAE has an id, since models share their VAE's shapes.
 * Source of the ids: Stability-AI/ModelSpec 1.0.1, kohya `sai_model_spec.py`.
 */
export function modelspecId(identity: Identity): string | undefined {
  const { architecture, adapter, embedding } = identity
  if (isModel(identity)) return architecture?.width === undefined ? architecture?.modelspec : undefined
  const base = baseOf(identity)
  const family = base && baseById(base).modelspec
  const ending = adapter ? adapterEnding(adapter) : embedding ? 'textual-inversion' : undefined
  return family === undefined || ending === undefined ? undefined : `${family}/${ending}`
}

/** Side of the square pictures the model, or the model of an addition, was trained for; undefined if not decided. */
export function resolutionOf(identity: Identity): number | undefined {
  const { architecture } = identity
  if (isModel(identity)) return architecture?.width === undefined ? architecture?.resolution : undefined
  const base = baseOf(identity)
  const members = base ? baseById(base).architectures : []
  const sides = new Set(members.map((id) => architectureById(id)?.resolution))
  return sides.size === 1 ? [...sides][0] : undefined
}

/** A checkpoint without its network could be that of any variant. */
function isModel({ kind, components }: Identity): boolean {
  return MODELS.has(kind) && components.some(({ role }) => role === 'unet')
}

function baseOf({ adapter, embedding }: Identity): BaseId | undefined {
  return adapter?.base.architecture ?? embedding?.architecture
}

function adapterEnding({ dialects }: AdapterInfo): string {
  return dialects[0]?.id === 'control-lora' ? 'control-lora' : 'lora'
}
