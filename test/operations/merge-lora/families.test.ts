/**
 * LoRAs of every family and naming, merged into its model in both layouts: what is added is what PEFT added (goldens, made
 * by fixtures/goldens/families.py).
 */
import { describe, expect, it } from 'vitest'
import { weightValues } from '../../../fixtures/seeded-weights.ts'
import {
  FAMILY_GOLDENS,
  familyGolden,
  type GoldenLayout,
  goldenChange,
  goldenLora,
  goldenModel,
} from '../../family-goldens.ts'
import { floatTensor } from '../../tables.ts'
import { addedBy, expectClose } from './added.ts'
import { adapter, planOf, valuesOf } from './small.ts'

const LAYOUTS: readonly GoldenLayout[] = ['diffusers', 'native']

const CASES = Object.entries(FAMILY_GOLDENS).flatMap(([family, { loras }]) =>
  Object.keys(loras).flatMap((dialect) => LAYOUTS.map((layout) => [family, dialect, layout] as const)),
)

describe('a LoRA of a family', () => {
  it.each(CASES)('%s in the names of %s, into the layout of %s', async (family, dialect, layout) => {
    const added = await addedBy(goldenModel(family, layout), goldenLora(family, dialect))
    expectClose(added, await goldenChange(family, dialect, layout))
  })
})

/** Modules for a whole fused layer in all algorithms that could see more of it than rows: -1 is its outputs, 0 its inputs. */
const FUSED: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>> = {
  LoRA: { 'lora_A.weight': [4, 0], 'lora_B.weight': [-1, 4] },
  LoHa: { hada_w1_a: [-1, 2], hada_w1_b: [2, 0], hada_w2_a: [-1, 2], hada_w2_b: [2, 0] },
  LoKr: { lokr_w1: [16, 16], lokr_w2: [-16, -17] },
  'DoRA by inputs': { 'lora_A.weight': [4, 0], 'lora_B.weight': [-1, 4], dora_scale: [1, 0] },
  'DoRA by outputs': { 'lora_A.weight': [4, 0], 'lora_B.weight': [-1, 4], dora_scale: [-1, 1] },
  OFT: { oft_blocks: [-8, 8, 8] },
  difference: { diff: [-1, 0] },
}

const FUSED_LAYERS = [
  ['flux', 'double_blocks.0.img_attn.qkv'],
  ['flux', 'single_blocks.0.linear1'],
  ['z_image', 'layers.0.attention.qkv'],
  ['lumina2', 'layers.0.attention.qkv'],
  ['sd3', 'joint_blocks.0.x_block.attn.qkv'],
] as const

function fusedModule(
  path: string,
  parts: Readonly<Record<string, readonly number[]>>,
  rows: number,
  columns: number,
) {
  const size = (n: number) => {
    if (n === -16) return rows / 16
    if (n === -17) return columns / 16
    if (n === -8) return rows / 8
    return n === -1 ? rows : n === 0 ? columns : n
  }
  return Object.entries(parts).map(([role, sizes]) => {
    const key = `diffusion_model.${path}.${role}`
    const shape = role === 'oft_blocks' ? [rows / 8, 8, 8] : sizes.map(size)
    return floatTensor(key, shape, [...weightValues(key, shape)])
  })
}

describe('a module for a whole fused layer, into the parts that diffusers keeps it in', () => {
  it.each(
    FUSED_LAYERS.flatMap(([family, path]) => Object.keys(FUSED).map((kind) => [kind, family, path] as const)),
  )('%s: %s, %s', async (kind, family, path) => {
    const { shape, of } = familyGolden(family).native[`${path}.weight`]!
    const lora = fusedModule(path, FUSED[kind]!, shape[0]!, shape[1]!)
    const whole = await planOf(goldenModel(family, 'native'), [adapter(lora)])
    const parted = await planOf(goldenModel(family, 'diffusers'), [adapter(lora)])
    expect([whole, parted].flatMap(({ problems }) => problems.map(({ message }) => message))).toEqual([])
    const parts = await Promise.all(of.map((key) => valuesOf(parted.table, key)))
    const expected = await valuesOf(whole.table, `${path}.weight`)
    const actual = parts.flat()
    expect(actual.length).toBe(expected.length)
    const worst = Math.max(...actual.map((value, i) => Math.abs(value - expected[i]!)))
    expect(worst).toBeLessThan(1e-6)
    expect([...parted.patches.keys()].sort()).toEqual([...of].sort())
  })

  it('refuses it where other modules are for one of the parts', async () => {
    const [path, parts] = ['double_blocks.0.img_attn.qkv', FUSED.LoRA!]
    const { shape, of } = familyGolden('flux').native[`${path}.weight`]!
    const part = of[0]!.replace(/\.weight$/, '')
    const own = [
      floatTensor(`transformer.${part}.lora_A.weight`, [1, shape[1]!], Array(shape[1]!).fill(1)),
      floatTensor(`transformer.${part}.lora_B.weight`, [shape[0]! / 3, 1], Array(shape[0]! / 3).fill(1)),
    ]
    const lora = [...fusedModule(path, parts, shape[0]!, shape[1]!), ...own]
    const { problems } = await planOf(goldenModel('flux', 'diffusers'), [adapter(lora)])
    expect(problems.map(({ code }) => code)).toEqual(['LORA_SAME_LAYER'])
  })
})

describe('a LoRA of another family', () => {
  /** One network; or, with widths that are those of no published one, layers of the same names and proportions. */
  const ALIKE = [
    ['wan', 'wan_i2v', 'wan_vace'],
    ['ltx', 'cosmos', 'pixart'],
  ]
  /** What decides between families whose blocks are the same, as kohya and musubi write it. */
  const CLAIMS: Readonly<Record<string, string>> = {
    flux: 'flux-1-dev/lora',
    chroma: 'chroma/lora',
    hunyuan_video: 'hunyuan-video/lora',
  }
  const TRAINED = Object.entries(FAMILY_GOLDENS).flatMap(([family, { loras }]) => {
    const [dialect] = Object.keys(loras)
    return dialect === undefined ? [] : [[family, dialect] as const]
  })
  /** So narrow, LongCat-Image is no known network: its proof is a width. */
  const KNOWN_BASES = Object.keys(FAMILY_GOLDENS).filter((family) => family !== 'longcat_image')
  const PAIRS = TRAINED.flatMap(([own, dialect]) =>
    KNOWN_BASES.filter(
      (other) => own !== other && !ALIKE.some((ids) => ids.includes(own) && ids.includes(other)),
    ).map((other) => [own, other, dialect] as const),
  )

  it.each(PAIRS)('%s is not merged into %s', async (own, other, dialect) => {
    const claim = CLAIMS[own]
    const metadata = claim === undefined ? {} : { 'modelspec.architecture': claim }
    const lora = adapter([...goldenLora(own, dialect).tensors.values()], 1, metadata)
    const { problems } = await planOf(goldenModel(other, 'native'), [lora], { allowUnmatched: true })
    expect(problems.map(({ code, exitCode }) => [code, exitCode])).toEqual([['LORA_WRONG_ARCHITECTURE', 4]])
  })
})
