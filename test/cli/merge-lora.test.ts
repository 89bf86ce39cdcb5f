/** Merging the LoRAs of fixtures/tiny-sd, held against what numpy made of the same files in binary64. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { clip, clipTopology } from '../../src/model/networks/topology/text.ts'
import { cast } from '../../src/tensor/values/expr.ts'
import type { Tensor } from '../../src/tensor/values/table.ts'
import { type Contents, contentsOf, floatsOf, ulp16, writeModel } from '../model-files.ts'
import { filled, rankOne } from '../operations/merge-lora/small.ts'
import { floatTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { type CliResult, runCli } from './run.ts'

const FIXTURES = join(import.meta.dirname, '../../fixtures')
const TINY = join(FIXTURES, 'tiny-sd')
const [BASE, STRIPES, OUTLINE] = ['tiny-sd.ckpt', 'tiny-stripes.safetensors', 'tiny-outline.safetensors'].map(
  (name) => join(TINY, name),
) as [string, string, string]

interface PartNorms {
  readonly modules: number
  readonly tensors: number
  readonly base: number
  readonly change: number
  readonly error: number
}

/** See fixtures/goldens/merge_lora.py. */
const GOLDEN: { readonly parts: Readonly<Record<string, PartNorms>> } = JSON.parse(
  readFileSync(join(FIXTURES, 'goldens/merge-lora.json'), 'utf8'),
)

function percent(part: string, of: 'change' | 'error', by: 'base' | 'change'): string {
  const norms = GOLDEN.parts[part]!
  return `${((100 * norms[of]) / norms[by]).toPrecision(3)} %`
}

/** The same under its heading, at the right edge of the column. */
function column(part: string, of: 'change' | 'error', by: 'base' | 'change'): string {
  return percent(part, of, by).padStart((by === 'base' ? 'change / weights' : 'lost to rounding').length)
}

/** Paths that differ from run to run taken out of what was printed, and times. */
function clean({ code, stdout, stderr }: CliResult, ...folders: string[]): CliResult {
  const without = (text: string) =>
    [...folders, TINY]
      .reduce((rest, folder) => rest.replaceAll(folder, 'DIR'), text)
      .replace(/, \d+\.\d s$/gm, ', T s')
  return { code, stdout: without(stdout), stderr: without(stderr) }
}

/** Keys of tensors that a merge can change. */
function weightsOf({ model }: Contents): string[] {
  return [...model.tensors.values()].filter(({ dtype }) => dtype === 'F16').map(({ name }) => name)
}

/** How two lists of numbers differ: how many do, and how far at most in units of what is allowed at that place. */
function difference(
  a: Float32Array,
  b: Float32Array,
  allowed: (i: number) => number,
): { differing: number; worst: number } {
  let [differing, worst] = [0, 0]
  for (let i = 0; i < b.length; i++) {
    if (a[i] === b[i]) continue
    differing++
    worst = Math.max(worst, Math.abs(a[i]! - b[i]!) / allowed(i))
  }
  return { differing, worst }
}

