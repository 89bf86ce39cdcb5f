/** `render --compare`, `--sweep`, `--check`, as people type them. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { RgbImage } from '../../src/image/image.ts'
import { openImage } from '../../src/image/open.ts'
import { decodePixels, openPng } from '../../src/image/png/decode.ts'
import { withModels } from '../../src/library/session.ts'
import { writeSafetensors } from '../../src/tensor/write/write.ts'
import { QUIET_WORLD } from '../quiet-world.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const tiny = join(import.meta.dirname, '../../fixtures/tiny-sd')
const file = (name: string) => join(tiny, name)
const BASE = file('tiny-sd-b.safetensors')
const STRIPES = file('tiny-stripes.safetensors')
const OUTLINE = file('tiny-outline.safetensors')
const VIVID = file('vivid.vae.safetensors')
const PAGED = ['-p', 'a red circle', '--size', '64x64', '--steps', '2', '--device', 'cpu']
/** Paths only. */
const QUICK = [...PAGED, '-q']
const TIMEOUT = 600_000

function sizeOf(path: string): number[] {
  const { format, width, height } = openImage(readFileSync(path))
  expect(format).toBe('png')
  return [width, height]
}

/** An image of the first row of a sheet with labels, by where sheet.ts puts it. */
function imageAt(sheet: RgbImage, column: number): Buffer {
  const [left, top, zoom, gap] = [252 + column * (256 + 20), rowTop(sheet), 4, 3]
  const rows = Array.from({ length: 64 }, (_, y) => {
    const at = ((top + y * zoom + 1) * sheet.width + left) * gap
    return Buffer.from(
      Array.from({ length: 64 * 3 }, (_, i) => sheet.data[at + Math.floor(i / 3) * zoom * 3 + (i % 3)]!),
    )
  })
  return Buffer.concat(rows)
}

/** Below the hairline around the first image. */
function rowTop({ width, height, data }: RgbImage): number {
  const isLine = (y: number) => [251, 300, 400].every((x) => data[(y * width + x) * 3] === 0xd3)
  return 1 + Array.from({ length: height }, (_, y) => y).findIndex(isLine)
}

describe('render --compare', () => {
  it(
    'says how far models are apart, and shows it; a model is not different from itself',
    async () => {
      const sheet = join(tempFolder(), 'sheet.png')
      const args = [
        'render',
        BASE,
        '--compare',
        BASE,
        file('tiny-sd.ckpt'),
        '--count',
        '2',
        ...QUICK,
        '-o',
        sheet,
      ]
      const { code, stdout } = await runCli([...args, '--json'])
      expect(code).toBe(0)
      const [{ reference, models, settings }] = JSON.parse(stdout).results
      expect([reference, settings]).toEqual([
        'tiny-sd-b.safetensors',
        'Euler, 2 steps, CFG 7, 64x64, RNG CPU',
      ])
      const [same, other] = models
      expect(same.name).toBe('tiny-sd-b.safetensors')
      expect(same.images).toMatchObject([
        { prompt: 'a red circle', seed: 1, identical: true, psnr: null, ssim: 1 },
        { prompt: 'a red circle', seed: 2, identical: true, psnr: null, ssim: 1 },
      ])
      for (const { identical, psnr, ssim, changed } of other.images) {
        expect(identical).toBe(false)
        expect(psnr).toBeLessThan(40)
        expect(ssim).toBeLessThan(1)
        expect(changed).toBeGreaterThan(0.5)
      }
      // five columns of images at four times their size
      expect(sizeOf(sheet)[0]).toBeGreaterThan(5 * 256)
      expect((await runCli(args)).stderr).toContain('already exists')
    },
    TIMEOUT,
  )

  it(
    'takes --lora and --vae for the first model: what is live against what was baked',
    async () => {
      const folder = tempFolder()
      const [baked, sheet] = [join(folder, 'baked.safetensors'), join(folder, 'sheet.png')]
      expect((await runCli(['merge-lora', BASE, `${STRIPES}:0.5`, '-o', baked])).code).toBe(0)
      const args = ['render', BASE, '--lora', `${STRIPES}:0.5`, '--compare', baked, ...PAGED, '-o', sheet]
      const { code, stdout } = await runCli(args)
      expect(code).toBe(0)
      const lines = stdout.split('\n')
      expect(lines[0]).toBe(
        'tiny-sd-b.safetensors + tiny-stripes.safetensors at 0.5 compared with baked.safetensors: Euler, 2 steps, CFG 7, 64x64, RNG CPU',
      )
      expect(lines[2]).toMatch(
        /^ {2}baked\.safetensors {2}identical {2}1\.0000 {9}0\.00 {4}0 {5}0\.0% {5}1 {2}a red circle$/,
      )
      expect(lines[3]).toBe(sheet)
    },
    TIMEOUT,
  )
})

