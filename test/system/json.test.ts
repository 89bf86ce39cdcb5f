import { describe, expect, it } from 'vitest'
import { parseJsonText } from '../../src/system/json.ts'

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

describe('JSON of others', () => {
  it.each([
    ['', undefined],
    ['{"a":', undefined],
    ['NaN', undefined],
    [undefined, undefined],
    ['null', null],
    ['{"a":[1]}', { a: [1] }],
  ])('%j is %j', (text, value) => {
    expect(parseJsonText(text)).toEqual(value)
  })

  it('is refused where it is deeper than a workflow ever is; brackets in strings do not count', () => {
    expect(parseJsonText(nested(100))).toBeDefined()
    expect(parseJsonText(nested(101))).toBeUndefined()
    expect(parseJsonText(JSON.stringify(nested(1000)))).toBe(nested(1000))
    expect(parseJsonText(JSON.stringify('\\"'.repeat(200) + nested(1000)))).toBeDefined()
  })

  it('is refused where it is longer than the caller takes', () => {
    expect(parseJsonText('"abc"', 5)).toBe('abc')
    expect(parseJsonText('"abcd"', 5)).toBeUndefined()
  })
})
