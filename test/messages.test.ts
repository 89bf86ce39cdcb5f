/** Texts that a person reads stand in the catalogue of their folder, `messages.ts`, ready for a second language. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const src = join(import.meta.dirname, '../src')

/** Folders whose texts still stand in their code. */
const UNMOVED: readonly string[] = [
  'civitai/',
  'commands/',
  'image/',
  'library/',
  'model/',
  'operations/bake-vae/',
  'operations/convert/',
  'operations/extract/',
  'operations/extract-embeddings/',
  'operations/extract-lora/',
  'operations/lora/',
  'operations/lora-merge/',
  'operations/lora-resize/',
  'operations/merge/',
  'operations/merge-lora/',
  'operations/prune/',
  'operations/engine.ts',
  'operations/hashing.ts',
  'operations/operation.ts',
  'operations/recipe-v1.ts',
  'operations/recipe.ts',
  'operations/registry.ts',
  'operations/run-each.ts',
  'operations/run.ts',
  'operations/schema.ts',
  'operations/sound-plan.ts',
  'report/',
  'runtime/',
  'cli.ts',
  'main.ts',
]

/** Where sentences for a person come from: errors, findings, options, hints. */
const SAID =
  /\b(?:SdtoolError|refuse|usage|unverified|info|warning|error|hint|message|describe|epilogue|write|note)(?:\(|: )/g

/** Two words in a row inside of a literal. */
const SENTENCE = /(['`])[^'`\n]*[A-Za-z]{2,},? [a-z]{2,}[^'`\n]*\1/

/** What follows up to the parenthesis or comma that ends it. */
function argumentAt(text: string, start: number): string {
  let depth = 0
  let quote = ''
  for (let end = start; end < text.length; end++) {
    const c = text[end]!
    if (quote !== '') {
      if (c === '\\') end++
      else if (c === quote) quote = ''
    } else if (c === "'" || c === '`') quote = c
    else if ('([{'.includes(c)) depth++
    else if (')]}'.includes(c) && --depth < 0) return text.slice(start, end)
  }
  return text.slice(start)
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/ .*$/gm, '')
}

function sentencesIn(file: string): string[] {
  const text = withoutComments(readFileSync(join(src, file), 'utf8'))
  return [...text.matchAll(SAID)].flatMap((match) => {
    const isCall = match[0].endsWith('(')
    const said = argumentAt(text, match.index + match[0].length)
    const part = isCall ? said : (said.split('\n')[0] ?? '')
    const sentence = SENTENCE.exec(part)?.[0]
    return sentence === undefined ? [] : [`${file}: ${sentence}`]
  })
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('messages.ts'))
  .toSorted()

it('sees a sentence in an error, in an option, and in a hint', () => {
  expect(SENTENCE.test("'the file has no tensors'")).toBe(true)
  expect(SENTENCE.test("'state_dict'")).toBe(false)
})

it.each(files.filter((file) => !UNMOVED.some((folder) => file.startsWith(folder))))(
  '%s has no text of its own',
  (file) => {
    expect(sentencesIn(file)).toEqual([])
  },
)
