/**
 * What documents of `--json` are made of, as valibot schemas. Commands take their types from here; JSON Schemas in
 * `docs/schemas` are made from them. Objects are strict and every key is always there: null where nothing is known.
 */
import * as v from 'valibot'
import { SCHEMA_VERSION } from './envelope.ts'

export const text = v.string()
export const number = v.number()
export const flag = v.boolean()
export const nullable = v.nullable

/** A number of things, or of bytes. */
export const count = v.pipe(v.number(), v.integer(), v.minValue(0))

/** JSON has no infinity and no NaN: those are words. */
export const anyNumber = v.union([v.number(), v.picklist(['Infinity', '-Infinity', 'NaN'])])

export function list<const Item extends v.GenericSchema>(item: Item) {
  return v.pipe(v.array(item), v.readonly())
}

/** Keys of a file, or other data, not of sdtool. */
export function dataBy<const Value extends v.GenericSchema>(value: Value) {
  return v.record(v.string(), value)
}

/** Whatever stood in a file. */
export const anything = v.unknown()

export const shape = list(count)

export const severity = v.picklist(['info', 'warning', 'error'])

export const finding = v.strictObject({ code: text, severity, message: text, bytes: nullable(number) })

export const error = v.strictObject({ code: text, message: text, hint: nullable(text) })

interface Parts<Result extends v.GenericSchema, Found extends v.GenericSchema> {
  readonly result: Result
  readonly finding?: Found
  /** The command has `--dry-run`. */
  readonly dryRun?: boolean
}

/** The document of a command: with results, or with the error that has ended it before there were any. */
export function documentSchema<
  const Result extends v.GenericSchema,
  const Found extends v.GenericSchema = typeof finding,
>(command: string, { result, finding: found, dryRun = false }: Parts<Result, Found>) {
  const findings = list<v.GenericSchema>(found ?? finding)
  const head = { sdtool: text, command: v.literal(command), schemaVersion: v.literal(SCHEMA_VERSION) }
  return v.pipe(
    v.union([
      v.strictObject({
        ...head,
        ...((dryRun ? { dryRun: flag } : {}) as { dryRun: typeof flag }),
        results: list(result),
        findings,
        error: v.null(),
      }),
      v.strictObject({ ...head, results: NONE, findings: NONE, error }),
    ]),
    v.title(`sdtool ${command} --json`),
  )
}

const NONE = v.pipe(v.array(v.unknown()), v.maxLength(0))
