import type { Argv } from 'yargs'
import type { ExitCode } from '../system/errors.ts'
import type { World } from '../system/world.ts'

/** Parsed options of any command. */
export type Arguments = Readonly<Record<string, unknown>>

/** One verb. Its module is loaded only when it is called. */
export interface Command {
  /** yargs positionals behind the name: `<file..>`; '' for none. */
  readonly positionals: string
  /** Two or three command lines a person would type, with what they do. */
  readonly examples: readonly (readonly [command: string, description: string])[]
  options(yargs: Argv): Argv
  run(args: Arguments, world: World): Promise<ExitCode>
}

/** What `--help` needs to know of a verb before its module is loaded. */
export interface CommandEntry {
  readonly name: string
  readonly describe: string
  load(): Promise<Command>
}
