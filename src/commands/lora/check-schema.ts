/** The document of `lora check --json`. */
import * as v from 'valibot'
import {
  anyNumber,
  count,
  documentSchema,
  finding,
  list,
  nullable,
  number,
  text,
} from '../../report/document/envelope-schema.ts'

const result = v.strictObject({
  path: text,
  title: text,
  fits: list(text),
  base: nullable(v.strictObject({ path: text, matched: count, unmatched: count })),
  norm: anyNumber,
  blocks: list(v.strictObject({ component: text, block: text, modules: count, norm: anyNumber })),
  findings: list(finding),
  modules: list(
    v.strictObject({
      name: text,
      component: text,
      block: text,
      kind: text,
      rank: nullable(number),
      norm: anyNumber,
      state: v.picklist(['alive', 'dead', 'not-finite', 'misshapen']),
      fault: nullable(text),
    }),
  ),
  output: nullable(text),
  error: v.null(),
})

export type LoraCheckResult = v.InferOutput<typeof result>

export const loraCheckSchema = documentSchema('lora check', { result })
