/** Texts of `extract`, `extract lora` and `extract embeddings`: help, wrong usage, pages. */
import { catalogue } from '../../system/language.ts'

function layers(count: number): string {
  return `${count} ${count === 1 ? 'layer' : 'layers'}`
}

export const messages = catalogue({
  example: 'Write model-vae.safetensors, as A1111 and ComfyUI load it',
  exampleText: 'Each text encoder as its own file: clip_l, clip_g',
  exampleLora: 'See sdtool extract lora --help; there is also extract embeddings',
  component: 'vae, unet, text, or one encoder: clip_l, t5xxl, qwen3_4b',
  checkpoint: 'The checkpoint',
  dtype: 'Type of the weights',
  dtypeDefault: 'as they are',
  noComponent: 'no component was named',
  oneModel: 'name one model file',
  notComponent: (name: string) => `${name} is not a component`,
  components: (names: readonly string[]) =>
    `Components are ${names.join(', ')}, and other text encoders by the names that sdtool inspect --json gives. For example: sdtool extract vae model.safetensors; also extract lora, extract embeddings.`,
  forExample: 'For example: sdtool extract vae model.safetensors; also extract lora, extract embeddings.',

  embeddingsExample: 'Those bundled in a LoRA or checkpoint, and tokens trained into it',
  embeddingsExampleBase: 'Words whose vectors are not those of the base',
  embeddingsExampleCard: 'What A1111 hides in a picture, a PNG or a lossless WebP',
  embeddingsExamplePrompt: 'Write neg.safetensors: one word that stands for a whole prompt',
  embeddingsFile: 'Checkpoint, LoRA, embedding or picture',
  embeddingsBase: 'Model whose words have their original vectors',
  prompt: 'Make an embedding of these words, with the vectors of the model',
  name: 'Name of the embedding, and of its file',
  each: 'A file for each token of the table, not for each run of them',
  only: 'Only this one of several: its name, or its number in the list',
  format: 'safetensors, or the .pt of A1111',
  oneFile: 'name one file',
  embeddingsHint: 'For example: sdtool extract embeddings lora.safetensors.',

  loraExample: (rank: number) => `Write tuned-lora.safetensors, rank ${rank}`,
  loraExampleLocon: 'Convolutions as well; as many singular values of each layer as it needs',
  loraExampleDryRun: 'How much of each block such a LoRA would hold',
  loraFiles: 'The fine-tuned model, then its base',
  algo: 'Layers: lora, or locon (convolutions as well)',
  onlySide: 'Only the UNet, or only the text encoders',
  sameFile: 'both models are the same file',

  keptWithoutRank: (modules: number) =>
    `${modules} ${modules === 1 ? 'module without a rank is' : 'modules without a rank are'} kept as is`,
  unchangedLayers: (count: number) =>
    `${layers(count)} ${count === 1 ? 'is' : 'are'} the same in both models and left out`,
  outside: (tensors: number, share: string) =>
    `${tensors} ${tensors === 1 ? 'tensor outside of these layers also differs' : 'tensors outside of these layers also differ'} (norms, biases, other layers): ${share} of the norm of the change`,

  part: 'part',
  block: 'block',
  modules: 'modules',
  rank: 'rank',
  change: 'change / weights',
  energy: 'energy kept',
  error: 'error / weights',
  all: 'all',
})
