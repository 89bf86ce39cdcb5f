import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cleanText } from '../../../src/runtime/prompt/clean.ts'
import { readMerges } from '../../../src/runtime/prompt/merges.ts'
import { clipTokenizer } from '../../../src/runtime/prompt/tokenizer.ts'

/** Made by fixtures/goldens/tokens.py with OpenAI's tokenizer. */
const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../fixtures/goldens/tokens.json'), 'utf8'),
) as {
  readonly strings: number
  readonly block: number
  readonly tokens: number
  readonly skipped: readonly number[]
  readonly blocks: readonly string[]
  readonly groups: readonly (readonly string[])[]
  readonly separators: readonly string[]
}

const [words, ...others] = golden.groups
const groups = [words!, words!, words!, ...others]

/** String number `index` of the script. */
function stringAt(index: number): string {
  let state = (index * 2654435761) % 2 ** 32
  const pick = (count: number): number => {
    state = Number((BigInt(state) * 1664525n + 1013904223n) % 0x100000000n)
    return Math.floor((state * count) / 2 ** 32)
  }
  if (index % 20 === 0) {
    const letters = 20 + pick(200)
    return Array.from({ length: letters }, () => String.fromCharCode(97 + pick(26))).join('')
  }
  const parts: string[] = []
  for (let left = 1 + pick(12); left > 0; left--) {
    const group = groups[pick(groups.length)]!
    parts.push(group[pick(group.length)]!, golden.separators[pick(golden.separators.length)]!)
  }
  return parts.join('')
}

describe('the CLIP tokenizer', () => {
  const { encode } = clipTokenizer()

  it('has the vocabulary of OpenAI', () => {
    const merges = readMerges()
    expect(merges.length).toBe(48_894)
    // of the file that OpenAI publishes, lines 2 to 48,895
    expect(createHash('sha256').update(merges.join('\n')).digest('hex')).toBe(
      'f61f2adf497e6f5357c347aeb4646fabe82f341e946de5bdec5d2858e41bef4a',
    )
  })

  it("gives OpenAI's tokens for more than 10,000 strings: all scripts, emoji, entities, long words", () => {
    const skipped = new Set(golden.skipped)
    expect(golden.strings - skipped.size).toBeGreaterThan(10_000)
    let tokens = 0
    const own = golden.blocks.map((_, block) => {
      const lines = Array.from({ length: golden.block }, (_, i) => {
        const index = block * golden.block + i
        const ids = skipped.has(index) ? [] : encode(stringAt(index))
        tokens += ids.length
        return ids.join()
      })
      return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16)
    })
    expect(own).toEqual(golden.blocks)
    expect(tokens).toBe(golden.tokens)
  }, 120_000)

  // From OpenAI's code, so that a person can see what is compared above
  it.each([
    ['', []],
    ['hello world!', [3306, 1002, 256]],
    ['a photograph of an astronaut riding a horse', [320, 8853, 539, 550, 18376, 6765, 320, 4558]],
    ["don't &amp; it's 1234", [847, 713, 261, 585, 568, 272, 273, 274, 275]],
    ['日本語', [39121, 44353, 34002, 508]],
    ['😀 emoji', [7334, 16327]],
    ['a_b-c/d\\e', [320, 318, 321, 268, 322, 270, 323, 315, 324]],
    ['x'.repeat(30), [32035, 32035, 32035, 32035, 32035, 32035, 5675, 22819]],
    ['<|endoftext|>', [49407]],
  ])('encodes %j', (text, ids) => {
    expect(encode(text)).toEqual(ids)
  })

  it('keeps text that looks as if it had been decoded wrongly, which ftfy would change', () => {
    expect(cleanText('sÃ³')).toBe('sã³')
  })

  it('takes a word of 20,000 letters', () => {
    expect(encode('ab'.repeat(10_000)).length).toBeGreaterThan(1000)
  })
})
