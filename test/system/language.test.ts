import { setTimeout } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { catalogue, speaking } from '../../src/system/language.ts'

const messages = catalogue(
  {
    noTensors: 'the file has no tensors',
    cutOff: (name: string, bytes: number) => `${name} is cut off after ${bytes} bytes`,
  },
  {
    'zh-CN': {
      noTensors: '文件中没有张量',
      cutOff: (name, bytes) => `${name} 在 ${bytes} 字节处被截断`,
    },
  },
)

it('speaks English unless it is asked for another language', () => {
  expect([messages.noTensors, messages.cutOff('a', 8)]).toEqual([
    'the file has no tensors',
    'a is cut off after 8 bytes',
  ])
})

it('gives each of two calls that run at once its own language', async () => {
  const tell = async (milliseconds: number) => {
    await setTimeout(milliseconds)
    return messages.cutOff('a', 8)
  }
  const told = [speaking('zh-CN', () => tell(20)), tell(10), speaking('en', () => tell(1))]
  expect(await Promise.all(told)).toEqual([
    'a 在 8 字节处被截断',
    'a is cut off after 8 bytes',
    'a is cut off after 8 bytes',
  ])
})

it('falls back to English where a folder has no such language', () => {
  const english = catalogue({ done: 'done' })
  expect(speaking('zh-CN', () => english.done)).toBe('done')
})
