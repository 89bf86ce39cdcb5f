import { readFileSync } from 'node:fs'
import { brotliDecompressSync } from 'node:zlib'

/** Beside this module, and beside the bundle. Written by scripts/build-merges.mjs, which says where it is from. */
const MERGES = new URL('./clip-merges.br', import.meta.url)

/**
 * The pairs of symbols that CLIP's tokenizer joins, most frequent first, as `left right`: 48,894.
 * Source: openai/CLIP (MIT, (c) 2021 OpenAI).
 */
export function readMerges(): string[] {
  return brotliDecompressSync(readFileSync(MERGES)).toString('utf8').split('\n')
}
