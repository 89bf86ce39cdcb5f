import type { Argv } from 'yargs'
import type { Command } from './commands/command.ts'
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
  let exitCode: ExitCode = EXIT.ok
  const program = await baseProgram(argv, io)
  const byName = new Map(COMMANDS.map((entry) => [entry.name, entry]))
  const called = argv.map((word) => byName.get(word)).find((entry) => entry !== undefined)
  for (const { name, describe, load } of COMMANDS) {
    const command = name === called?.name ? await load() : undefined
    program.command(
      command ? `${name} ${command.positionals}` : name,
      describe,
      (sub) => (command ? commandOptions(sub, name, command) : sub),
      async (args) => {
        if (command) exitCode = await command.run(args, io)
      },
    )
  }
  let output = ''
  await program.parseAsync([...argv], {}, (_error, _args, text) => {
    output = text
  })
  if (output) io.stdout.write(`${output}\n`)
  return exitCode
}

async function baseProgram(argv: readonly string[], io: Io): Promise<Argv> {
  const { default: yargs } = await import('yargs')
  return yargs([...argv])
    .scriptName('sdtool')
    .usage('$0 <command> [options]\n\nInspect, clean and convert Stable Diffusion model files.')
    .detectLocale(false)
    .locale('en')
    .parserConfiguration({ 'duplicate-arguments-array': true, 'camel-case-expansion': true })
    .version(io.version)
    .help()
    .alias('help', 'h')
    .completion('completion', 'Print a completion script for bash or zsh')
    .strict()
    .demandCommand(1, 'Name a command, for example: sdtool inspect model.safetensors')
    .recommendCommands()
    .showHelpOnFail(false)
    .exitProcess(false)
    .epilogue(EPILOGUE)
    .wrap(Math.min(io.stdout.columns ?? MAX_WIDTH, MAX_WIDTH))
    .fail((message: string | null, error: Error | undefined) => {
      throw error ?? usage(message ?? 'wrong usage', 'Run with --help to see the commands and options.')
    })
}

function commandOptions(sub: Argv, name: string, command: Command): Argv {
  const withOptions = command.options(sub).usage(`$0 ${name} ${command.positionals} [options]`)
  for (const [line, description] of command.examples) withOptions.example(line, description)
  return withOptions
}
