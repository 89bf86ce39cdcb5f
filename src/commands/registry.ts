import type { CommandEntry } from './command.ts'

/** Every verb, in the order of `sdtool --help`. A new one is a file and a line here. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'inspect',
    describe: 'Show what a model file is, what is in it, and what is wrong with it',
    load: async () => (await import('./inspect.ts')).inspectCommand,
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
]
