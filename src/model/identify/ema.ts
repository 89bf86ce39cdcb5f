import { defined } from '../../system/defined.ts'
import { isFloat } from '../../tensor/values/dtype.ts'
import { tensorBytes } from '../../tensor/values/expr.ts'
import type { TensorTable } from '../../tensor/values/table.ts'
import type { TablePart } from '../layouts/split.ts'
import { sameShape } from '../networks/topology/match.ts'
import { readScalar, type ValueReader } from './evidence.ts'

/** The EMA copy in a checkpoint, compared with the live weights it belongs to. */
export interface EmaInfo {
  /** Which live component it copies. */
  readonly of: 'unet' | 'vae'
  /** Live key -> key of its EMA value, for every live key that has one of the same shape. */
  readonly pairs: ReadonlyMap<string, string>
  /** Live keys without an EMA value, or with one of another shape. */
  readonly uncovered: readonly string[]
  /** EMA keys that belong to no live key. */
  readonly orphans: readonly string[]
  /** `model_ema.num_updates`; 0: never updated; -1: the warm-up of the decay was off. */
  readonly updates?: number
  readonly decay?: number
  /** The file is a merge: programs that merge leave the EMA of one parent as it was. */
  readonly ofMerge?: true
  readonly bytes: number
}

export const EMA_PREFIX = 'model_ema.'
/** The copy of a UNet, even where the UNet itself is gone. */
const UNET_COPY = `${EMA_PREFIX}diffusion_model`

/** Scalars beside the weights; they belong to the EMA itself. */
const COUNTERS = { decay: `${EMA_PREFIX}decay`, updates: `${EMA_PREFIX}num_updates` } as const

/** Metadata that the WebUI and supermerger write into merges. */
const MERGE_KEYS = ['sd_merge_recipe', 'sd_merge_models']

/** Every live weight has an EMA value. */
export function coversAll(ema: EmaInfo): boolean {
  return ema.pairs.size > 0 && ema.uncovered.length === 0
}

/** No weights, only what counts them: VAE training leaves these two. */
export function isOnlyCounters(ema: EmaInfo): boolean {
  return ema.pairs.size === 0 && ema.orphans.length === 0
}

/**
 * Name of the EMA copy of a live key. The dots are lost, so names are only ever mapped in this direction.
 * Source: LitEma in ldm/modules/ema.py, which copies the module `model` of a checkpoint (hence no `model.`).
 */
export function emaName(live: string): string {
  return EMA_PREFIX + live.replace(/^model\./, '').replaceAll('.', '')
}

/** Pairs the weights of the UNet, in a VAE file those of the VAE, with their EMA copies. */
export async function describeEma(
  table: TensorTable,
  parts: readonly TablePart[],
  read: ValueReader,
): Promise<EmaInfo | undefined> {
  const copies = parts.filter((part) => part.slot === 'ema').flatMap((part) => part.tensors)
  if (copies.length === 0) return undefined
  const unet = parts.filter((part) => part.slot === 'unet')
  const isUnet = unet.length > 0 || copies.some(({ name }) => name.startsWith(UNET_COPY))
  const live = isUnet ? unet : parts.filter((part) => part.slot === 'vae')
  const pairs = new Map<string, string>()
  const uncovered: string[] = []
  const orphans = new Set(copies.map((tensor) => tensor.name))
  orphans.delete(COUNTERS.decay)
  orphans.delete(COUNTERS.updates)
  for (const tensor of live.flatMap((part) => part.tensors)) {
    if (!isFloat(tensor.dtype)) continue
    const name = emaName(tensor.name)
    const copy = table.tensors.get(name)
    if (copy && isFloat(copy.dtype) && sameShape(copy.shape, tensor.shape)) {
      pairs.set(tensor.name, name)
      orphans.delete(name)
    } else uncovered.push(tensor.name)
  }
  return {
    of: isUnet ? 'unet' : 'vae',
    pairs,
    uncovered,
    orphans: [...orphans],
    ...(await counters(table, read)),
    ...(MERGE_KEYS.some((key) => table.metadata[key] !== undefined) ? { ofMerge: true } : {}),
    bytes: copies.reduce((sum, tensor) => sum + tensorBytes(tensor), 0),
  }
}

async function counters(table: TensorTable, read: ValueReader): Promise<Pick<EmaInfo, 'updates' | 'decay'>> {
  const updates = await readScalar(table.tensors.get(COUNTERS.updates), read)
  const decay = await readScalar(table.tensors.get(COUNTERS.decay), read)
  return { ...defined({ updates, decay }) }
}
