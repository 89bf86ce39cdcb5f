/** What the argument parser says of a wrong command line, as one line that names the option and the next step. */
import { type SdtoolError, usage } from '../../system/errors.ts'
import { nearestNames } from '../../system/nearest.ts'

export interface CommandLine {
  /** "sdtool prune". */
  readonly program: string
  readonly argv: readonly string[]
  /** Names of all options and their short forms, without dashes. */
  readonly options: readonly string[]
}

interface Explained {
  readonly message: string
  readonly hint?: string
}

/** By the English texts of yargs 18, `locales/en.json`. What is not here is passed on as it is, in one line. */
const EXPLANATIONS: readonly {
  readonly said: RegExp
  explain(line: CommandLine, ...parts: string[]): Explained
}[] = [
  { said: /^Unknown (?:argument|command)s?: (.+)$/, explain: unknown },
  { said: /Argument: (\S+), Given: (.+?), Choices: (.+)$/, explain: notAChoice },
  { said: /^Not enough arguments following: (\S+)$/, explain: (_, name) => ({ message: `${dashed(name!)} needs a value` }) }, // biome-ignore format: a table
  { said: /^Missing required arguments?: (.+)$/, explain: (_, names) => ({ message: `${listed(names!)} is missing` }) }, // biome-ignore format: a table
  { said: /^Arguments (\S+) and (\S+) are mutually exclusive$/, explain: (_, a, b) => ({ message: `${dashed(a!)} and ${dashed(b!)} do not go together` }) }, // biome-ignore format: a table
  { said: /^Not enough non-option arguments: got (\d+), need at least (\d+)$/, explain: (_, got, need) => ({ message: need === '1' ? 'a name is needed' : `${need} names are needed, ${got} given` }) }, // biome-ignore format: a table
  { said: /^Too many non-option arguments: got (\d+), maximum of (\d+)$/, explain: (_, got, most) => ({ message: `at most ${most} names can be given, not ${got}` }) }, // biome-ignore format: a table
]

/** @returns the error to throw (exit 2) for what the parser said */
export function usageError(said: string, line: CommandLine): SdtoolError {
  const text = said.replace(/\s+/g, ' ').trim()
  for (const { said, explain } of EXPLANATIONS) {
    const parts = said.exec(text)
    if (parts) return withHelp(explain(line, ...parts.slice(1)), line)
  }
  return withHelp({ message: text }, line)
}

function withHelp({ message, hint }: Explained, { program }: CommandLine): SdtoolError {
  return usage(message, [hint, `See ${program} --help.`].filter(Boolean).join(' '))
}

function unknown({ argv, options }: CommandLine, names = ''): Explained {
  const first = names.split(', ')[0]!
  if (argv.includes(first)) return { message: `there is no use for ${first} here` }
  const long = options.filter((name) => name.length > 1)
  const nearest = first.length > 1 ? nearestNames(first, long, 1).map(dashed) : []
  const hint = nearest.length > 0 ? { hint: `Did you mean ${nearest[0]}?` } : {}
  return { message: `there is no option ${dashed(first)}`, ...hint }
}

function notAChoice(_: CommandLine, name = '', given = '', choices = ''): Explained {
  const plain = choices.replaceAll('"', '')
  if (given === 'true' || given === '""') return { message: `${dashed(name)} needs a value: ${plain}` }
  return { message: `${dashed(name)} ${given.replaceAll('"', '')}: no such choice`, hint: `Choices are ${plain}.` } // biome-ignore format: one line
}

function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`
}

function listed(names: string): string {
  return names.split(', ').map(dashed).join(', ')
}
