import { describe, expect, it } from 'vitest'
import {
  labelByRows,
  MAX_BLOCKS,
  numberedBlocks,
  withNumberSteps,
} from '../../../src/model/networks/numbered-blocks.ts'

/** `path.0.rest`, `path.1.rest` and so on. */
function list(path: string, count: number, rest: string): string[] {
  return Array.from({ length: count }, (_, i) => `${path}${i}.${rest}`)
}

/** Of families whose keys are published, one file each: keys, and the block of the last of them. */
const NETWORKS: readonly (readonly [name: string, keys: readonly string[], block: string | undefined])[] = [
  ['Z-Image', [...list('noise_refiner.', 2, 'attention.qkv.weight'), ...list('layers.', 30, 'attention.qkv.weight')], 'layers.29'], // biome-ignore format: one line
  ['layers of an embedder are no blocks', [...list('layers.', 2, 'mlp.weight'), 't_embedder.mlp.0.weight'], undefined], // biome-ignore format: one line
  ['Wan, whose blocks have parameters of their own', [...list('blocks.', 40, 'self_attn.q.weight'), 'blocks.7.modulation'], 'blocks.7'], // biome-ignore format: one line
  ['HiDream', [...list('single_stream_blocks.', 32, 'block.attn1.to_q.weight'), ...list('double_stream_blocks.', 16, 'block.ff_i.experts.0.w1.weight')], 'double_stream_blocks.15'], // biome-ignore format: one line
  ['old ESRGAN, whose blocks lie below a number', ['model.0.weight', ...list('model.1.sub.', 23, 'RDB1.conv1.0.weight')], 'model.1.sub.22'], // biome-ignore format: one line
  ['ESRGAN', list('body.', 23, 'rdb1.conv1.weight'), 'body.22'],
  ['a row of layers', list('body.', 34, 'weight'), 'body.33'],
  ['TAESD, whose names begin with the number', list('', 19, 'conv.0.weight'), '18'],
  ['IP-Adapter', list('ip_adapter.', 16, 'to_k_ip.weight'), 'ip_adapter.15'],
  ['Cosmos, which has layers below a number that are no block', [...list('blocks.', 28, 'mlp.layer1.weight'), 't_embedder.1.linear_1.weight'], undefined], // biome-ignore format: one line
  ['one block alone', ['blocks.0.attn.qkv.weight'], 'blocks.0'],
  ['no numbers', ['img_in.weight'], undefined],
  ['the number is the whole name', ['5'], undefined],
]

describe('numberedBlocks', () => {
  it.each(NETWORKS)('%s', (_, keys, block) => {
    expect(numberedBlocks(keys)(keys.at(-1)!)).toBe(block)
  })

  it.each([
    ['a step with control characters', 'a\u001b[31m.3.mlp.weight'],
    ['a step with spaces and signs', 'a = b, c.3.mlp.weight'],
    ['a leading zero', 'layers.03.mlp.weight'],
    ['a number of seven digits', 'layers.1234567.mlp.weight'],
    ['a number behind many steps', `${'a.'.repeat(40)}3.mlp.weight`],
    ['a long step', `${'a'.repeat(70)}.3.mlp.weight`],
    ['an empty step', '.3.mlp.weight'],
  ])('%s makes no label', (_, key) => {
    expect(numberedBlocks([key, key.replace('3', '4')])(key)).toBeUndefined()
  })

  it('more numbers than networks have blocks are none', () => {
    const [few, many] = [MAX_BLOCKS, MAX_BLOCKS + 1].map((count) => list('layers.', count, 'mlp.weight'))
    expect(numberedBlocks(few!)(few![0]!)).toBe('layers.0')
    expect(numberedBlocks(many!)(many![0]!)).toBeUndefined()
  })
})

it('rows of a family name what stands behind their path alone', () => {
  const rows = [{ path: 'layers', label: 'L' }]
  expect(
    ['layers.7.x', 'layers.x', 'my_layers.7.x', 'layers.123.x'].map((key) => labelByRows(key, rows)),
  ).toEqual(
    ['L07', undefined, undefined, 'L123'], // biome-ignore format: one line
  )
})

it.each([
  ['layers_3_attention_out', 'layers.3.attention_out'],
  ['double_stream_blocks_4_block_ff_i_experts_0_w1', 'double_stream_blocks.4.block_ff_i_experts.0.w1'],
  ['blocks_0_attn1_to_q', 'blocks.0.attn1_to_q'],
  ['x_embedder', 'x_embedder'],
])('%s has the steps %s', (flat, dotted) => {
  expect(withNumberSteps(flat)).toBe(dotted)
})
