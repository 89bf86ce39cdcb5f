/** CLIP's vocabulary in the files that transformers reads. */
import { readMerges } from './merges.ts'
import { vocabularySymbols } from './tokenizer.ts'

/** `vocab.json`, `merges.txt` and `special_tokens_map.json` with their contents. */
export function tokenizerFiles(): Map<string, string> {
  const merges = readMerges()
  const symbols = [...vocabularySymbols(merges), '<|startoftext|>', '<|endoftext|>']
  const special = {
    bos_token: '<|startoftext|>',
    eos_token: '<|endoftext|>',
    pad_token: '<|endoftext|>',
    unk_token: '<|endoftext|>',
  }
  return new Map([
    ['vocab.json', JSON.stringify(Object.fromEntries(symbols.map((symbol, id) => [symbol, id])))],
    ['merges.txt', `#version: 0.2\n${merges.join('\n')}\n`],
    ['special_tokens_map.json', `${JSON.stringify(special, null, 2)}\n`],
  ])
}
