import { info } from '../../model/finding.ts'
import type { Model } from '../../model/model.ts'
import { defined } from '../../system/defined.ts'
import { usage } from '../../system/errors.ts'
import type { Finding, Tensor } from '../../tensor/values/table.ts'
import { bakedTensors, latentsFindings, vaeComponent } from '../bake-vae/plan.ts'
import type { MergeJob } from './job.ts'
import { messages } from './messages.ts'
import { type CheckpointMergeOptions, letterOf } from './plan-options.ts'

/** The VAE that takes the place of A's. */
export interface OtherVae {
  readonly from: string
  /** Of the model it is from; that behind the last one for a file of its own. */
  readonly index: number
  /** By the names they have, or get, in A. */
  readonly tensors: ReadonlyMap<string, Tensor>
}

/** @throws USAGE (exit 2), what `bakedTensors` throws */
export function otherVae(
  models: readonly Model[],
  { vae, dtype = {} }: CheckpointMergeOptions,
): OtherVae | undefined {
  if (vae === undefined || vae === 'blend' || vae === 0) return undefined
  const source = typeof vae === 'number' ? models[vae] : vae
  if (source === undefined) throw usage(messages.unknownVae)
  const type = dtype.by?.vae ?? dtype.all
  const baked = bakedTensors(models[0]!, source, defined({ dtype: type }))
  const from = typeof vae === 'number' ? messages.vaeOf(letterOf(vae)) : messages.vaeFrom(source.name)
  const index = typeof vae === 'number' ? vae : models.length
  return { from, index, tensors: new Map(baked.map(({ after }) => [after.name, after])) }
}

/** A VAE where A has none. */
export function addMissingVae(vae: OtherVae | undefined, { models, plan, whole }: MergeJob): void {
  const added = [...(vae?.tensors.values() ?? [])].filter(({ name }) => !models[0]!.file.tensors.has(name))
  const component = vaeComponent(added)
  for (const after of added) {
    plan.addNew(component, after, vae!.from)
    whole.push({ component, from: vae!.index, after })
  }
}

/** Points to a VAE that could be taken, where A has none. */
export function vaeFindings(models: readonly Model[], { vae }: CheckpointMergeOptions): Finding[] {
  const has = ({ identity }: Model) => identity.components.some(({ role }) => role === 'vae')
  const [first, ...others] = models as [Model, ...Model[]]
  if (typeof vae === 'object') return latentsFindings(first, vae)
  const donor = others.findIndex(has) + 1
  if (vae !== undefined || first.identity.kind !== 'checkpoint' || has(first) || donor === 0) return []
  return [info('merge-no-vae', messages.noVae(letterOf(donor)))]
}
