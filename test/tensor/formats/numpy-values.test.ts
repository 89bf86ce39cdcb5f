import { describe, expect, it } from 'vitest'
import { numpyArray } from '../../../src/tensor/formats/numpy-values.ts'
import { runPickle } from '../../../src/tensor/formats/pickle.ts'
import { asKind, mapping } from '../../../src/tensor/formats/pickle-values.ts'
import { DTYPE_OF, fromBase64, pythonPickles } from './python-pickles.ts'

describe('arrays numpy wrote', () => {
  it.each(pythonPickles.arrays)('$name, protocol $protocol', async ({ pickle, dtype, shape, hex }) => {
    const { value } = await runPickle(fromBase64(pickle), 0, new Map())
    const array = numpyArray(asKind(mapping(value)!.get('w'), 'object')!)!
    expect({ ...array, data: Buffer.from(array.data).toString('hex') }).toEqual({
      dtype: DTYPE_OF[dtype],
      shape,
      data: hex,
    })
  })
})
