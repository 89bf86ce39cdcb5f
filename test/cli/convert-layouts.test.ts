/** sdtool convert between layouts and containers, and sdtool extract of one component, on fixtures/tiny-sd. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Contents, contentsOf } from '../model-files.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const TINY = join(import.meta.dirname, '../../fixtures/tiny-sd')
const MODEL = join(TINY, 'tiny-sd-b.safetensors')
const SLOW = 120_000

function expectSame(a: Contents, b: Contents): void {
  expect([...a.model.tensors.keys()].toSorted()).toEqual([...b.model.tensors.keys()].toSorted())
  for (const [name, bytes] of a.bytes) {
    expect(b.model.tensors.get(name)?.shape, name).toEqual(a.model.tensors.get(name)!.shape)
    expect(Buffer.from(b.bytes.get(name)!).equals(Buffer.from(bytes)), name).toBe(true)
  }
}

describe('convert --to diffusers', () => {
  it(
    'writes a folder that becomes the same file again, bit for bit',
    async () => {
      const folder = tempFolder()
      const target = join(folder, 'pipe')
      const { code, stdout, stderr } = await runCli([
        'convert',
        MODEL,
        '--to',
        'diffusers',
        '-o',
        `${target}/`,
      ])
      expect([code, stderr]).toEqual([0, ''])
      expect(
        stdout.replaceAll(TINY, 'DIR').replaceAll(folder, 'OUT'),
      ).toBe(`DIR/tiny-sd-b.safetensors: Stable Diffusion 1.x checkpoint of non-standard width
  unet: 686 tensors, 11.2 MB
  vae: 248 tensors, 5.24 MB
  text_encoder: 197 tensors, 5.45 MB
  wrote OUT/pipe/: 21.9 MB
`)
      expect(readdirSync(folder)).toEqual(['pipe'])
      expect(readdirSync(target).toSorted()).toEqual([
        'model_index.json',
        'scheduler',
        'text_encoder',
        'tokenizer',
        'unet',
        'vae',
      ])
      const vocabulary = JSON.parse(readFileSync(join(target, 'tokenizer/vocab.json'), 'utf8'))
      // ids of OpenAI's vocabulary (open_clip.tokenizer)
      expect([vocabulary['blurry</w>'], vocabulary['picture</w>'], vocabulary['<|endoftext|>']]).toEqual([
        21977, 1674, 49407,
      ])
      const back = await runCli(['convert', target])
      expect([back.code, back.stdout.replaceAll(folder, 'OUT')]).toEqual([
        0,
        `OUT/pipe: diffusers folder, Stable Diffusion 1.x checkpoint of non-standard width
  Stable Diffusion 1.x checkpoint of non-standard width: 1131 tensors
  wrote OUT/pipe.safetensors: 21.9 MB, 1131 tensors, 0.0 s
`,
      ])
      expectSame(await contentsOf(MODEL), await contentsOf(join(folder, 'pipe.safetensors')))
    },
    SLOW,
  )

  it('replaces no folder unless it is told to, and plans without writing', async () => {
    const target = join(tempFolder(), 'pipe')
    const planned = await runCli(['convert', MODEL, '--to', 'diffusers', '-o', target, '--dry-run'])
    expect([planned.code, planned.stdout.split('\n').at(-2), existsSync(target)]).toEqual([
      0,
      `  would write ${target}/`,
      false,
    ])
    mkdirSync(target)
    writeFileSync(join(target, 'mine.txt'), 'mine')
    const refused = await runCli(['convert', MODEL, '--to', 'diffusers', '-o', target])
    expect([refused.code, refused.stderr.split('\n')[0]]).toEqual([2, `sdtool: ${target} already exists`])
    expect(readFileSync(join(target, 'mine.txt'), 'utf8')).toBe('mine')
  })

  it.each([
    [
      [join(TINY, 'tiny-stripes.safetensors'), '--to', 'diffusers'],
      3,
      'DIR/tiny-stripes.safetensors: a LoCon cannot be converted to a diffusers folder',
    ],
    [[MODEL, MODEL, '--to', 'diffusers'], 2, 'a diffusers folder has to be converted alone'],
    [
      [MODEL, '--to', 'diffusers', '--dtype', 'vae=fp32'],
      2,
      '--dtype of single components cannot be used with diffusers folders',
    ],
    [
      [join(TINY, 'sd-bad.safetensors'), '--to', 'ckpt'],
      3,
      'DIR/sd-bad.safetensors: an embedding has a different layout as .pt',
    ],
  ])('refuses %j', async (args, code, message) => {
    const result = await runCli(['convert', ...args, '--dry-run'])
    expect([result.code, result.stderr.replaceAll(TINY, 'DIR').split('\n')[0]]).toEqual([
      code,
      `sdtool: ${message}`,
    ])
  })
})

describe('convert --to ckpt', () => {
  it(
    'writes a torch zip that the reader finds safe, with the same values',
    async () => {
      const folder = tempFolder()
      const out = join(folder, 'b.ckpt')
      const { code, stdout } = await runCli(['convert', MODEL, '--to', 'ckpt', '-o', out, '--verify'])
      expect(code).toBe(0)
      expect(stdout.replaceAll(folder, 'OUT').split('\n').at(-2)).toBe(
        '  wrote OUT/b.ckpt: 21.9 MB -> 22.1 MB, 1131 tensors, 0.0 s',
      )
      const [before, after] = [await contentsOf(MODEL), await contentsOf(out)]
      expect([after.model.format, after.model.weightsAt, after.model.security?.safe]).toEqual([
        'torch-zip',
        'state_dict',
        true,
      ])
      expectSame(before, after)
      const sha256 = createHash('sha256').update(readFileSync(MODEL)).digest('hex')
      expect(JSON.parse(String(after.model.extras['sdtool.recipe']))).toMatchObject({
        operation: 'convert',
        inputs: [{ name: 'tiny-sd-b.safetensors', sha256 }],
        options: { to: 'ckpt' },
      })
    },
    SLOW,
  )
})

describe('extract', () => {
  it(
    'writes a VAE with the names and values of the checkpoint, without the prefix',
    async () => {
      const folder = tempFolder()
      const { code, stdout } = await runCli(['extract', 'vae', MODEL, '-o', `${folder}/`])
      expect([code, stdout.replaceAll(TINY, 'DIR').replaceAll(folder, 'OUT')]).toEqual([
        0,
        `DIR/tiny-sd-b.safetensors: Stable Diffusion 1.x checkpoint of non-standard width
  VAE: 248 tensors, 2.6 M parameters
  wrote OUT/tiny-sd-b-vae.safetensors: 5.23 MB, 248 tensors, 0.0 s
`,
      ])
      const [model, vae] = [
        await contentsOf(MODEL),
        await contentsOf(join(folder, 'tiny-sd-b-vae.safetensors')),
      ]
      expect(vae.bytes.size).toBe(248)
      for (const [name, bytes] of vae.bytes) {
        expect(
          Buffer.from(model.bytes.get(`first_stage_model.${name}`)!).equals(Buffer.from(bytes)),
          name,
        ).toBe(true)
      }
    },
    SLOW,
  )

  it.each([
    [[], 2, 'no component was named'],
    [['lens', MODEL], 2, 'lens is not a component'],
    [['t5xxl', MODEL, '--dry-run'], 4, 'DIR/tiny-sd-b.safetensors: the file has no component "t5xxl"'],
  ])('refuses %j', async (args, code, message) => {
    const result = await runCli(['extract', ...args])
    expect([result.code, result.stdout, result.stderr.replaceAll(TINY, 'DIR').split('\n')[0]]).toEqual([
      code,
      '',
      `sdtool: ${message}`,
    ])
  })
})
