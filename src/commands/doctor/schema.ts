/** The document of `doctor --json`. */
import * as v from 'valibot'
import {
  count,
  documentSchema,
  error,
  flag,
  list,
  nullable,
  number,
  text,
} from '../../report/document/envelope-schema.ts'

const result = v.strictObject({
  path: text,
  node: text,
  onnxruntime: nullable(text),
  onnxruntimeProblem: nullable(error),
  products: text,
  platform: text,
  processor: text,
  cores: count,
  memoryBytes: count,
  freeBytes: count,
  devices: list(
    v.strictObject({
      id: text,
      title: text,
      works: flag,
      fp16: flag,
      recommended: flag,
      seconds: nullable(number),
      problem: nullable(text),
      fp16Problem: nullable(text),
      needs: nullable(text),
    }),
  ),
  auto: nullable(text),
  error: v.null(),
})

export type DoctorResult = v.InferOutput<typeof result>

export const doctorSchema = documentSchema('doctor', { result })
