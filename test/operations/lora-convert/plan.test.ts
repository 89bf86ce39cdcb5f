import { expect, it } from 'vitest'
import { describeAdapter } from '../../../src/model/adapters/describe.ts'
import { planLoraConvert } from '../../../src/operations/lora-convert/plan.ts'
import { readValues } from '../../../src/tensor/values/expr.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { floatTensor, tableOf } from '../../tables.ts'

/** Of Flux.1. */
const WIDTH = 3072

const read = (tensor: Tensor) => readValues(tensor, async () => {})

function fluxLora(tensors: Tensor[]) {
  const table = tableOf(tensors)
  const described = describeAdapter(table)!
  return {
    name: 'a',
    table,
    read,
    adapter: { ...described, base: { architecture: 'flux', evidence: [] } as const },
  }
}

it.each([
  [
    'a layer that no Flux.1 has',
    [
      floatTensor('lora_unet_what_0_is.lora_down.weight', [1, 2], [1, 2]),
      floatTensor('lora_unet_what_0_is.lora_up.weight', [2, 1], [1, 2]),
    ],
    'sdtool lora check',
  ],
  [
    'a LoHa',
    ['hada_w1_a', 'hada_w1_b', 'hada_w2_a', 'hada_w2_b'].map((role, i) =>
      floatTensor(
        `lora_unet_double_blocks_0_img_attn_proj.${role}`,
        i % 2 === 0 ? [WIDTH, 1] : [1, WIDTH],
        Array(WIDTH).fill(1),
      ),
    ),
    'sdtool lora resize',
  ],
])('%s is refused, with the next step that helps', async (_, tensors, hint) => {
  await expect(planLoraConvert(fluxLora(tensors), { to: 'diffusers' })).rejects.toMatchObject({
    code: 'LORA_NO_NAME',
    exitCode: 3,
    hint: expect.stringContaining(hint),
  })
})
