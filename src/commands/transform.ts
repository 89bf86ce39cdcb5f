/** The common way of commands that make one model file of each input: plan, write, report, next. */
import { basename } from 'node:path'
import { EXIT, type ExitCode, refuse, SdtoolError } from '../errors.ts'
import { type Identity, identify } from '../model/identify.ts'
import type { Plan, PlanStep } from '../model/plan.ts'
import type { JsonValue } from '../model/recipe.ts'
import type { Io } from '../report/io.ts'
import { startProgress } from '../report/progress.ts'
import { plural } from '../report/text.ts'
import { readValues, tensorBytes } from '../tensor/expr.ts'
import type { Finding, ModelFile } from '../tensor/table.ts'
import { quoted } from '../tensor/text.ts'
import { type WriteResult, writeSafetensors } from '../tensor/write.ts'
import { type FileList, type ListedFile, type OpenedModel, readSidecar, withModel } from './files.ts'
import type { OutputOptions } from './options.ts'
import { outputPlaces } from './output-path.ts'
import { outputMetadata } from './provenance.ts'
import { resultPrinter } from './transform-report.ts'

/** What makes one such command different from another. */
export interface Transform {
  readonly verb: string
  plan(opened: OpenedModel, identity: Identity): Promise<Plan> | Plan
  /** File name of the output, from that of the input. */
  outputName(input: string, plan: Plan): string
  /** Options that decide the result, for the recipe. */
  readonly recipeOptions: Readonly<Record<string, JsonValue | undefined>>
  /** The plan would leave the file as it is. */
  isNothing(plan: Plan, model: ModelFile): boolean
  /** Said then: why, and what to do instead. */
  readonly nothingToDo: string
  readonly nothingToDoHint: string
}

/** What became of one input. */
export interface Outcome {
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
}

/** Runs the command over all files, going on after a bad one. The exit code is that of the first failure. */
export async function runTransform(
  list: FileList,
  transform: Transform,
  options: OutputOptions,
  io: Io,
): Promise<ExitCode> {
  const placeOf = await outputPlaces(list, options.output)
  const printer = resultPrinter(transform.verb, options, io)
  const outcomes: Outcome[] = []
  for (const file of list.files) {
    const outcome = await transformFile(file, placeOf, transform, options, io).catch((error: unknown) => {
      io.signal.throwIfAborted()
      return { input: file.path, status: 'failed', findings: [], error } satisfies Outcome
    })
    outcomes.push(outcome)
    printer.print(outcome)
  }
  printer.end()
  return exitCodeOf(outcomes)
}

function exitCodeOf(outcomes: readonly Outcome[]): ExitCode {
  const failed = outcomes.find(({ status }) => status === 'failed')
  if (failed) return failed.error instanceof SdtoolError ? failed.error.exitCode : EXIT.failed
  return outcomes.every(({ status }) => status === 'skipped') ? EXIT.unverified : EXIT.ok
}

type PlaceOf = (file: ListedFile, name: string) => string

async function transformFile(
  file: ListedFile,
  placeOf: PlaceOf,
  transform: Transform,
  options: OutputOptions,
  io: Io,
): Promise<Outcome> {
  return withModel(file.path, async (opened) => {
    const start = io.now().getTime()
    const { model } = opened
    if (model.tensors.size === 0) {
      throw refuse(
        'NO_TENSORS',
        `${file.path}: no tensors in this file`,
        'sdtool inspect shows what is in it.',
      )
    }
    const identity = await identifyFile(file.path, opened)
    const plan = await transform.plan(opened, identity)
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
    const sizes = { output, tensors: plan.table.tensors.size }
    if (options.dryRun) {
      return {
        ...common,
        ...sizes,
        status: 'planned',
        bytesAfter: plannedBytes(plan),
        findings: plan.findings,
      }
    }
    const written = await write(model, identity, plan, output, transform, options, io)
    const findings = [...plan.findings, ...castFindings(written, plan)]
    const seconds = (io.now().getTime() - start) / 1000
    return { ...common, ...sizes, status: 'written', bytesAfter: written.bytes, findings, seconds }
  })
}

async function identifyFile(path: string, { model, read }: OpenedModel): Promise<Identity> {
  const sidecar = await readSidecar(path)
  const hints = { fileName: basename(path), ...(sidecar === undefined ? {} : { sidecar }) }
  return identify(model, (tensor) => readValues(tensor, read), hints)
}

function nothingToDo({ nothingToDo, nothingToDoHint }: Transform): Finding {
  return { code: 'nothing-to-do', severity: 'warning', message: `${nothingToDo}. ${nothingToDoHint}` }
}

function plannedBytes({ table }: Plan): number {
  return [...table.tensors.values()].reduce((sum, tensor) => sum + tensorBytes(tensor), 0)
}

async function write(
  model: ModelFile,
  identity: Identity,
  plan: Plan,
  output: string,
  transform: Transform,
  options: OutputOptions,
  io: Io,
): Promise<WriteResult> {
  const operation = { ...options, verb: transform.verb, options: transform.recipeOptions }
  const metadata = await outputMetadata(model, identity, plan, output, operation, io)
  const progress = startProgress(basename(output), io, options.quiet || options.json)
  try {
    return await writeSafetensors({ tensors: plan.table.tensors, metadata }, output, {
      force: options.force,
      verify: options.verify,
      threads: io.threads,
      signal: io.signal,
      onProgress: progress.update,
    })
  } finally {
    progress.end()
  }
}

/** Rounding that destroyed values is said aloud, with the place and the way out. */
function castFindings({ casts }: WriteResult, { table }: Plan): Finding[] {
  const broken = [...casts].filter(([, { overflow }]) => overflow > 0)
  if (broken.length === 0) return []
  const values = broken.reduce((sum, [, { overflow }]) => sum + overflow, 0)
  const first = broken[0]![0]
  const dtype = table.tensors.get(first)?.dtype ?? 'the new type'
  return [
    {
      code: 'cast-overflow',
      severity: 'warning',
      message: `${plural(values, 'value')} in ${plural(broken.length, 'tensor')} (first ${quoted(first)}) became infinite in ${dtype}; use bf16, or keep that component in fp32`,
    },
  ]
}
