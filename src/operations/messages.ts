/** Texts of the operations: those that several of them share, and those of plans. */
import { MAX_NAMES } from '../model/finding.ts'
import { catalogue } from '../system/language.ts'
import { quoted } from '../system/text.ts'

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
})
