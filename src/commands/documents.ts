/** What every command prints with `--json`: the schemas that `docs/schemas` is made of. */
import type * as v from 'valibot'
import { inspectSchema } from '../operations/inspect/schema.ts'
import { diffSchema } from './diff/schema.ts'
import { doctorSchema } from './doctor/schema.ts'
import { downloadSchema } from './download/schema.ts'
import { identifySchema } from './identify/schema.ts'
import { listSchema } from './list/schema.ts'
import { loginSchema } from './login/schema.ts'
import { loraCheckSchema } from './lora/check-schema.ts'
import { renderSchema } from './render/schema.ts'
import { replaySchema } from './replay/schema.ts'
import { searchSchema } from './search/schema.ts'
import { WRITER_DOCUMENTS } from './shared/outcome-schema.ts'
import { verifySchema } from './verify/schema.ts'

/** By the names of the registry. */
export const DOCUMENTS: Readonly<Record<string, v.GenericSchema>> = {
  ...WRITER_DOCUMENTS,
  diff: diffSchema,
  doctor: doctorSchema,
  download: downloadSchema,
  identify: identifySchema,
  inspect: inspectSchema,
  list: listSchema,
  login: loginSchema,
  'lora check': loraCheckSchema,
  render: renderSchema,
  replay: replaySchema,
  search: searchSchema,
  verify: verifySchema,
}
