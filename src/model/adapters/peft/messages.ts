import { catalogue } from '../../../system/language.ts'
import { quoted } from '../../../system/text.ts'

export const messages = catalogue({
  putConfig: 'Put the right adapter_config.json next to the file, or merge the adapter with PEFT.',
  unknownType: (type: string, known: string) =>
    `its peft_type is ${type}, which sdtool does not read (only ${known})`,
  changedBase: (init: string) =>
    `its init_lora_weights ${init} changed the weights of the base model, and the adapter fits only those`,
  notFollowed: (other: string) => `it sets ${other}, which sdtool does not support`,
  badRank: (key: string, rank: number) => `its ${key} is ${rank}, but a rank is a whole number of at least 1`,
  notAnObject: (key: string, pattern: string) => `its ${key} is ${pattern}, not an object`,
  noNumberFor: (key: string, name: string) => `its ${key} has no number for ${quoted(name)}`,
  keyFor: (key: string, name: string) => `${key} for ${quoted(name)}`,
  oldOft: 'it was written by PEFT before 0.14, whose OFT was a different algorithm',
  badTerms: (terms: number, limit: number) => `its num_cayley_neumann_terms is ${terms}, not 1 to ${limit}`,
  badEps: (limit: number) => `its eps is ${limit}, which is negative`,
  badFeedforward: (modules: string) => `its feedforward_modules is ${modules}, not a list of names`,
  notABoolean: (key: string, value: string) => `its ${key} is ${value}, not true or false`,
  notANumber: (key: string, value: string) => `its ${key} is ${value}, not a number`,
  tooManyPatterns: (patterns: number) => `${patterns} patterns for modules, the limit is 10000`,
  notAPath: (pattern: string) => `the pattern ${quoted(pattern)} for single modules is not a plain path`,
  saveWithRanks:
    'Save it again with a rank and an alpha for each module, or merge it with the program that made it.',
  tooLarge: (name: string) => `${name}: it is too large, or cannot be read`,
  notJson: (name: string) => `${name}: it is not a JSON object, or too deeply nested`,
  inMetadata: (key: string) => `${key} in the metadata`,
  keyInMetadata: (key: string) => `${quoted(key)} in the metadata`,
  textNotNumber: (source: string, text: string) => `${source}: it is ${quoted(text)}, not a number`,
  otherType: (source: string, type: string | undefined, name: string, title: string) =>
    `${source}: it is for ${type}, but ${quoted(name)} is ${title}`,
  twoScales: (source: string, name: string, scale: number, other: string, otherScale: number) =>
    `${source} scales ${quoted(name)} by ${scale}, ${other} by ${otherScale}`,
  otherRank: (source: string, said: number, name: string, own: number) =>
    `${source}: it says rank ${said} for ${quoted(name)}, whose factors have ${own}`,
})
