import { createHash } from 'node:crypto'
import {
  closeSync,
  copyFileSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openImage } from '../../src/image/open.ts'
import type { Architecture } from '../../src/model/networks/architectures/architecture.ts'
import { architectureById } from '../../src/model/networks/architectures/registry.ts'
import { sd1 } from '../../src/model/networks/architectures/sd1.ts'
import { refiner } from '../../src/model/networks/architectures/sdxl-refiner.ts'
import { openDeviceCache } from '../../src/operations/render/device-cache.ts'
import { CPU } from '../../src/runtime/devices/devices.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const tiny = join(import.meta.dirname, '../../fixtures/tiny-sd')
const ckpt = join(tiny, 'tiny-sd.ckpt')
const QUICK = ['--size', '64x64', '--steps', '2', '--device', 'cpu']
const TIMEOUT = 300_000

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

function parametersOf(path: string): string | undefined {
  return openImage(readFileSync(path)).texts.find(({ keyword }) => keyword === 'parameters')?.text
}

describe('sdtool render', () => {
  it(
    'draws a picture with the parameters of A1111 in it, and does not overwrite it',
    async () => {
      const out = `${tempFolder()}/`
      const args = ['render', ckpt, '-p', 'a red circle', '-n', 'blurry', '--seed', '7', ...QUICK, '-o', out]
      const { code, stdout, stderr } = await runCli(args)
      expect([code, stderr]).toEqual([0, 'sdtool: CPU, as requested\n'])
      expect(stdout).toBe(
        `tiny-sd.ckpt: Euler, 2 steps, CFG 7, 64x64, RNG CPU\n${out}tiny-sd-7.png  seed 7\n`,
      )
      expect(parametersOf(`${out}tiny-sd-7.png`)).toBe(
        [
          'a red circle',
          'Negative prompt: blurry',
          `Steps: 2, Sampler: Euler, Schedule type: Automatic, CFG scale: 7, Seed: 7, Size: 64x64, Model hash: ${sha256(ckpt).slice(0, 10)}, Model: tiny-sd, RNG: CPU, Version: sdtool 9.9.9`,
        ].join('\n'),
      )
      const again = await runCli(args)
      expect(again.stdout).toContain(`${out}tiny-sd-7-2.png  seed 7\n`)
      expect(sha256(`${out}tiny-sd-7-2.png`)).toBe(sha256(`${out}tiny-sd-7.png`))
    },
    TIMEOUT,
  )

  it(
    'draws several seeds and a grid; a LoRA in the prompt is the same as one by option',
    async () => {
      const [byTag, byOption] = [`${tempFolder()}/`, `${tempFolder()}/`]
      const lora = join(tiny, 'tiny-stripes.safetensors')
      const common = ['--count', '2', '--sampler', 'DPM++ 2M Karras', ...QUICK]
      const tagged = await runCli([
        'render',
        ckpt,
        '-p',
        `a heart<lora:${lora}:0.7>`,
        ...common,
        '--grid',
        '-o',
        byTag,
        '--json',
      ])
      expect(tagged.code).toBe(0)
      const made = {
        path: ckpt,
        title: 'Stable Diffusion 1.x checkpoint of non-standard width',
        loras: [{ path: lora, ratio: { unet: 0.7, text: 0.7 } }],
        vae: null,
        settings: {
          sampler: 'dpmpp_2m',
          schedule: 'karras',
          steps: 2,
          cfg: 7,
          width: 64,
          height: 64,
          rng: 'cpu',
        },
        error: null,
      }
      const images = ['1', '2'].map((seed) => {
        return { prompt: `a heart<lora:${lora}:0.7>`, negative: '', seed }
      })
      expect(JSON.parse(tagged.stdout).results).toEqual([
        { ...made, output: `${byTag}tiny-sd-1.png`, mode: 'pictures', images: [images[0]] },
        { ...made, output: `${byTag}tiny-sd-2.png`, mode: 'pictures', images: [images[1]] },
        { ...made, output: `${byTag}tiny-sd-sheet.png`, mode: 'sheet', images },
      ])
      await runCli([
        'render',
        ckpt,
        '-p',
        'a heart',
        '--lora',
        `${lora}:0.7`,
        ...common,
        '-o',
        byOption,
        '-q',
      ])
      const pixels = async (path: string) => (await openImage(readFileSync(path)).pixels!()).data
      expect(await pixels(`${byOption}tiny-sd-2.png`)).toEqual(await pixels(`${byTag}tiny-sd-2.png`))
      expect(parametersOf(`${byOption}tiny-sd-2.png`)).toMatch(
        /^a heart <lora:tiny-stripes:0\.7>\nSteps: 2, Sampler: DPM\+\+ 2M, Schedule type: Karras, .*Lora hashes: "?tiny-stripes: [0-9a-f]{12}/,
      )
      expect(readdirSync(byTag).sort()).toEqual(['tiny-sd-1.png', 'tiny-sd-2.png', 'tiny-sd-sheet.png'])
    },
    TIMEOUT,
  )

  it(
    'without a prompt draws the verification prompts on one sheet',
    async () => {
      const out = join(tempFolder(), 'check.png')
      const { code, stdout } = await runCli([
        'render',
        ckpt,
        '--ema',
        '--size',
        '64',
        '--steps',
        '1',
        '--device',
        'cpu',
        '-o',
        out,
      ])
      expect([code, stdout]).toEqual([
        0,
        `tiny-sd.ckpt (EMA): Euler, 1 step, CFG 7, 64x64, RNG CPU\n${out}  sheet of 4\n`,
      ])
      const { width, height } = openImage(readFileSync(out))
      expect(width).toBeGreaterThan(2 * 256)
      expect(height).toBeGreaterThan(2 * 256)
    },
    TIMEOUT,
  )

  it(
    'takes embeddings by name, and says so in the picture',
    async () => {
      const out = `${tempFolder()}/`
      const { code } = await runCli([
        'render',
        ckpt,
        '-p',
        'a heart, sd-postcard',
        '--embeddings',
        tiny,
        ...QUICK,
        '-o',
        out,
        '-q',
      ])
      expect(code).toBe(0)
      const hash = sha256(join(tiny, 'sd-postcard.safetensors')).slice(0, 12)
      expect(parametersOf(`${out}tiny-sd-1.png`)).toContain(`TI hashes: "sd-postcard: ${hash}"`)
    },
    TIMEOUT,
  )

  it(
    'takes the device that an earlier run found to work, and says when that was',
    async () => {
      const env = { SDTOOL_CACHE: tempFolder() }
      const now = () => new Date('2026-01-02T01:00:00Z')
      const cache = await openDeviceCache({ env, now, version: '9.9.9' })
      await cache.set('auto', { device: CPU, why: 'CPU, as no graphics card works (WebGPU: rained on)' })
      const args = ['render', ckpt, '-p', 'x', '--size', '64x64', '--steps', '1', '-o', `${tempFolder()}/`]
      const { code, stderr } = await runCli(args, undefined, env)
      const line =
        'CPU, as no graphics card works (WebGPU: rained on) (tried on 2026-01-02; sdtool doctor tries again)'
      expect([code, stderr]).toEqual([0, `sdtool: ${line}\n`])
    },
    TIMEOUT,
  )

  it('stops at once when it is interrupted, and leaves nothing', async () => {
    const out = `${tempFolder()}/`
    const abort = new AbortController()
    const running = runCli(['render', ckpt, '-p', 'x', ...QUICK, '-o', out], abort.signal)
    abort.abort()
    const { code, stderr } = await running
    expect(code).toBe(130)
    expect(stderr).toContain('sdtool: interrupted')
    expect(existsSync(out) ? readdirSync(out) : []).toEqual([])
  })
})