describe('both LoRAs of the tiny model in one pass', () => {
  const SUMMARY = `DIR/tiny-sd.ckpt: Stable Diffusion 1.x checkpoint of non-standard width, 33.6 MB
  adapter                   for                  algorithm  rank  ratio  matched  unmatched  left out
  tiny-stripes.safetensors  UNet                 LoRA          8    0.7      278          0         0
                            CLIP-L text encoder  LoRA          8    0.5       72          0         0
  tiny-outline.safetensors  UNet                 LoRA         16   -0.4      192          0         0
  action  what                    tensors   before    after  why
  keep    UNet                        408   253 kB   253 kB  unchanged
  patch   UNet                        278  10.9 MB  10.9 MB  changed by the LoRAs
  keep    CLIP-L text encoder         125  4.77 MB  4.77 MB  unchanged
  patch   CLIP-L text encoder          72   664 kB   664 kB  changed by the LoRAs
  keep    VAE                         248  5.21 MB  5.21 MB  unchanged
  keep    EMA copy of the UNet        410   253 kB   253 kB  unchanged
  patch   EMA copy of the UNet        278  10.9 MB  10.9 MB  changed by the LoRAs
  keep    noise schedule buffers       12  48.0 kB  48.0 kB  unchanged
  drop    training leftovers            0  27.2 kB        -  training state in the pickle, no weights
  changed               modules  tensors  change / weights  lost to rounding
  UNet                      470      278  ${column('unet', 'change', 'base')}  ${column('unet', 'error', 'change')}
  CLIP-L text encoder        72       72  ${column('clip_l', 'change', 'base')}  ${column('clip_l', 'error', 'change')}
  EMA copy of the UNet      470      278  ${column('unet_ema', 'change', 'base')}  ${column('unet_ema', 'error', 'change')}
`

  it('prints what was matched and done, and writes what numpy computes', async () => {
    const folder = tempFolder()
    const out = join(folder, 'out.safetensors')
    const args = [BASE, `${STRIPES}:0.7:0.5`, `${OUTLINE}:-0.4`, '--ema', 'patch', '-o', out]
    const { code, stdout, stderr } = clean(await runCli(['merge-lora', ...args]), folder)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.slice(0, SUMMARY.length)).toBe(SUMMARY)
    const rest = stdout.slice(SUMMARY.length).trimEnd().split('\n')
    // the middle of a 64x64 picture has one token, so that its self-attention had nothing to learn
    expect(rest[0]).toMatch(/^ {2}- 2 modules \(.*attn1_to_q", .*attn1_to_k"\) change nothing: what they add/)
    expect(rest[1]).toMatch(/^ {2}verified: 22\.4 MB of 628 changed tensors read back; /)
    expect(rest[2]).toBe('  wrote DIR/out.safetensors: 33.6 MB -> 33.1 MB, 1831 tensors, T s')

    const golden = await contentsOf(join(FIXTURES, 'goldens/merge-lora.safetensors'))
    const written = await contentsOf(out)
    let [values, off] = [0, 0]
    for (const name of golden.model.tensors.keys()) {
      const expected = floatsOf(golden, name)
      const { differing, worst } = difference(floatsOf(written, name), expected, (i) => ulp16(expected[i]!))
      expect(worst, name).toBeLessThanOrEqual(1)
      values += expected.length
      off += differing
    }
    expect(values).toBeGreaterThan(60_000)
    expect(off / values).toBeLessThan(0.001)

    const base = await contentsOf(BASE)
    const others = [...base.bytes].filter(
      ([name]) => !golden.model.tensors.has(name) && !name.startsWith('model_ema'),
    )
    expect(others.length).toBeGreaterThan(700)
    for (const [name, bytes] of others) expect(Buffer.compare(bytes, written.bytes.get(name)!), name).toBe(0)
  })

  it('gives the same in any order, to within rounding', async () => {
    const folder = tempFolder()
    const merge = (name: string, ...loras: string[]) => {
      return runCli(['merge-lora', BASE, ...loras, '--no-verify', '-o', join(folder, name)])
    }
    expect((await merge('ab.safetensors', STRIPES, `${OUTLINE}:0.5`)).code).toBe(0)
    expect((await merge('ba.safetensors', `${OUTLINE}:0.5`, STRIPES)).code).toBe(0)
    const [ab, ba] = [
      await contentsOf(join(folder, 'ab.safetensors')),
      await contentsOf(join(folder, 'ba.safetensors')),
    ]
    let [values, off] = [0, 0]
    for (const name of weightsOf(ab)) {
      const [a, b] = [floatsOf(ab, name), floatsOf(ba, name)]
      const { differing, worst } = difference(a, b, (i) => ulp16(a[i]!))
      expect(worst, name).toBeLessThanOrEqual(1)
      values += a.length
      off += differing
    }
    expect(off / values).toBeLessThan(0.001)
  })

  it('is undone by the negative ratio, to within rounding', async () => {
    const folder = tempFolder()
    const [merged, undone] = [join(folder, 'merged.safetensors'), join(folder, 'undone.safetensors')]
    await runCli(['merge-lora', BASE, OUTLINE, '--ratio', '0.7', '--no-verify', '-o', merged])
    const { code } = await runCli([
      'merge-lora',
      merged,
      OUTLINE,
      '--ratio',
      '-0.7',
      '--no-verify',
      '-o',
      undone,
    ])
    expect(code).toBe(0)
    const [before, between, after] = [
      await contentsOf(BASE),
      await contentsOf(merged),
      await contentsOf(undone),
    ]
    let changed = 0
    for (const name of weightsOf(after)) {
      const [a, b, c] = [floatsOf(before, name), floatsOf(between, name), floatsOf(after, name)]
      changed += difference(a, b, () => 1).differing
      // one rounding there, one back
      const { worst } = difference(a, c, (i) => (ulp16(b[i]!) + ulp16(c[i]!)) / 2 + 1e-6)
      expect(worst, name).toBeLessThanOrEqual(1)
    }
    expect(changed).toBeGreaterThan(1_000_000)
  })
})

