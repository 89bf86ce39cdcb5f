import * as v from 'valibot'
import type { AnyOperation, OperationFamily } from '../operations/operation.ts'
import type { OutputOptions } from '../operations/output/options.ts'
import { outputPlaces } from '../operations/output/place.ts'
import { operationOf } from '../operations/registry.ts'
import { namedFile, type Outcome, runOperation } from '../operations/run.ts'
import { defined } from '../system/defined.ts'
import { usage } from '../system/errors.ts'
import { environmentFor } from './environment.ts'
import { messages } from './messages.ts'
import type { RunRequest, RunResult, Verb } from './types.ts'

/**
 * Does what a verb of sdtool does: opens the inputs, plans, writes under a temporary name, reads back what was computed,
 * and only then gives the file its name. Calls may run side by side.
 * @throws SdtoolError: USAGE (exit 2) for options that the verb does not take; what is wrong with the inputs (exit 3); what
 *   does not fit or was not proven (exit 4). Then nothing was written.
 */
export async function run<Options extends object>(
  { verb }: Verb<Options>,
  request: RunRequest<Options>,
): Promise<RunResult> {
  const entry = operationOf(verb)
  if (entry === undefined) throw usage(messages.noSuchVerb(String(verb)), messages.verbsHint)
  const { operation, options } = chosen(entry, request.options ?? {})
  const [path, ...others] = request.inputs
  if (path === undefined) throw usage(messages.noInputs(verb), messages.noInputsHint)
  const first = namedFile(path)
  const endings = operation.form?.(options)?.endings
  const place = await outputPlaces({ files: [first], walked: false }, request.output, endings)
  const output = outputOptions(request, operation.verify)
  const outcome: Outcome = await runOperation(
    { operation, options, first, others, place, output },
    environmentFor(request),
  )
  if (outcome.status === 'failed') throw outcome.error
  const { status, title, bytesBefore, bytesAfter, tensors, findings, proof, verified, seconds } = outcome
  const facts = { output: outcome.output, title, bytesBefore, bytesAfter, tensors, proof, verified, seconds }
  return { status, findings, ...defined(facts) }
}

// biome-ignore lint/suspicious/noExplicitAny: as of operations
type Entry = AnyOperation | OperationFamily<any>

/** @throws USAGE (exit 2) that names the option */
function chosen(entry: Entry, given: object): { readonly operation: AnyOperation; readonly options: object } {
  const result = v.safeParse(entry.schema, given, { abortEarly: true })
  if (!result.success) {
    const [issue] = result.issues
    const name = v.getDotPath(issue) ?? '?'
    const isUnknown = issue.type === 'strict_object' && issue.expected === 'never'
    const problem = isUnknown ? messages.noSuchOption(entry.verb) : issue.message
    throw usage(messages.badOption(name, problem), messages.optionsHint)
  }
  const options: object = result.output
  return { operation: 'choose' in entry ? entry.choose(options) : entry, options }
}

function outputOptions(request: RunRequest<object>, verify: OutputOptions['verify']): OutputOptions {
  return {
    ...defined({ output: request.output }),
    force: request.force ?? false,
    dryRun: request.dryRun ?? false,
    verify: request.verify ?? verify,
    hash: request.hash ?? true,
    sidecars: request.sidecars ?? false,
  }
}
