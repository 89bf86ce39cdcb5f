import { expect, it } from 'vitest'
import { isUnpaired, printable, quoted } from '../../src/system/text.ts'

it.each([
  [120, 'x'.repeat(120)],
  [121, `${'x'.repeat(60)}...${'x'.repeat(60)}`],
  [100_000, `${'x'.repeat(60)}...${'x'.repeat(60)}`],
])('of a text of %i characters both ends are shown', (length, expected) => {
  expect(printable('x'.repeat(length))).toBe(expected)
})

it('a text is no longer than is asked for, and no more of it is shown twice', () => {
  expect(printable('0123456789', 10)).toBe('0123456789')
  expect(printable('0123456789a', 10)).toBe('01234...6789a')
  expect(printable('0123456789', 7)).toBe('012...789')
})

it('control characters do not reach a terminal, in quotes no quote ends them', () => {
  expect(printable('a\u001b[2J\u202e')).toBe('a\\u001b[2J\\u202e')
  expect(quoted('a"b')).toBe('"a\\"b"')
})

it.each([
  ['abc', false],
  ['\u{1f600}', false],
  ['\ud83d', true],
  ['a\ude00', true],
])('%j has half of a pair: %s', (text, expected) => {
  expect(isUnpaired(text)).toBe(expected)
})
