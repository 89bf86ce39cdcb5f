/** The one way an operation is done: open, plan, rehearse or write, prove. */

import { basename, extname } from 'node:path'
import type { ListedFile } from '../library/files.ts'
import { identifyFile, type OpenedModel, readAny, withModels } from '../library/session.ts'
import { defined } from '../system/defined.ts'
import { escaped, withFileName } from '../system/errors.ts'
import { type Environment, startProgress } from '../system/world.ts'
import type { Finding } from '../tensor/values/table.ts'
import type { PatchCheck } from '../tensor/write/verify-patches.ts'
import { engineOf } from './engine.ts'
import { withHalfRange } from './half-range.ts'
import { hashWithProgress } from './hashing.ts'
import type { InputModel, OpenInput, Operation, OutputDescription, PlanContext } from './operation.ts'
import { type Computing, makeComputed } from './output/computed-file.ts'
import { derivedMetadata, outputMetadata, type PendingMetadata, type RecipeFacts } from './output/metadata.ts'
import type { OutputOptions } from './output/options.ts'
import { writeProven } from './output/prove.ts'
import { checkPlannedFile, type PlannedFile, writePlannedFile } from './output/write-file.ts'
import type { Plan, PlanStep } from './plan.ts'
import { writeOptions } from './schema.ts'

/** What became of a run. */
export interface Outcome<P extends Plan = Plan, Part = unknown> {
  /** Path of the first input, or of the folder that all of them are. */
  readonly input: string
  readonly status: 'written' | 'planned' | 'skipped' | 'failed'
  readonly title?: string
  readonly output?: string
  readonly bytesBefore?: number
  readonly bytesAfter?: number
  readonly tensors?: number
  readonly steps?: readonly PlanStep[]
  readonly findings: readonly Finding[]
  readonly seconds?: number
  readonly error?: unknown
  /** Where the output is no other form of the input: for people, and for programs. */
  readonly what?: string
  readonly facts?: OutputDescription['facts']
  /** Where it came that far. */
  readonly plan?: P
  /** What was done, part by part; once something has been written. */
  readonly proof?: readonly Part[]
  /** What the check of the written file found. */
  readonly verified?: PatchCheck
}

/**
 * Gives the path of the output, from the first input and the name the operation gives it.
 * @throws what `outputPlaces` throws
 */
export type PlaceOutput = (first: ListedFile, name: string) => string

export interface Run<Options extends object, P extends Plan, Part> {
  readonly operation: Operation<Options, P, Part>
  readonly options: Options
  /** The first one by its place in a folder, all by their paths. */
  readonly first: ListedFile
  readonly others?: readonly string[]
  readonly place: PlaceOutput
  readonly output: OutputOptions
}

/**
 * @throws what opening and planning throw, with the name of the first input. What is wrong with the plan as a whole, or
 *   with what was written, is in the outcome, beside what else is known.
 */
export async function runOperation<Options extends object, P extends Plan, Part>(
  run: Run<Options, P, Part>,
  environment: Environment,
): Promise<Outcome<P, Part>> {
  if (run.first.problem) throw run.first.problem
  const paths = [run.first.path, ...(run.others ?? [])]
  const use = async (inputs: readonly InputModel[], context: PlanContext) => {
    const first = inputs[0]!
    const planned = await runWithInputName(paths, () => run.operation.plan(inputs, run.options, context))
    const plan = withHalfRange(planned, first)
    const known = {
      input: first.name,
      title: first.identity.title,
      bytesBefore: first.file.file.size,
      steps: plan.steps,
      ...run.operation.describe?.(plan, inputs, run.options),
      plan,
    }
    return { ...known, ...(await executePlan(run, plan, inputs, context, environment)) }
  }
  return withInputs(paths, run.output, environment, use, run.operation.open)
}

/**
 * Opens and identifies the inputs of an operation for as long as `use` runs.
 * @param open of a first input that is no model file
 */
export async function withInputs<T>(
  paths: readonly string[],
  output: OutputOptions,
  environment: Environment,
  use: (inputs: readonly InputModel[], context: PlanContext) => Promise<T>,
  open?: OpenInput,
): Promise<T> {
  const other = await open?.(paths[0]!)
  const models = other === undefined ? paths : paths.slice(1)
  return withModels(models, environment, async (opened) => {
    const inputs = await inputModels(models, opened)
    return use(other === undefined ? inputs : [other, ...inputs], planContext(opened, output, environment))
  })
}

/** Identified, in their order. */
export async function inputModels(
  paths: readonly string[],
  opened: readonly OpenedModel[],
): Promise<InputModel[]> {
  const inputs: InputModel[] = []
  for (const [i, path] of paths.entries()) {
    inputs.push({ name: path, file: opened[i]!.model, identity: await identifyFile(path, opened[i]!) })
  }
  return inputs
}

