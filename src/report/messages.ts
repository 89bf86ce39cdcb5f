import { catalogue } from '../system/language.ts'

export const messages = catalogue({
  bytes: (count: number) => `${count} ${count === 1 ? 'byte' : 'bytes'}`,
  infiniteChange: 'infinite',
  amountOf: (done: string, total: string) => `${done} of ${total}`,
  timeLeft: (duration: string) => `${duration} left`,
  stepOf: (done: number, total: number) => `step ${done} of ${total}`,
  secondsPerStep: (seconds: string) => `${seconds} s per step`,

  allBlocks: 'all',
  unchanged: 'no change',
  incomparable: 'not comparable',
  imagesReduced: (divisor: number) => `Images are shown at 1/${divisor} of their size.`,

  doesNotExist: (path: string) => `${path} does not exist`,
  permissionDenied: (path: string) => `${path} cannot be read (permission denied)`,
  notPermitted: (path: string) => `${path} cannot be read (operation not permitted)`,
  isFolder: (path: string) => `${path} is a folder`,
  notAFolder: (path: string) => `${path} is not a folder`,
  brokenLink: (path: string) => `${path} is a link that leads nowhere`,
  diskError: (path: string) => `${path} cannot be read: the disk reports an error`,
  interrupted: 'interrupted; no partial files were left behind',
  unexpectedError: (message: string) => `unexpected error: ${message}`,
  reportError: 'Run again with --verbose and report what it prints.',
  errorLine: (message: string) => `sdtool: ${message}`,

  seeHelp: (program: string) => `See ${program} --help.`,
  didYouMean: (option: string) => `Did you mean ${option}?`,
  optionNeedsValue: (option: string) => `${option} needs a value`,
  optionNeedsChoice: (option: string, choices: string) => `${option} needs a value: ${choices}`,
  missingOptions: (options: readonly string[]) =>
    `${options.join(', ')} ${options.length === 1 ? 'is' : 'are'} missing`,
  cannotBeCombined: (one: string, other: string) => `${one} and ${other} cannot be combined`,
  tooFewNames: (given: string, needed: string) =>
    needed === '1' ? 'a name is required' : `${needed} names are required, but only ${given} given`,
  tooManyNames: (given: string, most: string) => `at most ${most} names are allowed, but ${given} were given`,
  unexpectedArgument: (word: string) => `unexpected argument: ${word}`,
  unknownOption: (option: string) => `unknown option: ${option}`,
  invalidChoice: (option: string, value: string) => `${option} ${value}: not a valid choice`,
  validChoices: (choices: string) => `Choices are ${choices}.`,
})
