/** What modules are called that tools make anew, for each family of transformers with two names for its layers. */
import { describe, expect, it } from 'vitest'
import { baseOfArchitecture } from '../../../src/model/adapters/base.ts'
import { describeAdapter } from '../../../src/model/adapters/describe.ts'
import { modulesOf } from '../../../src/model/adapters/keymap.ts'
import { ARCHITECTURES } from '../../../src/model/networks/architectures/registry.ts'
import { diffusersAliases } from '../../../src/model/networks/template/network.ts'
import { mergeLoras } from '../../../src/operations/lora-merge/plan.ts'
import { resizeLora } from '../../../src/operations/lora-resize/plan.ts'
import { newEvaluation, readValues } from '../../../src/tensor/values/expr.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { floatTensor, tableOf } from '../../tables.ts'

const read = (tensor: Tensor) => readValues(tensor, async () => {})

function loraFile(name: string, base: ReturnType<typeof baseOfArchitecture>, tensors: Tensor[]) {
  const table = tableOf(tensors)
  const described = describeAdapter(table)!
  return { name, table, read, adapter: { ...described, base: { architecture: base!, evidence: [] } } }
}

function peft(module: string): Tensor[] {
  return [
    floatTensor(`${module}.lora_A.weight`, [1, 2], [1, 2]),
    floatTensor(`${module}.lora_B.weight`, [2, 1], [3, 4]),
  ]
}

/** A layer of the first block that has a name of diffusers and another of the authors. */
const FAMILIES = ARCHITECTURES.flatMap((architecture) => {
  const { network } = architecture
  const base = baseOfArchitecture(architecture.id)
  if (network.kind !== 'dit' || base === undefined) return []
  const names = modulesOf(architecture, 'unet')
  const alias = diffusersAliases(network)
    .map(({ name }) => name.replace(/\{\w+\}/g, '0'))
    .find((name) => {
      const place = names.get(name.replaceAll('.', '_'))
      return place !== undefined && place.weight !== `${name}.weight` && !/norm|embed/.test(name)
    })
  return alias === undefined ? [] : [{ id: architecture.id, base, alias }]
})

it('knows families to try', () => expect(FAMILIES.length).toBeGreaterThan(8))

describe.each(FAMILIES)('a LoRA for $id in the names of diffusers', ({ base, alias }) => {
  const module = `transformer.${alias}`
  const names = [`${module}.lora_A.weight`, `${module}.lora_B.weight`]

  it('keeps them in a sum, with the strengths in the factors', async () => {
    const file = loraFile('a', base, peft(module))
    const { table } = await mergeLoras([
      { file, ratio: { unet: 1, text: 1 } },
      { file: { ...file, name: 'b' }, ratio: { unet: 0.5, text: 1 } },
    ])
    expect([...table.tensors.keys()]).toEqual(names)
    const [down, up] = await Promise.all(names.map((name) => read(table.tensors.get(name)!)))
    expect([...down!]).toEqual([1, 2, 1, 2])
    // columns [3, 4] and half of it
    expect([...up!]).toEqual([3, 1.5, 4, 2])
  })

  it('keeps them at another rank', async () => {
    const resized = await resizeLora(
      loraFile('a', base, peft(module)),
      { rule: { method: 'fixed', limit: 1 }, convLimit: 1, dtype: 'F32', seed: 0 },
      {
        evaluation: newEvaluation(async () => {}),
        keep: async ({ length }) => ({
          kind: 'stored',
          file: { path: 'spool', size: 0 },
          offset: 0,
          nbytes: length,
        }),
        signal: new AbortController().signal,
        onProgress: () => {},
      },
    )
    expect(resized.tensors.map(({ name }) => name)).toEqual(names)
  })

  it('has names of kohya where it came with the names of the authors', async () => {
    const weight = modulesOf(ARCHITECTURES.find(({ id }) => baseOfArchitecture(id) === base)!, 'unet').get(
      alias.replaceAll('.', '_'),
    )!.weight
    const path = weight.replace(/\.weight$/, '')
    const file = loraFile('a', base, peft(`diffusion_model.${path}`))
    const { table } = await mergeLoras([{ file, ratio: { unet: 1, text: 1 } }])
    expect([...table.tensors.keys()]).toContain(`lora_unet_${path.replaceAll('.', '_')}.lora_down.weight`)
  })
})

it('adds up a layer whose halves diffusers keeps the other way round', async () => {
  const native = loraFile('a', 'flux', [
    floatTensor('lora_unet_final_layer_adaLN_modulation_1.lora_down.weight', [1, 1], [1]),
    floatTensor('lora_unet_final_layer_adaLN_modulation_1.lora_up.weight', [2, 1], [3, 4]),
  ])
  const swapped = loraFile('b', 'flux', [
    floatTensor('transformer.norm_out.linear.lora_A.weight', [1, 1], [1]),
    floatTensor('transformer.norm_out.linear.lora_B.weight', [2, 1], [20, 10]),
  ])
  const ratio = { unet: 1, text: 1 }
  const { table } = await mergeLoras([
    { file: native, ratio },
    { file: swapped, ratio },
  ])
  const name = 'lora_unet_final_layer_adaLN_modulation_1'
  expect([...table.tensors.keys()]).toEqual([
    `${name}.alpha`,
    `${name}.lora_down.weight`,
    `${name}.lora_up.weight`,
  ])
  // columns [3, 4] and [20, 10] with its halves turned
  expect([...(await read(table.tensors.get(`${name}.lora_up.weight`)!))]).toEqual([3, 10, 4, 20])
})