/** For a plan that is used and not written. */
export function plainContext(
  opened: readonly OpenedModel[],
  environment: Pick<Environment, 'signal' | 'matmul'>,
): PlanContext {
  return { read: readAny(opened), signal: environment.signal, engine: () => engineOf(environment) }
}

/** What a planner may use while these files are open. */
export function planContext(
  opened: readonly OpenedModel[],
  { dryRun }: Pick<OutputOptions, 'dryRun'>,
  environment: Environment,
): PlanContext {
  return {
    ...plainContext(opened, environment),
    rehearsal: dryRun,
    hash: (name, only) => hashWithProgress(name, only, environment),
    progress: (label) => startProgress(environment, label, 'count'),
  }
}

/**
 * Planners of one file do not know its name; where there are several, an error must say which one it is about.
 * @throws what `plan` throws, with the name of the file
 */
export async function runWithInputName<T>(
  [path, ...others]: readonly string[],
  plan: () => Promise<T> | T,
): Promise<T> {
  try {
    return await plan()
  } catch (error) {
    const isNamed = others.length > 0 || (error instanceof Error && error.message.includes(escaped(path!)))
    throw isNamed ? error : withFileName(path!, error)
  }
}

type Rest<P extends Plan, Part> = Omit<Outcome<P, Part>, 'input' | 'title' | 'steps'>

/** Writes the plan, or all but that. @throws what writing throws */
export async function executePlan<Options extends object, P extends Plan, Part>(
  run: Run<Options, P, Part>,
  plan: P,
  inputs: readonly InputModel[],
  context: PlanContext,
  environment: Environment,
): Promise<Rest<P, Part>> {
  const { operation, options, output } = run
  const nothing = operation.nothing?.(plan, inputs, options)
  if (nothing !== undefined) return { status: 'skipped', findings: [nothingToDo(nothing)] }
  const problem = operation.problem?.(plan)
  if (problem) {
    return { status: 'failed', findings: [...plan.findings, ...problem.findings], error: problem.error }
  }
  const engine = operation.multiplies?.(options) ? (await context.engine()).name : undefined
  const target = run.place(run.first, operation.outputName(plan, inputs, options))
  const planned = (from: P) => plannedFile(run, from, inputs, { target, engine, environment })
  const job = planned(plan)
  if (operation.compute) {
    const compute = (work: Computing) => operation.compute!(plan, inputs, options, { ...context, ...work })
    return makeComputed({ planned: job, compute, finished: planned }, { output, environment })
  }
  if (output.dryRun) return checkPlannedFile(job, output)
  await operation.confirm?.(plan, inputs, options, context)
  const prover = operation.prover?.(plan)
  if (prover) return writeProven(job, prover, { output, environment })
  return (await writePlannedFile(job, output, environment)).file
}

function nothingToDo(message: string): Finding {
  return { code: 'nothing-to-do', severity: 'warning', message }
}

function plannedFile<Options extends object, P extends Plan, Part>(
  { operation, options, first, output }: Run<Options, P, Part>,
  plan: P,
  inputs: readonly InputModel[],
  {
    target,
    engine,
    environment,
  }: { readonly target: string; readonly engine: string | undefined; readonly environment: Environment },
): PlannedFile {
  const decided = writeOptions(operation.decided(options, plan, inputs))
  const made = { verb: operation.verb, options: decided, ...defined({ engine }) }
  const recipe = { ...output, ...made, recipeVersion: 2 } as const
  const form = operation.form?.(options, plan)
  return {
    plan,
    output: target,
    inputs: inputs.flatMap(({ file: { file, shards = [] } }) => [file, ...shards]),
    ...(operation.standsAlone ? {} : { source: first.path }),
    ...(form && { container: form.container }),
    metadata: () => metadataOf(operation, plan, inputs, options, { target, recipe, environment }),
  }
}

interface ForMetadata {
  readonly target: string
  readonly recipe: RecipeFacts
  readonly environment: Environment
}

function metadataOf<Options extends object, P extends Plan, Part>(
  operation: Operation<Options, P, Part>,
  plan: P,
  inputs: readonly InputModel[],
  options: Options,
  { target, recipe, environment }: ForMetadata,
): PendingMetadata {
  const files = inputs.map(({ file }) => file)
  const title = basename(target, extname(target))
  const derived = operation.metadata?.(plan, inputs, options, title)
  if (derived) return derivedMetadata(files, derived.own, { title, ...derived.facts }, recipe, environment)
  const [source, ...additions] = files
  const identity = operation.stated?.(inputs, options) ?? inputs[0]!.identity
  return outputMetadata(source!, identity, plan, target, { ...recipe, additions }, environment)
}

/** `model.safetensors` as a file that was named itself. */
export function namedFile(path: string): ListedFile {
  return { path, relative: basename(path) }
}
