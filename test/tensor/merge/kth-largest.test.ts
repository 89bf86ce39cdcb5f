import { expect, it } from 'vitest'
import { kthLargest } from '../../../src/tensor/merge/kth-largest.ts'
import { median } from '../../../src/tensor/merge/median-window.ts'
import { fc } from '../../properties.ts'

const magnitudes = fc.array(fc.float({ noNaN: true, min: 0 }), { minLength: 1, maxLength: 200 })

it('finds what sorting finds, among equal values and zeros, too', async () => {
  await fc.assert(
    fc.asyncProperty(magnitudes, fc.nat(), async (values, seed) => {
      const k = 1 + (seed % values.length)
      const found = await kthLargest(async (visit) => {
        for (const value of values) visit(value)
      }, k)
      expect(found).toBe([...values].sort((a, b) => b - a)[k - 1])
    }),
  )
})

it('the median of an odd count is the middle one of the sorted values', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 81 }), (values) => {
      const odd = values.length % 2 === 1 ? values : [...values, 0]
      const middle = Float64Array.from(odd).sort()[odd.length >> 1]!
      // zeros count as equal, whatever their sign
      expect(median(Float64Array.from(odd)) + 0).toBe(middle + 0)
    }),
  )
})
