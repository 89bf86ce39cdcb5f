import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  exampleFile: 'Rebuild it, and check that it is the same',
  exampleRecipe: 'From a recipe alone',
  exampleDryRun: 'Whether the inputs are there, and what would be done',
  fileArgument: 'File written by sdtool, or a JSON file with its recipe',
  epilogue:
    'A missing input is rebuilt first, if its own recipe is part of the recipe of the file and its inputs can be found.',
  nameOneFile: 'name one file',
  exampleHint: 'sdtool replay mix.safetensors',

  input: 'input',
  matchedBy: 'matched by',
  found: 'found',
  head: (path: string, operation: string, version: string, date: string) =>
    `${path}: ${operation} of sdtool ${version}, ${date}`,
  missingRebuilt: (operation: string) => `missing; rebuilt first: ${operation}`,

  exitCode: (operation: string, code: number) => `${operation} ended with exit code ${code}`,
  differs: (made: string, path: string) => `${made} is not the same as ${path}: its tensors differ`,
  seeDiff: (then: string, now: string) =>
    `sdtool diff shows where. The file was made by sdtool ${then}, this is ${now}.`,
  seeDiffAndEngine: (then: string, now: string, engineThen: string, engineNow: string) =>
    `sdtool diff shows where. The file was made by sdtool ${then}, this is ${now}. Its matrices were multiplied by ${engineThen}, these by ${engineNow}: on another processor, or with another version, the last bits may differ.`,
  identical: 'identical: every tensor is the same',
  identicalWithHash: (hash: string) => `identical: every tensor is the same, AutoV3 ${hash}`,
  notIdentical: 'not identical',
  notIdenticalWithHash: (hash: string) => `not identical: AutoV3 ${hash}`,
  nothingToCompare: 'there is no file to compare it with',
  nothingToCompareHash: (hash: string) => `AutoV3 ${hash}; there is no file to compare it with`,

  notRebuilt: (reason: string) =>
    `Name the folder it is in with --models. It cannot be rebuilt, either: ${reason}.`,
  rebuilding: (name: string, operation: string, inputs: string) =>
    `${name} is missing: rebuilding it (${operation} of ${inputs})`,
  rebuiltDiffers: (operation: string, name: string) =>
    `what ${operation} makes from the inputs of ${name} is not the file that the recipe names`,
  findOriginal: 'It may have been made by another version, or on another processor. Find the file itself.',

  newCompanion: (companion: string, path: string) =>
    `${companion} is now next to ${path}, but the recipe does not mention it`,
  missingCompanion: (companion: string, path: string) =>
    `${path} was used with the ${companion} next to it, which is missing`,
  otherCompanion: (companion: string, path: string, sha256: string) =>
    `the ${companion} next to ${path} is not the one of the recipe (SHA-256 ${sha256}...)`,
  restoreCompanion: 'It decides the strength of the adapter. Restore the original one.',
  sha256: (digits: string) => `SHA-256 ${digits}...`,
  autoV1: (digits: string) => `AutoV1 ${digits}`,
  noHash: 'no hash',
  inputWithoutHash: (name: string) => `the recipe has no hash of ${name}, so nothing says which file it was`,
  otherInput: (path: string, name: string, bytes: number, hash: string) =>
    `${path} is not the ${name} of the recipe (${bytes} bytes, ${hash})`,
  nameOriginalFolder:
    'It was changed, or is another file of that name. Name the folder of the original with --models.',
  inputNotFound: (model: string, name: string, bytes: number, hash: string, folders: string) =>
    `${model} was made from ${name} (${bytes} bytes, ${hash}), which is not in ${folders}`,
  nameFolder: 'Name the folder it is in with --models.',
  nameFolderOrDownload: (hash: string) =>
    `Name the folder it is in with --models; if it is from Civitai, sdtool download hash:${hash} downloads it.`,
})
