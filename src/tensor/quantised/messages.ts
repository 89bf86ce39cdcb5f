import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

export const messages = catalogue({
  encodedWeights: (what: string, count: number, formats: readonly string[], name: string, dtype: string) => {
    const weights = count === 0 ? 'tables of weights' : count === 1 ? 'a weight' : `${count} weights`
    return `${what} has ${weights} in ${formats.join(' and ')} (${quoted(name)} is ${dtype})`
  },
  cannotCopy: (weights: string) => `${weights}, which cannot be copied before they are decoded`,
  cannotCast: (weights: string) => `${weights}, which cannot be cast to another type before they are decoded`,
  cannotRelayout: (weights: string) =>
    `${weights}, which cannot be converted to another layout before they are decoded`,
  cannotReplace: (weights: string) =>
    `${weights}, which cannot have their values replaced before they are decoded`,
  cannotDiff: (weights: string) =>
    `${weights}, which cannot be compared with weights that are stored another way before they are decoded`,
  cannotExtractLora: (weights: string) =>
    `${weights}, which cannot be subtracted to extract a LoRA before they are decoded`,
  cannotMerge: (weights: string) => `${weights}, which cannot be merged before they are decoded`,
  cannotMergeLora: (weights: string) =>
    `${weights}, which cannot have LoRAs merged into them before they are decoded`,
  cannotBakeVae: (weights: string) => `${weights}, which cannot be baked in as a VAE before they are decoded`,
  cannotUseAsFactors: (weights: string) =>
    `${weights}, which cannot be used as factors of a LoRA before they are decoded`,
  cannotReadVectors: (weights: string) =>
    `${weights}, which cannot be read as token vectors before they are decoded`,
  cannotRender: (weights: string) => `${weights}, which cannot be rendered before they are decoded`,
  codesAreNotNumbers: (name: string, title: string) =>
    `${quoted(name)} holds the codes of a weight in ${title}: its values are not numbers to calculate with`,
  tableIsNotNumbers: (name: string, title: string) =>
    `${quoted(name)} is a table of a weight in ${title}: its values are not numbers to calculate with`,
  notDecoded: 'sdtool does not decode this format yet: use the original in fp16 or bf16.',
})
