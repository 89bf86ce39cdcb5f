/** sdtool extract embeddings: bundles, token tables, pictures, prompts. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { clip, clipTopology } from '../../src/model/networks/topology/text.ts'
import type { Tensor } from '../../src/tensor/values/table.ts'
import { contentsOf, floatsOf, writeModel } from '../model-files.ts'
import { describeReal, realFile, realIndex } from '../real-files.ts'
import { bytesTensor, floatTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const FIXTURES = join(import.meta.dirname, '../../fixtures')
const TINY = join(FIXTURES, 'tiny-sd')
const CHECKPOINT = join(TINY, 'tiny-sd.ckpt')

/** Tensors of a topology, zeros in half precision. */
function zeros(topology: ReadonlyMap<string, readonly number[]>, prefix: string): Tensor[] {
  return [...topology].map(([name, shape]) =>
    bytesTensor(prefix + name, 'F16', [...shape], new Uint8Array(2 * shape.reduce((a, b) => a * b, 1))),
  )
}

function vectors(name: string, rows: number, width: number, value: (i: number) => number): Tensor {
  return floatTensor(
    name,
    [rows, width],
    Array.from({ length: rows * width }, (_, i) => value(i)),
  )
}

describe('of a prompt', () => {
  it('takes the vectors of its tokens from the model', async () => {
    const folder = tempFolder()
    const args = [
      'extract',
      'embeddings',
      CHECKPOINT,
      '--prompt',
      'a blurry picture',
      '--name',
      'neg',
      '-o',
      `${folder}/`,
    ]
    const { code, stdout, stderr } = await runCli(args)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.replaceAll(TINY, 'DIR').replaceAll(folder, 'OUT')).toBe(
      `DIR/tiny-sd.ckpt: Stable Diffusion 1.x checkpoint of non-standard width
  neg: 3 vectors of 48, from the prompt
  wrote OUT/neg.safetensors: 864 bytes, 1 tensor, 0.0 s
`,
    )
    const table = floatsOf(
      await contentsOf(CHECKPOINT),
      'cond_stage_model.transformer.text_model.embeddings.token_embedding.weight',
    )
    // ids of CLIP's vocabulary: "a</w>" 320, "blurry</w>" 21977, "picture</w>" 1674 (open_clip.tokenizer)
    const expected = [320, 21977, 1674].flatMap((id) => [...table.subarray(48 * id, 48 * (id + 1))])
    expect([...floatsOf(await contentsOf(join(folder, 'neg.safetensors')), 'emb_params')]).toEqual(expected)
  }, 120_000)

  it.each([
    [['--prompt', 'blurry'], '--prompt needs a --name', 2],
    [['--prompt', '', '--name', 'x'], '--prompt needs a value', 2],
    [
      ['--prompt', '(blurry:1.3)', '--name', 'x'],
      'DIR/tiny-sd.ckpt: weights and BREAK cannot be part of an embedding',
      3,
    ],
    [
      ['--prompt', 'blurry <lora:a:1>', '--name', 'x'],
      'DIR/tiny-sd.ckpt: <lora:a:1> cannot be part of an embedding',
      3,
    ],
    [['--prompt', 'a AND b', '--name', 'x'], 'DIR/tiny-sd.ckpt: AND cannot be part of an embedding', 3],
    [
      ['--prompt', 'cat '.repeat(76), '--name', 'x'],
      'DIR/tiny-sd.ckpt: the prompt has 76 tokens, an embedding can have 75',
      3,
    ],
    [[], 'DIR/tiny-sd.ckpt: the file has no embedding', 4],
  ])('refuses %j', async (args, message, code) => {
    const result = await runCli(['extract', 'embeddings', CHECKPOINT, ...args, '--dry-run'])
    expect([result.code, result.stdout, result.stderr.replaceAll(TINY, 'DIR').split('\n')[0]]).toEqual([
      code,
      '',
      `sdtool: ${message}`,
    ])
  })
})

