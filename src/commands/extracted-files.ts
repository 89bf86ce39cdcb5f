/** The last step of commands that make several files of one: write each, and say what became of it. */
import { basename, extname } from 'node:path'
import type { Identity } from '../model/identity.ts'
import { resolutionOf } from '../model/modelspec-facts.ts'
import type { JsonValue } from '../model/recipe.ts'
import { derivedMetadata } from '../operations/output/metadata.ts'
import type { OutputOptions } from '../operations/output/options.ts'
import { outputPlaces } from '../operations/output/place.ts'
import {
  type PlannedFile,
  type RehearsedFile,
  rehearseFile,
  type WrittenFile,
  writePlannedFile,
} from '../operations/output/write-file.ts'
import { formatBytes, type Paint, painter, plural } from '../report/text.ts'
import type { Io } from '../system/world.ts'
import type { Container } from '../tensor/container.ts'
import type { Finding, ModelFile, TensorTable } from '../tensor/table.ts'
import { printable } from '../tensor/text.ts'
import { findingLines } from './findings-text.ts'
import { toJson } from './inspect-json.ts'

/** One file to be made. */
export interface ExtractedFile {
  readonly fileName: string
  readonly table: TensorTable
  readonly container?: Container
  /** What it is, for people: "neg: 2 vectors for one text encoder, bundled". */
  readonly what: string
  /** The same for programs. */
  readonly facts: Readonly<Record<string, JsonValue>>
  readonly findings: readonly Finding[]
  /** Value for `modelspec.architecture`. */
  readonly architecture?: string | undefined
  /** Options that make this file again, and none of the others. */
  readonly recipeOptions?: Extracting['recipeOptions']
}

export interface Extracting {
  readonly verb: string
  /** What it is made from, the file itself first. */
  readonly models: readonly ModelFile[]
  readonly title: string
  readonly identity?: Identity
  readonly recipeOptions: Readonly<Record<string, JsonValue | undefined>>
  /** Endings that `-o` may have. */
  readonly endings?: readonly string[]
}

type Made = (RehearsedFile | WrittenFile) & Pick<ExtractedFile, 'what' | 'facts'>

/** Writes the files beside their source, or where `-o` says, and prints what was done. */
export async function writeExtracted(
  input: string,
  files: readonly ExtractedFile[],
  extracting: Extracting,
  output: OutputOptions,
  io: Io,
): Promise<void> {
  const listed = files.map(({ fileName }) => ({ path: input, relative: fileName }))
  const placeOf = await outputPlaces({ files: listed, walked: false }, output.output, extracting.endings)
  const places = files.map(({ fileName }, i) => placeOf(listed[i]!, fileName))
  const jobs = files.map((file, i) => plannedFile(file, places[i]!, extracting, output, io))
  // what speaks against one of them is said before any is written
  const rehearsed: RehearsedFile[] = []
  for (const job of jobs) rehearsed.push(await rehearseFile(job, output))
  const made: Made[] = []
  for (const [i, job] of jobs.entries()) {
    const { what, facts } = files[i]!
    const result = output.dryRun ? rehearsed[i]! : (await writePlannedFile(job, output, io)).file
    made.push({ ...result, what, facts })
  }
  print(input, made, extracting, output, io)
}

function plannedFile(
  { table, container, findings, architecture, recipeOptions: own }: ExtractedFile,
  target: string,
  { verb, models, identity, recipeOptions }: Extracting,
  output: OutputOptions,
  io: Io,
): PlannedFile {
  const operation = { ...output, verb, options: { ...recipeOptions, ...own } }
  const resolution = identity && resolutionOf(identity)
  const facts = {
    title: basename(target, extname(target)),
    ...(architecture === undefined ? {} : { architecture }),
    ...(resolution === undefined ? {} : { resolution }),
  }
  return {
    plan: { table, steps: [], findings },
    output: target,
    inputs: models.map(({ file }) => file),
    ...(container && { container }),
    metadata: () => derivedMetadata(models, table.metadata, facts, operation, io),
  }
}

function print(
  input: string,
  made: readonly Made[],
  { verb, title }: Extracting,
  output: OutputOptions,
  io: Io,
): void {
  const results = made.map(({ what, facts, ...file }) => ({ input, ...facts, ...file }))
  if (output.json) {
    io.stdout.write(`${toJson({ command: verb, dryRun: output.dryRun, results })}\n`)
    return
  }
  const paint = painter(io.stdout, io.env)
  const lines = made.flatMap(({ what, facts, ...file }) => [
    `  ${printable(what, 300)}`,
    ...findingLines(file.findings, paint),
    madeLine(file, paint),
  ])
  io.stdout.write(
    `${[`${paint('bold', printable(input, 300))}: ${printable(title)}`, ...lines].join('\n')}\n`,
  )
}

/** What was written, or would be: of a file that is made anew, its own size says all. */
export function madeLine(
  { output = '', bytesAfter = 0, tensors = 0, seconds }: Partial<Omit<WrittenFile, 'status'>>,
  paint: Paint,
): string {
  const what = `${printable(output, 300)}: ${formatBytes(bytesAfter)}, ${plural(tensors, 'tensor')}`
  if (seconds === undefined) return `  would write ${what}`
  return `  ${paint('green', 'wrote')} ${what}, ${seconds.toFixed(1)} s`
}
