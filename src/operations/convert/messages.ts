/** Texts of conversions: of files, of folders of diffusers, of their parts. */
import { counted } from '../../model/finding.ts'
import { catalogue } from '../../system/language.ts'
import { plural } from '../../system/plural.ts'
import { quoted } from '../../system/text.ts'

export const messages = catalogue({
  alreadySafetensors: 'it is already safetensors, and the weights have the requested types',
  alreadyTorchZip: 'it is already a torch zip, and the weights have the requested types',
  alreadyNamed: 'its transformer has these names already, and the weights have the requested types',
  noTransformer: (title: string) =>
    `a ${title} has no diffusion transformer whose names sdtool knows in both layouts`,
  embeddingLayout: 'an embedding has a different layout as .pt',
  extractAsPt: 'Use sdtool extract embeddings --format pt.',
  quantisedInHeader: (key: string) =>
    `the weights are quantised in a way that only the header describes (${key}), and a .ckpt has no header`,
  keepSafetensors: 'Keep it as safetensors.',
  predictionUnseen: (evidence: string) =>
    `it predicts velocity (${evidence}): programs that load a torch file learn that from a .yaml next to it`,
  predictionUnseenInFile: (title: string, evidence: string) =>
    `it predicts velocity (${evidence}): programs learn that of ${title} from a .yaml next to it`,

  inPieces: (names: readonly string[]) =>
    `the file holds ${names.length} separate tensors of vectors, first ${quoted(names[0] ?? '')}; no safetensors format has room for that`,
  extractEach: 'sdtool extract embeddings writes each to its own file.',
  notVectors: 'not vectors of the embedding',
  nameLookedFor: 'the name programs look for',
  nameLookedForAs: (dtype: string) => `the name programs look for, as ${dtype}`,

  noPart: (part: string) => `the model has no ${part}`,
  part: (part: string, tensors: number) => `${part}: ${plural(tensors, 'tensor')} with diffusers names`,
  ofPart: (part: string, message: string) => `${part}: ${message}`,
  otherShards: (given: number, count: number) =>
    `the recipe is of one of ${given} shards; the network has ${count}`,
  noTokenizer: (folders: readonly string[]) =>
    `${folders.join(' and ')} ${folders.length === 1 ? 'is' : 'are'} not written: no model file has the vocabulary; copy ${folders.length === 1 ? 'it' : 'them'} from the published pipeline, or pass it to from_pretrained`,
  noPlace: (tensors: readonly string[]) =>
    `${counted(tensors, 'tensor')} left out: the other layout has no place for them`,

  single: (title: string, tensors: number) => `${title}: ${plural(tensors, 'tensor')}`,
  diffusersFolder: (title: string) => `diffusers folder, ${title}`,
  inputsWithoutParts: 'the recipe does not say which network each of its inputs is',
  twiceInFolder: (file: string, tensor: string) => `${file}: ${tensor} is also in another file of the folder`,

  forceOrOther: 'Use --force to replace it, or -o to write to another folder.',
  notDiffusersFolder: (output: string, index: string) =>
    `${output} is not replaced: it has no ${index}, so it is not a diffusers folder`,
  notFolder: (output: string) => `${output} is not replaced: it is not a folder`,
  otherFolder: 'Name another folder with -o.',
})
