import { basename } from 'node:path'
import { type ModelFolders, resolveModel } from '../../library/resolve.ts'
import { readAny, withModels } from '../../library/session.ts'
import { diffTensors, isSame } from '../../model/diff/diff.ts'
import { withEmaWeights } from '../../model/diff/ema.ts'
import { diffFindings } from '../../model/diff/findings.ts'
import { diffMetadata } from '../../model/diff/metadata.ts'
import type { DiffSide } from '../../model/diff/pairs.ts'
import { tally } from '../../model/diff/summary.ts'
import { warning } from '../../model/finding.ts'
import type { InputModel } from '../../operations/operation.ts'
import { inputModels } from '../../operations/run.ts'
import { envelope, printResults } from '../../report/document/envelope.ts'
import { painter } from '../../report/text/text.ts'
import { checkOutput } from '../../system/atomic.ts'
import { defined } from '../../system/defined.ts'
import { EXIT, type ExitCode, type SdtoolError, unverified, usage } from '../../system/errors.ts'
import type { FileRef } from '../../system/file-ref.ts'
import { writeNewFile } from '../../system/new-file.ts'
import { printable } from '../../system/text.ts'
import { startProgress, type World } from '../../system/world.ts'
import type { ReadInto } from '../../tensor/values/expr.ts'
import type { Finding } from '../../tensor/values/table.ts'
import type { Arguments, Command } from '../command.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import type { CommonOptions } from '../shared/options.ts'
import { commonOptions, filledText, flag, text, withCommonOptions } from '../shared/options.ts'
import { diffJson } from './json.ts'
import { messages } from './messages.ts'
import { diffPage } from './page.ts'
import { heatMapOf, plotEncoder } from './plot.ts'
import type { DiffReport } from './report.ts'

interface DiffOptions extends CommonOptions {
  readonly files: readonly [a: string, b: string]
  readonly top: number
  readonly keys: boolean
  readonly ema: boolean
  readonly plot?: string
  readonly force: boolean
  readonly exitCode: boolean
}

const DEFAULT_TOP = 10

export const diffCommand: Command = {
  positionals: '[a] [b]',
  get examples() {
    return [
      ['$0 diff base.safetensors merged.safetensors', messages.exampleMerge],
      ['$0 diff base.ckpt merged.safetensors --plot diff.png', messages.examplePlot],
      ['$0 diff model-fp32.ckpt model-fp16.safetensors', messages.examplePrecision],
      ['$0 diff a.safetensors b.safetensors --exit-code -q', messages.exampleScript],
    ] as const
  },
  options: (yargs) =>
    withModelFolders(withCommonOptions(yargs))
      .positional('a', { type: 'string', describe: messages.aArgument })
      .positional('b', { type: 'string', describe: messages.bArgument })
      .option('top', {
        type: 'string',
        describe: messages.topOption,
        defaultDescription: `${DEFAULT_TOP}`,
      })
      .option('keys', { type: 'boolean', describe: messages.keysOption })
      .option('ema', {
        type: 'boolean',
        describe: messages.emaOption,
      })
      .option('plot', {
        type: 'string',
        alias: 'o',
        describe: messages.plotOption,
      })
      .option('force', { type: 'boolean', describe: messages.forceOption })
      .option('exit-code', {
        type: 'boolean',
        describe: messages.exitCodeOption,
      }),
  run: (args, world) => runDiff(diffOptions(args), modelFolders(args, world), world),
}

function diffOptions(args: Arguments): DiffOptions {
  const plot = filledText(args, 'plot')
  if (plot !== undefined) plotEncoder(plot)
  return {
    ...commonOptions(args),
    files: twoFiles(args),
    top: topCount(args),
    keys: flag(args, 'keys'),
    ema: flag(args, 'ema'),
    ...defined({ plot }),
    force: flag(args, 'force'),
    exitCode: flag(args, 'exitCode'),
  }
}

function twoFiles(args: Arguments): [string, string] {
  // behind `--` names may start with a dash; yargs leaves those in `_`
  const files = [args.a, args.b, ...((args._ as unknown[] | undefined) ?? [])]
    .filter((file) => file !== undefined)
    .map(String)
  const [a, b] = files
  if (a === undefined || b === undefined || files.length > 2) {
    throw usage(messages.twoFiles(files.length), messages.exampleHint)
  }
  if (a === '' || b === '') throw usage(messages.emptyFileName)
  return [a, b]
}

