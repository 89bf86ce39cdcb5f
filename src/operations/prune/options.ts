import * as v from 'valibot'
import { dtypeChoiceSchema, selector } from '../schema.ts'
import { EMA_MODES } from './plan-options.ts'

/** What `prune` leaves out, and in which types. */
export const pruneOptions = v.strictObject({
  /** Without it: `only` if there is a usable EMA copy. */
  ema: v.exactOptional(v.picklist(EMA_MODES)),
  dtype: v.exactOptional(dtypeChoiceSchema),
  /** Nothing but these components, and the markers that belong to them. */
  keep: v.exactOptional(v.array(selector)),
  drop: v.exactOptional(v.array(selector)),
  /** Keep noise schedule buffers even if they are the usual ones. */
  keepSchedule: v.exactOptional(v.boolean()),
})
