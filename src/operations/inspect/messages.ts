import { catalogue } from '../../system/language.ts'
import { plural } from '../../system/plural.ts'

/** `damage` is a sentence about the first entry that does not match its checksum. */
export const messages = catalogue({
  damaged: (damage: string, others: number) =>
    others === 0
      ? `${damage}; the file is damaged`
      : `${damage}, nor ${others === 1 ? 'does' : 'do'} ${plural(others, 'other')}; the file is damaged`,
  alphasNotFetched: (alphas: number) =>
    `the values of ${alphas} alphas are spread over the file and were not fetched`,
  scanning: (name: string) => `scanning ${name}`,
  notFinite: (component: string, nan: number, infinite: number, tensors: number, first: string) => {
    const kinds = [nan > 0 ? `${nan} NaN` : '', infinite > 0 ? `${infinite} infinite` : '']
    const values = `${kinds.filter(Boolean).join(' and ')} ${nan + infinite === 1 ? 'value' : 'values'}`
    return `${component}: ${values} in ${plural(tensors, 'tensor')}, first ${first}; the file is damaged`
  },
  fp16Overflow: (component: string, values: number, largest: string) =>
    `${component}: ${plural(values, 'value')} would become infinite in fp16 (largest ${largest}); keep it in fp32 or use bf16`,
  fp16Underflow: (component: string, values: number) =>
    `${component}: ${plural(values, 'value')} would become zero in fp16`,

  lookingForParts: 'looking for text encoders and VAEs',
  misplaced: (program: string, folder: string, kind: string, right: string) =>
    `the place of this ${kind} in ${program} is ${right}: it does not look for one in ${folder}`,
  otherBase: (said: string, found: string) =>
    `the .civitai.info beside it says that it is for ${said}, but it is for ${found}`,

  textInPixels: (signature: string) => `a text stands in the lowest bits of its pixels (${signature})`,

  knownFile: (name: string) => `this is ${name}, by its SHA-256`,
  probablyKnownFile: (name: string) =>
    `this is probably ${name}, by A1111's first hash; use --hashes to be sure`,
  sameVae: (paths: string, tensors: number) =>
    `the baked VAE is that of ${paths}: all ${tensors} tensors have the same values`,
  probablySameVae: (paths: string, compared: number, tensors: number) =>
    `the baked VAE is that of ${paths}: its ${compared} small tensors have the same values; --hashes compares all ${tensors}`,
  knownVaeFile: (path: string, name: string) => `${path} is ${name}, by its SHA-256`,
  vectorWidth: (dim: number) => `vectors of width ${dim}`,
})