// A text encoder of one layer, in half precision: enough for all that is about the command
const ENCODER = tableOf(
  [...filled('', clipTopology({ ...clip(8, 1), vocabulary: 4 })).tensors.values()].map((tensor) =>
    cast(tensor, 'F16'),
  ),
  { 'modelspec.title': 'Tiny words', license: 'MIT' },
)
const LAYER = 'text_model.encoder.layers.0.'
const MODULE = 'lora_te_text_model_encoder_layers_0_'
const UP = [1, 2, 3, 4, 5, 6, 7, 8]
const DOWN = [1, 0, 0, 0, -1, 0, 0, 0.5]

/** A folder with `base.safetensors` and LoRAs of these names. */
async function folderWith(loras: Readonly<Record<string, readonly Tensor[]>>): Promise<string> {
  const folder = tempFolder()
  await writeModel(join(folder, 'base.safetensors'), ENCODER)
  for (const [name, tensors] of Object.entries(loras)) {
    await writeModel(join(folder, name), tableOf([...tensors]))
  }
  return folder
}

async function merge(folder: string, ...args: string[]): Promise<CliResult> {
  const paths = args.map((arg) =>
    arg.startsWith('-') || !arg.includes('.safetensors') ? arg : join(folder, arg),
  )
  return clean(await runCli(['merge-lora', join(folder, 'base.safetensors'), ...paths]), folder)
}

const Q = { [`${MODULE}self_attn_q_proj`]: [UP, DOWN] as const }

