/** Merging the two models of fixtures/tiny-sd, held against arithmetic in binary64 and float16 of another library. */
import { join } from 'node:path'
import { f16round } from '@petamoriken/float16'
import { describe, expect, it } from 'vitest'
import { clip, clipTopology, openClipTopology } from '../../src/model/networks/topology/text.ts'
import { MERGE_METHODS } from '../../src/tensor/merge/registry.ts'
import type { Tensor, TensorTable } from '../../src/tensor/values/table.ts'
import { narrowSdxl, prefixed } from '../model/tables.ts'
import { contentsOf, floatsOf, ulp16, writeModel } from '../model-files.ts'
import { CLIP, CLIP_LAYER } from '../operations/merge-lora/small.ts'
import { floatTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { type CliResult, runCli } from './run.ts'

const TINY = join(import.meta.dirname, '../../fixtures/tiny-sd')
const [A, B] = ['tiny-sd.ckpt', 'tiny-sd-b.safetensors'].map((name) => join(TINY, name)) as [string, string]

function clean({ code, stdout, stderr }: CliResult, folder: string): CliResult {
  const without = (text: string) =>
    text
      .replaceAll(folder, 'DIR')
      .replaceAll(TINY, 'TINY')
      .replace(/, \d+\.\d s$/gm, ', T s')
  return { code, stdout: without(stdout), stderr: without(stderr) }
}

/** Values of each tensor that are held against the other library: it takes its time. */
const COMPARED = 500

async function merge(...args: string[]): Promise<CliResult & { out: string }> {
  const folder = tempFolder()
  const out = join(folder, 'out.safetensors')
  return { ...clean(await runCli(['merge', ...args, '-o', out]), folder), out }
}

describe('a weighted sum of the tiny models', () => {
  it('prints what was done, and writes the nearest float16 of every weight', async () => {
    const { code, stdout, stderr, out } = await merge(A, B, '--alpha', '0.3')
    expect([code, stderr]).toEqual([0, ''])
    const lines = stdout.split('\n')
    expect(
      lines.slice(0, 13).join('\n'),
    ).toBe(`TINY/tiny-sd.ckpt: Stable Diffusion 1.x checkpoint of non-standard width, 33.6 MB
  model  file                   what
  A      tiny-sd.ckpt           Stable Diffusion 1.x checkpoint of non-standard width
  B      tiny-sd-b.safetensors  Stable Diffusion 1.x checkpoint of non-standard width
  action  what                    tensors     before      after  why
  blend   UNet                        686    11.1 MB    11.1 MB  weighted-sum of 2 models
  keep    CLIP-L text encoder           1  616 bytes  616 bytes  taken from A
  blend   CLIP-L text encoder         196    5.43 MB    5.43 MB  weighted-sum of 2 models
  keep    VAE                         248    5.21 MB    5.21 MB  taken from A
  drop    EMA copy of the UNet        688    11.1 MB          -  no longer a copy of the merged weights
  keep    noise schedule buffers       12    48.0 kB    48.0 kB  taken from A
  drop    training leftovers            0    27.2 kB          -  training state in the pickle, no weights
  changed              tensors  change / weights  lost to rounding`)
    const [, printedChange, printedError] = /^ {2}UNet +686 +(\S+ %) +(\S+ %)$/.exec(lines[13]!)!
    expect(lines[14]).toBe('  CLIP-L text encoder      196            0.00 %            0.00 %')
    expect(lines[15]).toMatch(/^ {2}! the EMA copy of the UNet would no longer match/)
    expect(lines[16]).toMatch(
      /^ {2}- 196 tensors \("cond_stage_model.*are the same as in A: the models agree there$/,
    )
    expect(lines[17]).toMatch(
      /^ {2}verified: 16\.5 MB of 882 changed tensors read back; 3528 rows .* (?:100|99\.9\d) % correctly/,
    )
    expect(lines[18]).toBe('  wrote DIR/out.safetensors: 33.6 MB -> 21.9 MB, 1143 tensors, T s')

    const [a, b, written] = [await contentsOf(A), await contentsOf(B), await contentsOf(out)]
    let [values, off, worst] = [0, 0, 0]
    const unet = { weights: 0, change: 0, error: 0 }
    for (const [name, bytes] of written.bytes) {
      if (!/^(model|cond_stage_model)\./.test(name) || name.endsWith('position_ids')) {
        expect(Buffer.compare(bytes, a.bytes.get(name)!), name).toBe(0)
        continue
      }
      const [x, y, found] = [floatsOf(a, name), floatsOf(b, name), floatsOf(written, name)]
      const isUnet = name.startsWith('model.')
      for (let i = 0; i < found.length; i++) {
        const exact = 0.7 * x[i]! + 0.3 * y[i]!
        if (isUnet) {
          unet.weights += x[i]! ** 2
          unet.change += (exact - x[i]!) ** 2
          unet.error += (found[i]! - exact) ** 2
        }
        if (i >= COMPARED) continue
        values++
        if (found[i] !== f16round(exact)) off++
        worst = Math.max(worst, Math.abs(found[i]! - exact) / ulp16(exact))
      }
    }
    expect(values).toBeGreaterThan(200_000)
    const percent = (part: number, of: number) => `${(100 * Math.sqrt(part / of)).toPrecision(3)} %`
    expect([printedChange, printedError]).toEqual([
      percent(unet.change, unet.weights),
      percent(unet.error, unet.change),
    ])
    // between float16 numbers a few steps apart many results are ties, which binary32 and binary64 break differently
    expect(worst).toBeLessThan(0.5001)
    expect(off / values).toBeLessThan(0.02)
    const recipe = JSON.parse(written.model.metadata['sdtool.recipe']!)
    expect(recipe).toMatchObject({ operation: 'merge', options: { method: 'weighted-sum', alpha: [0.3] } })
    expect(recipe.inputs).toHaveLength(2)
    expect(written.model.metadata['modelspec.merged_from']).toBe('tiny-sd, tiny-sd-b')
  })
})

/** The tiny text encoder with other numbers in it, as a file. */
async function variant(
  folder: string,
  name: string,
  change: (value: number, i: number) => number,
): Promise<string> {
  const path = join(folder, name)
  const tensors = [...CLIP.tensors.values()].map((tensor) => {
    const { source, shape } = tensor
    const data = source.kind === 'bytes' ? source.data : new Uint8Array()
    const values = [...new Float32Array(data.slice().buffer)].map(change)
    return floatTensor(tensor.name, [...shape], values)
  })
  await writeModel(path, tableOf(tensors) satisfies TensorTable)
  return path
}

async function three(folder: string): Promise<[string, string, string]> {
  return [
    await variant(folder, 'a.safetensors', (value) => value),
    await variant(folder, 'b.safetensors', (value, i) => value + Math.sin(i)),
    await variant(folder, 'c.safetensors', (value, i) => value + Math.cos(i) / 4),
  ]
}

describe('sdtool merge', () => {
  it.each(MERGE_METHODS.map(({ id, models }) => [id, models[0]] as const))(
    '%s writes a verified model',
    async (id, count) => {
      const folder = tempFolder()
      const files = (await three(folder)).slice(0, count)
      const { code, stdout, stderr } = await merge(...files, '--method', id, '--alpha', '0.6')
      expect([code, stderr]).toEqual([0, ''])
      expect(stdout).toContain(`${id} of ${count} models`)
      expect(stdout).toMatch(/verified: .* none off by more than 0\.\d\d ulp/)
    },
  )

  it('names the output after the models, the method and the numbers', async () => {
    const folder = tempFolder()
    const files = await three(folder)
    const { code, stdout } = await runCli([
      'merge',
      ...files,
      '--method',
      'add-difference',
      '--alpha',
      '0.6',
      '--dry-run',
      '--json',
    ])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      command: 'merge',
      dryRun: true,
      results: [{ status: 'planned', output: join(folder, 'a-b-c-add-difference-0.6.safetensors') }],
    })
  })

  it('merges more than three models, with a share for each', async () => {
    const folder = tempFolder()
    const files = await three(folder)
    const { code, out } = await merge(...files, files[1]!, '--alpha', '0.1,0.2,0.3')
    expect(code).toBe(0)
    const name = `${CLIP_LAYER}mlp.fc1.weight`
    const [a, b, c] = [
      await contentsOf(files[0]),
      await contentsOf(files[1]),
      await contentsOf(files[2]),
    ].map((file) => floatsOf(file, name)) as [Float32Array, Float32Array, Float32Array]
    const expected = Float32Array.from(a, (value, i) => 0.4 * value + (0.1 + 0.3) * b[i]! + 0.2 * c[i]!)
    expect(floatsOf(await contentsOf(out), name)).toEqual(expected)
  })

  it('random choices of dare depend on the seed and nothing else', async () => {
    const folder = tempFolder()
    const [a, b] = await three(folder)
    const hashOf = async (...more: string[]) => {
      const { out } = await merge(a, b, '--method', 'dare', '--density', '0.5', ...more)
      return JSON.parse((await runCli(['inspect', out, '--hashes', '--json'])).stdout).results[0].hashes
        .autoV3
    }
    expect(await hashOf()).toBe(await hashOf('--seed', '0'))
    expect(await hashOf('--seed', '1')).not.toBe(await hashOf('--seed', '2'))
  })

  it('writes nothing, exit 4, where all models are the same', async () => {
    const folder = tempFolder()
    const [a] = await three(folder)
    const { code, stdout, stderr, out } = await merge(a, a, '--alpha', '0.5')
    expect(code).toBe(4)
    expect(stderr).toBe(`sdtool: nothing changed: every weight is the same as in A
  The models may be the same, or alpha too small for the type that is written.
`)
    expect(stdout).toMatch(/nothing written\n$/)
    await expect(contentsOf(out)).rejects.toThrow()
  })

  it.each<[string, string[], string]>([
    ['one model', ['a'], 'name two or more models\n  sdtool merge a.safetensors b.safetensors --alpha 0.3'],
    ['an alpha that is no number', ['a', 'b', '--alpha', 'half'], '--alpha half: not a number'],
    [
      'a number the method does not take',
      ['a', 'b', '--density', '0.5'],
      'weighted-sum does not take density',
    ],
    [
      'a density of more than all',
      ['a', 'b', '--method', 'ties', '--density', '2'],
      '--density 2: the density must be above 0 and at most 1',
    ],
    [
      'a seed that is none',
      ['a', 'b', '--method', 'dare', '--seed', '-1'],
      '--seed -1: a seed is a whole number from 0 to 4294967295',
    ],
    [
      'block weights nobody knows',
      ['a', 'b', '--blocks', '1,2,3'],
      '--blocks has 3 numbers\n  A list has 25 or 26 numbers, for SDXL 19, 20 or 21; to name single blocks: --blocks IN04=0.5,OUT*=0.',
    ],
    [
      'a pattern without number',
      ['a', 'b', '--keys', 'attn2'],
      '--keys: "attn2" is not a key weight\n  Write "*attn2.to_k*=0.2".',
    ],
  ])('says what is wrong with %s', async (_, args, message) => {
    const { code, stdout, stderr } = await runCli(['merge', ...args])
    expect([code, stdout, stderr]).toEqual([2, '', `sdtool: ${message}\n`])
  })
})

