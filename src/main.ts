import type { Argv } from 'yargs'
import type { Arguments, Command, CommandEntry } from './commands/command.ts'
import { COMMANDS } from './commands/registry.ts'
import { messages } from './messages.ts'
import { showingProgress } from './report/progress/progress.ts'
import { reportError } from './report/terminal/error.ts'
import { safeWorld } from './report/terminal/safe-output.ts'
import { usageError } from './report/terminal/usage.ts'
import { EXIT, type ExitCode, usage } from './system/errors.ts'
import { nearestNames } from './system/nearest.ts'
import { checkSpelling } from './system/spelling.ts'
import type { World } from './system/world.ts'

/** Widest help text; narrower terminals are respected. */
const MAX_WIDTH = 110

/** Runs one command line. Prints to `world` only, never throws, returns the exit code. */
export async function main(argv: readonly string[], outside: World): Promise<ExitCode> {
  const world = safeWorld(outside)
  const style = {
    command: calledCommand(argv)?.name ?? null,
    json: asks(argv, 'json'),
    verbose: asks(argv, 'verbose'),
  }
  try {
    if (argv[0] === '--version') return printed(world, `${world.version}\n`)
    checkSpelling(world)
    return await run(argv, world)
  } catch (error) {
    return reportError(error, world, style)
  }
}

/** Known before the line is parsed: it may not be one that can be. */
function asks(argv: readonly string[], name: string): boolean {
  return beforeRest(argv).some((word) => word === `--${name}` || word === `--${name}=true`)
}

function printed(world: World, text: string): ExitCode {
  world.stdout.write(text)
  return EXIT.ok
}

async function run(argv: readonly string[], world: World): Promise<ExitCode> {
  const called = calledCommand(argv)
  if (called) return runCommand(await called.load(), called, argv.slice(wordsOf(called).length), world)
  checkIsCommand(argv[0])
  return overview(argv, world)
}

/** `extract lora` before `extract`: the longest name that the line begins with. */
function calledCommand(argv: readonly string[]): CommandEntry | undefined {
  return COMMANDS.filter((entry) => wordsOf(entry).every((word, i) => word === argv[i])).toSorted(
    (a, b) => wordsOf(b).length - wordsOf(a).length,
  )[0]
}

function wordsOf({ name }: CommandEntry): string[] {
  return name.split(' ')
}

/** Words of the parser itself. */
const BUILT_IN: readonly string[] = ['completion', 'help']

/** @throws USAGE (exit 2) for a word that is not a command, with the most similar one */
function checkIsCommand(word: string | undefined): void {
  if (word === undefined || word.startsWith('-') || BUILT_IN.includes(word)) return
  const members = COMMANDS.map(({ name }) => name).filter((name) => name.startsWith(`${word} `))
  if (members.length > 0)
    throw usage(messages.incompleteCommand(word, members.join(', ')), messages.seeHelpOf(members[0]!))
  const names = [...COMMANDS.map(({ name }) => name), 'completion']
  const [nearest] = nearestNames(word, names, 1)
  const hint = nearest === undefined ? messages.seeHelp : messages.didYouMean(nearest)
  throw usage(messages.unknownCommand(word), hint)
}

/**
 * A command is a program of its own. As a subcommand yargs would lay out its whole help text before each run, in
 * case it fails (30 ms).
 */
async function runCommand(
  command: Command,
  { name, describe }: CommandEntry,
  argv: readonly string[],
  world: World,
): Promise<ExitCode> {
  checkPositionals(command, name, argv)
  let known: KnownOptions = { names: [], switches: [] }
  const failed = (said: string) => usageError(said, { program: `sdtool ${name}`, argv, options: known.names })
  const program = await baseProgram(argv, world, failed)
  const words = (...parts: string[]) => parts.filter((part) => part !== '').join(' ')
  program
    .usage(`${words('$0', name, command.positionals, '[options]')}\n\n${describe}`)
    .command(words('$0', command.positionals), false, (sub) => {
      const declared = commandOptions(sub, command)
      known = knownOptions(declared)
      return declared
    })
  const { args, output } = await parse(program, argv)
  checkSwitches(known, argv)
  if (output) return printed(world, `${output}\n`)
  return command.run(args, showingProgress(world, args.quiet === true || args.json === true))
}

