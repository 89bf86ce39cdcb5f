import { describe, expect, it } from 'vitest'
import { toPipeline } from '../../../src/model/layouts/pipeline.ts'
import { fluxDev } from '../../../src/model/networks/architectures/flux.ts'
import { planPart } from '../../../src/operations/convert/part.ts'
import { shardIndexText, shardName, shardsOf } from '../../../src/operations/convert/shards.ts'
import { componentKeys, tableOf } from '../../model/tables.ts'
import { inputModel } from '../input-models.ts'

const GB = 1e9

/** BF16 tensors of so many bytes. */
function tensors(...sizes: number[]) {
  return tableOf(
    sizes.map((bytes, i) => [`t${i}`, [bytes / 2]] as const),
    { dtype: 'BF16' },
  ).tensors
}

describe('shards', () => {
  it('hold up to 10 GB each, in the order of the tensors', () => {
    const shards = shardsOf(tensors(4 * GB, 6 * GB, 2, 9 * GB, 12 * GB, 1 * GB))
    expect(shards.map((shard) => [...shard.keys()])).toEqual([['t0', 't1'], ['t2', 't3'], ['t4'], ['t5']])
  })

  it('are one where there is room', () => {
    const [only, ...others] = shardsOf(tensors(1 * GB, 9 * GB))
    expect([only!.size, others]).toEqual([2, []])
    expect(shardName('model.safetensors', 1, 1)).toBe('model.safetensors')
  })

  it('are named and listed as transformers reads them', () => {
    const shards = shardsOf(tensors(8 * GB, 8 * GB))
    expect(JSON.parse(shardIndexText('diffusion_pytorch_model.safetensors', shards))).toEqual({
      metadata: { total_size: 16 * GB },
      weight_map: {
        t0: 'diffusion_pytorch_model-00001-of-00002.safetensors',
        t1: 'diffusion_pytorch_model-00002-of-00002.safetensors',
      },
    })
  })
})

describe('a part of a model that is too large for one file', () => {
  it('is what the recipe of each of its files says', async () => {
    const keys = componentKeys(fluxDev.components[0]!)
    const { file, identity } = await inputModel('flux.safetensors', keys, { dtype: 'BF16' })
    const pipeline = toPipeline(file, identity)
    const whole = planPart(pipeline, identity, { part: 'transformer' }).table.tensors
    const shards = [1, 2, 3].map((number) => {
      return planPart(pipeline, identity, { part: 'transformer', shard: { number, of: 3 } }).table.tensors
    })
    expect(shards.flatMap((shard) => [...shard.keys()])).toEqual([...whole.keys()])
    expect(() => planPart(pipeline, identity, { part: 'transformer', shard: { number: 1, of: 2 } })).toThrow(
      'the recipe is of one of 2 shards; the network has 3',
    )
  })
})
