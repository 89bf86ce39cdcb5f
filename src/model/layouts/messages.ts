import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

const CONVERT = 'sdtool convert writes the names that they look for'

export const messages = catalogue({
  safetensorsFile: 'a safetensors file',
  ggufFile: 'a GGUF file',
  pickleFile: 'a pickle',
  torchZipFile: 'a pickle (torch zip)',
  torchLegacyFile: 'a pickle (old torch format)',
  misnamed: (ending: string, title: string, right: string) =>
    `named ${quoted(ending)}, but it is ${title}: programs that go by the name fail; rename it to end in ${right}`,
  misnamedPickle: (ending: string, title: string) =>
    `named ${quoted(ending)}, but it is ${title}: programs that go by the name fail; sdtool convert writes it as safetensors; the pickle is read, never run`,
  dataParallel: 'DataParallel, DDP or an averaged model',
  activationCheckpointing: 'activation checkpointing',
  aTrainer: 'a trainer',
  cutOutModel: 'a model that was cut out',
  wrappedTwice: (wrappers: string, names: readonly string[]) =>
    `the keys are wrapped in ${wrappers}, and stay that way: without it ${names.map(quoted).join(' and ')} would have the same name`,
  wrappedNames: (count: number, wrappers: string) =>
    `${count} keys are wrapped in ${wrappers}, so most programs do not find them; ${CONVERT}`,
  secondT5Name: `the token table of the T5 only has its second name, "encoder.embed_tokens"; ${CONVERT}`,
  shortNames: (count: number, words: readonly string[]) =>
    `${count} keys of ${words.length > 1 ? 'encoders' : 'an encoder'} lack "${words.join('" and "')}", as transformers 5.6 and later write them (and NovelAI did); other programs do not find them; ${CONVERT}`,
  noComponent: (selector: string) => `the file has no component ${quoted(selector)}`,
  componentsAre: (ids: readonly string[]) => `It has: ${ids.join(', ')}.`,
  notACheckpoint: 'It is not a checkpoint: sdtool inspect shows what it is.',
  theNetwork: 'the network',
  oddRows: (name: string, rows: number) => `${quoted(name)} has ${rows} rows, which are no two halves`,
  otherRows: (name: string, rows: number, wanted: number) =>
    `${quoted(name)} has ${rows} rows; in a network of these widths it has ${wanted}`,
  partMissing: (name: string, other: string) =>
    `${quoted(name)} is missing, which is one tensor with ${quoted(other)} in the names of the authors`,
  partsOfTypes: (name: string, type: string, other: string, otherType: string) =>
    `${quoted(name)} is ${type} and ${quoted(other)} ${otherType}: no type holds the values of both, which are one tensor in the names of the authors`,
  seeInspect: 'sdtool inspect shows what is missing, and what has another shape.',
  theTextEncoder: 'the text encoder',
  notAPipeline: (title: string) => `a ${title} cannot be converted to a diffusers folder`,
  variantNotAPipeline: (title: string, reason: string) =>
    `a ${title} cannot be converted to a diffusers folder: ${reason}`,
  pipelinesAre:
    'Models of SD 1.x, SD 2.x, SDXL and its refiner, SD 3, Flux.1, Flux.2, Chroma, Z-Image, Qwen-Image, Wan and Lumina 2 can be converted.',
  depthLost: 'its depth estimator would be lost',
  visionLost: 'its image encoder would be lost',
  notClip: 'its text encoder is not a CLIP',
  edmLevels: 'its noise levels (EDM) need a different scheduler',
  extractInstead: 'sdtool extract writes its networks one by one.',
  incompletePipeline: (title: string) =>
    `a ${title} without UNet, VAE or text encoder cannot be converted to a diffusers folder`,
  unknownBlocks: 'the UNet has blocks that diffusers does not know',
  incompleteFolder: 'the folder has no unet, no vae or no text_encoder with weights, and no transformer',
  unknownTransformer:
    'the transformer is of no family whose names sdtool knows both in diffusers and in files of its authors',
  unknownEncoder: (folder: string) => `${folder} is no text encoder that sdtool knows`,
  removeEncoder: 'Convert the folder without it, or its transformer alone.',
  unetInputs: (channels: number) => `no diffusers pipeline has a UNet with ${channels} input channels`,
})
