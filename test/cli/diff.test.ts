/** What `sdtool diff` prints and writes for files of a few numbers. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Tensor } from '../../src/tensor/values/table.ts'
import { writeModel } from '../model-files.ts'
import { bytesTensor, floatTensor } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const IN00 = 'model.diffusion_model.input_blocks.0.0.weight'
const TO_Q = 'model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight'
const VAE = 'first_stage_model.decoder.conv_in.weight'

const F = (name: string, ...values: number[]) => floatTensor(name, [values.length], values)

/** Two files in a folder of their own; paths in what is printed become `DIR/...`. */
async function two(
  a: readonly Tensor[],
  b: readonly Tensor[],
  metadata: Record<string, string>[] = [{}, {}],
) {
  const folder = tempFolder()
  const paths = [join(folder, 'a.safetensors'), join(folder, 'b.safetensors')] as const
  for (const [i, tensors] of [a, b].entries()) {
    const table = new Map(tensors.map((tensor) => [tensor.name, tensor]))
    await writeModel(paths[i]!, { tensors: table, metadata: metadata[i]! })
  }
  const run = async (...options: string[]) => {
    const { code, stdout, stderr } = await runCli(['diff', ...paths, ...options])
    const clean = (text: string) => text.replaceAll(folder, 'DIR')
    return { code, stdout: clean(stdout), stderr: clean(stderr) }
  }
  const size = (i: 0 | 1) => statSync(paths[i]).size
  return { folder, paths, run, size }
}

const OLD = [F(IN00, 3, 4), F(TO_Q, 6, 8), F(VAE, 1), F('old.weight', 1, 2)]
const NEW = [
  F(IN00, 3, 4),
  F(TO_Q, 6, 8.5),
  bytesTensor(VAE, 'F16', [1], Uint8Array.of(0, 0x3c)), // 1.0
  F('new.weight', 1),
]

describe('the page', () => {
  it('says what changed, where, and how much', async () => {
    const { run, size } = await two(OLD, NEW, [{ title: 'one', gone: 'x' }, { title: 'two\u001b[2J' }])
    // |a| of the UNet is sqrt(9 + 16 + 36 + 64), of the block 10; the change is 0.5
    expect(await run()).toEqual({
      code: 0,
      stderr: '',
      stdout: `a  DIR/a.safetensors: checkpoint of unknown architecture, ${size(0)} bytes, safetensors, 4 tensors
b  DIR/b.safetensors: checkpoint of unknown architecture, ${size(1)} bytes, safetensors, 4 tensors

  4 of 5 tensors differ (1 changed, 1 with another type, 1 only in a, 1 only in b), relative change 4.45 %

  component     tensors  differ  values changed  largest  relative change
  UNet                2       1          25.0 %      0.5           4.47 %  ████████████████████████
  VAE                 1       1               0        0                0
  unknown keys        2       2

  UNet  tensors  differ  values changed  largest  relative change
  IN00        1       0               0        0                0
  IN01        1       1          50.0 %      0.5              5 %  ████████████████████████

  changed tensors                                                                block  relative change  largest
  model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight  IN01               5 %      0.5

  Different types
    F32 -> F16: 1 tensor

  Only in a: 1 tensor (unknown keys 1)
    old.weight F32 [2]

  Only in b: 1 tensor (unknown keys 1)
    new.weight F32 [1]

  Metadata
    ~ title: one -> two\\u001b[2J
    - gone: x
`,
    })
  })

  it('is three lines for files with the same weights, whatever their metadata', async () => {
    const { run, size } = await two(OLD, [...OLD].reverse(), [{}, { format: 'pt' }])
    expect(await run('--exit-code')).toEqual({
      code: 0,
      stderr: '',
      stdout: `a  DIR/a.safetensors: checkpoint of unknown architecture, ${size(0)} bytes, safetensors, 4 tensors
b  DIR/b.safetensors: checkpoint of unknown architecture, ${size(1)} bytes, safetensors, 4 tensors

  identical: 4 tensors, with the same values in each; only metadata differs

  Metadata
    + format: pt
`,
    })
  })

  it('lists ten of each, and all of them with --keys', async () => {
    const many = (prefix: string) => Array.from({ length: 12 }, (_, i) => F(`${prefix}.${i}.weight`, i + 1))
    const changed = many('both').map(({ name }, i) => F(name, i + 2))
    const { run } = await two([...many('both'), ...many('gone')], changed)
    const short = (await run()).stdout
    expect(short).toContain('  10 most changed of 12')
    // 1 -> 2 is the largest relative change, 10 -> 11 the tenth
    expect(short).toMatch(/both\.0\.weight +both\.0 +100 %/)
    expect(short).not.toContain('both.10.weight')
    expect(short).toContain('gone.7.weight F32 [1]\n    and 2 more; all with --keys')
    const all = (await run('--keys')).stdout
    expect(all).toMatch(/both\.11\.weight +both\.11/)
    expect(all).toContain('gone.11.weight')
    expect(all).not.toContain('more; all with')
    expect((await run('--top', '3')).stdout).toContain('  3 most changed of 12')
    expect((await run('--top', '0')).stdout).not.toContain('most changed')
  })

  it('has no number for what was nothing before', async () => {
    const { run } = await two([F('a.weight', 0, 0)], [F('a.weight', 0, 1)])
    expect((await run()).stdout).toMatch(/weights +1 +1 +50\.0 % +1 +infinite +█+\n/)
  })

  it('warns of files that have nothing in common', async () => {
    const { run } = await two([F('a.weight', 1)], [F('b.weight', 1)])
    expect((await run()).stdout).toContain('! the files have no tensor in common')
  })
})

