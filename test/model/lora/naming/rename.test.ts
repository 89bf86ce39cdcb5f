import { describe, expect, it } from 'vitest'
import { describeAdapter } from '../../../../src/model/adapters/describe.ts'
import { lookupName } from '../../../../src/model/adapters/keymap.ts'
import { type LoraFile, placedModules } from '../../../../src/model/lora/modules.ts'
import { NAMING_IDS, NAMINGS, type NamingId } from '../../../../src/model/lora/naming/namings.ts'
import { type RenamedModule, renamedLora } from '../../../../src/model/lora/naming/rename.ts'
import { architectureById } from '../../../../src/model/networks/architectures/registry.ts'
import { readValues } from '../../../../src/tensor/values/expr.ts'
import type { Tensor, TensorTable } from '../../../../src/tensor/values/table.ts'
import {
  FAMILY_GOLDENS,
  familyGolden,
  type GoldenLayout,
  goldenChange,
  goldenLora,
  projected,
} from '../../../family-goldens.ts'
import { floatTensor, tableOf } from '../../../tables.ts'

/** Which architecture a family of the goldens is. */
const ARCHITECTURE_OF: Readonly<Record<string, string>> = {
  flux: 'flux-1-dev',
  flux2: 'flux-2',
  sd3: 'stable-diffusion-v3.5-medium',
  z_image: 'z-image',
  chroma: 'chroma',
  qwen_image: 'qwen-image',
  lumina2: 'lumina-2',
  wan: 'wan',
  wan_i2v: 'wan',
  hidream: 'hidream-i1',
  auraflow: 'auraflow',
  hunyuan_video: 'hunyuan-video',
  ltx: 'ltx-video',
  cosmos: 'cosmos-predict2',
  krea2: 'krea-2',
  kandinsky5: 'kandinsky-5',
}

const read = (tensor: Tensor) => readValues(tensor, async () => {})

function loraFile(table: TensorTable): LoraFile {
  return { name: 'x.safetensors', table, adapter: describeAdapter(table)!, read }
}

const CASES = Object.keys(ARCHITECTURE_OF).flatMap((family) =>
  Object.keys(FAMILY_GOLDENS[family]!.loras).flatMap((dialect) =>
    NAMING_IDS.map((naming) => [family, dialect, naming] as const),
  ),
)

async function renamed(table: TensorTable, architecture: string, naming: NamingId) {
  const placed = await placedModules(loraFile(table))
  return renamedLora(placed, architectureById(architecture)!, naming, read)
}

/** What modules do, read by their definition: alpha / rank * up @ down, by the key of the layer's weight. */
async function changesOf(
  modules: readonly RenamedModule[],
  naming: NamingId,
  keys: readonly string[],
): Promise<Map<string, Float64Array>> {
  const paths = keys.map((key) => key.replace(/\.(?:weight|scale)$/, ''))
  const dotted = new Map(paths.map((path, i) => [NAMINGS[naming].isFlat ? lookupName(path) : path, keys[i]!]))
  const changes = new Map<string, Float64Array>()
  for (const { path, tensors, strength } of modules) {
    const named = (ending: string) => tensors.find(({ name }) => name.endsWith(ending))
    const [up, down] = [
      named('lora_up.weight') ?? named('lora_B.weight'),
      named('lora_down.weight') ?? named('lora_A.weight'),
    ]
    const [rows, rank] = up!.shape as [number, number]
    const columns = down!.shape[1]!
    const alpha = named('.alpha')
    const scale = alpha === undefined ? (strength ?? 1) : (await read(alpha))[0]! / rank
    const inner = projected(await read(down!), columns)
    const upValues = await read(up!)
    const out = Float64Array.from({ length: rows }, (_, o) =>
      inner.reduce((sum, value, r) => sum + scale * value * upValues[o * rank + r]!, 0),
    )
    changes.set(dotted.get(path) ?? `unknown ${path}`, out)
  }
  return changes
}

describe('a LoRA under other names does what PEFT makes of it', () => {
  it.each(CASES)('%s, %s -> %s', async (family, dialect, naming) => {
    const { modules, refused } = await renamed(goldenLora(family, dialect), ARCHITECTURE_OF[family]!, naming)
    expect(refused).toEqual([])
    const layout: GoldenLayout = NAMINGS[naming].layout === 'ldm' ? 'native' : 'diffusers'
    const golden = familyGolden(family)
    const actual = await changesOf(modules, naming, Object.keys(golden[layout]))
    const expected = await goldenChange(family, dialect, layout)
    expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort())
    for (const [key, values] of expected) {
      const largest = Math.max(...values.map(Math.abs))
      for (const [i, value] of values.entries())
        expect(Math.abs(actual.get(key)![i]! - value), `${key} ${i}`).toBeLessThanOrEqual(1e-6 * largest)
    }
  })
})

