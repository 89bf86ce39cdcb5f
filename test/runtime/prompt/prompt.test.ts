import { describe, expect, it } from 'vitest'
import { parseAttention } from '../../../src/runtime/prompt/attention.ts'
import { chunksOf } from '../../../src/runtime/prompt/chunks.ts'
import { emphasize } from '../../../src/runtime/prompt/emphasis.ts'
import { clipTokenizer } from '../../../src/runtime/prompt/tokenizer.ts'

/** Text and weight, rounded as A1111's documentation does. */
function parsed(prompt: string): unknown[] {
  return parseAttention(prompt).map((part) =>
    part === 'BREAK' ? part : [part.text, Math.round(part.weight * 1e4) / 1e4],
  )
}

describe('weights in prompts', () => {
  // The examples that A1111 documents at parse_prompt_attention
  it.each([
    ['normal text', [['normal text', 1]]],
    [
      'an (important) word',
      [
        ['an ', 1],
        ['important', 1.1],
        [' word', 1],
      ],
    ],
    ['(unbalanced', [['unbalanced', 1.1]]],
    ['\\(literal\\]', [['(literal]', 1]]],
    ['(unnecessary)(parens)', [['unnecessaryparens', 1.1]]],
    [
      'a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).',
      [
        ['a ', 1],
        ['house', 1.573],
        [' ', 1.1],
        ['on', 1],
        [' a ', 1.1],
        ['hill', 0.55],
        [', sun, ', 1.1],
        ['sky', 1.4641],
        ['.', 1.1],
      ],
    ],
  ])('%s', (prompt, expected) => {
    expect(parsed(prompt)).toEqual(expected)
  })

  it.each([
    ['', [['', 1]]],
    ['[x:1.2]', [['x:1.2', 0.9091]]],
    ['a:1.2)', [['a:1.2)', 1]]],
    ['(a:1.2.3)', [['a:1.2.3)', 1.1]]],
    ['(a : -0.5 )', [['a ', -0.5]]],
    ['a]', [['a]', 1]]],
    ['c:\\\\x \\y', [['c:\\x y', 1]]],
    ['a BREAK b', [['a', 1], 'BREAK', ['b', 1]]],
    ['(a BREAK b:1.5)', [['a', 1.5], 'BREAK', ['b', 1.5]]],
    ['BREAKFAST', [['BREAKFAST', 1]]],
  ])('%j', (prompt, expected) => {
    expect(parsed(prompt)).toEqual(expected)
  })
})

describe('chunks', () => {
  const tokenizer = clipTokenizer()
  const word = 'cat '

  it('hold 75 tokens between begin and end', () => {
    const [chunk, ...others] = chunksOf('a (cat:1.5)', tokenizer)
    expect(others).toEqual([])
    expect(chunk!.tokens).toEqual([49406, 320, 2368, ...Array(74).fill(49407)])
    expect(chunk!.weights).toEqual([1, 1, 1.5, ...Array(74).fill(1)])
  })

  it('are one for an empty prompt, and more for a long one', () => {
    expect(chunksOf('', tokenizer).map(({ tokens }) => tokens)).toEqual([[49406, ...Array(76).fill(49407)]])
    expect(chunksOf(word.repeat(75), tokenizer)).toHaveLength(1)
    const long = chunksOf(word.repeat(76), tokenizer)
    expect(long.map(({ tokens }) => tokens.filter((token) => token === 2368).length)).toEqual([75, 1])
  })

  it('end at a comma that is near', () => {
    // 60 cats, a comma, 20 cats: the comma is token 60 of the first chunk
    const chunks = chunksOf(`${word.repeat(60)}, ${word.repeat(20)}`, tokenizer)
    expect(chunks.map(({ tokens }) => tokens.filter((token) => token === 2368).length)).toEqual([60, 20])
    const far = chunksOf(`${word.repeat(50)}, ${word.repeat(30)}`, tokenizer)
    expect(far.map(({ tokens }) => tokens.filter((token) => token === 2368).length)).toEqual([74, 6])
  })

  it('end at BREAK', () => {
    const chunks = chunksOf('a BREAK cat', tokenizer)
    expect(chunks.map(({ tokens }) => tokens.slice(0, 3))).toEqual([
      [49406, 320, 49407],
      [49406, 2368, 49407],
    ])
  })

  it('hold vectors where the name of an embedding stands, the longest name first', () => {
    const short = { name: 'sd-bad', vectors: 2 }
    const long = { name: 'sd-bad-hands', vectors: 3 }
    const [chunk] = chunksOf('cat (sd-bad-hands:0.5) sd-bad', tokenizer, [short, long])
    expect(chunk!.embeddings).toEqual([
      { position: 2, embedding: long },
      { position: 5, embedding: short },
    ])
    expect(chunk!.tokens.slice(0, 8)).toEqual([49406, 2368, 0, 0, 0, 0, 0, 49407])
    expect(chunk!.weights.slice(0, 8)).toEqual([1, 1, 0.5, 0.5, 0.5, 1, 1, 1])
  })

  it('do not cut an embedding, and move it with what follows a comma', () => {
    const embedding = { name: 'sd-bad', vectors: 4 }
    const cut = chunksOf(`${word.repeat(73)} sd-bad`, tokenizer, [embedding])
    expect(cut.map(({ embeddings }) => embeddings.map(({ position }) => position))).toEqual([[], [1]])
    const moved = chunksOf(`${word.repeat(60)}, sd-bad ${word.repeat(20)}`, tokenizer, [embedding])
    expect(moved.map(({ embeddings }) => embeddings.map(({ position }) => position))).toEqual([[], [1]])
    expect(moved[1]!.tokens.slice(0, 7)).toEqual([49406, 0, 0, 0, 0, 2368, 2368])
  })
})

describe('emphasis', () => {
  it('multiplies and restores the mean', () => {
    // mean 2.5; weighted 1 2 6 8 -> mean 4.25; times 2.5 / 4.25
    const hidden = Float32Array.of(1, 2, 3, 4)
    emphasize(hidden, [1, 2])
    const expected = [1, 2, 6, 8].map((value) => (value * 2.5) / 4.25)
    hidden.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 6)
    })
  })

  it('leaves numbers alone where all weights are 1', () => {
    const hidden = Float32Array.of(0.1, 0.7, -3)
    emphasize(hidden, [1, 1, 1])
    expect([...hidden]).toEqual([...Float32Array.of(0.1, 0.7, -3)])
  })
})