describe('of a picture', () => {
  it.each([
    ['card-text.png', 'PNG, 8-bit RGB'],
    ['card-pixels.png', 'PNG, 8-bit RGB'],
    ['card-pixels.webp', 'WebP, lossless'],
  ])('reads what Python put into %s', async (card, title) => {
    const out = join(tempFolder(), 'card.pt')
    const { code, stdout } = await runCli([
      'extract',
      'embeddings',
      join(FIXTURES, 'goldens', card),
      '-o',
      out,
    ])
    expect(code).toBe(0)
    expect(stdout).toContain(`embedding in a picture (${title})\n  sd-card: 2 vectors of 4, from the file\n`)
    const contents = await contentsOf(out)
    // the vectors of fixtures/goldens/embedding_cards.py
    expect([...floatsOf(contents, 'string_to_param/*')]).toEqual(
      [0.25, -1.5, 0.0078125, 3, -0.125, 0.1, 1e-5, -2.25].map(Math.fround),
    )
    expect(contents.model.extras).toMatchObject({
      name: 'sd-card',
      step: 1500,
      sd_checkpoint: '81761151',
      sd_checkpoint_name: 'v1-5-pruned-emaonly',
    })
  })

  it('refuses a picture that was changed, and one without an embedding', async () => {
    const damaged = await runCli(['extract', 'embeddings', join(FIXTURES, 'goldens/card-damaged.png')])
    expect([damaged.code, damaged.stderr.split('\n')[0]]).toEqual([
      3,
      expect.stringMatching(
        /card-damaged\.png: the embedding in the picture is damaged: its data cannot be decompressed$/,
      ),
    ])
    const lossy = await runCli(['extract', 'embeddings', join(FIXTURES, 'goldens/card-lossy.webp')])
    expect([lossy.code, lossy.stderr.replaceAll(FIXTURES, 'DIR')]).toEqual([
      3,
      `sdtool: DIR/goldens/card-lossy.webp: the picture (WebP) has no embedding in its texts, and its format does not keep pixels exactly
  Only PNG and lossless WebP keep an embedding in their pixels. Get the picture it was made from.
`,
    ])
    const none = await runCli(['extract', 'embeddings', join(TINY, 'contact-sheet.png')])
    expect([none.code, none.stderr.split('\n')[0]]).toEqual([
      4,
      expect.stringMatching(/contact-sheet\.png: the file has no embedding$/),
    ])
  })
})

describe('of other files', () => {
  it('writes bundled embeddings of SDXL with both encoders, under names that files can have', async () => {
    const folder = tempFolder()
    const path = join(folder, 'bundle.safetensors')
    await writeModel(
      path,
      tableOf([
        floatTensor('lora_unet_mid_block_attentions_0_proj_in.lora_down.weight', [1, 2], [1, 2]),
        floatTensor('lora_unet_mid_block_attentions_0_proj_in.lora_up.weight', [2, 1], [1, 2]),
        vectors('bundle_emb.a/b.clip_l', 2, 768, (i) => i % 7),
        vectors('bundle_emb.a/b.clip_g', 2, 1280, (i) => i % 5),
        vectors('bundle_emb.other.string_to_param.*', 1, 768, (i) => i % 3),
      ]),
    )
    const { code, stdout, stderr } = await runCli(['extract', 'embeddings', path])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.replaceAll(folder, 'DIR').split('\n').slice(1)).toEqual([
      '  a_b: 2 vectors of clip_g 1280, clip_l 768, from bundled',
      expect.stringMatching(/^ {2}wrote DIR\/a_b\.safetensors: 1\d\.\d kB, 2 tensors, 0\.0 s$/),
      '  other: 1 vector of 768, from bundled',
      expect.stringMatching(/^ {2}wrote DIR\/other\.safetensors: \d\.\d\d kB, 1 tensor, 0\.0 s$/),
      '',
    ])
    const pair = await contentsOf(join(folder, 'a_b.safetensors'))
    expect([...pair.model.tensors.keys()].toSorted()).toEqual(['clip_g', 'clip_l'])
    expect(floatsOf(pair, 'clip_g')[1281]).toBe(1281 % 5)
    expect(pair.model.metadata['modelspec.architecture']).toBeUndefined()
  })

  it('finds tokens behind the vocabulary, and words that differ from the base', async () => {
    const folder = tempFolder()
    const [tuned, base] = [join(folder, 'tuned.safetensors'), join(folder, 'base.safetensors')]
    const key = 'text_model.embeddings.token_embedding.weight'
    const config = clip(4, 1)
    const others = zeros(clipTopology(config), '').filter(({ name }) => name !== key)
    const words = (count: number, changed: readonly number[]): Tensor =>
      vectors(key, count, 4, (i) => (changed.includes(Math.floor(i / 4)) ? 2 : 1))
    await writeModel(base, tableOf([...others, words(49408, [])]))
    await writeModel(tuned, tableOf([...others, words(49411, [7, 8, 500, 49409])]))
    const { stdout } = await runCli(['extract', 'embeddings', tuned, '--base', base, '--json'])
    const { results } = JSON.parse(stdout)
    expect(results.map(({ name, vectors }: { name: string; vectors: number }) => [name, vectors])).toEqual([
      ['tuned-token-49408-49410', 3],
      ['tuned-token-7-8', 2],
      ['tuned-token-500', 1],
    ])
    expect([
      ...floatsOf(await contentsOf(join(folder, 'tuned-token-49408-49410.safetensors')), 'emb_params'),
    ]).toEqual([1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1])
  })
})

describeReal('of files that others made', () => {
  const rows = realIndex().filter(({ file }) => file.startsWith('embeddings/'))

  it.each(rows.map(({ file }) => file))('keeps every vector of %s as .pt', async (file) => {
    const folder = tempFolder()
    const source = realFile(file)!
    const args = ['extract', 'embeddings', source, '--format', 'pt', '-o', `${folder}/`, '--json']
    const { code, stdout } = await runCli(args)
    expect(code).toBe(0)
    const before = await contentsOf(source)
    const vectors = [...before.model.tensors.values()].filter(({ dtype }) => dtype.startsWith('F'))
    const expected = vectors.flatMap(({ name }) => [...floatsOf(before, name)])
    const found: number[] = []
    for (const { output } of JSON.parse(stdout).results) {
      const after = await contentsOf(output)
      for (const name of after.model.tensors.keys()) found.push(...floatsOf(after, name))
    }
    expect(found.length).toBeGreaterThan(700)
    expect(found).toEqual(expected)
  })
})

