import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { inParallel } from '../../src/system/parallel.ts'

describe('inParallel', () => {
  it('keeps the order of the items and never has more than the limit under way', async () => {
    let open = 0
    let most = 0
    const work = async (item: number): Promise<number> => {
      most = Math.max(most, ++open)
      for (let turns = item % 5; turns >= 0; turns--) await setImmediate()
      open--
      return item * item
    }
    const items = Array.from({ length: 50 }, (_, i) => i)
    expect(await inParallel(items, 4, work)).toEqual(items.map((i) => i * i))
    expect(most).toBe(4)
    expect(await inParallel([], 4, work)).toEqual([])
  })

  it('starts nothing after a failure, and has nothing under way when it says so', async () => {
    let started = 0
    let ended = 0
    const work = async (item: number): Promise<void> => {
      started++
      if (item === 2) throw new Error('two')
      for (let turns = 0; turns < 10; turns++) await setImmediate()
      ended++
    }
    const items = Array.from({ length: 100 }, (_, i) => i)
    await expect(inParallel(items, 5, work)).rejects.toThrow('two')
    expect([started, ended]).toEqual([5, 4])
  })
})
