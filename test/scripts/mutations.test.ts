import { describe, expect, it } from 'vitest'

interface Mutation {
  readonly at: number
  readonly end: number
  readonly text: string
  readonly operator: string
}

const script = new URL('../../scripts/mutations.mjs', import.meta.url).href
const { mutationsOf } = (await import(script)) as { mutationsOf(source: string): Mutation[] }

/** The source with each of its faults, without those of the other operators. */
function faults(source: string, ...operators: string[]): string[] {
  return mutationsOf(source)
    .filter(({ operator }) => operators.length === 0 || operators.includes(operator))
    .map(({ at, end, text }) => source.slice(0, at) + text + source.slice(end))
}

describe('mutationsOf', () => {
  it.each([
    ['relation', 'a < b', ['a <= b']],
    ['relation', 'a >= b', ['a > b']],
    ['relation', 'a !== b', ['a === b']],
    ['arithmetic', 'a + b % c', ['a - b % c', 'a + b * c']],
    ['arithmetic', 'i++', ['i--']],
    ['arithmetic', 'a >>> b', ['a << b']],
    ['constant', 'f(7)', ['f(8)', 'f(6)']],
    ['constant', 'x = 0', ['x = 1', 'x = (-1)']],
    ['constant', '0x0f + 1_000n', ['16 + 1_000n', '14 + 1_000n', '0x0f + 1001n', '0x0f + 999n']],
    ['constant', '1.5 + 1e3', []],
    ['logic', 'a && b || c', ['a || b || c', 'a && b && c']],
    ['extreme', 'Math.min(a, b.max)', ['Math.max(a, b.max)']],
    ['condition', 'if (a && f(b)) c()', ['if (!(a && f(b))) c()']],
    ['negation', 'if (!a) return !b', ['if ( a) return !b', 'if (!a) return  b']],
    ['negation', 'a!.b! + c[0]!', []],
  ])('%s: %s', (operator, source, expected) => {
    expect(faults(source, operator)).toEqual(expected)
  })

  it.each([
    ['a string', `'a < 1 && !b'`],
    ['another', `"it's 1 + 1" `],
    ['a template', `\`1 < \${\`2 + \${a}\`} && 3\``],
    ['a comment', '// a < 1\n/* b && !c\n 2 */'],
    ['a regular expression', '/[/*]+ < 1 && !/g'],
    ['one behind a sign', 'f(/1 + 1/, (/2/))'],
    ['a word with a digit', 'log2'],
  ])('leaves %s alone', (_, source) => {
    expect(faults(source)).toEqual([])
  })

  it('finds what stands in a template, and a division beside a value', () => {
    expect(faults(`\`\${a < b}\``)).toEqual([`\`\${a <= b}\``])
    expect(faults('(a) / b / c')).toEqual(['(a) * b / c', '(a) / b * c'])
  })

  it('leaves out statements that call something', () => {
    const source = [
      'async function f(a) {',
      '  await a.sync()',
      '  if (a) b(1)',
      '  const c = d()',
      '  return e()',
      '  g(() => {',
      '    h?.[2]!.i(',
      '      j(),',
      '    )',
      '  })',
      '  k()',
      '    .l()',
      '}',
    ].join('\n')
    const lost = mutationsOf(source)
      .filter(({ operator }) => operator === 'call')
      .map(({ at, end }) => source.slice(at, end).replaceAll(/\s+/g, ''))
    expect(lost).toEqual(['awaita.sync()', 'b(1)', 'g(()=>{h?.[2]!.i(j(),)})', 'h?.[2]!.i(j(),)', 'k().l()'])
  })
})
