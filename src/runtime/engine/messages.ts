import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  notDrawable: (name: string, title: string) => `${name} is ${title}: it cannot be rendered`,
  cannotSample: (name: string, prediction: string) =>
    `${name} predicts the ${prediction}, which sdtool cannot sample: it cannot be rendered`,
  needsMoreThanText: (name: string, title: string) =>
    `${name} is ${title}, which needs more than a text: it cannot be rendered`,
  drawable: 'Stable Diffusion 1.x, 2.x and XL can, from a checkpoint with UNet and text encoder.',
  useAsLora: 'Name the checkpoint it is for, and this file with --lora.',
  useAsVae: 'Name the checkpoint it is for, and this file with --vae.',
  useAsEmbedding:
    'Name the checkpoint it is for, and its folder with --embeddings; its name goes into the prompt.',
  unknownFile: 'a file of an unknown kind',
  noDecoder: (title: string) => `the ${title} has no decoder`,
  noEncoder: (title: string) => `the ${title} has no encoder`,
  nameAnotherVae: 'Name another one with --vae.',
  theVae: 'the VAE',
  noUnet: (name: string) => `${name} has no UNet`,
  needsImage: (name: string, title: string) =>
    `${name} is ${title}: it renders from an image, not from text alone`,
  noTextEncoder: (name: string) => `${name} has no CLIP text encoder`,
  useCheckpoint: 'Use a checkpoint, not a separate UNet or VAE.',
  incomplete: (name: string, title: string) => `${name}: the ${title} is incomplete`,
  clipSkip: (skip: number, title: string, layers: number) =>
    `clip skip ${skip} is not possible: the ${title} has ${layers} layers`,
  clipSkipRange: (layers: number) => `Choose 1 to ${layers}; 1 skips nothing.`,
  unknownToken: (id: number, count: number, title: string) =>
    `token ${id} is not in the table of ${count} tokens of the ${title}`,
  noVae: (name: string) => `${name} has no VAE`,
  nameVae: 'Name one with --vae.',
  otherAutoencoder: (name: string, title: string) =>
    `${name} has layers that sdtool does not draw with: ${title}`,
  otherChannels: (name: string, latentChannels: number, channels: number) =>
    `${name} is a VAE of ${latentChannels} latent channels, the model has ${channels}`,
  sameFamily: 'Name a VAE of the same family.',
  blackImage: (title: string) => `the ${title} gave a black image`,
  nameOtherVae: 'Its weights may be damaged or out of the range of fp16: name another VAE with --vae.',
})
