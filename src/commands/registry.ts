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
    name: 'render',
    describe: 'Draw with a checkpoint straight from its file, with LoRAs that are not merged yet',
    load: async () => (await import('./render.ts')).renderCommand,
  },
  {
    name: 'doctor',
    describe: 'Show which devices can render on this machine, and what the others lack',
    load: async () => (await import('./doctor.ts')).doctorCommand,
  },
]