describe('merge-lora', () => {
  it('names the output after what went into it, and keeps the metadata of the base', async () => {
    const folder = await folderWith({ 'a.safetensors': rankOne(Q), 'b.safetensors': rankOne(Q) })
    const { code, stdout } = await merge(folder, 'a.safetensors:0.5', 'b.safetensors:1:0.25')
    expect(code).toBe(0)
    expect(stdout).toContain('wrote DIR/base-a-0.5-b-1-te0.25.safetensors')
    const { model } = await contentsOf(join(folder, 'base-a-0.5-b-1-te0.25.safetensors'))
    expect(model.metadata).toMatchObject({ license: 'MIT', 'modelspec.merged_from': 'Tiny words, a, b' })
    const inputs = ['base', 'a', 'b'].map((name) => {
      const data = readFileSync(join(folder, `${name}.safetensors`))
      const header = 8 + Number(data.readBigUInt64LE(0))
      const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
      return expect.objectContaining({
        name: `${name}.safetensors`,
        bytes: data.byteLength,
        sha256: sha256(data),
        autoV3: sha256(data.subarray(header)),
      })
    })
    expect(JSON.parse(model.metadata['sdtool.recipe']!)).toMatchObject({
      operation: 'merge-lora',
      inputs,
      options: { loras: [{ ratio: { unet: 0.5, text: 0.5 } }, { ratio: { unet: 1, text: 0.25 } }] },
      engine: 'sdtool wasm 1',
    })
  })

  it('gives programs one document with what was matched and what was done', async () => {
    const folder = await folderWith({ 'a.safetensors': rankOne(Q) })
    const { code, stdout, stderr } = await merge(folder, 'a.safetensors', '--json')
    expect([code, stderr]).toEqual([0, ''])
    // |UP| |DOWN| of the weights [8, 8] of the layer, which are 3 and 1/64 more each
    const weights = floatsOf(
      await contentsOf(join(folder, 'base.safetensors')),
      `${LAYER}self_attn.q_proj.weight`,
    )
    const relative = Math.sqrt(204 * 2.25) / Math.hypot(...weights)
    expect(JSON.parse(stdout)).toMatchObject({
      command: 'merge-lora',
      dryRun: false,
      results: [
        {
          status: 'written',
          output: 'DIR/base-a.safetensors',
          loras: [
            {
              name: 'DIR/a.safetensors',
              title: 'LoRA',
              ratio: { unet: 1, text: 1 },
              parts: [
                { target: 'te1', algorithms: ['LoRA'], ranks: [1, 1], matched: 1, unmatched: 0, leftOut: 0 },
              ],
              unmatched: [],
            },
          ],
          proof: [{ modules: 1, tensors: 1, relative: expect.closeTo(relative, 6), lost: 0 }],
          verified: { tensors: 1 },
          findings: [],
        },
      ],
    })
  })

  it('shows the plan and writes nothing with --dry-run', async () => {
    const folder = await folderWith({ 'a.safetensors': rankOne(Q) })
    const { code, stdout } = await merge(folder, 'a.safetensors', '--dry-run', '--dtype', 'fp32')
    const lines = stdout.trimEnd().split('\n')
    expect([code, lines.shift(), lines.pop()]).toEqual([
      0,
      expect.stringMatching(/^DIR\/base\.safetensors: text encoder, \d\.\d\d kB$/),
      expect.stringMatching(/^ {2}would write DIR\/base-a-fp32\.safetensors: .* kB -> .* kB, 20 tensors$/),
    ])
    // 1536 values in all, 64 of them changed
    expect(lines).toEqual([
      '  adapter        for           algorithm  rank  ratio  matched  unmatched  left out',
      '  a.safetensors  text encoder  LoRA          1      1        1          0         0',
      '  action  what          tensors     before      after  why',
      '  cast    text encoder       19    2.94 kB    5.89 kB  unchanged, as fp32',
      '  patch   text encoder        1  128 bytes  256 bytes  changed by the LoRAs, as fp32',
    ])
    expect(readdirSync(folder).sort()).toEqual(['a.safetensors', 'base.safetensors'])
  })

  it('finds bare names in the model folders', async () => {
    const folder = await folderWith({ 'a.safetensors': rankOne(Q) })
    const { code, stdout } = await runCli(['merge-lora', 'base', '<lora:a:0.7>'], undefined, {
      SDTOOL_MODELS: folder,
    })
    expect([code, clean({ code, stdout, stderr: '' }, folder).stdout]).toEqual([
      0,
      expect.stringContaining('wrote DIR/base-a-0.7.safetensors'),
    ])
  })

  it('gives each LoRA ratios of blocks of its own', async () => {
    const folder = tempFolder()
    const [both, first, second] = ['both', 'first', 'second'].map((name) =>
      join(folder, `${name}.safetensors`),
    ) as [string, string, string]
    const run = (out: string, ...args: string[]) =>
      runCli(['merge-lora', BASE, ...args, '--dtype', 'fp32', '--only', 'unet', '--no-verify', '-o', out])
    const made = await run(both, STRIPES, OUTLINE, '--blocks', 'OUT*=0', '--blocks', 'IN*=0,MID=0')
    expect(made.code).toBe(0)
    expect((await run(first, STRIPES)).code).toBe(0)
    expect((await run(second, OUTLINE)).code).toBe(0)
    const [mixed, stripes, outline] = [
      await contentsOf(both),
      await contentsOf(first),
      await contentsOf(second),
    ]
    const keys = [...mixed.bytes.keys()].filter((key) => key.includes('diffusion_model.'))
    for (const key of keys) {
      const from = key.includes('.output_blocks.') ? outline : stripes
      expect(Buffer.compare(mixed.bytes.get(key)!, from.bytes.get(key)!), key).toBe(0)
    }
    expect(keys.length).toBe(686)
  })

  it('takes ratios that begin with a minus', async () => {
    const folder = await folderWith({ 'a.safetensors': rankOne(Q), 'b.safetensors': rankOne(Q) })
    const { code, stdout } = await merge(folder, 'a.safetensors', 'b.safetensors', '--ratio', '-0.5, 1.5')
    expect([code, stdout]).toEqual([0, expect.stringContaining('base-a--0.5-b-1.5.safetensors')])
  })

  it('does not write over an input or an existing file', async () => {
    const folder = await folderWith({ 'a.safetensors': rankOne(Q) })
    const over = await merge(folder, 'a.safetensors', '-o', 'a.safetensors', '--force')
    expect([over.code, over.stderr]).toEqual([2, expect.stringContaining('DIR/a.safetensors')])
    await merge(folder, 'a.safetensors')
    expect((await merge(folder, 'a.safetensors')).code).toBe(2)
    expect((await merge(folder, 'a.safetensors', '--force')).code).toBe(0)
  })

  it('says what is missing on the command line', async () => {
    const none = await runCli(['merge-lora'])
    expect([none.code, none.stderr.split('\n')[0]]).toEqual([2, 'sdtool: no base was named'])
    const noLora = await runCli(['merge-lora', 'base.safetensors'])
    expect([noLora.code, noLora.stderr.split('\n')[0]]).toEqual([2, 'sdtool: no LoRA was named'])
  })

  it('takes nothing but an adapter for a LoRA', async () => {
    const folder = await folderWith({})
    const { code, stderr } = await merge(folder, 'base.safetensors')
    expect([code, stderr]).toEqual([
      3,
      'sdtool: DIR/base.safetensors is not a LoRA: text encoder\n  The base comes first, then the LoRAs.\n',
    ])
  })
})

