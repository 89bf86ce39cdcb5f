import type * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import {
  anything,
  flag,
  id,
  list,
  maybe,
  number,
  object,
  read,
  readEach,
  text,
  textOr,
} from '../../../src/civitai/api/tolerant.ts'

/** One value of each type of JSON. */
const VALUES = [null, true, false, 7, -1, 1.5, 'x', '', [], ['y'], {}, { a: 'z' }] as const

const FIELDS = [
  ['maybe(text)', maybe(text), ['x', ''], undefined],
  ['maybe(number)', maybe(number), [7, -1, 1.5], undefined],
  ['maybe(id)', maybe(id), [7], undefined],
  ['textOr', textOr('usual'), ['x', ''], 'usual'],
  ['flag', flag, [true, false], false],
  ['list', list(text), [[], ['y']], []],
] as const satisfies readonly (readonly [string, v.GenericSchema, readonly unknown[], unknown])[]

describe('a field of an answer', () => {
  it.each(FIELDS)('%s is missing where it is of another type', (_name, schema, accepted, missing) => {
    for (const value of VALUES) {
      const isAccepted = accepted.some((one) => JSON.stringify(one) === JSON.stringify(value))
      const expected = isAccepted ? value : missing
      const wanted = expected === undefined ? {} : { field: expected }
      expect(read(object({ field: schema }), { field: value }), JSON.stringify(value)).toEqual(wanted)
    }
    expect(read(object({ field: schema }), {})).toEqual(missing === undefined ? {} : { field: missing })
  })

  it('has no number that JSON cannot write', () => {
    expect(read(object({ a: maybe(number) }), JSON.parse('{"a": 1e999}'))).toEqual({})
  })

  it('is an own one, not what every object has', () => {
    const every = object({ constructor: maybe(anything), toString: maybe(anything) })
    expect(Object.keys(read(every, JSON.parse('{}'))!)).toEqual([])
  })
})

describe('an answer', () => {
  it('that is not an object cannot be read, whatever it lacks', () => {
    const objects = VALUES.filter((value) => read(object({}), value) !== undefined)
    expect(objects).toEqual([{}, { a: 'z' }])
  })

  it('cannot be read without what is required', () => {
    const schema = object({ id, name: maybe(text) })
    expect(read(schema, { id: 1, name: 3, other: 1 })).toEqual({ id: 1 })
    for (const wrong of [{}, { id: 0 }, { id: '1' }, { id: 1.5 }, { id: 2 ** 53 }])
      expect(read(schema, wrong)).toBeUndefined()
  })

  it('in a list does not spoil the others', () => {
    expect(readEach(object({ id }), [null, { id: 1 }, 3, [{ id: 2 }], { id: 'x' }, { id: 3 }])).toEqual([
      { id: 1 },
      { id: 3 },
    ])
  })
})