/**
 * The parser takes `--files a` for `a`, but letter by letter where several files may stand: `/` would be walked.
 * @throws USAGE (exit 2) for a positional that is written like an option
 */
function checkPositionals({ positionals }: Command, name: string, argv: readonly string[]): void {
  const positions: readonly string[] = positionals.match(/\w+/g) ?? []
  for (const arg of beforeRest(argv)) {
    const [dashes, positional] = /^-(?:-(?:no-)?)?(\w+)/.exec(arg) ?? []
    if (positional === undefined || !positions.includes(positional)) continue
    throw usage(messages.unknownOption(dashes!), messages.omitOption(dashes!, `${name} ${positionals}`))
  }
}

/** What may be an option: behind `--` nothing is. */
function beforeRest(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--')
  return argv.slice(0, end < 0 ? undefined : end)
}

/** Help and completion. */
async function overview(argv: readonly string[], world: World): Promise<ExitCode> {
  const failed = (said: string) => usageError(said, { program: 'sdtool', argv, options: [] })
  const program = await baseProgram(argv, world, failed)
  program
    .usage(`$0 <command> [options]\n\n${messages.overview}`)
    .demandCommand(1, messages.nameCommand)
    .completion('completion', messages.completion, completions)
    .epilogue(messages.exitCodes)
  // only completion asks for the options of a command here
  const completed = argv[0] === '--get-yargs-completions' ? argv : []
  for (const { name, describe, load } of COMMANDS) {
    const command = completed.includes(name) ? await load() : undefined
    program.command(name, describe, (sub) => (command ? commandOptions(sub, command) : sub))
  }
  const { output } = await parse(program, argv)
  return printed(world, output && `${output}\n`)
}

/** yargs would offer short forms with two dashes, as `--q`, which nothing understands. */
function completions(
  _current: string,
  _args: unknown,
  byDefault: (done: (error: Error | null, all: string[] | undefined) => void) => void,
  done: (all: string[]) => void,
): void {
  byDefault((_error, all) => done((all ?? []).filter((word) => !/^--\w(?![\w-])/.test(word))))
}

/** The options of a command, as the parser knows them. */
interface KnownOptions {
  readonly names: readonly string[]
  readonly switches: readonly string[]
}

/** Only while the options are being declared: the parser forgets them when it has run. */
function knownOptions(program: Argv): KnownOptions {
  const { key, boolean } = (program as Argv & { getOptions(): ParserOptions }).getOptions()
  return { names: Object.keys(key), switches: [...boolean] }
}

/** What the types of yargs leave out. */
interface ParserOptions {
  readonly key: Readonly<Record<string, unknown>>
  readonly boolean: readonly string[]
}

/** @throws USAGE (exit 2) for `--dry-run=yes`, which the parser would take for `--dry-run=false` and write files */
function checkSwitches({ switches }: KnownOptions, argv: readonly string[]): void {
  for (const arg of beforeRest(argv)) {
    const [, name, value] = /^--([\w-]+)=(.*)$/s.exec(arg) ?? []
    if (name === undefined || !switches.includes(name)) continue
    if (value !== 'true' && value !== 'false')
      throw usage(messages.switchTakesNoValue(name), messages.writeSwitchAlone(name))
  }
}

async function parse(program: Argv, argv: readonly string[]): Promise<{ args: Arguments; output: string }> {
  let output = ''
  const args = await program.parseAsync([...argv], {}, (_error, _args, text) => {
    output = text
  })
  return { args, output }
}

async function baseProgram(
  argv: readonly string[],
  world: World,
  failed: (said: string) => Error,
): Promise<Argv> {
  const { default: yargs } = await import('yargs')
  return yargs([...argv])
    .scriptName('sdtool')
    .detectLocale(false)
    .locale('en')
    .version(world.version)
    .help()
    .alias('help', 'h')
    .strict()
    .showHelpOnFail(false)
    .exitProcess(false)
    .wrap(Math.min(world.stdout.columns || MAX_WIDTH, MAX_WIDTH))
    .fail((message: string | null, error: Error | undefined) => {
      throw error ?? failed(message ?? messages.wrongUsage)
    })
}

function commandOptions(sub: Argv, command: Command): Argv {
  const withOptions = command.options(sub)
  for (const [line, description] of command.examples) withOptions.example(line, description)
  return withOptions
}