describe('a LoRA that does not fit', () => {
  it('for another architecture: the reason first, then what was matched, nothing written', async () => {
    const folder = tempFolder()
    const lora = join(folder, 'xl.safetensors')
    const names = ['input_blocks_4_1', 'output_blocks_3_1'].map((block) => {
      return `lora_unet_${block}_transformer_blocks_0_attn2_to_k`
    })
    const width = new Array(2048).fill(1)
    const modules = names.map((name) => [name, [new Array(640).fill(1), width]] as const)
    await writeModel(lora, tableOf(rankOne(Object.fromEntries(modules))))
    const result = clean(
      await runCli(['merge-lora', BASE, lora, '-o', join(folder, 'o.safetensors')]),
      folder,
    )
    expect(result).toEqual({
      code: 4,
      stderr:
        'sdtool: DIR/xl.safetensors: this is a Stable Diffusion XL LoRA, the base is Stable Diffusion 1.x: attn2.to_k expects 2048, the base has 48\n',
      stdout: expect.stringMatching(/^ {2}xl\.safetensors {2}UNet .* 0 {10}2 {9}0$/m),
    })
    expect(result.stdout.trimEnd().split('\n').at(-1)).toBe('  nothing written')
    expect(readdirSync(folder)).toEqual(['xl.safetensors'])
  })

  it('with an unknown name: the nearest one is told, and the way to go on', async () => {
    const wrong = { [`${MODULE}self_attn_k_porj`]: [UP, DOWN] as const }
    const folder = await folderWith({ 'a.safetensors': rankOne({ ...Q, ...wrong }) })
    const refused = await merge(folder, 'a.safetensors')
    expect([refused.code, refused.stderr]).toEqual([
      4,
      `sdtool: DIR/a.safetensors: 1 of 2 modules without a layer in the base ("${MODULE}self_attn_k_porj")\n  --allow-unmatched merges the other 1 module.\n`,
    ])
    expect(refused.stdout).toContain(
      `the layer most similar to "${MODULE}self_attn_k_porj" is "text_model_encoder_layers_0_self_attn_k_proj"`,
    )
    expect(existsSync(join(folder, 'base-a.safetensors'))).toBe(false)
    const allowed = await merge(folder, 'a.safetensors', '--allow-unmatched')
    expect([allowed.code, allowed.stderr]).toEqual([0, ''])
    expect(allowed.stdout).toContain(
      '! DIR/a.safetensors: text encoder 1: 1 module without a layer in the base',
    )
  })

  it('tells programs the same in the document', async () => {
    const wrong = { [`${MODULE}x`]: [UP, DOWN] as const }
    const folder = await folderWith({ 'a.safetensors': rankOne({ ...Q, ...wrong }) })
    const { code, stdout } = await merge(folder, 'a.safetensors', '--json')
    expect(code).toBe(4)
    expect(JSON.parse(stdout).results[0]).toMatchObject({
      status: 'failed',
      error: { code: 'LORA_UNMATCHED' },
      loras: [{ unmatched: [{ name: `${MODULE}x`, target: 'te1', reason: 'unknown-name' }] }],
    })
  })
})

