import { basename } from 'node:path'
import { type Selector, sameSelector } from '../../model/networks/components.ts'
import { usage } from '../../system/errors.ts'
import { readValues } from '../../tensor/values/expr.ts'
import type { Operation } from '../operation.ts'
import { prunedName } from '../output/name.ts'
import { changesNothing } from '../plan.ts'
import { messages } from './messages.ts'
import { pruneOptions } from './options.ts'
import { planPrune } from './plan.ts'
import type { PruneOptions } from './plan-options.ts'

export const prune: Operation<PruneOptions> = {
  verb: 'prune',
  schema: pruneOptions,
  verify: false,
  picture: 'same',
  plan([model], options, { read }) {
    checkContradictions(options)
    return planPrune(model!.file, model!.identity, options, (tensor) => readValues(tensor, read))
  },
  // the default depends on the file
  decided: (options, { steps }) =>
    options.ema === undefined && steps.some(({ action }) => action === 'promote')
      ? { ...options, ema: 'only' }
      : options,
  outputName: (plan, [model]) => prunedName(basename(model!.name), plan),
  nothing: (plan) => (changesNothing(plan) ? messages.nothingToPrune : undefined),
}

/** @throws USAGE (exit 2) for a component that would both stay and go */
export function checkContradictions({ dtype, keep = [], drop = [], keepSchedule }: PruneOptions): void {
  const kept: readonly Selector[] = keepSchedule ? [...keep, 'schedule'] : keep
  const both = drop.find((name) => kept.some((other) => sameSelector(other, name)))
  if (both !== undefined) throw usage(messages.keptAndDropped(both), messages.nameOnce)
  const cast = Object.keys(dtype?.by ?? {}) as Selector[]
  const recast = drop.find((name) => cast.some((other) => sameSelector(other, name)))
  if (recast !== undefined) throw usage(messages.castAndDropped(recast))
}
