import { describe, expect, it } from 'vitest'
import { layer, optional, parameter, scale, weight } from '../../../../src/model/networks/template/row.ts'
import { derivedDims, spelledAs, templateTopology } from '../../../../src/model/networks/template/template.ts'

const TEMPLATE = [
  layer('first', 'wide in 2 2'),
  parameter('table', '1 wide'),
  weight('blocks.{block}.qkv', 'wide+2kv wide'),
  scale('blocks.{block}.{a,b}_norm', 'head'),
  layer('blocks.{block<last}.out', '3wide wide'),
  layer('blocks.{block=last}.out', 'wide wide'),
  layer('blocks.{twin}.second', 'wide wide'),
  layer('blocks.{block>=twin}.only', 'wide wide'),
  optional('guidance', layer('guide', 'wide 256')),
].flat()

const DIMS = { wide: 8, in: 3, kv: 2, head: 4, block: 3, twin: 1, guidance: 1 }

// by hand
const KEYS = {
  'first.weight': [8, 3, 2, 2],
  'first.bias': [8],
  table: [1, 8],
  'blocks.0.qkv.weight': [12, 8],
  'blocks.1.qkv.weight': [12, 8],
  'blocks.2.qkv.weight': [12, 8],
  'blocks.0.a_norm.scale': [4],
  'blocks.1.a_norm.scale': [4],
  'blocks.2.a_norm.scale': [4],
  'blocks.0.b_norm.scale': [4],
  'blocks.1.b_norm.scale': [4],
  'blocks.2.b_norm.scale': [4],
  'blocks.0.out.weight': [24, 8],
  'blocks.0.out.bias': [24],
  'blocks.1.out.weight': [24, 8],
  'blocks.1.out.bias': [24],
  'blocks.2.out.weight': [8, 8],
  'blocks.2.out.bias': [8],
  'blocks.0.second.weight': [8, 8],
  'blocks.0.second.bias': [8],
  'blocks.1.only.weight': [8, 8],
  'blocks.1.only.bias': [8],
  'blocks.2.only.weight': [8, 8],
  'blocks.2.only.bias': [8],
  'guide.weight': [8, 256],
  'guide.bias': [8],
}

const shapes = new Map<string, readonly number[]>(Object.entries(KEYS))
const without = (...names: string[]) => new Map([...shapes].filter(([name]) => !names.includes(name)))

describe('a template', () => {
  it('has every row in the blocks it names, with its sizes', () => {
    expect(Object.fromEntries(templateTopology(TEMPLATE, DIMS))).toEqual(KEYS)
  })

  it('leaves out a part that the network does not have', () => {
    const found = templateTopology(TEMPLATE, { ...DIMS, guidance: 0 })
    expect([...shapes.keys()].filter((key) => !found.has(key))).toEqual(['guide.weight', 'guide.bias'])
  })

  it('refuses a size that is none when the table is built', () => {
    expect(() => layer('x', '2*wide')).toThrow(TypeError)
  })
})

describe('the numbers of a network', () => {
  it('are read off the shapes of a file, blocks are counted', () => {
    expect(derivedDims(TEMPLATE, (name) => shapes.get(name), {})).toEqual(DIMS)
  })

  it('are read where norms are called weight', () => {
    const renamed = new Map([...shapes].map(([name, shape]) => [name.replace(/scale$/, 'weight'), shape]))
    expect(derivedDims(TEMPLATE, (name) => renamed.get(name), {})).toEqual(DIMS)
  })

  it('count a block of which the first layer is lost', () => {
    const damaged = without('blocks.0.qkv.weight', 'blocks.1.a_norm.scale')
    expect(derivedDims(TEMPLATE, (name) => damaged.get(name), { kv: 2 })).toEqual(DIMS)
  })

  it('are those of the published network where nothing tells them', () => {
    const damaged = without('blocks.0.qkv.weight')
    expect(derivedDims(TEMPLATE, (name) => damaged.get(name), { kv: 7, other: 1 })).toMatchObject({
      kv: 7,
      other: 1,
    })
  })

  it('say that a part is not there', () => {
    const plain = without('guide.weight', 'guide.bias')
    expect(derivedDims(TEMPLATE, (name) => plain.get(name), { guidance: 1 })).toMatchObject({ guidance: 0 })
  })

  it('are no larger than a real network has, whatever a file invents', () => {
    const found = derivedDims([...weight('blocks.{block}.a', 'wide')], () => [3], {})
    expect(found).toEqual({ block: 256, wide: 3 })
  })

  it('pass over shapes of another kind and sizes that do not divide', () => {
    const odd: Record<string, number[]> = { 'a.weight': [], 'b.weight': [7, 5] }
    const template = [...weight('a', 'wide in'), ...weight('b', '3wide in')]
    expect(derivedDims(template, (name) => odd[name], { wide: 9 })).toEqual({ wide: 9, in: 5 })
  })
})

it('names a norm as the file does', () => {
  const file = new Map([['a.weight', [4]]])
  const named = spelledAs(new Map([['a.scale', [4]], ['b.scale', [4]]]), (name) => file.get(name)) // biome-ignore format: one line
  expect([...named.keys()]).toEqual(['a.weight', 'b.scale'])
})
