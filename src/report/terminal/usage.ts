/** Errors of the argument parser, as one line that names the option and the next step. */
import { type SdtoolError, usage } from '../../system/errors.ts'
import { nearestNames } from '../../system/nearest.ts'
import { messages } from '../messages.ts'

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
  { said: /^Not enough arguments following: (\S+)$/, explain: (_, name) => ({ message: messages.optionNeedsValue(dashed(name!)) }) }, // biome-ignore format: a table
  { said: /^Missing required arguments?: (.+)$/, explain: (_, names) => ({ message: messages.missingOptions(names!.split(', ').map(dashed)) }) }, // biome-ignore format: a table
  { said: /^Arguments (\S+) and (\S+) are mutually exclusive$/, explain: (_, a, b) => ({ message: messages.cannotBeCombined(dashed(a!), dashed(b!)) }) }, // biome-ignore format: a table
  { said: /^Not enough non-option arguments: got (\d+), need at least (\d+)$/, explain: (_, got, need) => ({ message: messages.tooFewNames(got!, need!) }) }, // biome-ignore format: a table
  { said: /^Too many non-option arguments: got (\d+), maximum of (\d+)$/, explain: (_, got, most) => ({ message: messages.tooManyNames(got!, most!) }) }, // biome-ignore format: a table
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
  return usage(message, [hint, messages.seeHelp(program)].filter(Boolean).join(' '))
}

function unknown({ argv, options }: CommandLine, names = ''): Explained {
  const first = names.split(', ')[0]!
  if (argv.includes(first)) return { message: messages.unexpectedArgument(first) }
  const long = options.filter((name) => name.length > 1)
  const nearest = first.length > 1 ? nearestNames(first, long, 1).map(dashed) : []
  const hint = nearest.length > 0 ? { hint: messages.didYouMean(nearest[0]!) } : {}
  return { message: messages.unknownOption(dashed(first)), ...hint }
}

function notAChoice(_: CommandLine, name = '', given = '', choices = ''): Explained {
  const plain = choices.replaceAll('"', '')
  if (given === 'true' || given === '""') return { message: messages.optionNeedsChoice(dashed(name), plain) }
  const message = messages.invalidChoice(dashed(name), given.replaceAll('"', ''))
  return { message, hint: messages.validChoices(plain) }
}

function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`
}
