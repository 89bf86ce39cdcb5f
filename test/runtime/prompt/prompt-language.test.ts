/** Against Python, which A1111 reads prompts with: letters, digits and white space of all scripts. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { stripped } from '../../../src/image/infotext/python-text.ts'
import { parseAttention } from '../../../src/runtime/prompt/attention.ts'
import { composedPrompts } from '../../../src/runtime/prompt/composition.ts'
import { promptSchedule } from '../../../src/runtime/prompt/prompt-schedule.ts'
import { splitTags, withoutComments } from '../../../src/runtime/prompt/tags.ts'

interface Goldens {
  readonly prompts: readonly {
    readonly text: string
    readonly comments: string
    readonly tags: { readonly prompt: string; readonly kinds: readonly string[] }
    readonly prompts: readonly (readonly [text: string, weight: number])[]
  }[]
  readonly breaks: readonly (readonly [text: string, parts: readonly string[]])[]
  readonly emphasis: readonly (readonly [text: string, weight: number | null])[]
  readonly when: readonly (readonly [text: string, step: number | null])[]
  readonly stripped: readonly (readonly [text: string, stripped: string])[]
}

const GOLDENS: Goldens = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../fixtures/goldens/prompts.json'), 'utf8'),
)

/** The text of each chunk, whatever its weights. */
function chunkTexts(prompt: string): string[] {
  const texts = ['']
  for (const part of parseAttention(prompt)) {
    if (part === 'BREAK') texts.push('')
    else texts[texts.length - 1] += part.text
  }
  return texts
}

/** The step at which `a` becomes `b`; undefined if the brackets are left alone. */
function changesAt(when: string): number | undefined {
  const schedule = promptSchedule(`[a:b:${when}]`, 10).map(({ until, value }) => [until, value] as const)
  const first = schedule.find(([, value]) => value === 'a')
  if (first) return first[0]
  return schedule.every(([, value]) => value === 'b') ? 0 : undefined
}

describe('a prompt is read as Python reads it', () => {
  it('loses its comments', () => {
    for (const { text, comments } of GOLDENS.prompts)
      expect(withoutComments(text), JSON.stringify(text)).toBe(comments)
  })

  it('loses its tags, of whatever kind', () => {
    for (const row of GOLDENS.prompts) {
      const { prompt, tags } = splitTags(row.text)
      const own = { prompt, kinds: tags.map(({ kind }) => kind) }
      expect(own, JSON.stringify(row.text)).toEqual(row.tags)
    }
  })

  it('splits at AND where it is a word, with the weight of each part', () => {
    for (const { text, prompts } of GOLDENS.prompts) {
      const own = composedPrompts(text).map((part) => [part.text, part.weight])
      expect(own, JSON.stringify(text)).toEqual(prompts)
    }
  })

  it('splits at BREAK where it is a word', () => {
    for (const [text, parts] of GOLDENS.breaks) expect(chunkTexts(text), JSON.stringify(text)).toEqual(parts)
  })

  it('weighs with the numbers of all scripts, and with nothing else', () => {
    for (const [text, weight] of GOLDENS.emphasis) {
      const [own, ...others] = parseAttention(`(${text})`)
      const found = own !== 'BREAK' && others.length === 0 && own!.text === 'x' ? own!.weight : undefined
      expect(found, JSON.stringify(text)).toBe(weight ?? undefined)
    }
  })

  it('changes at steps in the digits of ASCII, with any space around them', () => {
    for (const [text, step] of GOLDENS.when) {
      const at = changesAt(text)
      // before the first step there is only what comes after
      expect(at === undefined ? null : at, JSON.stringify(text)).toBe(
        step === null ? null : Math.max(0, step),
      )
    }
  })

  it('strips what str.strip strips', () => {
    for (const [text, inner] of GOLDENS.stripped) expect(stripped(text), JSON.stringify(text)).toBe(inner)
  })
})
