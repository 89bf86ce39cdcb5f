import type { CommandEntry } from './command.ts'

/** Every verb, in the order of `sdtool --help`. A new one is a file and a line here. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'inspect',
    describe: 'Show what a model file is, what is in it, and what is wrong with it',
    load: async () => (await import('./inspect/index.ts')).inspectCommand,
  },
  {
    name: 'list',
    describe: 'List the models of a folder: kinds, sizes, bases, trigger words, duplicates',
    load: async () => (await import('./list/index.ts')).listCommand,
  },
  {
    name: 'diff',
    describe: 'Show what is different between two model files, tensor by tensor and block by block',
    load: async () => (await import('./diff/index.ts')).diffCommand,
  },
  {
    name: 'convert',
    describe: 'Turn .ckpt, .pt, .bin and .gguf files into safetensors, or change their precision',
    load: async () => (await import('./convert/index.ts')).convertCommand,
  },
  {
    name: 'prune',
    describe: 'Make a checkpoint small: EMA weights only, junk out, half precision',
    load: async () => (await import('./prune/index.ts')).pruneCommand,
  },
  {
    name: 'merge-lora',
    describe: 'Merge LoRAs of any kind into a checkpoint, and prove that they are in it',
    load: async () => (await import('./merge-lora/index.ts')).mergeLoraCommand,
  },
  {
    name: 'merge',
    describe: 'Merge checkpoints into one, by any of eleven methods, with weights for blocks and keys',
    load: async () => (await import('./merge/index.ts')).mergeCommand,
  },
  {
    name: 'bake-vae',
    describe: 'Put a VAE into a checkpoint, all of its tensors or none',
    load: async () => (await import('./bake-vae/index.ts')).bakeVaeCommand,
  },
  {
    name: 'extract',
    describe:
      'Write one component of a checkpoint as a file that UIs load: the VAE, the UNet, a text encoder',
    load: async () => (await import('./extract/index.ts')).extractCommand,
  },
  {
    name: 'extract lora',
    describe: 'Make a LoRA of the difference between a fine-tuned model and its base',
    load: async () => (await import('./extract/lora.ts')).extractLoraCommand,
  },
  {
    name: 'extract embeddings',
    describe: 'Write embeddings: those in a model, LoRA or picture, or one of the words of a prompt',
    load: async () => (await import('./extract/embeddings.ts')).extractEmbeddingsCommand,
  },
  {
    name: 'render',
    describe: 'Draw with a checkpoint straight from its file, with LoRAs that are not merged yet',
    load: async () => (await import('./render/index.ts')).renderCommand,
  },
  {
    name: 'replay',
    describe: 'Make a file again from the recipe in its metadata, and say whether it is the same',
    load: async () => (await import('./replay/index.ts')).replayCommand,
  },
  {
    name: 'verify',
    describe: 'Check that a file is whole: structure, values, published hashes, recipe',
    load: async () => (await import('./verify/index.ts')).verifyCommand,
  },
  {
    name: 'download',
    describe: 'Download models from Civitai, resumed and verified, to where your programs look',
    load: async () => (await import('./download/index.ts')).downloadCommand,
  },
  {
    name: 'search',
    describe: 'Search models on Civitai',
    load: async () => (await import('./search/index.ts')).searchCommand,
  },
  {
    name: 'identify',
    describe: 'Find out which models of Civitai your files are, and whether there are newer ones',
    load: async () => (await import('./identify/index.ts')).identifyCommand,
  },
  {
    name: 'login',
    describe: 'Keep an API key of Civitai for downloads that need one',
    load: async () => (await import('./login/index.ts')).loginCommand,
  },
  {
    name: 'doctor',
    describe: 'Show which devices can render on this machine, and what the others lack',
    load: async () => (await import('./doctor/index.ts')).doctorCommand,
  },
  {
    name: 'lora merge',
    describe: 'Put LoRAs together into one whose effect is exactly the sum of theirs',
    load: async () => (await import('./lora/merge.ts')).loraMergeCommand,
  },
  {
    name: 'lora resize',
    describe: 'Give a LoRA another rank, or one for each layer, and say what that keeps',
    load: async () => (await import('./lora/resize.ts')).loraResizeCommand,
  },
  {
    name: 'lora check',
    describe: 'Show what a LoRA changes where, which of its modules are dead or damaged, which base it fits',
    load: async () => (await import('./lora/check.ts')).loraCheckCommand,
  },
]
