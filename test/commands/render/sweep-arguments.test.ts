import { expect, it } from 'vitest'
import { sweepAxes } from '../../../src/commands/render/sweep-arguments.ts'

it.each([
  ['style=0..1:0.25', 'style', [0, 0.25, 0.5, 0.75, 1]],
  ['style=0..1', 'style', [0, 0.25, 0.5, 0.75, 1]],
  ['style=0..1:0.3', 'style', [0, 0.3, 0.6, 0.9]],
  ['style=0..0.3:0.1', 'style', [0, 0.1, 0.2, 0.3]],
  ['style=1..-1:0.5', 'style', [1, 0.5, 0, -0.5, -1]],
  ['style=-.5..0.5:.5', 'style', [-0.5, 0, 0.5]],
  ['cfg=3,5.5, 7', 'cfg', [3, 5.5, 7]],
  ['a=b.safetensors=1', 'a=b.safetensors', [1]],
])('%s', (arg, name, values) => {
  expect(sweepAxes([arg])).toEqual([{ name, values }])
})

it('two are columns and rows', () => {
  expect(sweepAxes(['a=0,1', 'b=0,2']).map(({ name }) => name)).toEqual(['a', 'b'])
})

it.each([
  [['style'], 'give what to change'],
  [['=0..1'], 'give what to change'],
  [['style='], 'give what to change'],
  [['style=x'], '"x" is not a number'],
  [['style=0..x'], '"x" is not a number'],
  [['style=0..1:0'], 'is 0'],
  [['style=1..1'], 'is 0'],
  [['style=0..1:0.001'], '1001 values'],
  [['style=0,0'], 'twice'],
  [['a=0,1', 'a=0,2'], 'twice'],
  [['a=0,1', 'b=0,2', 'c=0,1'], '3 times'],
])('%j is refused', (args, message) => {
  expect(() => sweepAxes(args)).toThrow(
    expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(message) }),
  )
})