describe('a component of another model', () => {
  it('is copied byte for byte, and the page has no figures of what was not computed', async () => {
    const { code, stdout, stderr, out } = await merge(B, A, '--only', 'unet', '--alpha', '1')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).not.toMatch(/NaN|verified|changed +tensors/)
    const [mixed, own, other] = [await contentsOf(out), await contentsOf(B), await contentsOf(A)]
    for (const [name, bytes] of mixed.bytes) {
      const from = name.startsWith('model.diffusion_model.') ? other : own
      expect(Buffer.compare(bytes, from.bytes.get(name)!), name).toBe(0)
    }
    expect(mixed.bytes.size).toBe(own.bytes.size)
  })

  it('is refused where both have the same', async () => {
    const { code, stderr } = await merge(B, A, '--only', 'text', '--alpha', '1')
    expect([code, stderr]).toEqual([4, expect.stringMatching(/nothing changed/)])
  })
})

describe('text encoders in other layouts', () => {
  const G = { ...clip(48, 2, true), vocabulary: 100 }
  const OPEN = 'conditioner.embedders.1.model.'
  const COMFY = 'text_encoders.clip_g.transformer.'
  const filled = ([name, shape]: readonly [string, readonly number[]], of: (i: number) => number): Tensor =>
    floatTensor(
      name,
      [...shape],
      Array.from({ length: shape.reduce((product, n) => product * n, 1) }, (_, i) => of(i)),
    )
  const rest = narrowSdxl().filter(([name]) => !name.startsWith(OPEN) && !name.includes('token_embedding'))

  it('are blended value for value: q, k and v are one matrix, the projection is turned', async () => {
    const folder = tempFolder()
    const [a, b, out] = ['a', 'b', 'out'].map((name) => join(folder, `${name}.safetensors`)) as [
      string,
      string,
      string,
    ]
    const open = prefixed(OPEN, openClipTopology(G))
    const comfy = prefixed(COMFY, clipTopology(G))
    await writeModel(a, tableOf([...rest, ...open].map((key) => filled(key, () => 2))))
    await writeModel(b, tableOf([...rest, ...comfy].map((key, k) => filled(key, (i) => (i % 64) + k))))
    const { code, stderr } = await runCli([
      'merge',
      a,
      b,
      '--only',
      'text',
      '--alpha',
      '0.5',
      '-o',
      out,
      '-q',
    ])
    expect([code, stderr]).toEqual([0, ''])
    const [theirs, written] = [await contentsOf(b), await contentsOf(out)]
    const half = (values: ArrayLike<number>) => Array.from(values, (value) => (value + 2) / 2)
    const layer = `${COMFY}text_model.encoder.layers.1.`
    const qkv = ['q', 'k', 'v'].flatMap((part) => [
      ...floatsOf(theirs, `${layer}self_attn.${part}_proj.weight`),
    ])
    const found = (name: string) => [...floatsOf(written, OPEN + name)]
    expect(found('transformer.resblocks.1.attn.in_proj_weight')).toEqual(half(qkv))
    const projection = floatsOf(theirs, `${COMFY}text_projection.weight`)
    const turned = projection.map((_, i) => projection[(i % 48) * 48 + Math.floor(i / 48)]!)
    expect(found('text_projection')).toEqual(half(turned))
    expect(found('transformer.resblocks.1.mlp.c_fc.bias')).toEqual(
      half(floatsOf(theirs, `${layer}mlp.fc1.bias`)),
    )
    expect(found('positional_embedding')).toEqual(
      half(floatsOf(theirs, `${COMFY}text_model.embeddings.position_embedding.weight`)),
    )
  })
})