describe('render --sweep', () => {
  it(
    'draws the ratios of one LoRA and of two, and writes nothing but the sheet',
    async () => {
      const folder = `${tempFolder()}/`
      const one = await runCli([
        'render',
        BASE,
        '--sweep',
        `${STRIPES}=0..1:0.5`,
        ...QUICK,
        '-o',
        folder,
        '--json',
      ])
      expect(one.code).toBe(0)
      expect(JSON.parse(one.stdout).results[0]).toMatchObject({
        mode: 'sweep',
        output: `${folder}tiny-sd-b-sweep.png`,
        columns: { name: STRIPES, values: [0, 0.5, 1] },
        rows: null,
        images: [{ prompt: 'a red circle', seed: '1' }],
      })
      expect(sizeOf(`${folder}tiny-sd-b-sweep.png`)[0]).toBeGreaterThan(3 * 256)
      const two = ['--lora', `${STRIPES}:1`, '--sweep', 'tiny-stripes=0.5,1', '--sweep', `${OUTLINE}=0,1`]
      const { code, stdout } = await runCli(['render', BASE, ...two, ...PAGED, '-o', folder])
      expect([code, stdout]).toEqual([
        0,
        `tiny-sd-b.safetensors: tiny-stripes 0.5, 1; tiny-outline 0, 1: 4 pictures\n${folder}tiny-sd-b-sweep-2.png\n`,
      ])
      expect(sizeOf(`${folder}tiny-sd-b-sweep-2.png`)[1]).toBeGreaterThan(2 * 256)
    },
    TIMEOUT,
  )

  it(
    'draws each place as it is drawn alone, though they share their networks',
    async () => {
      const folder = `${tempFolder()}/`
      const axes = ['--sweep', `${STRIPES}=0,1`, '--sweep', 'cfg=1,6']
      expect((await runCli(['render', BASE, ...axes, ...QUICK, '-o', folder])).code).toBe(0)
      const sheet = decodePixels(openPng(readFileSync(`${folder}tiny-sd-b-sweep.png`)))
      const places = [0, 1].map((column) => imageAt(sheet, column))
      for (const [column, lora] of [[], ['--lora', `${STRIPES}:1`]].entries()) {
        const alone = ['render', BASE, ...lora, '--cfg', '1', ...QUICK, '--force', '-o', `${folder}alone.png`]
        expect((await runCli(alone)).code).toBe(0)
        const { data } = decodePixels(openPng(readFileSync(`${folder}alone.png`)))
        expect(places[column]!.equals(data)).toBe(true)
      }
      expect(places[0]).not.toEqual(places[1])
    },
    TIMEOUT,
  )

  it(
    'draws merges of two checkpoints: at 0 the first, at 1 the UNet and texts of the second with the VAE of the first',
    async () => {
      const folder = `${tempFolder()}/`
      const ckpt = file('tiny-sd.ckpt')
      const args = ['--merge', ckpt, '--sweep', 'alpha=0,0.5,1', ...QUICK, '-o', folder]
      const { code, stderr } = await runCli(['render', BASE, ...args])
      expect([code, stderr]).toEqual([0, ''])
      const sheet = decodePixels(openPng(readFileSync(`${folder}tiny-sd-b-sweep.png`)))
      const compare = ['render', BASE, '--compare', ckpt, ...QUICK, '-o', folder]
      expect((await runCli(compare)).code).toBe(0)
      const ends = decodePixels(openPng(readFileSync(`${folder}tiny-sd-b-compare.png`)))
      // both fixtures have the same VAE; images stand in the same row of both sheets
      const [first, half, second] = [0, 1, 2].map((column) => imageAt(sheet, column))
      expect(first).toEqual(imageAt(ends, 0))
      expect(second).toEqual(imageAt(ends, 1))
      expect(half).not.toEqual(first)
      expect(half).not.toEqual(second)
    },
    TIMEOUT,
  )

  it(
    'draws what another method merges of three checkpoints, as it would be written',
    async () => {
      const folder = `${tempFolder()}/`
      const [other, third] = [file('tiny-sd.ckpt'), join(folder, 'third.safetensors')]
      expect((await runCli(['merge-lora', BASE, `${STRIPES}:1`, '-o', third])).code).toBe(0)
      const models = ['--merge', third, '--merge', other, '--merge-method', 'add-difference']
      const { code, stderr } = await runCli([
        ...['render', BASE, ...models, '--sweep', 'alpha=0,0.5', ...QUICK, '-o', `${folder}sweep.png`],
      ])
      expect([code, stderr]).toEqual([0, ''])
      const sheet = decodePixels(openPng(readFileSync(`${folder}sweep.png`)))
      const merged = join(folder, 'merged.safetensors')
      const merge = [
        'merge',
        BASE,
        third,
        other,
        '--method',
        'add-difference',
        '--alpha',
        '0.5',
        '-o',
        merged,
      ]
      expect((await runCli(merge)).code).toBe(0)
      for (const [column, path] of [BASE, merged].entries()) {
        const alone = ['render', path, ...QUICK, '--force', '-o', `${folder}alone.png`]
        expect((await runCli(alone)).code).toBe(0)
        const { data } = decodePixels(openPng(readFileSync(`${folder}alone.png`)))
        expect(imageAt(sheet, column).equals(data)).toBe(true)
      }
    },
    TIMEOUT,
  )

  it.each([
    [['--sweep', 'alpha=0,1'], 'only work together'],
    [['--merge', BASE, '--sweep', 'cfg=1'], 'only work together'],
    [['--merge', BASE, '--sweep', 'alpha=0,1', '--lora', STRIPES], 'cannot be combined with LoRAs'],
    [['--merge', BASE, '--sweep', 'alpha=0,1', '--sweep', 'style=0,1'], 'cannot be combined with LoRAs'],
    [
      ['--merge', BASE, '--merge-method', 'add-difference', '--sweep', 'alpha=0,1'],
      'add-difference needs 3 models; 2 were',
    ],
    [['--merge-method', 'slerp', '--sweep', 'cfg=1'], '--merge-method needs a model to merge'],
    [['--sweep', 'lora=0..1'], 'there are none'],
    [['--sweep', 'steps=2,3'], '--steps and --sweep steps=... cannot be combined'],
    [['--sweep', 'style'], 'give what to change'],
    [['--sweep', 'cfg=1', '--compare', 'x'], '--compare and --sweep cannot be combined'],
    [['--compare', ''], '--compare needs the name of a model'],
    // before anything is drawn, which may take minutes
    [['--compare', BASE, './missing.safetensors'], './missing.safetensors does not exist'],
    [['--sweep', './missing.safetensors=0,1'], './missing.safetensors does not exist'],
    [['--merge', './missing.safetensors', '--sweep', 'alpha=0,1'], './missing.safetensors does not exist'],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await runCli(['render', BASE, ...args, ...QUICK])
    expect([code, stderr]).toEqual([message.includes('exist') ? 1 : 2, expect.stringContaining(message)])
  })
})