/** @throws USAGE (exit 2) */
function topCount(args: Arguments): number {
  const value = text(args, 'top') ?? String(DEFAULT_TOP)
  if (!/^\d{1,6}$/.test(value)) throw usage(messages.badTop(value))
  return Number(value)
}

async function runDiff(options: DiffOptions, folders: ModelFolders, world: World): Promise<ExitCode> {
  const [pathA, pathB] = [
    await resolveModel(options.files[0], 'any', folders),
    await resolveModel(options.files[1], 'any', folders),
  ]
  const paths = [pathA, pathB]
  return withModels(paths, world, async (opened) => {
    const [a, b] = (await inputModels(paths, opened)) as [InputModel, InputModel]
    const inputs = [a.file.file, b.file.file]
    await checkPlot(options, inputs)
    if (options.ema && !a.identity.ema && !b.identity.ema) throw noEma()
    const report = await compare(a, b, readAny(opened), options, world)
    const plotted = await plot(report, options, inputs)
    printReport(plotted, options, world)
    return exitCodeFor(plotted, options)
  })
}

function noEma(): SdtoolError {
  return unverified('EMA_MISSING', messages.noEma, messages.omitEma)
}

/** Size of a picture, more than enough. */
const PLOT_BYTES = 1_000_000

/** Before gigabytes are read. */
async function checkPlot({ plot, force }: DiffOptions, inputs: readonly FileRef[]): Promise<void> {
  if (plot !== undefined) await checkOutput(plot, { force, bytes: PLOT_BYTES, inputs })
}

/** @param read reads either file: an expression says which one it wants */
async function compare(
  a: InputModel,
  b: InputModel,
  read: ReadInto,
  options: DiffOptions,
  world: World,
): Promise<DiffReport> {
  const [sideA, sideB] = [sideOf(a, options), sideOf(b, options)]
  const progress = startProgress(world, messages.comparing(basename(a.name), basename(b.name)))
  try {
    const input = { read, signal: world.signal, onProgress: progress.update }
    const tensors = await diffTensors(sideA, sideB, input)
    return {
      a,
      b,
      ema: options.ema,
      tensors,
      total: tally(tensors),
      metadata: diffMetadata(a.file.metadata, b.file.metadata),
      findings: diffFindings(sideA, sideB, tensors),
    }
  } finally {
    progress.end()
  }
}

function sideOf({ file, identity }: InputModel, { ema }: DiffOptions): DiffSide {
  const side = { table: file, identity }
  return ema ? withEmaWeights(side) : side
}

function nothingToPlot(): Finding {
  return warning('nothing-to-plot', messages.nothingToPlot)
}

async function plot(
  report: DiffReport,
  { plot, force }: DiffOptions,
  inputs: readonly FileRef[],
): Promise<DiffReport> {
  if (plot === undefined) return report
  const map = heatMapOf(report.tensors, `${shortName(report.a)} -> ${shortName(report.b)}`)
  if (!map) return { ...report, findings: [...report.findings, nothingToPlot()] }
  const data = plotEncoder(plot)(map)
  await writeNewFile(plot, data, { force, inputs })
  return { ...report, plot }
}

/** A title has room for so much of a file name. */
const MAX_TITLE_NAME = 60

function shortName({ name }: InputModel): string {
  return printable(basename(name), MAX_TITLE_NAME)
}

function printReport(report: DiffReport, options: DiffOptions, world: World): void {
  const page = { top: options.top, all: options.keys || options.verbose }
  printResults(
    envelope('diff', { results: [diffJson(report)] }, world),
    () => diffPage(report, page, painter(world.stdout, world.env)),
    options,
    world,
  )
}

function exitCodeFor({ tensors, plot }: DiffReport, options: DiffOptions): ExitCode {
  const differs = options.exitCode && !tensors.every(isSame)
  const missesPlot = options.plot !== undefined && plot === undefined
  return differs || missesPlot ? EXIT.unverified : EXIT.ok
}
