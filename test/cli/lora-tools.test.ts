/** sdtool lora merge, resize, check on the LoRAs of fixtures/tiny-sd. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Contents, contentsOf, floatsOf, writeModel } from '../model-files.ts'
import { describeReal, realFile } from '../real-files.ts'
import { floatTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const FIXTURES = join(import.meta.dirname, '../../fixtures')
const TINY = join(FIXTURES, 'tiny-sd')
const [STRIPES, OUTLINE] = ['tiny-stripes.safetensors', 'tiny-outline.safetensors'].map((name) =>
  join(TINY, name),
) as [string, string]
const SLOW = 120_000

/** alpha / rank * up @ down, in binary64, by three loops. */
function change(lora: Contents, module: string): Float64Array {
  const [up, down] = ['up', 'down'].map((part) => floatsOf(lora, `${module}.lora_${part}.weight`)) as [
    Float32Array,
    Float32Array,
  ]
  const rank = lora.model.tensors.get(`${module}.lora_down.weight`)!.shape[0]!
  const [m, n] = [up.length / rank, down.length / rank]
  const scale = floatsOf(lora, `${module}.alpha`)[0]! / rank
  const out = new Float64Array(m * n)
  for (let i = 0; i < m; i++)
    for (let k = 0; k < rank; k++)
      for (let j = 0; j < n; j++) out[i * n + j]! += scale * up[i * rank + k]! * down[k * n + j]!
  return out
}

/** a [m, k] @ b [k, n], by three loops. */
function product(
  a: Float32Array,
  b: Float32Array,
  k: number,
): { values: Float64Array; m: number; n: number } {
  const [m, n] = [a.length / k, b.length / k]
  const values = new Float64Array(m * n)
  for (let i = 0; i < m; i++)
    for (let p = 0; p < k; p++)
      for (let j = 0; j < n; j++) values[i * n + j]! += a[i * k + p]! * b[p * n + j]!
  return { values, m, n }
}

/** alpha / rank * kron(w1, w2) of a LoKr of which both factors are products. */
function kron(lora: Contents, module: string): Float64Array {
  const rank = lora.model.tensors.get(`${module}.lokr_w2_b`)!.shape[0]!
  const factor = (w: string) =>
    product(floatsOf(lora, `${module}.lokr_${w}_a`), floatsOf(lora, `${module}.lokr_${w}_b`), rank)
  const [a, b] = [factor('w1'), factor('w2')]
  const scale = floatsOf(lora, `${module}.alpha`)[0]! / rank
  const width = a.n * b.n
  const out = new Float64Array(a.m * b.m * width)
  for (let i = 0; i < a.m * b.m; i++)
    for (let j = 0; j < width; j++) {
      const outer = a.values[Math.floor(i / b.m) * a.n + Math.floor(j / b.n)]!
      out[i * width + j] = scale * outer * b.values[(i % b.m) * b.n + (j % b.n)]!
    }
  return out
}

function distance(a: Float64Array, b: Float64Array): number {
  return Math.sqrt(
    a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0) /
      b.reduce((sum, value) => sum + value * value, 0),
  )
}

const MODULES = [
  'lora_unet_down_blocks_1_attentions_0_proj_in',
  'lora_unet_up_blocks_2_attentions_1_transformer_blocks_0_ff_net_0_proj',
] as const

