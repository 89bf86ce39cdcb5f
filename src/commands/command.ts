import type { Argv } from 'yargs'
import type { ExitCode } from '../system/errors.ts'
import type { World } from '../system/world.ts'

/** Parsed options of any command. */
export type Arguments = Readonly<Record<string, unknown>>

/** One command. Its module is loaded only when it is called. */
export interface Command {
  /** yargs positionals behind the name: `<file..>`; '' for none. */
  readonly positionals: string
  /** Two or three example command lines, with what they do: a getter, as texts are read in the language of the call. */
  readonly examples: readonly (readonly [command: string, description: string])[]
  options(yargs: Argv): Argv
  run(args: Arguments, world: World): Promise<ExitCode>
}

/** What `--help` shows of a command before its module is loaded. */
export interface CommandEntry {
  readonly name: string
  readonly describe: string
  load(): Promise<Command>
}
