import { describe, expect, it } from 'vitest'
import { endOfString, oddSize } from '../../../src/tensor/formats/safetensors-json.ts'
import { fc } from '../../properties.ts'

/** With whatever JSON has to escape, and what it is made of. */
const text = fc.string({
  unit: fc.constantFrom('"', '\\', '{', '}', '[', ']', ':', ',', '-', '1', '.', 'é', '\n'),
})
const ODD = ['1.0', '1e0', '1E2', '-0', '0.5', '-1.5', '10.0']

describe('sizes that only JavaScript takes for whole numbers', () => {
  const header = fc.record({ names: fc.uniqueArray(text, { minLength: 1, maxLength: 5 }), note: text })

  /** The header of tensors with these names, of which the last has this size, as it is written. */
  function headerOf(names: readonly string[], note: string, size: string, key = '"shape"'): string {
    const other = key === '"data_offsets"' ? '"shape":[1]' : '"data_offsets":[0,4]'
    const entries = names.map((name, i) => {
      const own = i === names.length - 1 ? size : '4'
      return `${JSON.stringify(name)}:{"dtype":"F32",${key}:[2,${own}],${other}}`
    })
    return `{"__metadata__":{${JSON.stringify(note)}:${JSON.stringify(note)}},${entries.join()}}`
  }

  it('are found behind any names and texts', () => {
    fc.assert(
      fc.property(
        header,
        fc.constantFrom(...ODD),
        fc.constantFrom('"shape"', '"data_offsets"', '"\\u0073hape"'),
        ({ names, note }, size, key) => {
          expect(oddSize(headerOf(names, note, size, key))).toBe(size)
        },
      ),
    )
  })

  it('whole numbers are none, and names and texts are no sizes', () => {
    fc.assert(
      fc.property(header, fc.integer(), ({ names, note }, size) => {
        expect(oddSize(headerOf(names, note, `${size}`))).toBeUndefined()
      }),
    )
    expect(oddSize('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":[1.5]}}')).toBeUndefined()
    expect(oddSize('{"a":{"shape":["1.0"]}}')).toBeUndefined()
  })
})

it('a text ends where JSON says that it does', () => {
  fc.assert(
    fc.property(text, text, (before, inside) => {
      const quoted = JSON.stringify(inside)
      expect(endOfString(`${before}${quoted}"`, before.length)).toBe(before.length + quoted.length - 1)
    }),
  )
})
