import { expect, it } from 'vitest'
import { defined } from '../../src/system/defined.ts'

it('leaves out what is undefined, and nothing else', () => {
  const given: { a?: number; b: number | undefined; c: null; d: string; e: boolean } = {
    b: undefined,
    c: null,
    d: '',
    e: false,
  }
  expect(Object.entries(defined(given))).toEqual([
    ['c', null],
    ['d', ''],
    ['e', false],
  ])
})
