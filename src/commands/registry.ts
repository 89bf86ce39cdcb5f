import type { CommandEntry } from './command.ts'
import { messages } from './messages.ts'

type Loader = CommandEntry['load']

/** Every command, in the order of `sdtool --help`. */
const LOADERS: Readonly<Record<keyof typeof messages, Loader>> = {
  inspect: async () => (await import('./inspect/index.ts')).inspectCommand,
  list: async () => (await import('./list/index.ts')).listCommand,
  diff: async () => (await import('./diff/index.ts')).diffCommand,
  convert: async () => (await import('./convert/index.ts')).convertCommand,
  prune: async () => (await import('./prune/index.ts')).pruneCommand,
  'merge-lora': async () => (await import('./merge-lora/index.ts')).mergeLoraCommand,
  merge: async () => (await import('./merge/index.ts')).mergeCommand,
  'bake-vae': async () => (await import('./bake-vae/index.ts')).bakeVaeCommand,
  join: async () => (await import('./join/index.ts')).joinCommand,
  extract: async () => (await import('./extract/index.ts')).extractCommand,
  'extract lora': async () => (await import('./extract/lora.ts')).extractLoraCommand,
  'extract embeddings': async () => (await import('./extract/embeddings.ts')).extractEmbeddingsCommand,
  render: async () => (await import('./render/index.ts')).renderCommand,
  replay: async () => (await import('./replay/index.ts')).replayCommand,
  verify: async () => (await import('./verify/index.ts')).verifyCommand,
  download: async () => (await import('./download/index.ts')).downloadCommand,
  search: async () => (await import('./search/index.ts')).searchCommand,
  identify: async () => (await import('./identify/index.ts')).identifyCommand,
  login: async () => (await import('./login/index.ts')).loginCommand,
  doctor: async () => (await import('./doctor/index.ts')).doctorCommand,
  'lora merge': async () => (await import('./lora/merge.ts')).loraMergeCommand,
  'lora resize': async () => (await import('./lora/resize.ts')).loraResizeCommand,
  'lora convert': async () => (await import('./lora/convert.ts')).loraConvertCommand,
  'lora check': async () => (await import('./lora/check.ts')).loraCheckCommand,
}

/** A new command is a file, a line in `LOADERS` and a line in `messages.ts`. */
export const COMMANDS: readonly CommandEntry[] = Object.entries(LOADERS).map(([name, load]) => ({
  name,
  get describe() {
    return messages[name as keyof typeof messages]
  },
  load,
}))
