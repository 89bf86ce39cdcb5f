/** Options that several operations take, as they stand in recipes: plain JSON, checked key by key. */
import * as v from 'valibot'
import { DTYPE_NAMES, type DTypeName } from '../model/dtype-choice.ts'
import { FACTOR_DTYPES, type FactorDTypeName } from '../model/lora/factors.ts'
import { SELECTORS, type Selector } from '../model/networks/components.ts'
import { refuse } from '../system/errors.ts'
import type { JsonValue } from '../system/json.ts'
import { messages } from './messages.ts'

const DTYPES = Object.keys(DTYPE_NAMES) as [DTypeName, ...DTypeName[]]

const FACTORS = Object.keys(FACTOR_DTYPES) as [FactorDTypeName, ...FactorDTypeName[]]

export const dtypeNameSchema = v.picklist(DTYPES)
/** Type of the factors of a LoRA. */
export const factorDType = v.picklist(FACTORS)
export const selector = v.picklist(SELECTORS as readonly [Selector, ...Selector[]])

/** `{ all: 'fp16', by: { vae: 'fp32' } }`: one type for all weights, others for components by id or role. */
export const dtypeChoiceSchema = v.strictObject({
  all: v.exactOptional(dtypeNameSchema),
  by: v.exactOptional(v.record(selector, dtypeNameSchema)),
})

/** A number that JSON can hold. */
export const finite = v.pipe(v.number(), v.finite())

/** How strongly a LoRA is applied. */
export const loraRatio = v.strictObject({ unet: finite, text: finite })

/**
 * The options of an operation, from the JSON of a recipe.
 * @throws RECIPE_UNREADABLE (exit 3) for a key or value that this version does not know: what is left out would change the result
 */
export function readOptions<Schema extends v.GenericSchema>(
  schema: Schema,
  json: { readonly [key: string]: JsonValue },
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, json, { abortEarly: true })
  if (result.success) return result.output
  const [issue] = result.issues
  const name = v.getDotPath(issue) ?? '?'
  throw refuse('RECIPE_UNREADABLE', messages.unknownRecipeOption(name), messages.maybeLaterVersion)
}

/** Options as a recipe keeps them: without what is not set, or is empty. */
export function writeOptions(options: object): { readonly [key: string]: JsonValue } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => isSet(value)))
}

function isSet(value: unknown): boolean {
  if (value === undefined || value === false) return false
  if (Array.isArray(value)) return value.length > 0
  return typeof value !== 'object' || value === null || Object.values(value).some(isSet)
}
