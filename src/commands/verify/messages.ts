import { catalogue } from '../../system/language.ts'
import { plural } from '../../system/plural.ts'

export const messages = catalogue({
  exampleFile: 'Intact, without NaN, and with the hashes that files next to it state',
  exampleDeep: 'And are its weights what its recipe makes from its inputs?',
  exampleJson: 'Every model file in a folder, for a program',
  filesArgument: 'Model files or folders. Each file is read in full',
  deepOption: 'Rebuild each file from its recipe, temporarily next to it, and compare every tensor',

  check: 'check',
  result: 'result',
  what: 'what',

  noValues: 'there are none',
  unreadValues: (tensors: number, types: string) => `not checked: ${plural(tensors, 'tensor')} of ${types}`,
  finiteValues: (values: number) => `${values} values, all of them finite`,
  finiteAndUnread: (values: number, tensors: number, types: string) =>
    `${values} values, all of them finite; not checked: ${plural(tensors, 'tensor')} of ${types}`,

  incomplete: (component: string, wrong: number, expected: number) =>
    `${component}: ${wrong} of ${expected} tensors are missing or have another shape`,
  complete: (format: string, tensors: number, bytes: string, components: string) =>
    `${format}, ${plural(tensors, 'tensor')}, ${bytes}; complete: ${components}`,
  readable: (format: string, tensors: number, bytes: string) =>
    `${format}, ${plural(tensors, 'tensor')}, ${bytes}; readable, but there is no known model to compare its names and shapes with`,

  noChecksums: 'it states none',
  entriesWithout: (entries: number) => `${plural(entries, 'entry', 'entries')} without one`,
  checkedEntries: (entries: number) => `CRC-32 of ${plural(entries, 'entry', 'entries')}`,
  checkedAndWithout: (entries: number, without: number) =>
    `CRC-32 of ${plural(entries, 'entry', 'entries')}; ${plural(without, 'entry', 'entries')} without one`,

  noHash: 'no file next to it states one',
  ownHashSame: (key: string) => `${key} in the metadata matches the tensors`,
  ownHashOther: (key: string) => `${key} in the metadata is for other tensors, or for another order of them`,
  hashSame: (name: string, source: string) => `${name} matches ${source}`,
  hashOther: (name: string, found: string, source: string, stated: string) =>
    `${name} is ${found}, but ${source} says ${stated}`,

  noRecipe: 'it has none',
  unreadableRecipe: 'it cannot be read',
  recipe: (operation: string, inputs: string, version: string) =>
    `${operation} of ${inputs} by sdtool ${version}`,
  uncheckedRecipe: (recipe: string) =>
    `the file says: ${recipe}; --deep compares its tensors with the result of that`,
  unrepeatableRecipe: (recipe: string, reason: string) =>
    `the file says: ${recipe}; it cannot be repeated: ${reason}`,
  exitCode: (operation: string, code: number) => `${operation} ended with exit code ${code}`,
  sameAsRecipe: (tensors: number, recipe: string) =>
    tensors === 1
      ? `the tensor matches the repeated recipe: ${recipe}`
      : `all ${tensors} tensors match the repeated recipe: ${recipe}`,
  otherThanRecipe: (tensors: string, one: boolean, all: number, recipe: string) =>
    `${tensors} of ${all} ${one ? 'is' : 'are'} not what the recipe makes: ${recipe}`,
  otherVersion: (message: string, then: string, now: string) =>
    `${message}; it was made by sdtool ${then}, this is ${now}`,
  otherProcessor: (message: string) => `${message}; on another processor the last bits may differ`,
})
