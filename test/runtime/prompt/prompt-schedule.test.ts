import { describe, expect, it } from 'vitest'
import { composedPrompts } from '../../../src/runtime/prompt/composition.ts'
import { promptSchedule, timedAt } from '../../../src/runtime/prompt/prompt-schedule.ts'

function schedule(prompt: string, steps: number): [number, string][] {
  return promptSchedule(prompt, steps).map(({ until, value }) => [until, value])
}

/** Every step another text, beginning with 1. */
function stepwise(...texts: string[]): [number, string][] {
  return texts.map((text, i) => [i + 1, text])
}

describe('prompts that change', () => {
  // What A1111 documents at get_learned_conditioning_prompt_schedules, but for an example that it says it cannot do
  it.each<[string, [number, string][]]>([
    ['test', [[10, 'test']]],
    [
      'a [b:3]',
      [
        [3, 'a '],
        [10, 'a b'],
      ],
    ],
    [
      'a [b: 3]',
      [
        [3, 'a '],
        [10, 'a b'],
      ],
    ],
    [
      'a [[[b]]:2]',
      [
        [2, 'a '],
        [10, 'a [[b]]'],
      ],
    ],
    [
      '[(a:2):3]',
      [
        [3, ''],
        [10, '(a:2)'],
      ],
    ],
    [
      'a [b : c : 1] d',
      [
        [1, 'a b  d'],
        [10, 'a  c  d'],
      ],
    ],
    [
      'a[b:[c:d:2]:1]e',
      [
        [1, 'abe'],
        [2, 'ace'],
        [10, 'ade'],
      ],
    ],
    ['a [unbalanced', [[10, 'a [unbalanced']]],
    [
      'a [b:.5] c',
      [
        [5, 'a  c'],
        [10, 'a b c'],
      ],
    ],
    [
      '((a][:b:c [d:3]',
      [
        [3, '((a][:b:c '],
        [10, '((a][:b:c d'],
      ],
    ],
    ['[a|(b:1.1)]', stepwise(...Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? 'a' : '(b:1.1)')))],
    ['[fe|]male', stepwise(...Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? 'female' : 'male')))],
    ['[fe|||]male', stepwise(...Array.from({ length: 10 }, (_, i) => (i % 4 === 0 ? 'female' : 'male')))],
  ])('%s', (prompt, expected) => {
    expect(schedule(prompt, 10)).toEqual(expected)
  })

  it('its longest example', () => {
    const prompt =
      'fantasy landscape with a [mountain:lake:0.25] and [an oak:a christmas tree:0.75][ in foreground::0.6][: in background:0.25] [shoddy:masterful:0.5]'
    expect(schedule(prompt, 100)).toEqual([
      [25, 'fantasy landscape with a mountain and an oak in foreground shoddy'],
      [50, 'fantasy landscape with a lake and an oak in foreground in background shoddy'],
      [60, 'fantasy landscape with a lake and an oak in foreground in background masterful'],
      [75, 'fantasy landscape with a lake and an oak in background masterful'],
      [100, 'fantasy landscape with a lake and a christmas tree in background masterful'],
    ])
  })

  // By hand from the rules: a number with a point is a share of the steps, one without is a step
  it.each<[string, [number, string][]]>([
    ['[a:b:1.0]', [[4, 'a']]],
    [
      '[a:b:1]',
      [
        [1, 'a'],
        [4, 'b'],
      ],
    ],
    ['[a:b:0]', [[4, 'b']]],
    ['[a:b:-1]', [[4, 'b']]],
    ['[a:b:99]', [[4, 'a']]],
    [
      '[a:b:0.7]',
      [
        [2, 'a'],
        [4, 'b'],
      ],
    ],
    [
      '[a::2]',
      [
        [2, 'a'],
        [4, ''],
      ],
    ],
    ['[[a|b]:c:2]', stepwise('a', 'b', 'c', 'c')],
    [
      'a:b [c:2]',
      [
        [2, 'a:b '],
        [4, 'a:b c'],
      ],
    ],
  ])('%s in four steps', (prompt, expected) => {
    expect(schedule(prompt, 4)).toEqual(expected)
  })

  it.each([
    '[a]',
    '(a:1.2)',
    '[a:b:c:0.5]',
    '[a:b|c:0.5]',
    '[a|b|c:2]',
    '[a(b:c:2]',
    '[a|b',
    '\\[a|b\\]',
    'a | b [c:d:0.5]',
    '[a:1.2:]',
    '',
  ])('%j is none of them, and stays as it is', (prompt) => {
    expect(schedule(prompt, 4)).toEqual([[4, prompt]])
  })

  it('takes time by their length, however their brackets stand', () => {
    const brackets = '[('.repeat(20_000)
    expect(schedule(brackets, 4)).toEqual([[4, brackets]])
  })
})

it('an edit after five steps is seen by the seventh call, as in A1111', () => {
  const all = promptSchedule('[a:b:5]', 10)
  expect(Array.from({ length: 10 }, (_, call) => timedAt(all, call)).join('')).toBe('aaaaaabbbb')
})

// A1111's documentation of composable diffusion, and the ends of its pattern for weights
it.each<[string, [string, number][]]>([
  ['a cat', [['a cat', 1]]],
  [
    'a cat AND a dog',
    [
      ['a cat', 1],
      [' a dog', 1],
    ],
  ],
  [
    'a cat :1.2 AND a dog AND a penguin :2.2',
    [
      ['a cat', 1.2],
      [' a dog', 1],
      [' a penguin', 2.2],
    ],
  ],
  [
    'a:1.2:0.5 AND b: -.5 ',
    [
      ['a:1.2', 0.5],
      [' b', -0.5],
    ],
  ],
  [
    '(a:1.2) AND [b:c:3]',
    [
      ['(a:1.2)', 1],
      [' [b:c:3]', 1],
    ],
  ],
  ['SAND and ANDES', [['SAND and ANDES', 1]]],
  ['a ratio of 16:9', [['a ratio of 16', 9]]],
  ['line\nbreak:2.', [['line\nbreak', 2]]],
  ['', [['', 1]]],
])('%j is composed of %j', (prompt, expected) => {
  expect(composedPrompts(prompt).map(({ text, weight }) => [text, weight])).toEqual(expected)
})
