/** Texts of the operations: those that several of them share, and those of plans. */
import { MAX_NAMES } from '../model/finding.ts'
import { catalogue } from '../system/language.ts'
import { printable, quoted } from '../system/text.ts'

export const messages = catalogue({
  theFile: 'the file',
  theComponent: (title: string) => `the ${title}`,
  componentOf: (title: string, file: string) => `the ${title} of ${file}`,
  componentIn: (file: string, title: string) => `${file}: the ${title}`,

  renamed: 'the names programs look for',
  alsoRenamed: (why: string) => `${why}; the names programs look for`,
  storedAs: (dtype: string) => `stored as ${dtype}`,
  partOfModel: 'part of the model',
  unchanged: 'unchanged',
  trainingState: 'training state in the pickle, no weights',
  staleEma: 'no longer a copy of the merged weights',

  fp16Overflow: (why: string) =>
    `the network cannot be run in fp16, and the output is: ${why}; --dtype bf16 is as small and can`,
  nameTaken: (name: string) => `two tensors would be written as ${quoted(name)}`,
  noTensors: 'the file has no tensors',
  seeInspect: 'sdtool inspect shows what is in it.',
  notConvertible(tensors: readonly { readonly name: string; readonly dtype: string }[]) {
    const shown = tensors.slice(0, MAX_NAMES).map(({ name, dtype }) => `${quoted(name)} is ${dtype}`)
    const more = tensors.length > MAX_NAMES ? `, and ${tensors.length - MAX_NAMES} more` : ''
    return `safetensors cannot hold ${tensors.length} of the tensors: ${shown.join(', ')}${more}`
  },
  convertOriginal: 'Quantised and complex tensors have to be converted from the original model.',
  seeScanFile: 'sdtool inspect --scan shows which file is damaged.',

  knownBySha256: (vae: string) => `it is ${vae}, by its SHA-256`,

  hashing: (file: string) => `hashing ${file}`,

  ofKind: (kind: string) => `It is of the kind ${kind}.`,
  ofUnknownKind: 'sdtool does not know what it is; sdtool inspect shows what is in it.',

  noRecipe: (path: string) => `${path} has no sdtool recipe`,
  whereRecipesAre:
    'Files written by sdtool have one in their metadata; embeddings written as .pt have no place for it.',
  unreadableRecipe: (path: string) =>
    `the recipe in ${path} is of a form that this version of sdtool cannot read`,
  unknownRecipe: (verb: string, version: string) =>
    `the recipe is for ${quoted(verb)} of sdtool ${printable(version, 20)}, which this version cannot repeat`,
  nothingToDraw: (verb: string) => `the recipe is for ${verb}, which does not make a model that can be drawn`,
  replayInstead: 'sdtool replay makes the file again, and says whether it is the same.',
  recipeWithoutInputs: 'the recipe has no inputs',
  unrepeatable: (reason: string) => `the recipe cannot be repeated: ${reason}`,
  unknownRecipeOption: (name: string) =>
    `the recipe has an option ${quoted(name)} that this version of sdtool cannot repeat`,
  maybeLaterVersion: 'A later version may know it.',
})
