/** The two networks of Wan 2.2 in one merge. */
import { expect, it } from 'vitest'
import { identify } from '../../../src/model/identify/identify.ts'
import { withKnownNames } from '../../../src/model/layouts/known-names.ts'
import type { Model } from '../../../src/model/model.ts'
import { planMerge } from '../../../src/operations/merge/plan.ts'
import { defined } from '../../../src/system/defined.ts'
import { readValues } from '../../../src/tensor/values/expr.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { goldenLora, goldenModel } from '../../family-goldens.ts'
import { tableOf } from '../../tables.ts'

const read = (tensor: Tensor) => readValues(tensor, async () => {})

async function wan(fileName: string): Promise<Model> {
  const file = withKnownNames({
    ...tableOf([...goldenModel('wan', 'native').tensors.values()]),
    format: 'safetensors',
    file: { path: fileName, size: 0 },
    findings: [],
  })
  // a narrow model is none of the published members, which names tell; LoRAs for them are told in every width
  const lora = await identify(goldenLora('wan', 'native'), read, { fileName })
  const identity = await identify(file, read)
  const named = defined({ named: lora.adapter?.base.expert })
  return {
    name: fileName,
    file,
    identity: { ...identity, architecture: { ...identity.architecture!, ...named } },
  }
}

it.each([
  ['wan2.2_high_noise.safetensors', 'wan2.2_low_noise.safetensors', ['merge-other-expert']],
  ['wan2.2_high_noise.safetensors', 'tuned_high_noise.safetensors', []],
  ['wan2.2_high_noise.safetensors', 'tuned.safetensors', []],
])('%s with %s: %j', async (first, other, codes) => {
  const models = [await wan(first), await wan(other)]
  const { findings } = await planMerge(models, { method: 'weighted-sum', alpha: [0.5] }, read)
  expect(findings.map(({ code }) => code).filter((code) => code === 'merge-other-expert')).toEqual(codes)
})
