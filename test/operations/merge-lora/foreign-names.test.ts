/** Layers that a program keeps under another name, in another shape, or in another part of a weight than the trainer saw. */
import { describe, expect, it } from 'vitest'
import { floatTensor, tableOf } from '../../tables.ts'
import { adapter, FLUX, OPEN_CLIP, outer, planOf, plus, rankOne, valuesOf } from './small.ts'

describe('the positions of an OpenCLIP encoder', () => {
  const key = 'conditioner.embedders.1.model.positional_embedding'

  it.each([
    'text_encoders.clip_g.transformer.text_model.embeddings.position_embedding',
    'lora_te2_text_model_embeddings_position_embedding',
    'text_encoder_2.text_model.embeddings.position_embedding',
    'text_encoder_2.base_model.model.text_model.embeddings.position_embedding',
    'text_encoder_2.embeddings.position_embedding',
  ])('%s', async (module) => {
    const up = Array.from({ length: 77 }, (_, i) => i / 8)
    const down = [1, -0.5, 0.25, 2]
    const plan = await planOf(OPEN_CLIP, [adapter(rankOne({ [module]: [up, down] }))])
    expect(plan.problems).toEqual([])
    const before = await valuesOf(OPEN_CLIP, key)
    expect(await valuesOf(plan.table, key)).toEqual(plus(before, outer(up, down)))
  })
})

describe('the first layer of Flux', () => {
  const ROWS = 4
  function base(inputs: number) {
    const values = Array.from({ length: ROWS * inputs }, (_, i) => (i % 97) / 8)
    const others = [...FLUX.tensors.values()].filter((tensor) => !tensor.name.startsWith('img_in.'))
    return tableOf([...others, floatTensor('img_in.weight', [ROWS, inputs], values)])
  }
  const up = Array.from({ length: ROWS }, (_, i) => (i % 5) - 2)
  const down = (inputs: number) => Array.from({ length: inputs }, (_, i) => (i % 7) / 4 - 1)
  /** Row by row, with zeros behind. */
  const padded = (values: readonly number[], inputs: number, wanted: number) =>
    Array.from({ length: ROWS * wanted }, (_, i) => {
      const [row, column] = [Math.floor(i / wanted), i % wanted]
      return column < inputs ? values[row * inputs + column]! : 0
    })

  // zeros behind the smaller of both: diffusers, loaders/lora_pipeline.py; ComfyUI, convert_lora_bfl_control
  it.each([
    ['lora_unet_img_in', 64, 384],
    ['transformer.x_embedder', 64, 384],
    ['diffusion_model.img_in', 64, 128],
    ['img_in', 128, 64],
    ['transformer.x_embedder', 384, 64],
    ['lora_unet_img_in', 64, 64],
  ])('%s of %i inputs goes into one of %i', async (module, own, inputs) => {
    const file = base(inputs)
    const plan = await planOf(file, [adapter(rankOne({ [module]: [up, down(own)] }))])
    expect(plan.problems).toEqual([])
    const wanted = Math.max(own, inputs)
    const before = padded(await valuesOf(file, 'img_in.weight'), inputs, wanted)
    const delta = padded(outer(up, down(own)), own, wanted)
    expect(plan.table.tensors.get('img_in.weight')!.shape).toEqual([ROWS, wanted])
    const after = await valuesOf(plan.table, 'img_in.weight')
    const expected = plus(before, delta)
    expect(after.findIndex((value, i) => value !== expected[i])).toBe(-1)
    expect(after).toHaveLength(expected.length)
  })

  it.each([
    ['lora_unet_img_in', 96, 64],
    ['lora_unet_img_in', 64, 96],
    ['lora_unet_img_in', 128, 384],
    ['lora_unet_img_in', 384, 128],
    ['lora_unet_img_in', 32, 64],
  ])('%s of %i inputs does not go into one of %i', async (module, own, inputs) => {
    const plan = await planOf(base(inputs), [adapter(rankOne({ [module]: [up, down(own)] }))])
    expect(plan.problems.map(({ code }) => code)).toEqual(['LORA_MATCHES_NOTHING'])
  })
})

