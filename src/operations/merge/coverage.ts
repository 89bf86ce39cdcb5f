import { isCastable } from '../../model/dtype-choice.ts'
import { warning } from '../../model/finding.ts'
import type { Component } from '../../model/networks/components.ts'
import type { MergeJob, PlannedBlend } from './job.ts'
import { messages } from './messages.ts'
import { letterOf } from './plan-options.ts'
import { type Missing, missingError, surplusError } from './strict.ts'

/** Whether every model has what is to be blended. @throws MERGE_KEYS_MISSING (exit 4) */
export function checkCoverage({ component, others, places }: PlannedBlend, job: MergeJob): void {
  const [first] = job.models
  const wanted = [...places].filter(([name]) => isCastable(first!.file.tensors.get(name)!))
  for (const [i, placed] of others.entries()) {
    const [model, index, title] = [job.models[i + 1]!, i + 1, component.title]
    const names = wanted
      .filter(([, place]) => placed?.has(place) !== true && !isUnused(place))
      .map(([name]) => name)
    const known = new Set(places.values())
    const surplus = [...(placed ?? [])].filter(
      ([place, tensor]) => !known.has(place) && !isUnused(place) && isCastable(tensor),
    )
    report({ model, index, title, names, all: placed === undefined }, missingError, component, job)
    const extra = surplus.map(([, tensor]) => tensor.name)
    report(
      { model, index, title, names: extra, all: false },
      (missing) => surplusError(missing),
      component,
      job,
    )
  }
}

/** The temperature that CLIP was trained with, which ComfyUI keeps a level higher and other layouts leave out. */
function isUnused(place: string): boolean {
  return /(?:^|\.)logit_scale$/.test(place)
}

/** What text encoders may have more or less of: buffers, a projection nobody uses, the layer that SD 2.x skips. */
function isOptional({ role }: Component, { all }: Missing): boolean {
  return role === 'text' && !all
}

function report(
  missing: Missing,
  error: (missing: Missing, only: string | undefined) => Error,
  component: Component,
  { options, findings }: MergeJob,
): void {
  if (missing.names.length === 0) return
  const half = component.role === 'unet' ? 'text' : component.role === 'text' ? 'unet' : undefined
  if (options.allowMissing !== true && !isOptional(component, missing)) {
    throw error(missing, options.only === undefined && missing.all ? half : undefined)
  }
  const { model, index, names, title } = missing
  const text = messages.withoutCounterpart(model.name, letterOf(index), names, title)
  findings.push(warning('merge-missing', text))
}