it('render --sweep refuses half a step', async () => {
  const { code, stderr } = await runCli(['render', BASE, '--sweep', 'steps=0.5'])
  expect([code, stderr]).toEqual([2, expect.stringContaining('not a number of steps')])
})

describe('render --check', () => {
  it(
    'passes a sound bake, and fails one that says it has another VAE',
    async () => {
      const folder = tempFolder()
      const [good, bad] = [join(folder, 'good.safetensors'), join(folder, 'bad.safetensors')]
      expect((await runCli(['merge-lora', BASE, `${STRIPES}:0.5`, '-o', good])).code).toBe(0)
      await withModels([good, VIVID], QUIET_WORLD, async ([own, vae]) => {
        const tensors = [...own!.model.tensors.values()].map((tensor) => {
          const other = vae!.model.tensors.get(tensor.name.replace('first_stage_model.', ''))
          return other ? { ...other, name: tensor.name } : tensor
        })
        const table = {
          tensors: new Map(tensors.map((one) => [one.name, one])),
          metadata: own!.model.metadata,
        }
        await writeSafetensors(table, bad, { inputs: [], threads: 0 })
      })
      const check = async (path: string, ...more: string[]) =>
        runCli(['render', '--check', path, '--models', tiny, ...PAGED, '-o', `${folder}/`, ...more])
      const passed = await check(good)
      expect(passed.stderr).toBe('sdtool: CPU, as requested\n')
      expect(passed.stdout).toContain(
        `good.safetensors: merge-lora of\n  ${BASE} (sha256)\n  ${STRIPES} (sha256)\n`,
      )
      expect(passed.stdout).toContain(
        `passed: good.safetensors renders what its recipe says (identical images; 50 dB pass)\n${folder}/good-check.png\n`,
      )
      expect(passed.code).toBe(0)
      const failed = await check(bad, '--json')
      expect(failed.code).toBe(4)
      const [{ verdict, operation, inputs, models, findings }] = JSON.parse(failed.stdout).results
      expect([verdict, operation, inputs.length]).toEqual(['failed', 'merge-lora', 2])
      expect(models[0]).toMatchObject({ name: 'bad.safetensors', images: [{ identical: false }] })
      expect(models[0].images[0].psnr).toBeLessThan(50)
      expect(findings.map(({ message }: { message: string }) => message)).toEqual([
        expect.stringMatching(/^VAE: it should equal the base, but is different/),
      ])
      expect(existsSync(join(folder, 'bad-check.png'))).toBe(true)
    },
    TIMEOUT,
  )

  it.each([
    [[BASE, '--check', BASE], 2, '--check takes one file'],
    [['--check', BASE, '--vae', VIVID], 2, 'cannot be combined with --vae'],
    [['--check', BASE, '--lora', STRIPES], 2, 'cannot be combined with --lora'],
    [['--check', BASE], 3, 'has no sdtool recipe'],
  ])('refuses %j', async (args, exitCode, message) => {
    const { code, stderr } = await runCli([
      'render',
      ...args,
      '--device',
      'cpu',
      '-q',
      '-o',
      `${tempFolder()}/`,
    ])
    expect([code, stderr]).toEqual([exitCode, expect.stringContaining(message)])
  })
})
