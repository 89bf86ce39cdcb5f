import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseInfotext } from '../../../src/image/infotext/parse.ts'
import { type GenerationFacts, infotextOf, joinInfotext } from '../../../src/image/infotext/write.ts'
import { fc } from '../../properties.ts'

interface Golden {
  readonly text: string
  readonly prompt: string
  readonly negative: string
  readonly settings: Readonly<Record<string, string>>
}

/** Made by Python's `re` and `json` with A1111's rules: `fixtures/goldens/infotext.py`. */
const golden: readonly Golden[] = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../fixtures/goldens/infotext.json'), 'utf8'),
)

const FACTS: GenerationFacts = {
  prompt: 'a cat',
  negative: 'blurry',
  steps: 20,
  sampler: 'DPM++ 2M',
  scheduleType: 'Karras',
  cfgScale: 7,
  seed: 42,
  width: 512,
  height: 768,
  rng: 'CPU',
  version: 'sdtool 1.0',
}

describe('reading', () => {
  it('gives what A1111 reads', () => {
    expect(golden.length).toBeGreaterThan(400)
    for (const { text, prompt, negative, settings } of golden) {
      const read = parseInfotext(text)
      expect({ ...read, settings: Object.fromEntries(read.settings) }, JSON.stringify(text)).toEqual({
        prompt,
        negative,
        settings,
      })
    }
  })

  it('takes time that grows with the length, also of the worst texts', () => {
    const worst = ['a', ' ', ':', 'ab:"', 'ab: "\\"', 'a b, ', '"'].map((part) => part.repeat(200_000))
    // the square of the length would take hours, which no test has
    for (const text of worst) expect(parseInfotext(`x\n${text}`).prompt.startsWith('x')).toBe(true)
  })
})

const HEAD = 'a cat\nNegative prompt: bad\nSteps: 25, Sampler: Euler a, Seed: 1'
const CIVITAI =
  '[{"type":"checkpoint","modelVersionId":128713,"modelName":"DreamShaper, \\"8\\"]"},{"type":"lora","weight":0.8,"modelVersionId":87153}]'
const HASHES = '{"model": "0123456789", "lora:a, b": "abcdef012345"}'

/** Each with what its program put in: what stands behind `HEAD`, and the settings beside `HEAD`'s own. */
const KEPT: readonly [program: string, tail: string, settings: Readonly<Record<string, string>>][] = [
  [
    'Civitai: resources and metadata as JSON',
    `, Civitai resources: ${CIVITAI}, Civitai metadata: {}`,
    { 'Civitai resources': CIVITAI, 'Civitai metadata': '{}' },
  ],
  [
    'Civitai: settings behind its JSON',
    `, Civitai resources: ${CIVITAI} , Clip skip: 2`,
    { 'Civitai resources': CIVITAI, 'Clip skip': '2' },
  ],
  ['the Civitai extension of A1111: hashes', `, Hashes: ${HASHES}`, { Hashes: HASHES }],
  [
    'A1111 before 1.6: a line break in quotes',
    ', Wildcard prompt: "__a__,\n\\"b\\", c: d", Version: v1.5',
    { 'Wildcard prompt': '__a__,\n"b", c: d', Version: 'v1.5' },
  ],
  [
    'A1111 before 1.6: a line break without quotes, many settings behind it',
    ', Wildcard prompt: __a__\r\n__b__, Version: v1.5, RNG: CPU, Clip skip: 2',
    { 'Wildcard prompt': '__a__\r\n__b__', Version: 'v1.5', RNG: 'CPU', 'Clip skip': '2' },
  ],
  ['any extension: a line break in the last value', ', Note: one\ntwo', { Note: 'one\ntwo' }],
  [
    'sd-dynamic-prompts: templates',
    ', Version: v1.5\nTemplate: {a|b}, c: d, e: f\n\ng: h\nNegative Template:bad, __worse__',
    { Version: 'v1.5', Template: '{a|b}, c: d, e: f\n\ng: h', 'Negative Template': 'bad, __worse__' },
  ],
  ['a template alone', '\nNegative Template: ugly', { 'Negative Template': 'ugly' }],
]