describe('--json', () => {
  it('has everything the page has, and every tensor that differs', async () => {
    const { run } = await two(OLD, NEW, [{ title: 'one' }, {}])
    const { code, stdout, stderr } = await run('--json')
    expect([code, stderr]).toEqual([0, ''])
    const { command, results } = JSON.parse(stdout)
    expect(command).toBe('diff')
    const [document] = results
    expect(document).toMatchObject({
      path: 'DIR/b.safetensors',
      a: { path: 'DIR/a.safetensors', format: 'safetensors', kind: 'checkpoint', tensors: 4 },
      ema: false,
      identical: false,
      total: { tensors: 5, differing: 4, changed: 1, retyped: 1, reshaped: 0, added: 1, removed: 1 },
      metadata: { added: {}, removed: { title: 'one' }, changed: {} },
    })
    expect(
      document.components.map(({ name, differing }: Record<string, unknown>) => [name, differing]),
    ).toEqual([
      ['unet', 1],
      ['vae', 1],
      ['other', 2],
    ])
    expect(document.blocks[1]).toMatchObject({
      component: 'unet',
      block: 'IN01',
      relativeChange: 0.05,
      norm: 10,
      normOfChange: 0.5,
      largestChange: 0.5,
      values: 2,
      changedValues: 1,
      notFinite: { a: 0, b: 0 },
    })
    expect(document.layers.map(({ layer }: { layer: string }) => layer)).toContain('attn1 q')
    expect(
      document.tensors.map(({ name, change, retyped }: Record<string, unknown>) => [name, change, retyped]),
    ).toEqual([
      [VAE, 'same', true],
      [TO_Q, 'changed', false],
      ['old.weight', 'removed', false],
      ['new.weight', 'added', false],
    ])
  })

  it('has null for a change from nothing', async () => {
    const { run } = await two([F('a.weight', 0)], [F('a.weight', 1)])
    expect(JSON.parse((await run('--json')).stdout).results[0].total.relativeChange).toBeNull()
  })
})

describe('exit codes', () => {
  it('are 0 for files that differ, and 4 with --exit-code', async () => {
    const { run } = await two(OLD, NEW)
    expect((await run()).code).toBe(0)
    expect((await run('--exit-code')).code).toBe(4)
    const types = await two([F('a.weight', 1)], [bytesTensor('a.weight', 'F16', [1], Uint8Array.of(0, 0x3c))])
    expect((await types.run('--exit-code')).code).toBe(4)
  })

  it('are 2 for wrong command lines', async () => {
    const { paths, run } = await two(OLD, NEW)
    expect(await runCli(['diff', paths[0]])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'sdtool: diff compares two files, but 1 was named\n  For example: sdtool diff base.safetensors merged.safetensors\n',
    })
    expect((await run('--top', 'ten')).stderr).toBe('sdtool: --top ten: not a number of tensors\n')
    expect((await run('--plot', 'x.jpg')).stderr).toBe(
      'sdtool: --plot x.jpg: the name must end in .png or .svg\n',
    )
    expect((await run('--plot', '')).code).toBe(2)
  })

  it('are 1 for a missing file and 3 for one that is no model, with its name', async () => {
    const { folder, paths } = await two(OLD, NEW)
    const missing = join(folder, 'missing.safetensors')
    expect(await runCli(['diff', paths[0], missing])).toEqual({
      code: 1,
      stdout: '',
      stderr: `sdtool: ${missing} does not exist\n`,
    })
    const text = join(folder, 'notes.txt')
    writeFileSync(text, 'no model')
    const { code, stderr } = await runCli(['diff', text, paths[1]])
    expect([code, stderr.startsWith(`sdtool: ${text}`)]).toEqual([3, true])
    expect((await runCli(['diff', folder, paths[1]])).code).toBe(3)
  })
})

