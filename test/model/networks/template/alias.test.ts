import { describe, expect, it } from 'vitest'
import {
  alias,
  aliasedKeys,
  aliasTemplate,
  fused,
  swapped,
} from '../../../../src/model/networks/template/alias.ts'
import { layer, optional, parameter, scale, weight } from '../../../../src/model/networks/template/row.ts'
import { templateTopology } from '../../../../src/model/networks/template/template.ts'

const TEMPLATE = [
  layer('blocks.{block}.qkv', 'wide+2kv wide'),
  scale('blocks.{block}.{q,k}_norm', 'head'),
  weight('blocks.{block<last}.mod', '6wide wide'),
  weight('blocks.{block=last}.mod', '2wide wide'),
  parameter('token', '1 wide'),
  optional('guidance', weight('guide', 'wide wide')),
].flat()

const ALIASES = [
  fused('blocks.{block}.qkv', ['b.{block}.to_q', 'wide'], ['b.{block}.to_k', 'kv'], ['b.{block}.to_v', 'kv']),
  alias('b.{block}.norm_{q,k}', 'blocks.{block}.{q,k}_norm'),
  alias('b.{block<last}.norm1', 'blocks.{block<last}.mod'),
  swapped('b.{block=last}.norm1', 'blocks.{block=last}.mod'),
  alias('tokens.first', 'token'),
  alias('guidance.linear', 'guide'),
].flat()

const DIMS = { wide: 8, kv: 2, head: 4, block: 2, guidance: 0 }

describe('aliases', () => {
  it('make a template of the other layout', () => {
    expect(Object.fromEntries(templateTopology(aliasTemplate(TEMPLATE, ALIASES), DIMS))).toEqual({
      'b.0.to_q.weight': [8, 8],
      'b.1.to_q.weight': [8, 8],
      'b.0.to_q.bias': [8],
      'b.1.to_q.bias': [8],
      'b.0.to_k.weight': [2, 8],
      'b.1.to_k.weight': [2, 8],
      'b.0.to_k.bias': [2],
      'b.1.to_k.bias': [2],
      'b.0.to_v.weight': [2, 8],
      'b.1.to_v.weight': [2, 8],
      'b.0.to_v.bias': [2],
      'b.1.to_v.bias': [2],
      'b.0.norm_q.weight': [4],
      'b.1.norm_q.weight': [4],
      'b.0.norm_k.weight': [4],
      'b.1.norm_k.weight': [4],
      'b.0.norm1.weight': [48, 8],
      'b.1.norm1.weight': [16, 8],
      'tokens.first': [1, 8],
    })
  })

  it('say where each tensor lies', () => {
    const keys = aliasedKeys(TEMPLATE, ALIASES, DIMS)
    const at = (name: string) => keys.find((key) => key.name === name)
    expect(at('b.1.to_k.bias')).toEqual({
      name: 'b.1.to_k.bias',
      key: 'blocks.1.qkv.bias',
      rows: { start: 8, length: 2 },
    })
    expect(at('b.1.to_v.weight')?.rows).toEqual({ start: 10, length: 2 })
    expect(at('b.0.norm_k.weight')).toEqual({ name: 'b.0.norm_k.weight', key: 'blocks.0.k_norm.scale' })
    expect(at('b.0.norm1.weight')?.swappedHalves).toBeUndefined()
    expect(at('b.1.norm1.weight')?.swappedHalves).toBe(true)
    expect(at('tokens.first')?.key).toBe('token')
    expect(at('guidance.linear.weight')).toBeUndefined()
  })
})
