/** `--merge b --sweep alpha=0..1:0.25`: merges of a model that are drawn and not written. */

import { resolveModel } from '../../library/resolve.ts'
import { withModels } from '../../library/session.ts'
import type { Model } from '../../model/model.ts'
import { merge as mergeOperation } from '../../operations/merge/merge.ts'
import { checkCount } from '../../operations/merge/strict.ts'
import { type RenderSource, withRenderSource } from '../../operations/render/model.ts'
import { inputModels, planContext } from '../../operations/run.ts'
import type { MergeMethod } from '../../tensor/merge/method.ts'
import { MERGE_METHODS, mergeMethod } from '../../tensor/merge/registry.ts'
import type { Arguments } from '../command.ts'
import { filledText, values } from '../shared/options.ts'
import type { RenderModeRun, Subject } from './mode-run.ts'
import { plannedModel } from './planned-model.ts'

export interface SweepMerge {
  /** Further models: B, C .. */
  readonly models: readonly string[]
  readonly method: MergeMethod
  readonly alpha: number
}

/** What `--merge` and `--merge-method` ask for, before alpha is known. @throws USAGE (exit 2) */
export function sweepMerge(args: Arguments): SweepMerge | undefined {
  const models = values(args, 'merge')
  const id = filledText(args, 'mergeMethod')
  if (models.length === 0) return undefined
  const method = id === undefined ? MERGE_METHODS[0]! : mergeMethod(id)
  checkCount(1 + models.length, { method: method.id })
  return { models, method, alpha: 0 }
}

/**
 * What a merge draws with, as `sdtool merge` plans it. Where the result is one of its models, as at the ends of a
 * weighted sum, that is drawn as it is; the VAE is always that of the first, as in a merge.
 */
export async function withMerge<T>(
  source: RenderSource,
  merge: SweepMerge,
  run: RenderModeRun,
  use: (merged: Partial<Pick<Subject, 'model' | 'vae'>>) => Promise<T>,
): Promise<T> {
  const { models, method } = merge
  const copied = method.copyOf?.({ ...UNUSED, beta: method.beta ?? 0, alpha: alphas(merge) })
  if (copied === undefined) return withPlanned(source, merge, run, (model) => use({ model }))
  if (copied === 0) return use({})
  const request = { model: models[copied - 1]!, loras: [], ema: false, allowUnmatched: false }
  return withRenderSource(request, run.folders, run.world, ({ model }) =>
    use({ model, vae: source.vae ?? source.model }),
  )
}

/** Which model a result is does not depend on these. */
const UNUSED = { density: 1, seed: 0, range: [0, 1] } as const

function alphas({ models, method, alpha }: SweepMerge): number[] {
  return method.alpha.takes === 'one' ? [alpha] : models.map(() => alpha)
}

async function withPlanned<T>(
  { path }: RenderSource,
  merge: SweepMerge,
  { options, folders, world }: RenderModeRun,
  use: (merged: Model) => Promise<T>,
): Promise<T> {
  const paths = [path]
  for (const model of merge.models) paths.push(await resolveModel(model, 'checkpoint', folders))
  return withModels(paths, world, async (opened) => {
    const inputs = await inputModels(paths, opened)
    const context = planContext(opened, { ...options, dryRun: false }, world)
    const chosen = { method: merge.method.id, alpha: alphas(merge) }
    const { table } = await mergeOperation.plan(inputs, chosen, context)
    return use(await plannedModel(path, table, inputs[0]!.identity, context.read))
  })
}
