/** sdtool extract lora on fixtures/tiny-sd; the mathematics is tested in test/model/lora. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Contents, contentsOf, floatsOf } from '../model-files.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const TINY = join(import.meta.dirname, '../../fixtures/tiny-sd')
const [TUNED, BASE] = ['tiny-sd-b.safetensors', 'tiny-sd.ckpt'].map((name) => join(TINY, name)) as [
  string,
  string,
]
const SLOW = 300_000

interface Layer {
  readonly module: string
  readonly change: number
  readonly energy: number
  readonly error: number
}

function norm(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
}

function distance(a: Contents, b: Contents, key: string): number {
  const other = floatsOf(b, key)
  return norm(floatsOf(a, key).map((value, i) => value - other[i]!))
}

describe('extract lora', () => {
  it(
    'makes a LoRA that, merged into the base, gives the tuned model back to the error it reports',
    async () => {
      const folder = tempFolder()
      const [lora, back] = [join(folder, 'lora.safetensors'), join(folder, 'back.safetensors')]
      const args = ['extract', 'lora', TUNED, BASE, '--algo', 'locon', '--rank', '8', '-o', lora, '--json']
      const made = await runCli(args)
      expect([made.code, made.stderr]).toEqual([0, ''])
      const [result] = JSON.parse(made.stdout).results
      expect(result).toMatchObject({ status: 'written', unchanged: 72, outside: { tensors: 408 } })
      const merged = await runCli(['merge-lora', BASE, lora, '-o', back])
      expect(merged.stdout).toMatch(/UNet +LoRA +8 +1 +278 +0 +0\n/)
      expect(merged.code).toBe(0)

      const [tuned, base, written] = [await contentsOf(TUNED), await contentsOf(BASE), await contentsOf(back)]
      const layers = new Map((result.layers as Layer[]).map((layer) => [layer.module, layer]))
      const pairs = [
        ['lora_unet_down_blocks_0_attentions_0_proj_in', 'input_blocks.1.1.proj_in.weight'],
        ['lora_unet_up_blocks_1_upsamplers_0_conv', 'output_blocks.5.2.conv.weight'],
        [
          'lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k',
          'middle_block.1.transformer_blocks.0.attn2.to_k.weight',
        ],
        ['lora_unet_down_blocks_0_resnets_0_conv1', 'input_blocks.1.0.in_layers.2.weight'],
        ['lora_unet_up_blocks_3_resnets_2_time_emb_proj', 'output_blocks.11.0.emb_layers.1.weight'],
      ] as const
      for (const [module, path] of pairs) {
        const key = `model.diffusion_model.${path}`
        const scale = norm(floatsOf(base, key))
        const { change, error, energy } = layers.get(module)!
        expect(distance(tuned, base, key) / scale / change, key).toBeCloseTo(1, 4)
        // rounding the merged weights to half precision adds to the error of the LoRA
        expect(distance(tuned, written, key) / scale, key).toBeGreaterThan(0.999 * error)
        expect(distance(tuned, written, key) / scale, key).toBeLessThan(error + 3e-4)
        expect(1 - (error / change) ** 2, key).toBeCloseTo(energy, 6)
      }
    },
    SLOW,
  )

  it(
    'says block by block what it holds, and carries what programs look for',
    async () => {
      const folder = tempFolder()
      const out = join(folder, 'style.safetensors')
      const { code, stdout, stderr } = await runCli([
        'extract',
        'lora',
        TUNED,
        BASE,
        '--rank',
        '4',
        '--only',
        'unet',
        '-o',
        out,
      ])
      expect([code, stderr]).toEqual([0, ''])
      const lines = stdout.replaceAll(TINY, 'DIR').replaceAll(folder, 'OUT').split('\n')
      expect(lines.slice(0, 3)).toEqual([
        'DIR/tiny-sd-b.safetensors - DIR/tiny-sd.ckpt: Stable Diffusion 1.x checkpoint of non-standard width',
        '  part  block  modules  rank  change / weights  energy kept  error / weights',
        expect.stringMatching(/^ {2}UNet {2}IN01 {8}12 {5}4 {12}\d\.\d\d % +\d\d\.\d % +\d\.\d\d %$/),
      ])
      expect(lines.slice(-4)).toEqual([
        expect.stringMatching(/^ {2}all +192 +4 +\d\.\d\d % +\d\d\.\d % +\d\.\d\d %$/),
        expect.stringMatching(
          /^ {2}! 494 tensors outside of these layers also differ \(norms, biases, other layers\): \d\d\.\d % of the norm of the change$/,
        ),
        expect.stringMatching(/^ {2}wrote OUT\/style\.safetensors: \d+ kB, 576 tensors, 0\.0 s$/),
        '',
      ])
      const { model } = await contentsOf(out)
      const { 'sdtool.recipe': recipe, ...metadata } = model.metadata
      expect(metadata).toEqual({
        format: 'pt',
        ss_base_model_version: 'sd_v1',
        ss_v2: 'False',
        ss_network_module: 'networks.lora',
        ss_network_dim: '4',
        ss_network_alpha: '4',
        ss_output_name: 'style',
      })
      expect(JSON.parse(recipe!)).toMatchObject({
        operation: 'extract lora',
        inputs: [{ name: 'tiny-sd-b.safetensors' }, { name: 'tiny-sd.ckpt' }],
        options: {
          algo: 'lora',
          rank: { method: 'fixed', limit: 4 },
          dtype: 'fp16',
          only: 'unet',
          seed: 0,
        },
        engine: 'sdtool wasm 1',
      })
      // the same seed gives the same bytes
      const again = join(folder, 'again', 'style.safetensors')
      await runCli(['extract', 'lora', TUNED, BASE, '--rank', '4', '--only', 'unet', '-o', again])
      expect(readFileSync(again).equals(readFileSync(out))).toBe(true)
    },
    SLOW,
  )

  it.each([
    [[TUNED], 'extract lora takes two models; 1 was named', 2],
    [[TUNED, TUNED], 'both models are the same file', 2],
    [[TUNED, BASE, '--rank', '0'], '--rank 0: not a rank', 2],
    [[TUNED, BASE, '--dynamic', 'sv_ratio'], '--dynamic sv_ratio: no such rule', 2],
    [
      [TUNED, BASE, '--dynamic', 'sv_fro=1.5'],
      '--dynamic sv_fro=1.5: the target of sv_fro is above 0 and at most 1',
      2,
    ],
    [
      [TUNED, join(TINY, 'tiny-stripes.safetensors')],
      'DIR/tiny-stripes.safetensors is not the weights of a network: LoCon',
      3,
    ],
    [
      [TUNED, BASE, '--only', 'text'],
      'DIR/tiny-sd-b.safetensors and DIR/tiny-sd.ckpt have the same weights in all layers that the LoRA would hold',
      4,
    ],
  ])('refuses %j in one line', async (args, message, code) => {
    const result = await runCli(['extract', 'lora', ...args, '--dry-run'])
    expect([result.code, result.stdout, result.stderr.replaceAll(TINY, 'DIR').split('\n')[0]]).toEqual([
      code,
      '',
      `sdtool: ${message}`,
    ])
  })

  it('asks for one more word where a name stands for several commands', async () => {
    expect((await runCli(['extract', 'lora', '--help'])).stdout).toContain('sdtool extract lora [files..]')
  })
})
