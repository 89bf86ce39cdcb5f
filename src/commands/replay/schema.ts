/** The document of `replay --json`. */
import * as v from 'valibot'
import {
  anything,
  dataBy,
  documentSchema,
  error,
  flag,
  list,
  nullable,
  text,
} from '../../report/document/envelope-schema.ts'

interface Input {
  readonly name: string
  readonly path: string | null
  readonly by: string | null
  /** Of a missing input: what it is rebuilt from. */
  readonly madeAgain: { readonly operation: string; readonly inputs: readonly Input[] } | null
}

const input: v.GenericSchema<Input> = v.strictObject({
  name: text,
  path: nullable(text),
  by: nullable(text),
  madeAgain: nullable(v.strictObject({ operation: text, inputs: list(v.lazy(() => input)) })),
})

const result = v.strictObject({
  path: text,
  operation: text,
  inputs: list(input),
  // as the document of that operation has it
  result: nullable(dataBy(anything)),
  autoV3: nullable(text),
  identical: nullable(flag),
  output: text,
  error: nullable(error),
})

export type ReplayInput = Input
export type ReplayResult = v.InferOutput<typeof result>

export const replaySchema = documentSchema('replay', { result, dryRun: true })
