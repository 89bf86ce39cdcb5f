/** Extraction from narrow models of every family whose names and layouts are of their own. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Tensor, TensorTable } from '../../src/tensor/values/table.ts'
import { type Contents, contentsOf, floatsOf, writeModel } from '../model-files.ts'
import { narrowFlux, narrowSd2, narrowSd3, narrowXl, waves } from '../narrow-models.ts'
import { floatTensor } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const SLOW = 120_000

/** A change of rank 2 of some rows of a weight, as training would make one, and the name kohya's trainer gives it. */
interface Change {
  readonly key: string
  readonly module: string
  /** Of a fused weight, the third that is changed. */
  readonly third?: 0 | 1 | 2
}

/** Element (row, column) of the change: two outer products, of numbers that are exact in binary32. */
function changeAt(row: number, column: number): number {
  return ((row % 5) - 2) * ((column % 7) - 3) * 2 ** -6 + ((row % 3) - 1) * ((column % 4) - 1) * 2 ** -7
}

function changed(table: TensorTable, changes: readonly Change[]): TensorTable {
  const tensors = new Map(table.tensors)
  for (const { key, third } of changes) tensors.set(key, tuned(tensors.get(key)!, third))
  return { ...table, tensors }
}

function tuned({ name, shape, source }: Tensor, third: Change['third']): Tensor {
  if (source.kind !== 'bytes') throw new Error(`${name} has no bytes`)
  const values = [...new Float32Array(source.data.slice().buffer)]
  const [rows, columns] = [shape[0]!, values.length / shape[0]!]
  const [start, count] = third === undefined ? [0, rows] : [(third * rows) / 3, rows / 3]
  for (let r = 0; r < count; r++)
    for (let c = 0; c < columns; c++)
      values[(start + r) * columns + c] = values[(start + r) * columns + c]! + changeAt(r, c)
  return floatTensor(name, [...shape], values)
}

/** Largest difference of alpha / rank * up @ down from the change that was made. */
function worst(lora: Contents, module: string): number {
  const up = floatsOf(lora, `${module}.lora_up.weight`)
  const down = floatsOf(lora, `${module}.lora_down.weight`)
  const rank = lora.model.tensors.get(`${module}.lora_down.weight`)!.shape[0]!
  const scale = floatsOf(lora, `${module}.alpha`)[0]! / rank
  const [m, n] = [up.length / rank, down.length / rank]
  let most = 0
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let value = 0
      for (let k = 0; k < rank; k++) value += scale * up[i * rank + k]! * down[k * n + j]!
      most = Math.max(most, Math.abs(value - changeAt(i, j)))
    }
  return most
}

const UNET = 'model.diffusion_model.'

const FAMILIES: readonly [string, TensorTable, readonly Change[], Record<string, string>][] = [
  [
    'SDXL',
    narrowXl(waves),
    [
      {
        key: `${UNET}input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight`,
        module: 'lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q',
      },
      { key: `${UNET}middle_block.1.proj_in.weight`, module: 'lora_unet_middle_block_1_proj_in' },
      {
        key: `${UNET}output_blocks.2.1.transformer_blocks.1.ff.net.0.proj.weight`,
        module: 'lora_unet_output_blocks_2_1_transformer_blocks_1_ff_net_0_proj',
      },
      {
        key: 'conditioner.embedders.0.transformer.text_model.encoder.layers.1.self_attn.out_proj.weight',
        module: 'lora_te1_text_model_encoder_layers_1_self_attn_out_proj',
      },
      {
        key: 'conditioner.embedders.1.model.transformer.resblocks.1.attn.in_proj_weight',
        module: 'lora_te2_text_model_encoder_layers_1_self_attn_k_proj',
        third: 1,
      },
      {
        key: 'conditioner.embedders.1.model.transformer.resblocks.0.mlp.c_proj.weight',
        module: 'lora_te2_text_model_encoder_layers_0_mlp_fc2',
      },
    ],
    { ss_base_model_version: 'sdxl_base_v1-0', ss_v2: 'False' },
  ],
  [
    'SD 2.x',
    narrowSd2(waves),
    [
      {
        key: `${UNET}input_blocks.1.1.proj_in.weight`,
        module: 'lora_unet_down_blocks_0_attentions_0_proj_in',
      },
      {
        key: `${UNET}output_blocks.11.1.transformer_blocks.0.attn2.to_k.weight`,
        module: 'lora_unet_up_blocks_3_attentions_2_transformer_blocks_0_attn2_to_k',
      },
      {
        key: 'cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight',
        module: 'lora_te_text_model_encoder_layers_0_self_attn_v_proj',
        third: 2,
      },
      {
        key: 'cond_stage_model.model.transformer.resblocks.1.mlp.c_fc.weight',
        module: 'lora_te_text_model_encoder_layers_1_mlp_fc1',
      },
    ],
    { ss_base_model_version: 'sd_v2', ss_v2: 'True' },
  ],
  [
    'Flux',
    narrowFlux(waves),
    [
      { key: 'double_blocks.0.img_attn.qkv.weight', module: 'lora_unet_double_blocks_0_img_attn_qkv' },
      { key: 'single_blocks.0.linear2.weight', module: 'lora_unet_single_blocks_0_linear2' },
    ],
    { ss_base_model_version: 'flux1', ss_v2: 'False' },
  ],
  [
    'SD 3',
    narrowSd3(waves),
    [
      {
        key: `${UNET}joint_blocks.0.x_block.attn.qkv.weight`,
        module: 'lora_unet_joint_blocks_0_x_block_attn_qkv',
      },
      {
        key: `${UNET}joint_blocks.0.context_block.mlp.fc1.weight`,
        module: 'lora_unet_joint_blocks_0_context_block_mlp_fc1',
      },
    ],
    { ss_base_model_version: 'sd3_m', ss_v2: 'False' },
  ],
]

