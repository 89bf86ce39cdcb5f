import { describe, expect, it } from 'vitest'
import { nearestNames } from '../../src/system/nearest.ts'

describe('nearest names', () => {
  // distances counted by hand: sitten 1 (k -> s), mitten 1, kitchen 2 (t -> c, + h)
  it('come in the order of letters to change, those that contain the name first', () => {
    const names = ['kitchen', 'mitten', 'sitten', 'my-kitten-v2', 'dog']
    expect(nearestNames('Kitten', names)).toEqual(['my-kitten-v2', 'mitten', 'sitten'])
    expect(nearestNames('kitten', names, 9)).toEqual(['my-kitten-v2', 'mitten', 'sitten', 'kitchen'])
  })

  it('are none where more than a third of the letters differ', () => {
    expect(nearestNames('kitten', ['kissing', 'k', ''])).toEqual([])
    expect(nearestNames('a', ['b', 'a'])).toEqual(['a', 'b'])
  })
})
