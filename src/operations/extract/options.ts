import * as v from 'valibot'
import type { FactorDTypeName } from '../../model/lora/factors.ts'
import type { Selector } from '../../model/networks/components.ts'
import { factorDType, selector } from '../schema.ts'

/** Which network of a model becomes a file of its own. */
export const extractOptions = v.strictObject({
  component: selector,
  /** Without it: the types they have. */
  dtype: v.exactOptional(factorDType),
})

export interface ExtractOptions {
  readonly component: Selector
  readonly dtype?: FactorDTypeName
}
