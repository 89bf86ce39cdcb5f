import type { Argv } from 'yargs'
import type { OutputOptions } from '../../operations/output/options.ts'
import { defined } from '../../system/defined.ts'
import { usage } from '../../system/errors.ts'
import type { Arguments } from '../command.ts'
import { messages } from './messages.ts'

/** Options that every command has. */
export interface CommonOptions {
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose: boolean
}

/** Options of commands that write model files. */
export type WritingOptions = CommonOptions & OutputOptions

export function withCommonOptions(yargs: Argv): Argv {
  return yargs
    .option('json', { type: 'boolean', describe: messages.jsonOption })
    .option('quiet', {
      type: 'boolean',
      alias: 'q',
      describe: messages.quietOption,
    })
    .option('verbose', { type: 'boolean', describe: messages.verboseOption })
}

export function commonOptions(args: Arguments): CommonOptions {
  return { json: flag(args, 'json'), quiet: flag(args, 'quiet'), verbose: flag(args, 'verbose') }
}

export function withOutputOptions(yargs: Argv): Argv {
  return withCommonOptions(yargs)
    .option('output', { type: 'string', alias: 'o', describe: messages.outputOption })
    .option('force', { type: 'boolean', describe: messages.forceOption })
    .option('dry-run', { type: 'boolean', describe: messages.dryRunOption })
    .option('verify', { type: 'boolean', describe: messages.verifyOption })
    .option('sidecars', {
      type: 'boolean',
      describe: messages.copySidecarsOption,
    })
    .option('hash', { type: 'boolean', describe: messages.hashOption })
}

/** `--hash` of commands that make one model from several: only its inputs say what is in it. */
export function withInputHashes(yargs: Argv): Argv {
  return yargs.option('hash', {
    type: 'boolean',
    describe: messages.inputHashesOption,
    defaultDescription: 'true',
  })
}

/** The value of that `--hash`. */
export function hashesInputs(args: Arguments): boolean {
  return args.hash !== false
}

export function outputOptions(args: Arguments): WritingOptions {
  const output = filledText(args, 'output')
  return {
    ...commonOptions(args),
    ...defined({ output }),
    force: flag(args, 'force'),
    dryRun: flag(args, 'dryRun'),
    verify: flag(args, 'verify'),
    hash: flag(args, 'hash'),
    sidecars: flag(args, 'sidecars'),
  }
}

/** Of commands that compute weights: those are checked unless `--no-verify` is given. */
export function verification({ verify }: Arguments): OutputOptions['verify'] {
  return typeof verify === 'boolean' ? verify : 'patched'
}

/** The files of the command line, also those behind `--`, whose names may start with a dash. */
export function namedFiles(args: Arguments): string[] {
  return [...((args.files as string[] | undefined) ?? []), ...((args._ as string[] | undefined) ?? [])].map(
    String,
  )
}

export function flag(args: Arguments, name: string): boolean {
  return args[name] === true
}

/** @throws USAGE (exit 2) when a single-valued option was given twice */
export function text(args: Arguments, name: string): string | undefined {
  const value = args[name]
  if (value === undefined) return undefined
  if (Array.isArray(value)) throw usage(messages.optionRepeated(name, value.length), messages.giveOnce)
  return String(value)
}

/**
 * The same for options that make no sense empty: a script's unset variable must not pass for "not given".
 * @throws USAGE (exit 2)
 */
export function filledText(args: Arguments, name: string): string | undefined {
  const value = text(args, name)
  if (value === '') throw usage(messages.optionNeedsValue(name))
  return value
}

/** All values of an option that may be repeated. */
export function values(args: Arguments, name: string): string[] {
  const value = args[name]
  return (value === undefined ? [] : Array.isArray(value) ? value : [value]).map(String)
}

/** All values of an option that may be repeated or hold a list: `--keep vae,text --keep unet`. @throws USAGE (exit 2) for an empty item */
export function list(args: Arguments, name: string): string[] {
  const items = values(args, name).flatMap((item) => item.split(','))
  if (items.includes('')) throw usage(messages.optionNeedsValue(name))
  return items
}
