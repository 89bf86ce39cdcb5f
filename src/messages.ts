import { catalogue } from './system/language.ts'

export const messages = catalogue({
  overview:
    'Inspect, convert, prune, merge, extract and download Stable Diffusion model files, and render with them.',
  exitCodes: `Exit codes: 0 done, 1 failed, 2 wrong usage, 3 input refused (malformed, unsafe, unsupported),
4 not everything matched or nothing to do, 5 network, 130 interrupted.`,
  nameCommand: 'Name a command, for example: sdtool inspect model.safetensors',
  completion: 'Print a completion script for bash or zsh',
  unknownCommand: (word: string) => `unknown command: ${word}`,
  incompleteCommand: (word: string, commands: string) => `${word} needs one more word: ${commands}`,
  didYouMean: (command: string) => `Did you mean ${command}? See sdtool --help.`,
  seeHelp: 'See sdtool --help.',
  seeHelpOf: (command: string) => `See sdtool ${command} --help.`,
  unknownOption: (option: string) => `unknown option: ${option}`,
  omitOption: (option: string, command: string) => `Leave ${option} out: sdtool ${command}`,
  switchTakesNoValue: (name: string) => `--${name} takes no value`,
  writeSwitchAlone: (name: string) => `Write --${name} alone.`,
  wrongUsage: 'wrong usage',
  brokenOutput: (reason: string) => `sdtool: the output cannot be written (${reason})`,
})
