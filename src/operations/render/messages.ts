import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  triedOn: (why: string, day: string) => `${why} (tried on ${day}; sdtool doctor tries again)`,

  embeddingsNeedValue: '--embeddings needs a value',
  embeddingsNotAFolder: (path: string) => `--embeddings ${path} is not a folder`,
  embeddingsMissing: (path: string) => `--embeddings ${path} does not exist`,
  nameEmbeddingsFolder: 'Name the folder that the embeddings are in.',
  embeddingForOther: (path: string) =>
    `${path} is named in the prompt, but is not an embedding for this model`,
  embeddingUnreadable: (path: string, reason: string) => `${path} is named in the prompt: ${reason}`,

  notAVae: (path: string, what: string) => `--vae ${path} is no VAE: ${what}`,
  nameAVae: 'Name a VAE, a TAESD, or a checkpoint that has one.',
  noEma: (path: string) => `${path} has no EMA copy of its weights`,
  omitEma: 'Leave out --ema.',

  negativeLora: 'a LoRA in the negative prompt does nothing',
  nameItInPrompt: 'Name it in the prompt, or with --lora.',
  negativeTag: (tag: string) => `${tag} in the negative prompt does nothing`,
  leaveItOut: 'Leave it out.',
  ignoredTag: (tag: string) => `${tag} in the prompt is ignored: sdtool only knows LoRA tags`,
  endWeight: (weight: number) =>
    `the prompt ends in a number, which is its weight, as in A1111: ${weight}; if it is meant as text, put a comma after it`,
  clipSkipIgnored: (file: string) => `clip skip changes nothing in ${file}: only SD 1.x supports it`,
})