describe('a merge that does not do what it was to do', () => {
  const dead = rankOne({ [`${MODULE}self_attn_q_proj`]: [new Array(8).fill(0), DOWN] })

  it('fails if nothing changes, and keeps nothing', async () => {
    const folder = await folderWith({ 'a.safetensors': dead })
    const { code, stderr } = await merge(folder, 'a.safetensors')
    expect([code, stderr.split('\n')[0]]).toEqual([
      4,
      'sdtool: nothing changed: the LoRAs add only zeros to the weights',
    ])
    expect(readdirSync(folder).sort()).toEqual(['a.safetensors', 'base.safetensors'])
  })

  it('fails for a LoRA of zeros among others', async () => {
    const folder = await folderWith({ 'a.safetensors': rankOne(Q), 'b.safetensors': dead })
    const { code, stderr } = await merge(folder, 'a.safetensors', 'b.safetensors')
    expect([code, stderr.split('\n')[0]]).toEqual([
      4,
      'sdtool: DIR/b.safetensors adds only zeros to the weights',
    ])
  })

  it('does not mind a pattern that is for one of several LoRAs only', async () => {
    const K = { [`${MODULE}self_attn_k_proj`]: [UP, DOWN] as const }
    const folder = await folderWith({ 'a.safetensors': rankOne({ ...Q, ...K }), 'b.safetensors': rankOne(Q) })
    const { code, stderr } = await merge(folder, 'a.safetensors', 'b.safetensors', '--exclude', '*k_proj')
    expect([code, stderr]).toEqual([0, ''])
  })

  it('mentions single modules of zeros', async () => {
    const tensors = [...dead, ...rankOne({ [`${MODULE}self_attn_k_proj`]: [UP, DOWN] })]
    const folder = await folderWith({ 'a.safetensors': tensors })
    const { code, stdout } = await merge(folder, 'a.safetensors')
    expect([code, stdout]).toEqual([
      0,
      expect.stringContaining(`- 1 module ("${MODULE}self_attn_q_proj") changes nothing`),
    ])
  })

  it('fails if the change vanishes when it is rounded, and does not in a wider type', async () => {
    const folder = await folderWith({ 'a.safetensors': rankOne(Q) })
    const { code, stderr, stdout } = await merge(folder, 'a.safetensors:0.00001')
    expect([code, stderr.split('\n')[0]]).toEqual([
      4,
      expect.stringMatching(
        new RegExp(
          `^sdtool: the change of 1 module \\("${MODULE}self_attn_q_proj"\\) vanishes when it is rounded: in "${LAYER}self_attn.q_proj.weight" it is 2\\.7e-5 on average`,
        ),
      ),
    ])
    expect(stdout).toMatch(/text encoder +1 +1 +0\.0\d+ % +100 %$/m)
    expect(readdirSync(folder).sort()).toEqual(['a.safetensors', 'base.safetensors'])
    expect((await merge(folder, 'a.safetensors:0.00001', '--dtype', 'fp32')).code).toBe(0)
  })

  it('warns if much of the change is lost', async () => {
    const folder = await folderWith({ 'a.safetensors': rankOne(Q) })
    const { code, stdout } = await merge(folder, 'a.safetensors:0.0005')
    expect([code, stdout]).toEqual([0, expect.stringMatching(/! text encoder: the rounding error in F16 is/)])
  })

  it('keeps a base in fp8 what it is, and says how much of the change that takes', async () => {
    const folder = await folderWith({ 'a.safetensors': rankOne(Q) })
    const coarse = [...ENCODER.tensors.values()].map((tensor) => cast(tensor, 'F8_E4M3'))
    await writeModel(join(folder, 'fp8.safetensors'), tableOf(coarse))
    const args = ['merge-lora', join(folder, 'fp8.safetensors'), join(folder, 'a.safetensors:0.3')]
    const { code, stdout } = await runCli(args)
    expect([code, stdout]).toEqual([
      0,
      expect.stringContaining('! text encoder: the rounding error in F8_E4M3 is'),
    ])
    const { model } = await contentsOf(join(folder, 'fp8-a-0.3.safetensors'))
    expect(new Set([...model.tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(['F8_E4M3']))
  })

  it('fails for values that are no numbers', async () => {
    const broken = rankOne({ [`${MODULE}self_attn_q_proj`]: [[Number.NaN, ...UP.slice(1)], DOWN] })
    const folder = await folderWith({ 'a.safetensors': broken })
    const { code, stderr } = await merge(folder, 'a.safetensors')
    expect([code, stderr.split('\n')[0]]).toEqual([
      3,
      `sdtool: "${LAYER}self_attn.q_proj.weight" would have values that are not finite, because of module "${MODULE}self_attn_q_proj"`,
    ])
  })

  it('refuses an alpha that is no number before anything is written', async () => {
    const alpha = floatTensor(`${MODULE}self_attn_q_proj.alpha`, [], [Number.POSITIVE_INFINITY])
    const folder = await folderWith({ 'a.safetensors': [...rankOne(Q), alpha] })
    const { code, stderr } = await merge(folder, 'a.safetensors')
    expect([code, stderr]).toEqual([3, expect.stringMatching(/^sdtool: DIR\/a\.safetensors: .*alpha/)])
  })
})