describe("kohya's OFT of Flux", () => {
  /** `alpha` and a rotation for each part of the weight, of blocks of two rows. */
  function oft(name: string, parts: readonly (readonly number[])[], alpha: number) {
    const blocks = parts.map((angles, i) => {
      // what is above the diagonal less what is below
      const values = angles.flatMap((q) => [7, q + 0.5, 0.5, -7])
      return floatTensor(`${name}.oft_blocks.${i}`, [angles.length, 2, 2], values)
    })
    return [...blocks, floatTensor(`${name}.alpha`, [], [alpha])]
  }

  /**
   * R^T W by hand, with R = (I + Q)(I - Q)^-1 for Q = [[0, q], [-q, 0]], whose norm of all blocks is at most alpha * rows.
   * Source: kohya-ss/sd-scripts, networks/oft_flux.py
   */
  function rotated(rows: readonly (readonly number[])[], angles: readonly number[], alpha: number) {
    const norm = Math.sqrt(angles.reduce((sum, q) => sum + 2 * q * q, 0))
    const scale = (Math.min(norm, alpha * rows.length) + 1e-8) / (norm + 1e-8)
    return angles.flatMap((angle, i) => {
      const [q, above, below] = [angle * scale, rows[2 * i]!, rows[2 * i + 1]!]
      const [cos, sin] = [(1 - q * q) / (1 + q * q), (2 * q) / (1 + q * q)]
      return [above.map((x, k) => cos * x - sin * below[k]!), above.map((x, k) => sin * x + cos * below[k]!)]
    })
  }

  const Q4 = [0.25, -0.5]
  const Q16 = [0.1, 0.2, -0.3, 0.4, -0.5, 0.6, 0.7, -0.8]

  it.each<[string, string, number[][], number]>([
    ['double_blocks_0_img_attn_qkv', 'double_blocks.0.img_attn.qkv', [Q4, [0.5, 1], [-1, 0.125]], 1],
    ['double_blocks_0_txt_attn_qkv', 'double_blocks.0.txt_attn.qkv', [Q4, [0.5, 1], [-1, 0.125]], 0.05],
    ['single_blocks_0_linear1', 'single_blocks.0.linear1', [Q4, [0.5, 1], [-1, 0.125], Q16], 1],
    ['single_blocks_0_linear2', 'single_blocks.0.linear2', [Q4], 1],
    ['double_blocks_0_img_attn_proj', 'double_blocks.0.img_attn.proj', [Q4], 0.01],
    ['double_blocks_0_txt_mlp_0', 'double_blocks.0.txt_mlp.0', [Q16], 1],
  ])('%s', async (module, path, parts, alpha) => {
    const lora = adapter(oft(`oft_unet_${module}`, parts, alpha))
    expect(lora.adapter.findings.map(({ code }) => code)).toEqual([])
    const plan = await planOf(FLUX, [lora])
    expect(plan.problems).toEqual([])
    const columns = FLUX.tensors.get(`${path}.weight`)!.shape[1]!
    const values = await valuesOf(FLUX, `${path}.weight`)
    const rows = Array.from({ length: values.length / columns }, (_, i) =>
      values.slice(i * columns, (i + 1) * columns),
    )
    let first = 0
    const expected = parts.flatMap((angles) => {
      const own = rows.slice(first, first + 2 * angles.length)
      first += own.length
      return rotated(own, angles, alpha).flat()
    })
    const own = await valuesOf(plan.table, `${path}.weight`)
    expect(own).toHaveLength(expected.length)
    own.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-6 * Math.max(1, Math.abs(expected[i]!)))
    })
  })
})

it('calls the part that takes no module as the base has it', async () => {
  const plan = await planOf(FLUX, [adapter(rankOne({ lora_unet_double_blocks_99_img_mlp_0: [[1], [1]] }))])
  expect(plan.loras[0]!.parts.map(({ title }) => title)).toEqual(['diffusion transformer'])
  expect(plan.findings.map(({ message }) => message).join()).toContain('diffusion transformer: 1 module')
})
