/** LoRAs that fit the base, of which nobody knows whether they were made for it. */
import { expect, it } from 'vitest'
import { describeAdapter } from '../../../src/model/adapters/describe.ts'
import { identify } from '../../../src/model/identify/identify.ts'
import { planMergeLora } from '../../../src/operations/merge-lora/plan.ts'
import { readValues } from '../../../src/tensor/values/expr.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { goldenLora, goldenModel } from '../../family-goldens.ts'
import { tableOf } from '../../model/tables.ts'
import { publishedKeys } from '../../published-keys.ts'
import { publishedLora } from '../../published-loras.ts'

const read = (tensor: Tensor) => readValues(tensor, async () => {})

/** Two of the layers that Flux.1 and Chroma have in common; of all of them it would say which it is for. */
const SHARED = publishedLora(
  'flux-dev',
  'diffusers',
  /^single_transformer_blocks\.[12]\.attn\.to_[qkv]/,
  'diffusers',
)

async function planned(model: string, lora: ReturnType<typeof tableOf>) {
  const file = tableOf(publishedKeys(model, 'native'))
  const input = {
    name: 'style',
    read,
    table: lora,
    adapter: describeAdapter(lora)!,
    ratio: { unet: 1, text: 1 },
  }
  const plan = await planMergeLora({ name: 'base', file, identity: await identify(file, read) }, [input], {})
  return {
    codes: plan.findings.map(({ code }) => code),
    problems: plan.problems.map(({ code }) => code),
    plan,
  }
}

it.each([
  ['flux-dev', {}, [], []],
  ['chroma', {}, ['lora-family-unsure'], []],
  ['chroma', { ss_base_model_version: 'chroma' }, [], []],
  ['chroma', { ss_base_model_version: 'flux1' }, [], ['LORA_WRONG_ARCHITECTURE']],
])(
  'a LoRA with layers of Flux.1 and Chroma on %s, whose metadata are %o',
  async (model, metadata, findings, problems) => {
    const result = await planned(model, tableOf(SHARED, { metadata }))
    expect(result.problems).toEqual(problems)
    expect(result.codes.filter((code) => code.startsWith('lora-'))).toEqual(findings)
  },
)

it('says which families it may be for', async () => {
  const { plan } = await planned('chroma', tableOf(SHARED))
  const text = plan.findings.find(({ code }) => code === 'lora-family-unsure')?.message
  expect(text).toMatch(/those of Chroma or .* or 4 other families; most such LoRAs are for Flux\.1, /)
})

it('a LoRA for high noise in the network of Wan 2.2 for low noise is told of', async () => {
  const file = goldenModel('wan', 'native')
  const table = goldenLora('wan', 'native')
  const [lora, other] = await Promise.all(
    ['a_high_noise', 'a_low_noise'].map((fileName) => identify(table, read, { fileName })),
  )
  const own = await identify(file, read)
  // a narrow model is none of the published members, which names tell
  const { expert } = other!.adapter!.base
  const identity = { ...own, architecture: { ...own.architecture!, named: expert! } }
  const codesFor = async (adapter: typeof lora) => {
    const input = { name: 'a', read, table, adapter: adapter!.adapter!, ratio: { unet: 1, text: 1 } }
    const { findings } = await planMergeLora({ name: 'base', file, identity }, [input], {})
    return findings.map(({ code }) => code)
  }
  expect(await codesFor(lora)).toContain('lora-other-expert')
  expect(await codesFor(other)).not.toContain('lora-other-expert')
})