describe('parts of a fused layer', () => {
  // q and v of 2 outputs, inputs of 3; k is not trained
  const [up, other] = [[1, 2], [3, 4]] // biome-ignore format: one line
  const split = (downV: readonly number[], alphaV: number) =>
    tableOf(
      (
        [
          ['q', up, [1, 0, 2], 1],
          ['v', other, downV, alphaV],
        ] as const
      ).flatMap(([part, values, down, alpha]) => {
        const module = `transformer.transformer_blocks.0.attn.to_${part}`
        return [
          floatTensor(`${module}.lora_A.weight`, [1, 3], [...down]),
          floatTensor(`${module}.lora_B.weight`, [2, 1], values),
          floatTensor(`${module}.alpha`, [], [alpha]),
        ]
      }),
    )

  async function fused(downV: readonly number[], alphaV: number) {
    const { modules, fused: count } = await renamed(split(downV, alphaV), 'flux-1-dev', 'comfyui')
    const [module] = modules
    const values = async (ending: string) => {
      const tensor = module!.tensors.find(({ name }) => name.endsWith(ending))!
      return { name: tensor.name, shape: tensor.shape, values: [...(await read(tensor))] }
    }
    return {
      count,
      up: await values('lora_up.weight'),
      down: await values('lora_down.weight'),
      alpha: await values('alpha'),
    }
  }

  it('stand along the diagonal, with zeros where nothing was trained', async () => {
    const { up, down, alpha, count } = await fused([0, 1, 0], 1)
    expect(count).toBe(2)
    expect(up).toEqual({
      name: 'diffusion_model.double_blocks.0.img_attn.qkv.lora_up.weight',
      shape: [6, 2],
      values: [1, 0, 2, 0, 0, 0, 0, 0, 0, 3, 0, 4],
    })
    expect(down).toMatchObject({ shape: [2, 3], values: [1, 0, 2, 0, 1, 0] })
    // alpha / rank is still 1
    expect(alpha.values).toEqual([2])
  })

  it('keep their rank where they share one down', async () => {
    const { up, down, alpha } = await fused([1, 0, 2], 1)
    expect(up).toMatchObject({ shape: [6, 1], values: [1, 2, 0, 0, 3, 4] })
    expect(down).toMatchObject({ shape: [1, 3], values: [1, 0, 2] })
    expect(alpha.values).toEqual([1])
  })

  it('of different strengths have them in their ups', async () => {
    const { up, alpha } = await fused([0, 1, 0], 0.5)
    expect(up.values).toEqual([1, 0, 2, 0, 0, 0, 0, 0, 0, 1.5, 0, 2])
    expect(alpha.values).toEqual([2])
  })
})

it('taking a layer apart and putting it together again gives the same factors', async () => {
  const table = goldenLora('flux', 'kohya')
  const apart = await renamed(table, 'flux-1-dev', 'diffusers')
  const tensors = apart.modules.flatMap((module) => module.tensors)
  const back = await renamed(tableOf(tensors), 'flux-1-dev', 'kohya')
  expect([apart.split > 0, back.fused > 0]).toEqual([true, true])
  const ranks = new Set(back.modules.map(({ rank }) => rank))
  expect([...ranks]).toEqual([4])
})

describe('what cannot be said in other names is refused, not left out', () => {
  const module = 'lora_unet_double_blocks_0_img_attn_qkv'
  const hada = (part: string, shape: number[]) => floatTensor(`${module}.hada_${part}`, shape, new Array(shape[0]! * shape[1]!).fill(1)) // biome-ignore format: one line
  const loha = tableOf([
    hada('w1_a', [6, 1]),
    hada('w1_b', [1, 2]),
    hada('w2_a', [6, 1]),
    hada('w2_b', [1, 2]),
  ])

  it.each([
    ['diffusers', 'not-read'],
    ['peft', 'not-read'],
  ] as const)('LoHa for %s', async (naming, obstacle) => {
    const { modules, refused } = await renamed(loha, 'flux-1-dev', naming)
    expect(modules).toEqual([])
    expect(refused).toEqual([{ module, obstacle, title: 'LoHa' }])
  })

  it('names of no layer', async () => {
    const table = tableOf([
      floatTensor('lora_unet_nowhere_0_x.lora_down.weight', [1, 2], [1, 1]),
      floatTensor('lora_unet_nowhere_0_x.lora_up.weight', [2, 1], [1, 1]),
    ])
    const { refused } = await renamed(table, 'flux-1-dev', 'comfyui')
    expect(refused).toMatchObject([{ obstacle: 'no-layer' }])
  })
})