describe('sdtool render refuses', () => {
  it.each([
    [[], 2, 'no model was given', 'Give a checkpoint: sdtool render model.safetensors'],
    [
      [ckpt, '--seed', 'x'],
      2,
      '--seed "x": a seed is a whole number from 0 to 18446744073709551615, or -1 for a random one',
      undefined,
    ],
    [
      [ckpt, '--size', '500x512'],
      2,
      '--size 500x512: both sides must be multiples of 8 from 64 to 8192',
      undefined,
    ],
    [[ckpt, '--size', 'big'], 2, '--size "big" is not a size', 'Write it as 512x768, width first.'],
    [[ckpt, '--steps', '0'], 2, '--steps "0": it takes a whole number from 1 to 1000', undefined],
    [[ckpt, '--cfg-rescale', '2'], 2, '--cfg-rescale "2": it takes a number from 0 to 1', undefined],
    [[ckpt, '--negative', 'x'], 2, '--negative needs a --prompt', 'The verification prompts have their own.'],
    [
      [ckpt, '-p', 'x', '-n', '<lora:a:1>'],
      2,
      'a LoRA in the negative prompt does nothing',
      'Name it in the prompt, or with --lora.',
    ],
    [
      [ckpt, '-p', 'x', '-o', 'x.jpg'],
      2,
      '-o x.jpg: sdtool writes PNG, so the name must end in .png',
      'For a folder, end the name with a slash.',
    ],
    [
      [ckpt, '-p', 'x', '--count', '2', '-o', 'x.png'],
      2,
      '-o x.png is one file, but there are several images',
      'Give a folder: -o pictures/',
    ],
    [
      [join(tiny, 'tiny-stripes.safetensors'), '-p', 'x'],
      3,
      `${join(tiny, 'tiny-stripes.safetensors')} is LoCon (LoRA): it cannot be rendered`,
      'Name the checkpoint it is for, and this file with --lora.',
    ],
    [
      [ckpt, '-p', 'x', '--vae', join(tiny, 'sd-bad.pt')],
      3,
      `--vae ${join(tiny, 'sd-bad.pt')} is no VAE: A1111 textual inversion (embedding)`,
      'Name a VAE, a TAESD, or a checkpoint that has one.',
    ],
    [
      [join(tiny, 'tiny-sd-b.safetensors'), '-p', 'x', '--ema'],
      4,
      `${join(tiny, 'tiny-sd-b.safetensors')} has no EMA copy of its weights`,
      'Leave out --ema.',
    ],
  ])('%j with one line and exit code %d', async (args, code, message, hint) => {
    const stderr = `sdtool: ${message}\n${hint === undefined ? '' : `  ${hint}\n`}`
    expect(await runCli(['render', ...args])).toEqual({ code, stdout: '', stderr })
  })

  it.each([
    ['Lora', 'tiny-stripes.safetensors', 'LoCon (LoRA)', 'this file with --lora'],
    ['Lora/of people', 'tiny-outline.safetensors', '(LoRA)', 'this file with --lora'],
    ['VAE', 'vivid.vae.safetensors', '(VAE)', 'this file with --vae'],
    ['embeddings', 'sd-postcard.safetensors', '(embedding)', 'its folder with --embeddings'],
    ['Stable-diffusion', 'sd-bad.pt', '(embedding)', 'its folder with --embeddings'],
  ])('in %s, %s by its bare name, with what it is and how it is used', async (folder, file, what, use) => {
    const models = tempFolder()
    mkdirSync(join(models, folder), { recursive: true })
    copyFileSync(join(tiny, file), join(models, folder, file))
    const name = file.replace(/\.(?:safetensors|pt)$/, '')
    const { code, stderr } = await runCli(['render', name, '-p', 'x', '--models', models])
    expect(code).toBe(3)
    expect(stderr).toContain(`${join(models, folder, file)} is `)
    expect(stderr).toContain(what)
    expect(stderr).toContain(use)
  })

  it('a picture that is there already', async () => {
    const out = join(tempFolder(), 'a.png')
    writeFileSync(out, 'mine')
    const { code, stderr } = await runCli(['render', ckpt, '-p', 'x', ...QUICK, '-o', out])
    expect([code, stderr.split('\n')[0]]).toEqual([2, `sdtool: ${out} already exists`])
    expect(readFileSync(out, 'utf8')).toBe('mine')
  })

  it.each([
    ['Flux', architectureById('flux-1-dev')!, {}, 'it cannot be rendered'],
    ['the refiner of SDXL', refiner, {}, 'which needs more than a text: it cannot be rendered'],
    [
      'InstructPix2Pix',
      sd1,
      { 'model.diffusion_model.input_blocks.0.0.weight': [320, 8, 3, 3] },
      'it renders from an image, not from text alone',
    ],
  ] as const)('%s, with the reason', async (_, architecture, shapes, reason) => {
    const path = join(tempFolder(), 'model.safetensors')
    writeSparse(path, architecture, shapes)
    const { code, stdout, stderr } = await runCli(['render', path, '-p', 'x', '--device', 'cpu', '-q'])
    expect([code, stdout]).toEqual([3, ''])
    expect(stderr).toContain(`sdtool: ${path} is `)
    expect(stderr.split('\n')[0]).toContain(reason)
  })
})

/** A file with the keys of an architecture whose weights are a hole. */
function writeSparse(
  path: string,
  { components }: Architecture,
  shapes: Readonly<Record<string, readonly number[]>>,
): void {
  let end = 0
  const entries = components.flatMap(({ prefix, topology }) =>
    [...topology()].map(([key, usual]) => {
      const shape = shapes[prefix + key] ?? usual
      const begin = end
      end += 2 * shape.reduce((product, n) => product * n, 1)
      return [prefix + key, { dtype: 'F16', shape, data_offsets: [begin, end] }] as const
    }),
  )
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  const file = openSync(path, 'w')
  writeSync(file, Buffer.concat([length, header]))
  ftruncateSync(file, 8 + header.length + end)
  closeSync(file)
}
