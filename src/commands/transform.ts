/** The common way of commands that make one model file of each input: plan, write, report, next. */
import { basename } from 'node:path'
import { aboutFile, type ExitCode } from '../errors.ts'
import type { FileList, ListedFile } from '../library/files.ts'
import { identifyFile, type OpenedModel, withModel } from '../library/session.ts'
import type { Identity } from '../model/identify.ts'
import type { Plan } from '../model/plan.ts'
import type { JsonValue } from '../model/recipe.ts'
import { outputMetadata } from '../operations/output/metadata.ts'
import type { OutputOptions } from '../operations/output/options.ts'
import { outputPlaces } from '../operations/output/place.ts'
import { rehearseFile, writePlannedFile } from '../operations/output/write-file.ts'
import type { Outcome } from '../operations/run.ts'
import type { Io } from '../system/world.ts'
import type { Container } from '../tensor/container.ts'
import type { Finding, ModelFile } from '../tensor/table.ts'
import { worstExitCode } from './run-for-each.ts'
import { resultPrinter } from './transform-report.ts'

/** What makes one such command different from another. */
export interface Transform {
  readonly verb: string
  plan(opened: OpenedModel, identity: Identity): Promise<Plan> | Plan
  /** What outputs are written as; safetensors without it. */
  readonly container?: Container
  /** Endings their names may have. */
  readonly endings?: readonly string[]
  /** File name of the output, from that of the input. */
  outputName(input: string, plan: Plan): string
  /** Options that decide the result, for the recipe. */
  recipeOptions(plan: Plan): Readonly<Record<string, JsonValue | undefined>>
  /** The plan would leave the file as it is. */
  isNothing(plan: Plan, model: ModelFile): boolean
  /** Said then. */
  readonly nothingToDo: string
}

/** Runs the command over all files, going on after a bad one. The exit code is that of the first failure. */
export async function runTransform(
  list: FileList,
  transform: Transform,
  options: OutputOptions,
  io: Io,
): Promise<ExitCode> {
  const placeOf = await outputPlaces(list, options.output, transform.endings)
  const printer = resultPrinter(transform.verb, options, io)
  const outcomes: Outcome[] = []
  for (const file of list.files) {
    const outcome = await transformFile(file, placeOf, transform, options, io).catch((error: unknown) => {
      io.signal.throwIfAborted()
      return {
        input: file.path,
        status: 'failed',
        findings: [],
        error,
      } satisfies Outcome
    })
    outcomes.push(outcome)
    printer.print(outcome)
  }
  printer.end()
  return worstExitCode(outcomes)
}

/** Planners know no files; in a list of them an error must say which one it is about. */
async function planFor(
  path: string,
  transform: Transform,
  opened: OpenedModel,
  identity: Identity,
): Promise<Plan> {
  try {
    return await transform.plan(opened, identity)
  } catch (error) {
    throw aboutFile(path, error)
  }
}

type PlaceOf = (file: ListedFile, name: string) => string

async function transformFile(
  file: ListedFile,
  placeOf: PlaceOf,
  transform: Transform,
  options: OutputOptions,
  io: Io,
): Promise<Outcome> {
  if (file.problem) throw file.problem
  return withModel(file.path, io, async (opened) => {
    const { model } = opened
    const identity = await identifyFile(file.path, opened)
    const plan = await planFor(file.path, transform, opened, identity)
    const common = {
      input: file.path,
      title: identity.title,
      bytesBefore: model.file.size,
      steps: plan.steps,
    }
    if (transform.isNothing(plan, model)) {
      return { ...common, status: 'skipped', findings: [nothingToDo(transform)] }
    }
    const output = placeOf(file, transform.outputName(basename(file.path), plan))
    const operation = { ...options, verb: transform.verb, options: transform.recipeOptions(plan) }
    const job = {
      plan,
      output,
      inputs: [model.file],
      source: file.path,
      ...(transform.container && { container: transform.container }),
      metadata: () => outputMetadata(model, identity, plan, output, operation, io),
    }
    const made = options.dryRun
      ? await rehearseFile(job, options)
      : (await writePlannedFile(job, options, io)).file
    return { ...common, ...made }
  })
}

function nothingToDo({ nothingToDo }: Transform): Finding {
  return { code: 'nothing-to-do', severity: 'warning', message: nothingToDo }
}