describe('reading what A1111 would lose', () => {
  it.each(KEPT)('%s', (_, tail, settings) => {
    expect(parseInfotext(HEAD + tail)).toEqual({
      prompt: 'a cat',
      negative: 'bad',
      settings: new Map(Object.entries({ Steps: '25', Sampler: 'Euler a', Seed: '1', ...settings })),
    })
  })

  it.each([
    ['brackets that are no JSON', '[a, b', '[a'],
    ['JSON with more behind it', '[1, 2] x', '[1'],
    ['JSON in a bracket that never closes', '[x, {"a": [1, 2]}', '[x'],
  ])('%s end at the comma', (_, value, read) => {
    expect(parseInfotext(`${HEAD}, Odd: ${value}, Version: v1`).settings.get('Odd')).toBe(read)
  })

  it('leaves a prompt that speaks of steps and templates alone', () => {
    const prompt = 'Steps: 3, wood: oak, size: big\nsecond line: yes, a: b'
    const read = parseInfotext(`${prompt}\n${HEAD}`)
    expect([read.prompt, read.settings.get('Steps')]).toEqual([`${prompt}\na cat`, '25'])
    expect(parseInfotext(`Template: cat\n${HEAD}`).prompt).toBe('Template: cat\na cat')
  })

  it('takes time that grows with the length, also of the worst texts', () => {
    const worst = ['ab:[', 'ab:{"a":[', 'ab: [1]x, ', '\nTemplate:', '\nSteps: 1, ab: c, de: f\nx'].map(
      (part) => part.repeat(100_000),
    )
    // the square of the length would take hours, which no test has
    for (const text of worst) expect(parseInfotext(`x\n${text}`).prompt.startsWith('x')).toBe(true)
  })
})

describe('writing', () => {
  it('is the text of A1111', () => {
    expect(
      infotextOf({
        ...FACTS,
        model: { name: 'mymerge', hash: '0123456789' },
        vae: { name: 'vivid.vae.pt', hash: 'abcdef0123' },
        clipSkip: 2,
        loras: [
          { name: 'a:b', hash: '0123456789ab' },
          { name: 'c', hash: 'ba9876543210' },
        ],
        embeddings: [{ name: 'sd-bad', hash: '00112233aabb' }],
        extra: { 'Rescale CFG': 0.7 },
      }),
    ).toBe(
      [
        'a cat',
        'Negative prompt: blurry',
        'Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 42, Size: 512x768, Model hash: 0123456789, Model: mymerge, VAE hash: abcdef0123, VAE: vivid.vae.pt, Clip skip: 2, RNG: CPU, Lora hashes: "ab: 0123456789ab, c: ba9876543210", TI hashes: "sd-bad: 00112233aabb", Rescale CFG: 0.7, Version: sdtool 1.0',
      ].join('\n'),
    )
  })

  it('leaves out what is not known or usual', () => {
    const { negative, scheduleType, ...facts } = FACTS
    expect(infotextOf({ ...facts, clipSkip: 1 })).toBe(
      'a cat\nSteps: 20, Sampler: DPM++ 2M, CFG scale: 7, Seed: 42, Size: 512x768, RNG: CPU, Version: sdtool 1.0',
    )
  })

  it('keeps seeds of 64 bits', () => {
    expect(infotextOf({ ...FACTS, seed: 2n ** 64n - 1n })).toContain('Seed: 18446744073709551615,')
  })
})

describe('writing and reading', () => {
  const line = fc.string({ unit: 'grapheme' })
  /** The format trims lines, and has words of its own. */
  const prompt = fc
    .array(line, { maxLength: 3 })
    .map((lines) => lines.map((text) => text.replaceAll(/\s+/g, ' ').trim()).filter(Boolean))
    .filter((lines) => !lines.some((text) => text.startsWith('Negative prompt:')))
    .map((lines) => lines.join('\n'))
  const key = fc.stringMatching(/^[A-Za-z][\w \-/]{0,12}\w$/)

  it('gives everything back', () => {
    const settings = fc.dictionary(key, line, { minKeys: 3, maxKeys: 8 })
    fc.assert(
      fc.property(prompt, prompt, settings, (positive, negative, values) => {
        const read = parseInfotext(joinInfotext(positive, negative, values))
        expect([read.prompt, read.negative]).toEqual([positive, negative])
        expect(new Map(read.settings)).toEqual(new Map(Object.entries(values)))
      }),
    )
  })

  it('gives hashes of any file name back', () => {
    fc.assert(
      fc.property(line, (name) => {
        const { settings } = parseInfotext(infotextOf({ ...FACTS, loras: [{ name, hash: '0123456789ab' }] }))
        expect(settings.get('Lora hashes')).toBe(`${name.replace(/[:,]/g, '')}: 0123456789ab`)
        expect(settings.get('Version')).toBe('sdtool 1.0')
      }),
    )
  })
})
