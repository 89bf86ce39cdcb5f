import type { CommandEntry } from './command.ts'

/** Every verb, in the order of `sdtool --help`. A new one is a file and a line here. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'inspect',
    describe: 'Show what a model file is, what is in it, and what is wrong with it',
    load: async () => (await import('./inspect.ts')).inspectCommand,
  },
  {
    name: 'diff',
    describe: 'Show what is different between two model files, tensor by tensor and block by block',
    load: async () => (await import('./diff.ts')).diffCommand,
  },
  {
    name: 'convert',
    describe: 'Turn .ckpt, .pt, .bin and .gguf files into safetensors, or change their precision',
    load: async () => (await import('./convert.ts')).convertCommand,
  },
  {
    name: 'prune',
    describe: 'Make a checkpoint small: EMA weights only, junk out, half precision',
    load: async () => (await import('./prune.ts')).pruneCommand,
  },
  {
    name: 'merge-lora',
    describe: 'Merge LoRAs of any kind into a checkpoint, and prove that they are in it',
    load: async () => (await import('./merge-lora.ts')).mergeLoraCommand,
  },
  {
    name: 'extract',
    describe:
      'Write one component of a checkpoint as a file that UIs load: the VAE, the UNet, a text encoder',
    load: async () => (await import('./extract.ts')).extractCommand,
  },
  {
    name: 'extract lora',
    describe: 'Make a LoRA of the difference between a fine-tuned model and its base',
    load: async () => (await import('./extract-lora.ts')).extractLoraCommand,
  },
  {
    name: 'extract embeddings',
    describe: 'Write embeddings: those in a model, LoRA or picture, or one of the words of a prompt',
    load: async () => (await import('./extract-embeddings.ts')).extractEmbeddingsCommand,
  },
  {
    name: 'lora merge',
    describe: 'Put LoRAs together into one whose effect is exactly the sum of theirs',
    load: async () => (await import('./lora-merge.ts')).loraMergeCommand,
  },
  {
    name: 'lora resize',
    describe: 'Give a LoRA another rank, or one for each layer, and say what that keeps',
    load: async () => (await import('./lora-resize.ts')).loraResizeCommand,
  },
  {
    name: 'lora check',
    describe: 'Show what a LoRA changes where, which of its modules are dead or damaged, which base it fits',
    load: async () => (await import('./lora-check.ts')).loraCheckCommand,
  },
]