describe('of other files with vectors', () => {
  async function extracted(tensors: Tensor[], metadata: Record<string, string> = {}, more: string[] = []) {
    const folder = tempFolder()
    const path = join(folder, 'file.safetensors')
    await writeModel(path, tableOf(tensors, metadata))
    const out = join(folder, 'out')
    const run = await runCli(['extract', 'embeddings', path, '-o', `${out}/`, '--json', ...more])
    const [inspected] = JSON.parse((await runCli(['inspect', path, '--json'])).stdout).results
    const names =
      run.code === 0 ? (JSON.parse(run.stdout).results as { name: string }[]).map(({ name }) => name) : []
    return { ...run, out, inspected, names, path }
  }

  const row = (name: string, value: number) => vectors(name, 1, 768, () => value)

  it('writes each state of a training by itself, the last one last', async () => {
    const states = [1, 2, 3].map((value, i) => row(`[${i}]/<styled-image>`, value))
    const { names, out, path } = await extracted(states)
    expect(names).toEqual(['styled-image-1', 'styled-image-2', 'styled-image-3'])
    for (const [i, name] of names.entries()) {
      const values = floatsOf(await contentsOf(join(out, `${name}.safetensors`)), 'emb_params')
      expect([...values]).toEqual(new Array(768).fill(i + 1))
    }
    const only = await runCli([
      'extract',
      'embeddings',
      path,
      '--only',
      '3',
      '-o',
      `${out}/`,
      '--force',
      '--json',
    ])
    expect(JSON.parse(only.stdout).results).toHaveLength(1)
  })

  it('does not join the states of a training when it converts them', async () => {
    const { path, out } = await extracted([1, 2].map((value, i) => row(`[${i}]/<a>`, value)))
    const { code, stderr } = await runCli(['convert', path, '--to', 'ckpt', '-o', join(out, 'x.ckpt')])
    expect([code, stderr]).toEqual([3, expect.stringContaining('extract embeddings')])
  })

  it.each<[string, Tensor[], Record<string, string>]>([
    ['marked in the metadata', [row('<s1>', 1), row('s2', 2)], { '<s1>': '<embed>', s2: '<embed>' }],
    ['written like tokens', [row('<s1>', 1), row('<s2>', 2)], {}],
    ['as single vectors', [1, 2].map((i) => floatTensor(`<s${i}>`, [768], new Array(768).fill(i))), {}],
    ['for SD 2.x', [1, 2].map((i) => vectors(`<s${i}>`, 1, 1024, () => i)), {}],
    ['of two vectors each', [1, 2].map((i) => vectors(`<s${i}>`, 2, 768, () => i)), {}],
  ])('finds the tokens that inspect finds in a LoRA: %s', async (_, tokens, metadata) => {
    const factors = [0, 1].flatMap((i) => [
      vectors(`text_encoder:${i}:up`, 768, 1, () => 1),
      vectors(`text_encoder:${i}:down`, 1, 768, () => 1),
    ])
    const { names, inspected, out } = await extracted([...factors, ...tokens], metadata)
    expect(inspected.adapter.embeddings).toEqual(tokens.map(({ name }) => name))
    expect(names).toEqual(['s1', 's2'])
    const values = floatsOf(await contentsOf(join(out, 's2.safetensors')), 'emb_params')
    expect(new Set(values)).toEqual(new Set([2]))
  })

  it.each<[string, Tensor[], string]>([
    ['diffusers', [row('<styled-image>', 1)], '<styled-image>'],
    ['diffusers, without brackets', [row('my token', 1)], 'my token'],
    ['a list', [row('[0]/<a>', 1)], '<a>'],
    ['two encoders', [row('[0]/<b>', 1), vectors('[1]/<b>', 1, 1280, () => 1)], '<b>'],
    ['A1111', [row('string_to_param/<c>', 1)], '<c>'],
  ])('keeps the token of %s', async (_, tensors, token) => {
    const { names, out } = await extracted(tensors)
    expect(names).toEqual([token.replace(/^<|>$/g, '')])
    const again = await runCli(['inspect', join(out, `${names[0]}.safetensors`), '--json'])
    expect(JSON.parse(again.stdout).results[0].embedding.token).toBe(token)
  })

  it.each([[768], [1, 768], [1024], [1, 1024], [1, 1280]])(
    'an aesthetic gradient of [%s, %s] is no textual inversion',
    async (...shape) => {
      const sizes = shape.filter((n) => n !== undefined)
      const count = sizes.reduce((product, n) => product * n, 1)
      const { code, stderr, inspected } = await extracted([
        floatTensor('tensor', sizes, new Array(count).fill(1)),
      ])
      expect([code, stderr]).toEqual([4, expect.stringContaining('no embedding')])
      expect(inspected).toMatchObject({ kind: 'aesthetic', title: 'aesthetic gradient embedding' })
      expect(inspected.embedding).toBeNull()
    },
  )
})