describe('lora merge', () => {
  it(
    'gives the sum of the changes, with the ranks side by side',
    async () => {
      const folder = tempFolder()
      const out = join(folder, 'sum.safetensors')
      const args = [
        'lora',
        'merge',
        `${STRIPES}:0.7`,
        `${OUTLINE}:-0.5`,
        '--dtype',
        'fp32',
        '-o',
        out,
        '--verify',
      ]
      const { code, stdout, stderr } = await runCli(args)
      expect([code, stderr]).toEqual([0, ''])
      expect(stdout.replaceAll(folder, 'OUT')).toBe(`  LoRA                      ratio  modules  rank
  tiny-stripes.safetensors    0.7      350     8
  tiny-outline.safetensors   -0.5      192    16
  sum                                  350  8-24
  - the factors of 192 modules were multiplied and rounded once to F32
  - tag counts are merged; what the LoRAs say about their training is under sdtool.sources
  wrote OUT/sum.safetensors: 5.98 MB, 1050 tensors, 0.0 s
`)
      const [stripes, outline, sum] = [
        await contentsOf(STRIPES),
        await contentsOf(OUTLINE),
        await contentsOf(out),
      ]
      for (const module of MODULES) {
        const [a, b] = [change(stripes, module), change(outline, module)]
        expect(
          distance(
            change(sum, module),
            a.map((value, i) => 0.7 * value - 0.5 * b[i]!),
          ),
          module,
        ).toBeLessThan(1e-6)
      }
      const alone = 'lora_unet_mid_block_resnets_0_conv1'
      expect(
        distance(
          change(sum, alone),
          change(stripes, alone).map((value) => 0.7 * value),
        ),
      ).toBeLessThan(1e-6)
      expect(sum.model.metadata.ss_network_dim).toBe('Dynamic')
      const tagsOf = ({ model }: Contents) => JSON.parse(model.metadata.ss_tag_frequency!) as object
      expect(Object.values(tagsOf(sum))).toEqual([
        ...Object.values(tagsOf(stripes)),
        ...Object.values(tagsOf(outline)),
      ])
    },
    SLOW,
  )

  it(
    'changes no factor where the strengths are the same, and needs no rounding',
    async () => {
      const out = join(tempFolder(), 'sum.safetensors')
      const { stdout } = await runCli(['lora', 'merge', STRIPES, OUTLINE, '-o', out])
      expect(stdout).toContain('  - exact: no factor was changed\n')
      const [stripes, sum] = [await contentsOf(STRIPES), await contentsOf(out)]
      const key = `${MODULES[0]}.lora_down.weight`
      const part = stripes.bytes.get(key)!
      expect(Buffer.from(sum.bytes.get(key)!.subarray(0, part.length)).equals(Buffer.from(part))).toBe(true)
    },
    SLOW,
  )

  it.each([
    [[STRIPES], 'one LoRA cannot be merged with nothing', 2],
    [
      [STRIPES, join(TINY, 'tiny-sd-b.safetensors')],
      'DIR/tiny-sd-b.safetensors is not a LoRA: Stable Diffusion 1.x checkpoint of non-standard width',
      3,
    ],
  ])('refuses %j', async (args, message, code) => {
    const result = await runCli(['lora', 'merge', ...args, '--dry-run'])
    expect([result.code, result.stdout, result.stderr.replaceAll(TINY, 'DIR').split('\n')[0]]).toEqual([
      code,
      '',
      `sdtool: ${message}`,
    ])
  })
})

interface GoldenModule {
  /** Null where the module changes nothing. */
  readonly energy: number | null
  readonly ranks: Readonly<Record<string, number>>
}

/** See fixtures/goldens/extract_lora.py. */
const GOLDEN: {
  readonly rules: Readonly<Record<string, number>>
  readonly resize: Readonly<Record<string, GoldenModule>>
} = JSON.parse(readFileSync(join(FIXTURES, 'goldens/extract-lora.json'), 'utf8'))

describe('lora resize', () => {
  it(
    'keeps the energy that a complete decomposition keeps, and the strength',
    async () => {
      const out = join(tempFolder(), 'r4.safetensors')
      const { code, stdout } = await runCli(['lora', 'resize', STRIPES, '--rank', '4', '-o', out, '--json'])
      expect(code).toBe(0)
      const layers = JSON.parse(stdout).results[0].layers as { module: string; energy: number }[]
      expect(layers).toHaveLength(350)
      for (const { module, energy } of layers) {
        const golden = GOLDEN.resize[module]!.energy
        if (golden !== null) expect(energy, module).toBeCloseTo(golden, 5)
      }
      const [before, after] = [await contentsOf(STRIPES), await contentsOf(out)]
      const { energy } = GOLDEN.resize[MODULES[0]]!
      expect(distance(change(after, MODULES[0]), change(before, MODULES[0]))).toBeCloseTo(
        Math.sqrt(1 - energy!),
        2,
      )
      expect(after.model.metadata.ss_network_dim).toBe('Dynamic')
    },
    SLOW,
  )

  it.each(Object.entries(GOLDEN.rules))(
    'chooses the ranks of kohya by %s = %d',
    async (method, target) => {
      const args = [
        'lora',
        'resize',
        STRIPES,
        '--rank',
        '128',
        '--dynamic',
        `${method}=${target}`,
        '--dry-run',
        '--json',
      ]
      const { stdout } = await runCli(args)
      const layers = JSON.parse(stdout).results[0].layers as { module: string; ranks: [number, number] }[]
      const off = layers.filter(({ module, ranks }) => ranks[0] !== GOLDEN.resize[module]!.ranks[method])
      expect(
        off.map(({ module, ranks }) => [module, ranks[0], GOLDEN.resize[module]!.ranks[method]]),
      ).toEqual([])
    },
    SLOW,
  )
})

