import { existsSync } from 'node:fs'
import { EXIT, type ExitCode, SdtoolError, usage } from '../errors.ts'
import { describe } from '../report/error.ts'
import type { Io } from '../report/io.ts'
import { painter } from '../report/text.ts'
import type { Tensor } from '../tensor/table.ts'
import type { Arguments, Command } from './command.ts'
import { listFiles } from './files.ts'
import { globMatcher } from './glob.ts'
import { inspectionJson, refusalJson, toJson } from './inspect-json.ts'
import {
  briefLine,
  briefRefusal,
  inspectionPage,
  keyTable,
  metadataText,
  refusalPage,
} from './inspect-page.ts'
import { type Inspection, inspectFile, type Refusal } from './inspection.ts'
import { type CommonOptions, commonOptions, flag, text, withCommonOptions } from './options.ts'

interface InspectOptions extends CommonOptions {
  readonly files: readonly string[]
  /** Pattern; empty for all keys. */
  readonly keys?: string
  /** Key; empty for all metadata. */
  readonly metadata?: string
  readonly hashes: boolean
  readonly scan: boolean
  readonly brief?: boolean
}

export const inspectCommand: Command = {
  positionals: '[files..]',
  examples: [
    ['$0 inspect model.ckpt', 'What it is, what is in it, what could be saved'],
    ['$0 inspect lora.safetensors --metadata', 'All metadata of a LoRA'],
    ['$0 inspect model.safetensors --keys "*attn2.to_k*" --json', 'Names, types and shapes for a program'],
    ['$0 inspect models/ --brief', 'One line for each model file in a folder'],
  ],
  options: (yargs) =>
    withCommonOptions(yargs)
      .positional('files', { type: 'string', array: true, describe: 'Model files or folders' })
      .option('keys', {
        type: 'string',
        describe: 'List the tensors, all or those that match: --keys="*vae*"',
      })
      .option('metadata', {
        type: 'string',
        describe: 'Print all metadata, or one key: --metadata=ss_tag_frequency',
      })
      .option('hashes', {
        type: 'boolean',
        describe: 'SHA-256, AutoV1/V2/V3, CRC32, BLAKE3 (reads the file)',
      })
      .option('scan', {
        type: 'boolean',
        describe: 'Look at all values for NaN, Inf and fp16 limits (reads the file)',
      })
      .option('brief', { type: 'boolean', describe: 'One line for each file (default for folders)' }),
  run: (args, io) => runInspect(inspectOptions(args), io),
}

function inspectOptions(args: Arguments): InspectOptions {
  const files = [...((args.files as string[] | undefined) ?? [])]
  const keys = optionalText(args, 'keys', files)
  const metadata = optionalText(args, 'metadata', files)
  return {
    ...commonOptions(args),
    files,
    ...(keys === undefined ? {} : { keys }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(args.brief === undefined ? {} : { brief: args.brief === true }),
    hashes: flag(args, 'hashes'),
    scan: flag(args, 'scan'),
  }
}

/** `--keys model.ckpt` means the file, not a pattern: a value that exists on disk while no file was named. */
function optionalText(args: Arguments, name: string, files: string[]): string | undefined {
  const value = text(args, name)
  if (value === undefined || files.length > 0 || !existsSync(value)) return value
  files.push(value)
  return ''
}

async function runInspect(options: InspectOptions, io: Io): Promise<ExitCode> {
  const { files, walked } = await listFiles(options.files)
  const printer = options.json ? jsonPrinter(options, io) : textPrinter(options, options.brief ?? walked, io)
  let exitCode: ExitCode = EXIT.ok
  for (const { path } of files) {
    const result = await inspectFile(path, options, io)
    if ('error' in result && exitCode === EXIT.ok) exitCode = exitCodeOf(result)
    printer.print(result)
  }
  printer.end(files.length > 1 || walked)
  return exitCode
}

function exitCodeOf({ error }: Refusal): ExitCode {
  return error instanceof SdtoolError ? error.exitCode : EXIT.failed
}

interface Printer {
  print(result: Inspection | Refusal): void
  end(several: boolean): void
}

function jsonPrinter(options: InspectOptions, io: Io): Printer {
  const documents: object[] = []
  return {
    print(result) {
      documents.push(
        'error' in result ? refusalJson(result) : inspectionJson(result, keysOf(result, options)),
      )
      if ('error' in result) io.stderr.write(`sdtool: ${describe(result.error).message}\n`)
    },
    end(several) {
      io.stdout.write(`${toJson(several ? documents : documents[0])}\n`)
    },
  }
}

function textPrinter(options: InspectOptions, brief: boolean, io: Io): Printer {
  const paint = painter(io.stdout, io.env)
  let first = true
  return {
    print(result) {
      if (!first && !brief) io.stdout.write('\n')
      first = false
      if ('error' in result) {
        io.stdout.write(brief ? `${briefRefusal(result, paint)}\n` : refusalPage(result, paint))
        io.stderr.write(`sdtool: ${describe(result.error).message}\n`)
        return
      }
      io.stdout.write(brief ? `${briefLine(result, paint)}\n` : pageOf(result, options, paint))
    },
    end() {},
  }
}

function pageOf(result: Inspection, options: InspectOptions, paint: ReturnType<typeof painter>): string {
  const keys = keysOf(result, options)
  if (keys) return `${keyTable(keys)}\n`
  if (options.metadata !== undefined) return metadataOf(result, options.metadata)
  return inspectionPage(result, paint)
}

function keysOf({ model }: Inspection, { keys }: InspectOptions): Tensor[] | undefined {
  if (keys === undefined) return undefined
  const matches = keys === '' ? () => true : globMatcher(keys)
  return [...model.tensors.values()].filter(({ name }) => matches(name))
}

/** One key is printed as it is, for programs; only a terminal needs protection, and `--metadata` alone gives it. */
function metadataOf({ model, path }: Inspection, key: string): string {
  if (key === '') return metadataText(model.metadata, path)
  const value = Object.hasOwn(model.metadata, key) ? model.metadata[key] : undefined
  if (value === undefined) throw usage(`${path} has no metadata key ${key}`, 'See all keys with --metadata.')
  return `${value}\n`
}
