/** LoRAs that are not put together: for the two networks of Wan 2.2, each of which does half of the work; for no family that both fit. */
import { describe, expect, it } from 'vitest'
import { describeAdapter } from '../../../src/model/adapters/describe.ts'
import { identify } from '../../../src/model/identify/identify.ts'
import { mergeLoras } from '../../../src/operations/lora-merge/plan.ts'
import { readValues } from '../../../src/tensor/values/expr.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { goldenLora } from '../../family-goldens.ts'
import { floatTensor, tableOf } from '../../tables.ts'

const read = (tensor: Tensor) => readValues(tensor, async () => {})

async function named(fileName: string, metadata: Record<string, string> = {}) {
  const table = goldenLora('wan', 'native', metadata)
  const identity = await identify(table, read, { fileName })
  const file = { name: fileName, table, adapter: identity.adapter!, read }
  return { identity, lora: { file, ratio: { unet: 1, text: 1 } } }
}

describe('experts of Wan 2.2', () => {
  it.each([
    ['style_high_noise.safetensors', {}, 'high-noise', 'by its name'],
    ['style-LowNoise.safetensors', {}, 'low-noise', 'by its name'],
    ['style.safetensors', { 'modelspec.title': 'style low noise' }, 'low-noise', 'by its metadata'],
  ])('%s %o: for %s, %s', async (fileName, metadata, id, how) => {
    const { identity } = await named(fileName, metadata)
    expect(identity.adapter?.base.expert?.id).toBe(id)
    expect(identity.title).toContain(how)
  })

  it('are none where no name says so', async () => {
    const { identity } = await named('style_highres.safetensors')
    expect([identity.adapter?.base.expert, identity.title]).toEqual([undefined, 'LoRA for Wan'])
  })

  it('keep their LoRAs apart', async () => {
    const [high, low] = [await named('a_high_noise.safetensors'), await named('a_low_noise.safetensors')]
    await expect(mergeLoras([high.lora, low.lora])).rejects.toMatchObject({
      code: 'MIXED_ARCHITECTURES',
      exitCode: 3,
    })
    const other = await named('b_high_noise.safetensors')
    expect((await mergeLoras([high.lora, other.lora])).modules.length).toBeGreaterThan(0)
  })
})

describe('LoRAs of which no family is sure', () => {
  const lora = (name: string, module: string) => {
    const table = tableOf([
      floatTensor(`${module}.lora_A.weight`, [1, 2], [1, 2]),
      floatTensor(`${module}.lora_B.weight`, [2, 1], [1, 2]),
    ])
    return { file: { name, table, adapter: describeAdapter(table)!, read }, ratio: { unet: 1, text: 1 } }
  }
  const refiner = lora('a', 'diffusion_model.noise_refiner.0.feed_forward.w2')
  const double = lora('b', 'transformer.transformer_blocks.0.attn.add_q_proj')

  it('are not put together where no family has the layers of both', async () => {
    expect([refiner, double].map(({ file }) => file.adapter.base.architecture)).toEqual([
      undefined,
      undefined,
    ])
    await expect(mergeLoras([refiner, double])).rejects.toMatchObject({ code: 'MIXED_ARCHITECTURES' })
    expect((await mergeLoras([refiner, { ...refiner, ratio: { unet: 0.5, text: 1 } }])).modules).toHaveLength(
      1,
    )
  })
})