describe('lora check', () => {
  it('names dead and damaged modules, and draws the norms', async () => {
    const folder = tempFolder()
    const path = join(folder, 'l.safetensors')
    const module = (name: string, up: number) => [
      floatTensor(`${name}.lora_down.weight`, [1, 2], [3, 4]),
      floatTensor(`${name}.lora_up.weight`, [2, 1], [up, 0]),
    ]
    const names = ['q', 'k', 'v'].map(
      (part) => `lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_${part}`,
    )
    await writeModel(
      path,
      tableOf([...module(names[0]!, 2), ...module(names[1]!, 0), ...module(names[2]!, Number.NaN)]),
    )
    const { code, stdout } = await runCli(['lora', 'check', path, '--plot', join(folder, 'l.svg')])
    expect(code).toBe(4)
    expect(stdout.replaceAll(folder, 'DIR')).toBe(`DIR/l.safetensors: LoRA
  part  block  modules  dead  NaN  norm  of all
  UNet  MID          3     1    1  10.0   100 %
  all                3             10.0
  fits: no architecture that sdtool knows has all these layers
  x 1 module ("${names[2]}") would make the weights NaN or infinite
  ! 1 module ("${names[1]}") adds nothing: one of the factors is 0
`)
    expect(readFileSync(join(folder, 'l.svg'), 'utf8')).toContain('attn1_to_q')
    const again = await runCli(['lora', 'check', path, '--plot', join(folder, 'l.svg')])
    expect([again.code, again.stdout, again.stderr]).toEqual([
      2,
      '',
      expect.stringContaining('l.svg already exists'),
    ])
  })

  it(
    'says how many modules have their place in a base',
    async () => {
      const { code, stdout } = await runCli([
        'lora',
        'check',
        OUTLINE,
        '--base',
        join(TINY, 'tiny-sd.ckpt'),
        '--json',
      ])
      const [result] = JSON.parse(stdout).results
      expect([code, result.base.matched, result.base.unmatched]).toEqual([0, 192, 0])
      expect(existsSync(OUTLINE)).toBe(true)
    },
    SLOW,
  )
})

describeReal('of LoRAs that others made', () => {
  it(
    'makes a LoRA of a LoKr that adds nearly the same, by the energy it reports',
    async () => {
      const path = realFile('loras/KohakuBlueleaf__LyCORIS__result__smart_falcon_16_lokr.safetensors')!
      const out = join(tempFolder(), 'plain.safetensors')
      const { code, stdout } = await runCli(['lora', 'resize', path, '--rank', '64', '-o', out, '--json'])
      expect(code).toBe(0)
      const layers = JSON.parse(stdout).results[0].layers as { module: string; energy: number }[]
      const name = 'lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k'
      const [before, after] = [await contentsOf(path), await contentsOf(out)]
      const expected = kron(before, name)
      const error = distance(change(after, name), expected)
      expect(1 - error ** 2).toBeCloseTo(layers.find(({ module }) => module === name)!.energy, 4)
    },
    SLOW,
  )

  it(
    'looks into a LoKr of LyCORIS, whose change is no product',
    async () => {
      const path = realFile('loras/KohakuBlueleaf__LyCORIS__result__smart_falcon_16_lokr.safetensors')!
      const refused = await runCli(['lora', 'merge', path, path, '--dry-run'])
      expect([refused.code, refused.stderr]).toEqual([
        3,
        expect.stringContaining('are not plain LoRA but LoKr'),
      ])
    },
    SLOW,
  )
})
