import { catalogue } from '../../system/language.ts'
import { plural } from '../../system/plural.ts'

export const messages = catalogue({
  exampleFolder: 'Every model: what it is, its size, type, base model and trigger words',
  exampleBase: 'Models, LoRAs and embeddings of one family',
  exampleDuplicates: 'The folders of SDTOOL_MODELS, with duplicates, read in full to be sure',
  exampleJson: 'The same for a program',
  foldersArgument: 'Folders of models; without any, those of --models or SDTOOL_MODELS',
  baseOption: (bases: string) =>
    `Only files of a family: ${bases}; or of one model as Civitai spells it ("Flux.2 Klein 4B"). Repeatable`,
  duplicatesOption: 'Read in full what looks the same by a sample of its values. The results are remembered',

  noFolder: 'no folder was named',
  nameFolder: 'sdtool list models/, or set SDTOOL_MODELS.',
  opening: 'opening models',
  comparing: 'comparing models',

  sameTensors: 'the same tensors',
  sameTensorsBySample: 'the same tensors, by a sample',
  sameComponent: (component: string) => `the same ${component}`,
  sameComponentBySample: (component: string) => `the same ${component}, by a sample`,
  filesWith: (files: number, what: string) => `${plural(files, 'file')} with ${what}`,
  namesAndMore: (names: string, unlisted: number) => `${names} and ${unlisted} more`,

  file: 'file',
  what: 'what',
  size: 'size',
  type: 'type',
  notes: 'notes',
  refused: (reason: string) => `refused: ${reason}`,
  forBase: (base: string) => `for ${base}`,
  calledBase: (base: string) => `Civitai: ${base}`,
  wrongBase: (base: string) => `Civitai: ${base}, which it is not`,
  trainedOn: (model: string) => `trained on ${model}`,
  triggers: (words: string) => `trigger: ${words}`,
  pruneSaves: (bytes: string) => `prune saves ${bytes}`,
  files: (files: number, bytes: string) => `${plural(files, 'model file')}, ${bytes}`,
  refusedCount: (n: number) => `${n} refused`,
  pruningSaves: (bytes: string) => `pruning saves ${bytes}`,
})
