/** The verbs that `run` takes, with the types of their options. */
import type {
  BakeVaeOptions,
  ConvertOptions,
  ExtractEmbeddingsOptions,
  ExtractLoraOptions,
  ExtractOptions,
  JoinOptions,
  LoraConvertOptions,
  LoraMergeOptions,
  LoraResizeOptions,
  MergeLoraOptions,
  MergeOptions,
  PruneOptions,
} from './options.ts'
import type { Verb } from './types.ts'

function verb<Options extends object>(name: string): Verb<Options> {
  return { verb: name }
}

export const operations = {
  /** Another container, or other types: safetensors, a torch zip, files of a folder of diffusers. One input. */
  convert: verb<ConvertOptions>('convert'),
  /** Leaves out what nobody needs. One input. */
  prune: verb<PruneOptions>('prune'),
  /** Models A, B, C .. into one, by a merge method. */
  merge: verb<MergeOptions>('merge'),
  /** A base, and the LoRAs that are put into it. */
  mergeLora: verb<MergeLoraOptions>('merge-lora'),
  /** A checkpoint, and the file of its new VAE. */
  bakeVae: verb<BakeVaeOptions>('bake-vae'),
  /** A UNet or transformer, then what `parts` takes of each other file, into one file. */
  join: verb<JoinOptions>('join'),
  /** A network of a checkpoint as a file of its own. One input. */
  extract: verb<ExtractOptions>('extract'),
  /** An embedding of a file that holds some, and the base it was trained on if it is a LoRA. */
  extractEmbeddings: verb<ExtractEmbeddingsOptions>('extract embeddings'),
  /** The difference between a model and its base as a LoRA: the model, then the base. */
  extractLora: verb<ExtractLoraOptions>('extract lora'),
  /** LoRAs into one. */
  loraMerge: verb<LoraMergeOptions>('lora merge'),
  /** A LoRA with other ranks. One input. */
  loraResize: verb<LoraResizeOptions>('lora resize'),
  /** A LoRA with the names that other programs read. One input. */
  loraConvert: verb<LoraConvertOptions>('lora convert'),
} as const