describe('--plot', () => {
  it('draws a PNG or an SVG, and says so', async () => {
    const { folder, run } = await two(OLD, NEW)
    const [png, svg] = [join(folder, 'x.png'), join(folder, 'x.svg')]
    expect((await run('--plot', png)).stdout).toContain('\n  wrote DIR/x.png\n')
    const image = readFileSync(png)
    expect(image.subarray(1, 4).toString()).toBe('PNG')
    expect(JSON.parse((await run('--plot', svg, '--json')).stdout).results[0].output).toBe('DIR/x.svg')
    const text = readFileSync(svg, 'utf8')
    // the PNG has twice the pixels of the drawing
    expect(text).toContain(`width="${image.readUInt32BE(16) / 2}" height="${image.readUInt32BE(20) / 2}"`)
    for (const label of ['a.safetensors -&gt; b.safetensors', 'UNet', 'IN', '01', 'attn1 q', '5.0'])
      expect(text).toContain(`>${label}</text>`)
  })

  it('never replaces an input, nor another file without --force, and looks before it reads', async () => {
    const { folder, paths, run } = await two(OLD, NEW)
    const picture = join(folder, 'x.png')
    writeFileSync(picture, 'old')
    expect(await run('--plot', picture)).toEqual({
      code: 2,
      stdout: '',
      stderr: 'sdtool: DIR/x.png already exists\n  Use --force to replace it, or -o to name another file.\n',
    })
    expect((await run('--plot', picture, '--force')).code).toBe(0)
    expect(readFileSync(picture).subarray(1, 4).toString()).toBe('PNG')
    const input = join(folder, 'model.png')
    writeFileSync(input, readFileSync(paths[0]))
    const { code, stderr } = await runCli(['diff', input, paths[1], '-o', input, '--force'])
    expect([code, stderr]).toEqual([
      2,
      `sdtool: ${input} is an input of this run and would be overwritten\n  Name another output with -o.\n`,
    ])
    expect(readFileSync(input)).toEqual(readFileSync(paths[0]))
  })

  it('draws nothing where nothing can be compared, and exits with 4', async () => {
    const { folder, run } = await two([F('a.weight', 1)], [F('b.weight', 1)])
    const { code, stdout } = await run('--plot', join(folder, 'x.png'))
    expect(code).toBe(4)
    expect(stdout).toContain('! no weights could be compared, so no picture was drawn')
    expect(existsSync(join(folder, 'x.png'))).toBe(false)
  })

  it('keeps a made-up model of blocks up to number 99500 on the paper', async () => {
    const blocks = Array.from({ length: 200 }, (_, i) =>
      F(`model.diffusion_model.input_blocks.${i * 500}.0.op.weight`, i),
    )
    const { folder, run } = await two(blocks, blocks)
    const { code } = await run('--plot', join(folder, 'x.svg'))
    expect(code).toBe(0)
    const svg = readFileSync(join(folder, 'x.svg'), 'utf8')
    expect(svg).toContain('UNet (the first 80 of 200 blocks)')
    expect(Number(/width="(\d+)"/.exec(svg)![1])).toBeLessThan(4000)
  })
})

describe('containers and types', () => {
  const folder = join(import.meta.dirname, '../../fixtures/tiny-sd')

  it('do not matter: a VAE as pickle and as safetensors, and the one in a checkpoint', async () => {
    const [pickle, safe] = ['vivid.vae.pt', 'vivid.vae.safetensors'].map((name) => join(folder, name)) as [
      string,
      string,
    ]
    expect((await runCli(['diff', pickle, safe, '--exit-code'])).code).toBe(0)
    const inside = await runCli(['diff', join(folder, 'tiny-sd-b.safetensors'), safe, '--json'])
    const vae = JSON.parse(inside.stdout).results[0].components.find(
      ({ name }: { name: string }) => name === 'vae',
    )
    // its decoder was trained again
    expect([vae.tensors, vae.added, vae.removed, vae.changed]).toEqual([248, 0, 0, 140])
  })

  it('shows what the EMA weights are with --ema', async () => {
    const out = join(tempFolder(), 'pruned.safetensors')
    const checkpoint = join(folder, 'tiny-sd.ckpt')
    expect((await runCli(['prune', checkpoint, '-o', out])).code).toBe(0)
    const unet = async (...options: string[]) => {
      const { stdout } = await runCli(['diff', checkpoint, out, '--json', ...options])
      return JSON.parse(stdout).results[0].components[0].changed
    }
    expect(await unet('--ema')).toBe(0)
    expect(await unet()).toBeGreaterThan(600)
    const page = await runCli(['diff', checkpoint, out, '--ema'])
    expect(page.stdout).toContain('\n   EMA weights instead of the live ones in a\n')
    expect(await runCli(['diff', out, out, '--ema'])).toEqual({
      code: 4,
      stdout: '',
      stderr: 'sdtool: neither file has an EMA copy of its weights\n  Leave out --ema.\n',
    })
  })
})
