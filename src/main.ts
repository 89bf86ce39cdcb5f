import type { Argv } from 'yargs'
import type { Arguments, Command, CommandEntry } from './commands/command.ts'
import { COMMANDS } from './commands/registry.ts'
import { EXIT, type ExitCode, usage } from './errors.ts'
import { reportError } from './report/error.ts'
import type { Io } from './report/io.ts'

const EPILOGUE = `Exit codes: 0 done, 1 failed, 2 wrong usage, 3 input refused (malformed, unsafe, unsupported),
4 not everything matched or nothing to do, 5 network, 130 interrupted.`

/** Widest help text; narrower terminals are respected. */
const MAX_WIDTH = 110

/** Runs one command line. Prints to `io` only, never throws, returns the exit code. */
export async function main(argv: readonly string[], io: Io): Promise<ExitCode> {
  const style = { json: argv.includes('--json'), verbose: argv.includes('--verbose') }
  try {
    if (argv[0] === '--version') return printed(io, `${io.version}\n`)
    return await run(argv, io)
  } catch (error) {
    return reportError(error, io, style)
  }
}

function printed(io: Io, text: string): ExitCode {
  io.stdout.write(text)
  return EXIT.ok
}

async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  const called = COMMANDS.find(({ name }) => name === argv[0])
  return called ? runCommand(await called.load(), called, argv.slice(1), io) : overview(argv, io)
}

/**
 * A command is a program of its own. As a subcommand yargs would lay out its whole help text before each run, in
 * case it fails (30 ms).
 */
async function runCommand(
  command: Command,
  { name, describe }: CommandEntry,
  argv: readonly string[],
  io: Io,
): Promise<ExitCode> {
  const program = await baseProgram(argv, io)
  program
    .usage(`$0 ${name} ${command.positionals} [options]\n\n${describe}`)
    .command(`$0 ${command.positionals}`, false, (sub) => commandOptions(sub, command))
  const { args, output } = await parse(program, argv)
  return output ? printed(io, `${output}\n`) : command.run(args, io)
}

/** Help, completion, and what to say of a word that is no command. */
async function overview(argv: readonly string[], io: Io): Promise<ExitCode> {
  const program = await baseProgram(argv, io)
  program
    .usage('$0 <command> [options]\n\nInspect, clean and convert Stable Diffusion model files.')
    .demandCommand(1, 'Name a command, for example: sdtool inspect model.safetensors')
    .recommendCommands()
    .completion('completion', 'Print a completion script for bash or zsh')
    .epilogue(EPILOGUE)
  // only completion asks for the options of a command here
  const completed = argv[0] === '--get-yargs-completions' ? argv : []
  for (const { name, describe, load } of COMMANDS) {
    const command = completed.includes(name) ? await load() : undefined
    program.command(name, describe, (sub) => (command ? commandOptions(sub, command) : sub))
  }
  const { output } = await parse(program, argv)
  return printed(io, output && `${output}\n`)
}

async function parse(program: Argv, argv: readonly string[]): Promise<{ args: Arguments; output: string }> {
  let output = ''
  const args = await program.parseAsync([...argv], {}, (_error, _args, text) => {
    output = text
  })
  return { args, output }
}

async function baseProgram(argv: readonly string[], io: Io): Promise<Argv> {
  const { default: yargs } = await import('yargs')
  return yargs([...argv])
    .scriptName('sdtool')
    .detectLocale(false)
    .locale('en')
    .version(io.version)
    .help()
    .alias('help', 'h')
    .strict()
    .showHelpOnFail(false)
    .exitProcess(false)
    .wrap(Math.min(io.stdout.columns ?? MAX_WIDTH, MAX_WIDTH))
    .fail((message: string | null, error: Error | undefined) => {
      throw error ?? usage(message ?? 'wrong usage', 'Run with --help to see the commands and options.')
    })
}

function commandOptions(sub: Argv, command: Command): Argv {
  const withOptions = command.options(sub)
  for (const [line, description] of command.examples) withOptions.example(line, description)
  return withOptions
}
