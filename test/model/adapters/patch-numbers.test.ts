import { describe, expect, it } from 'vitest'
import { splitModules } from '../../../src/model/adapters/modules.ts'
import { readNumbers } from '../../../src/model/adapters/numbers.ts'
import { newEvaluation, readValues } from '../../../src/tensor/values/expr.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { bytesTensor, floatTensor, tableOf } from '../../tables.ts'

const FACTORS = [
  floatTensor('m.lora_down.weight', [2, 3], [1, 2, 3, 4, 5, 6]),
  floatTensor('m.lora_up.weight', [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]),
]

function numbersOf(...tensors: Tensor[]) {
  const { modules } = splitModules(tableOf([...FACTORS, ...tensors]))
  return readNumbers(modules, (tensor) => readValues(tensor, unused))
}

const unused = newEvaluation(async () => {
  throw new Error('all values are in memory')
}).read

describe('readNumbers', () => {
  it('reads what steers the modules, by module and role, and no factor', async () => {
    const numbers = await numbersOf(
      floatTensor('m.alpha', [], [0.5]),
      bytesTensor('m.reshape_weight', 'I64', [2], new Uint8Array(BigInt64Array.of(4n, 6n).buffer)),
      bytesTensor('n.on_input', 'I64', [], new Uint8Array(BigInt64Array.of(1n).buffer)),
      floatTensor('n.weight', [3], [1, 2, 3]),
    )
    expect(numbers).toEqual(
      new Map([
        [
          'm',
          new Map([
            ['alpha', Float64Array.of(0.5)],
            ['reshape_weight', Float64Array.of(4, 6)],
          ]),
        ],
        ['n', new Map([['on_input', Float64Array.of(1)]])],
      ]),
    )
  })

  it('has an entry for a module that nothing steers', async () => {
    expect(await numbersOf()).toEqual(new Map([['m', new Map()]]))
  })

  it.each([
    ['an alpha of two numbers', floatTensor('m.alpha', [2], [1, 1])],
    ['an empty alpha', floatTensor('m.alpha', [0], [])],
    ['an alpha that is not a number', floatTensor('m.alpha', [], [Number.NaN])],
    ['an infinite scale', floatTensor('m.scale', [], [Number.POSITIVE_INFINITY])],
    ['a shape of a hundred dimensions', floatTensor('m.reshape_weight', [100], Array(100).fill(1))],
    ['complex numbers', bytesTensor('m.alpha', 'C64', [], new Uint8Array(8))],
  ])('refuses %s', async (_, tensor) => {
    await expect(numbersOf(tensor)).rejects.toMatchObject({ code: 'BAD_ADAPTER_NUMBER', exitCode: 3 })
    await expect(numbersOf(tensor)).rejects.toThrow(tensor.name)
  })

  it('does not read a tensor that is too large to be a number', async () => {
    const huge: Tensor = {
      name: 'm.alpha',
      dtype: 'F32',
      shape: [2 ** 40],
      source: { kind: 'bytes', data: new Uint8Array() },
    }
    await expect(numbersOf(huge)).rejects.toMatchObject({ code: 'BAD_ADAPTER_NUMBER' })
  })
})
