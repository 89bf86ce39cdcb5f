import { bakeVae } from './bake-vae/bake-vae.ts'
import { convert } from './convert/convert.ts'
import { extract } from './extract/extract.ts'
import { extractEmbeddings } from './extract-embeddings/extract-embeddings.ts'
import { extractLora } from './extract-lora/extract-lora.ts'
import { join } from './join/join.ts'
import { loraConvert } from './lora-convert/lora-convert.ts'
import { loraMerge } from './lora-merge/lora-merge.ts'
import { loraResize } from './lora-resize/lora-resize.ts'
import { merge } from './merge/merge.ts'
import { mergeLora } from './merge-lora/merge-lora.ts'
import type { AnyOperation, OperationFamily } from './operation.ts'
import { prune } from './prune/prune.ts'

// biome-ignore lint/suspicious/noExplicitAny: as of operations
type Entry = AnyOperation | OperationFamily<any>

/** Every operation. A new one is a folder and a line here. */
export const OPERATIONS: readonly Entry[] = [
  convert,
  prune,
  merge,
  mergeLora,
  bakeVae,
  join,
  extract,
  extractEmbeddings,
  extractLora,
  loraMerge,
  loraResize,
  loraConvert,
]

export function operationOf(verb: string): Entry | undefined {
  return OPERATIONS.find((operation) => operation.verb === verb)
}
