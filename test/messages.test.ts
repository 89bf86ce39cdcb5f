/** Texts that a person reads stand in the catalogue of their folder, `messages.ts`, ready for a second language. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const src = join(import.meta.dirname, '../src')

/** Where sentences for a person come from: errors, findings, options, hints. */
const SAID =
  /\b(?:SdtoolError|refuse|usage|unverified|info|warning|error|hint|message|describe|epilogue|write|note)(?:\(|: )/g

/** Literals one after the other, so that what stands between two of them is not taken for a third. */
const LITERAL = /'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g

/** Two words in a row. */
const SENTENCE = /[A-Za-z]{2,},? [a-z]{2,}/

/** Code in a template. */
const EMBEDDED = /\$\{([^}]*)\}/g

function sentenceIn(code: string): string | undefined {
  return (code.match(LITERAL) ?? []).find((literal) => {
    const embedded = [...literal.matchAll(EMBEDDED)].map(([, inner]) => inner!)
    return SENTENCE.test(literal.replace(EMBEDDED, '')) || embedded.some((inner) => sentenceIn(inner))
  })
}

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
    const sentence = sentenceIn(part)
    return sentence === undefined ? [] : [`${file}: ${sentence}`]
  })
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('messages.ts'))
  .toSorted()

it('sees a sentence in an error, in an option, and in a hint', () => {
  expect(sentenceIn("['a', 'the file has no tensors']")).toBe("'the file has no tensors'")
  // biome-ignore lint/suspicious/noTemplateCurlyInString: code as text
  expect(sentenceIn("`${isBare ? 'no file found' : name}`")).toBeDefined()
  // biome-ignore lint/suspicious/noTemplateCurlyInString: code as text
  expect(sentenceIn("`${words('$0', name, 'a')}`")).toBeUndefined()
  expect(sentenceIn("['state_dict', name, text.join(', ')]")).toBeUndefined()
})

it.each(files)('%s has no text of its own', (file) => {
  expect(sentencesIn(file)).toEqual([])
})

const catalogues = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('messages.ts'),
)

/** Read when they are spoken: what a table keeps of a catalogue is the language of whoever loaded it first. */
it.each(catalogues)('%s is a catalogue, which every language can take the place of', async (file) => {
  const exported = Object.values((await import(join(src, file))) as Record<string, unknown>)
  const [texts] = exported.filter((value) => typeof value === 'object' && value !== null)
  const entries = Object.entries(Object.getOwnPropertyDescriptors(texts as object))
  expect(entries.length).toBeGreaterThan(0)
  for (const [name, { get }] of entries) {
    expect(get, name).toBeTypeOf('function')
    expect(['string', 'function'], name).toContain(typeof get!())
  }
})