describe('extract lora', () => {
  it.each(FAMILIES)(
    'finds what was trained into %s, under the names of kohya, and baking gives it back',
    async (_, table, changes, metadata) => {
      const folder = tempFolder()
      const [base, tuned, lora, back] = ['base', 'tuned', 'lora', 'back'].map((name) =>
        join(folder, `${name}.safetensors`),
      ) as [string, string, string, string]
      await writeModel(base, table)
      await writeModel(tuned, changed(table, changes))
      const args = ['extract', 'lora', tuned, base, '--rank', '2', '--dtype', 'fp32', '-o', lora, '--json']
      const { code, stdout, stderr } = await runCli(args)
      expect([code, stderr]).toEqual([0, ''])
      const [result] = JSON.parse(stdout).results
      expect(result.outside.tensors).toBe(0)
      expect(result.layers.map(({ module }: { module: string }) => module).toSorted()).toEqual(
        changes.map(({ module }) => module).toSorted(),
      )
      for (const { energy } of result.layers) expect(energy).toBeCloseTo(1, 9)
      const made = await contentsOf(lora)
      expect(made.model.metadata).toMatchObject({ ...metadata, ss_network_dim: '2' })
      for (const { module } of changes) expect(worst(made, module), module).toBeLessThan(1e-6)

      const merged = await runCli(['merge-lora', base, lora, '-o', back, '--quiet'])
      expect([merged.code, merged.stderr]).toEqual([0, ''])
      const [goal, written] = [await contentsOf(tuned), await contentsOf(back)]
      for (const name of goal.bytes.keys()) {
        const wanted = floatsOf(goal, name)
        const error = floatsOf(written, name).reduce(
          (most, value, i) => Math.max(most, Math.abs(value - wanted[i]!)),
          0,
        )
        expect(error, name).toBeLessThan(1e-6)
      }
    },
    SLOW,
  )
})

describe('extract text', () => {
  /** [O, I] seen from its columns. */
  function turned(values: Float32Array, side: number): Float32Array {
    return values.map((_, i) => values[(i % side) * side + Math.floor(i / side)]!)
  }

  it(
    'writes both encoders of SDXL with the names and rows of transformers',
    async () => {
      const folder = tempFolder()
      const path = join(folder, 'xl.safetensors')
      await writeModel(path, narrowXl(waves))
      const { code, stderr } = await runCli(['extract', 'text', path, '-o', `${folder}/`])
      expect([code, stderr]).toEqual([0, ''])
      const model = await contentsOf(path)
      const [l, g] = [
        await contentsOf(join(folder, 'xl-clip_l.safetensors')),
        await contentsOf(join(folder, 'xl-clip_g.safetensors')),
      ]
      const [ofL, ofG] = ['conditioner.embedders.0.transformer.', 'conditioner.embedders.1.model.'] as const
      for (const name of l.bytes.keys()) expect(floatsOf(l, name)).toEqual(floatsOf(model, ofL + name))
      expect(l.bytes.size).toBe(2 + 2 * 16 + 2)

      const fused = floatsOf(model, `${ofG}transformer.resblocks.1.attn.in_proj_weight`)
      for (const [at, part] of ['q', 'k', 'v'].entries()) {
        const own = floatsOf(g, `text_model.encoder.layers.1.self_attn.${part}_proj.weight`)
        expect(own).toEqual(fused.subarray(at * 24 * 24, (at + 1) * 24 * 24))
      }
      for (const [own, theirs] of [
        ['text_model.embeddings.token_embedding.weight', 'token_embedding.weight'],
        ['text_model.embeddings.position_embedding.weight', 'positional_embedding'],
        ['text_model.encoder.layers.0.layer_norm2.bias', 'transformer.resblocks.0.ln_2.bias'],
        ['text_model.encoder.layers.1.mlp.fc1.weight', 'transformer.resblocks.1.mlp.c_fc.weight'],
        [
          'text_model.encoder.layers.0.self_attn.out_proj.weight',
          'transformer.resblocks.0.attn.out_proj.weight',
        ],
        ['text_model.final_layer_norm.weight', 'ln_final.weight'],
      ] as const)
        expect(floatsOf(g, own), own).toEqual(floatsOf(model, ofG + theirs))
      // OpenCLIP multiplies from the right, transformers from the left
      expect(floatsOf(g, 'text_projection.weight')).toEqual(
        turned(floatsOf(model, `${ofG}text_projection`), 24),
      )
      expect(g.bytes.size).toBe(2 + 2 * 16 + 2 + 1)
    },
    SLOW,
  )

  it(
    'writes the encoder of SD 2.x whole: UIs leave out the last layer themselves',
    async () => {
      const folder = tempFolder()
      const path = join(folder, 'sd2.safetensors')
      await writeModel(path, narrowSd2(waves))
      const { code, stdout } = await runCli(['extract', 'text', path, '-o', `${folder}/`])
      expect(code).toBe(0)
      expect(stdout).toContain('1 tensor ("logit_scale") left out')
      const [model, text] = [await contentsOf(path), await contentsOf(join(folder, 'sd2-clip_h.safetensors'))]
      const bias = floatsOf(model, 'cond_stage_model.model.transformer.resblocks.2.attn.in_proj_bias')
      expect(floatsOf(text, 'text_model.encoder.layers.2.self_attn.v_proj.bias')).toEqual(bias.subarray(2048))
      expect(existsSync(join(folder, 'sd2-text.safetensors'))).toBe(false)
    },
    SLOW,
  )
})
