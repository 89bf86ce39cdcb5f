/** Texts of merging LoRAs into one. */
import { counted } from '../../model/finding.ts'
import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

export const messages = catalogue({
  wrongRatioCount: (ratios: number, loras: number) => `there are ${ratios} ratios for ${loras} LoRAs`,
  oneRatioEach: 'Give one for each.',
  tagsMerged: 'tag counts are merged',
  trainingKept: (key: string) => `what the LoRAs say about their training is under ${key}`,
  tagsMergedTrainingKept: (key: string) =>
    `tag counts are merged; what the LoRAs say about their training is under ${key}`,
  trainingOmitted: (keys: readonly string[]) =>
    `${counted(keys, 'value')} of the training metadata left out as too long`,
  noStrength: (modules: readonly string[]) =>
    `${counted(modules, 'module')} left out: at a ratio of 0 they add nothing`,
  bundleTaken: (embedding: string, lora: string, other: string) =>
    `the embedding ${quoted(embedding)} of ${lora} is left out: ${other} has one with the same name`,
  unknownKeys: (lora: string, tensors: readonly string[]) =>
    `${lora}: ${counted(tensors, 'tensor')} ${tensors.length === 1 ? 'belongs' : 'belong'} to no module that sdtool understands, and would be lost`,
  seeInspect: 'sdtool inspect shows what is wrong with them.',
  mixedArchitectures: (lora: string, base: string, other: string, otherBase: string) =>
    `${lora} is for ${base}, but ${other} is for ${otherBase}`,
  or: ' or ',
  mixedPredictions: (lora: string, other: string) =>
    `${lora}, but ${other}: their sum is for neither, and says nothing of it`,
  unsaid: (lora: string, silent: string) => `${lora}, but ${silent} does not say for what: nor does the sum`,
  eachToItsOwn: 'Each is used with its own network; a name that is wrong can be changed.',
  notPlain: (lora: string, modules: readonly string[], title: string) =>
    `${lora}: ${counted(modules, 'module')} ${modules.length === 1 ? 'is' : 'are'} not plain LoRA but ${title}`,
  resizeFirst: 'sdtool lora resize turns most other kinds into LoRAs.',
  layerShapes: (module: string, size: string, other: string, otherSize: string) =>
    `${quoted(module)} is for ${size} weights, ${quoted(other)} of another LoRA for ${otherSize}`,
  differentModels: 'They are for different models.',
  notFloat: (tensor: string, dtype: string) => `${quoted(tensor)} is ${dtype}`,
})
