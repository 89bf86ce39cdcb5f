/** Empty tensors by which programs know what a UNet predicts. */

import type { Tensor, TensorTable } from '../../tensor/values/table.ts'
import { baseById } from '../adapters/base.ts'
import { isStated } from '../identify/same-prediction.ts'
import type { ArchitectureInfo, Identity } from '../identity.ts'

/** The only family in which programs look for `v_pred`. Source: ComfyUI, `SDXL.model_type`; Forge reads the same. */
const MARKED: readonly string[] = baseById('sdxl').architectures

const VELOCITY = 'v_pred'
const ZERO_SNR = 'ztsnr'

/** Names of those that say what the scheduler of a folder of diffusers says. */
export const SAID_BY_SCHEDULER: ReadonlySet<string> = new Set([VELOCITY, ZERO_SNR])

/** Statistics of latents, and noise levels. */
const OF_EDM = /^edm_(?:mean$|std$|vpred\.)/

/** Of a UNet: programs look for these beside the weights, without their prefix. Source: ComfyUI, `SDXL.model_type`. */
export function standsAlone(name: string): boolean {
  return SAID_BY_SCHEDULER.has(name) || OF_EDM.test(name)
}

type WithArchitecture = Pick<Identity, 'architecture'>

function namesFor({ id, prediction }: ArchitectureInfo): string[] {
  if (!isStated(prediction)) return []
  return [
    ...(MARKED.includes(id) && prediction.type === 'v' ? [VELOCITY] : []),
    ...(prediction.zeroTerminalSnr ? [ZERO_SNR] : []),
  ]
}

/** Names of markers that say what is known of the model from elsewhere, and are not there. */
export function missingMarkers(
  { tensors }: Pick<TensorTable, 'tensors'>,
  { architecture }: WithArchitecture,
): string[] {
  return architecture ? namesFor(architecture).filter((name) => !tensors.has(name)) : []
}

/** Whether programs take it for a model that predicts noise, as only its metadata or a file beside it say otherwise. */
export function isUnseen(file: Pick<TensorTable, 'tensors'>, identity: WithArchitecture): boolean {
  return missingMarkers(file, identity).includes(VELOCITY)
}

/** A marker that says what is not so, as something stronger decided. */
export function isContradicted(name: string, { architecture }: WithArchitecture): boolean {
  return name === VELOCITY && architecture !== undefined && architecture.prediction.type !== 'v'
}

/** Without a prefix: programs look for it beside the weights. */
export function emptyMarker(name: string): Tensor {
  return { name, dtype: 'F32', shape: [0], source: { kind: 'bytes', data: new Uint8Array() } }
}

/** Those of the file as they are, and those that are missing: for a file that stands alone. */
export function markersOf(file: TensorTable, identity: Identity): Tensor[] {
  const own = identity.components.flatMap(({ id, names }) => (id === 'markers' ? names : []))
  return [...own.map((name) => file.tensors.get(name)!), ...missingMarkers(file, identity).map(emptyMarker)]
}
