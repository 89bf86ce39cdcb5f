/** Merges of networks without a table of layers: what is left to be looked at, and what is to be said. */

import { info, warning } from '../../model/finding.ts'
import type { Model } from '../../model/model.ts'
import { LATENT_SPACES } from '../../model/networks/architectures/architecture.ts'
import type { Component } from '../../model/networks/components.ts'
import { unverified } from '../../system/errors.ts'
import { elementCount } from '../../tensor/values/dtype.ts'
import type { ReadInto } from '../../tensor/values/expr.ts'
import { sameValues } from '../../tensor/values/same.ts'
import type { Finding } from '../../tensor/values/table.ts'
import type { KeptTensor, MergeJob } from './job.ts'
import { messages } from './messages.ts'
import { letterOf } from './plan-options.ts'

/** Whether names and shapes of the other models are all that can be held against this component. */
export function isUnchecked({ match, role }: Component, { identity }: Model): boolean {
  return match === undefined && (identity.architecture === undefined || role === 'other')
}

/** Said once, however many components it is true of. */
export function uncheckedFindings({ blended, models }: MergeJob): Finding[] {
  const components = new Set(blended.values())
  if (![...components].some((component) => isUnchecked(component, models[0]!))) return []
  return [info('merge-unchecked', messages.onlyNamesAndShapes)]
}

/** VAEs that are for different latents by what their names say. */
export function latentFindings(models: readonly Model[]): Finding[] {
  const said = models.flatMap(({ name, identity: { kind, latents } }) =>
    latents === undefined || kind === 'checkpoint' ? [] : [{ name, latents }],
  )
  const [first] = said
  const other = said.find(({ latents }) => latents.space !== first!.latents.space)
  if (first === undefined || other === undefined) return []
  const text = ({ name, latents }: typeof first) => [name, LATENT_SPACES[latents.space]] as const
  return [warning('merge-latents', messages.otherLatents(text(first), text(other)))]
}

/**
 * Whole numbers do not blend. Indices and masks are the same in all models of a network; where they are not, they may be
 * codes of a format that sdtool does not know, and the scales beside them have been blended.
 * @throws MERGE_WHOLE_NUMBERS (exit 4)
 */
export async function checkKept(kept: readonly KeptTensor[], read: ReadInto): Promise<void> {
  for (const { own, others } of kept) {
    // counters differ with training
    if (elementCount(own.shape) <= 1) continue
    for (const [i, other] of others.entries()) {
      if (other === undefined || (await sameValues(own, other, read))) continue
      const letter = letterOf(i + 1)
      const text = messages.wholeNumbers(own.name, own.dtype, [letter, other.dtype])
      throw unverified('MERGE_WHOLE_NUMBERS', text, messages.maybeCodes)
    }
  }
}
