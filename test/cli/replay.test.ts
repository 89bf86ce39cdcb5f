/** Whatever sdtool writes can be made again from its own metadata, to the last bit. */
import { copyFileSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../../src/commands/registry.ts'
import { operationOf, OPERATIONS as REGISTERED } from '../../src/operations/registry.ts'
import { contentsOf, writeModel } from '../model-files.ts'
import { CLIP, rankOne } from '../operations/merge-lora/small.ts'
import { floatTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const TINY = join(import.meta.dirname, '../../fixtures/tiny-sd')

/** The tiny text encoder, each value with something added. */
async function textEncoder(folder: string, name: string, added: (i: number) => number): Promise<string> {
  const tensors = [...CLIP.tensors.values()].map(({ name, shape, source }) => {
    const values = source.kind === 'bytes' ? [...new Float32Array(source.data.slice().buffer)] : []
    return floatTensor(
      name,
      [...shape],
      values.map((value, i) => value + added(i)),
    )
  })
  await writeModel(join(folder, name), tableOf(tensors))
  return join(folder, name)
}

async function models(folder: string): Promise<{ a: string; b: string; c: string; lora: string }> {
  const lora = join(folder, 'lora.safetensors')
  const module = 'lora_te_text_model_encoder_layers_0_mlp_fc1'
  await writeModel(lora, tableOf(rankOne({ [module]: [Array(16).fill(0.5), [1, 2, 3, 4]] })))
  return {
    a: await textEncoder(folder, 'a.safetensors', () => 0),
    b: await textEncoder(folder, 'b.safetensors', (i) => Math.sin(i)),
    c: await textEncoder(folder, 'c.safetensors', (i) => Math.cos(i)),
    lora,
  }
}

type Files = Awaited<ReturnType<typeof models>>

const OPERATIONS: readonly [string, (files: Files) => string[]][] = [
  ['convert', ({ a }) => ['convert', a, '--dtype', 'bf16']],
  ['prune', ({ a }) => ['prune', a, '--dtype', 'fp16']],
  [
    'merge-lora',
    ({ a, lora }) => ['merge-lora', a, `${lora}:0.7:0.4`, '--exclude', 'nothing*', '--dtype', 'fp16'],
  ],
  [
    'merge-lora',
    ({ a, lora }) => ['merge-lora', a, lora, lora, '--blocks', 'TE00=0.25,FINAL=0', '--blocks', 'ALL0.5'],
  ],
  [
    'merge',
    ({ a, b, c }) => [
      'merge',
      a,
      b,
      c,
      '--method',
      'ties',
      '--density',
      '0.4',
      '--keys',
      '*fc1*=0.3',
      '--blocks',
      'TE*=0.6',
    ],
  ],
  ['merge', ({ a, b, c }) => ['merge', a, b, c, '--method', 'dare', '--alpha', '0.5,-0.25', '--seed', '42']],
  ['merge', ({ a, b }) => ['merge', a, b, '--method', 'cosine-a', '--alpha', '0.1', '--dtype', 'fp16']],
]

describe('sdtool replay', () => {
  it.each(OPERATIONS)('%s gives the same tensors again', async (operation, command) => {
    const folder = tempFolder()
    const made = join(folder, 'made.safetensors')
    const args = command(await models(folder)).filter((word) => word !== '--exclude' && word !== 'nothing*')
    const first = await runCli([...args, '-o', made])
    expect([first.code, first.stderr]).toEqual([0, ''])
    const again = await runCli(['replay', made, '--json'])
    expect([again.code, again.stderr]).toEqual([0, ''])
    expect(JSON.parse(again.stdout).results).toMatchObject([
      { operation, identical: true, result: { status: 'written' } },
    ])
    const [one, two] = [await contentsOf(made), await contentsOf(join(folder, 'made-replayed.safetensors'))]
    expect([...two.bytes.keys()]).toEqual([...one.bytes.keys()])
    for (const [name, bytes] of one.bytes) expect(Buffer.compare(bytes, two.bytes.get(name)!), name).toBe(0)
  })

  it('bakes a VAE again, and says where it found what', async () => {
    const folder = tempFolder()
    const made = join(folder, 'made.safetensors')
    const args = [
      'bake-vae',
      join(TINY, 'tiny-sd.ckpt'),
      join(TINY, 'vivid.vae.pt'),
      '--no-verify',
      '-o',
      made,
    ]
    expect((await runCli(args)).code).toBe(0)
    const { code, stdout, stderr } = await runCli(['replay', made, '--models', TINY, '--no-verify'])
    expect([code, stderr]).toEqual([0, ''])
    const lines = stdout.replaceAll(folder, 'DIR').replaceAll(TINY, 'TINY').split('\n')
    expect(lines.slice(0, 4)).toEqual([
      'DIR/made.safetensors: bake-vae of sdtool 9.9.9, 2026-01-02T03:04:05.000Z',
      '  input         matched by  found',
      '  tiny-sd.ckpt  sha256      TINY/tiny-sd.ckpt',
      '  vivid.vae.pt  sha256      TINY/vivid.vae.pt',
    ])
    expect(lines.at(-2)).toMatch(/^ {2}identical: every tensor is the same, AutoV3 [0-9a-f]{12}$/)
  })

  it('every command that writes model files can be replayed', async () => {
    const [writing, replaying]: [string[], string[]] = [[], []]
    for (const { name } of COMMANDS) {
      const { stdout } = await runCli([...name.split(' '), '--help'])
      if (/--dry-run .*what would be written/.test(stdout) && name !== 'replay') writing.push(name)
      if (operationOf(name) !== undefined) replaying.push(name)
    }
    expect(writing.length).toBeGreaterThan(8)
    expect(replaying).toEqual(writing)
  })

  const [TUNED, BASE, STRIPES, OUTLINE] = [
    'tiny-sd-b.safetensors',
    'tiny-sd.ckpt',
    'tiny-stripes.safetensors',
    'tiny-outline.safetensors',
  ].map((name) => join(TINY, name)) as [string, string, string, string]

  it.each<[string, string[], string?]>([
    ['extract lora', [TUNED, BASE, '--only', 'unet', '--rank', '2', '--seed', '7']],
    ['extract lora', [TUNED, BASE, '--only', 'unet', '--algo', 'locon', '--rank', 'auto', '--dtype', 'bf16']],
    ['lora merge', [`${STRIPES}:0.7`, `${OUTLINE}:-0.4:0.2`]],
    [
      'lora resize',
      [STRIPES, '--rank', '8', '--conv-rank', '3', '--dynamic', 'sv_ratio=10', '--dtype', 'fp32'],
    ],
    ['extract', ['text', TUNED, '--dtype', 'bf16']],
    ['extract embeddings', [TUNED, '--prompt', 'bad hands, blurry', '--name', 'neg']],
    ['extract embeddings', [join(TINY, '../goldens/card-pixels.png')]],
    ['convert', [TUNED, '--to', 'ckpt', '--dtype', 'fp32'], 'made.ckpt'],
    ['convert', [TUNED, '--to', 'diffusers', '--part', 'vae', '--dtype', 'fp32']],
  ])(
    '%s %j gives the same tensors again',
    async (operation, args, name = 'made.safetensors') => {
      const folder = tempFolder()
      const made = join(folder, name)
      const first = await runCli([...operation.split(' '), ...args, '-o', made])
      expect([first.code, first.stderr]).toEqual([0, ''])
      const again = await runCli([
        'replay',
        made,
        '--models',
        TINY,
        '--models',
        join(TINY, '../goldens'),
        '--json',
      ])
      expect([again.code, again.stderr]).toEqual([0, ''])
      expect(JSON.parse(again.stdout).results[0]).toMatchObject({ operation, identical: true })
      const [one, two] = [made, made.replace(/(\.\w+)$/, '-replayed$1')]
      const [before, after] = [await contentsOf(one), await contentsOf(two)]
      expect(before.bytes.size).toBeGreaterThan(0)
      expect([...after.bytes.keys()]).toEqual([...before.bytes.keys()])
      for (const [key, bytes] of before.bytes)
        expect(Buffer.compare(bytes, after.bytes.get(key)!), key).toBe(0)
    },
    300_000,
  )

  it.each<[string, string[], string, string]>([
    ['convert', [TUNED, '--dtype', 'bf16'], 'made.safetensors', '.ckpt'],
    ['convert', [TUNED, '--to', 'ckpt'], 'made.ckpt', '.safetensors'],
    ['convert', [TUNED, '--to', 'diffusers', '--part', 'vae'], 'made.safetensors', '.bin'],
    ['prune', [BASE], 'made.safetensors', '.pt'],
    ['merge', [TUNED, BASE], 'made.safetensors', '.ckpt'],
    ['lora merge', [`${STRIPES}:0.7`, `${OUTLINE}:-0.4:0.2`], 'made.safetensors', '.pth'],
  ])(
    '%s %j has the ending of its format, whatever is asked for',
    async (operation, args, name, ending) => {
      const folder = tempFolder()
      const made = join(folder, name)
      expect((await runCli([...operation.split(' '), ...args, '-o', made, '-q'])).code).toBe(0)
      const wrong = join(folder, `again${ending}`)
      const replay = ['replay', made, '--models', TINY, '--dry-run']
      const { code, stdout, stderr } = await runCli([...replay, '-o', wrong])
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toContain(`${wrong}: sdtool writes `)
      // a name that somebody has changed says nothing of the format, and a folder is no name
      const renamed = join(folder, `renamed${ending}`)
      renameSync(made, renamed)
      for (const [option, expected] of [
        [[], join(folder, `renamed-replayed${extname(name)}`)],
        [['-o', join(folder, 'sub/')], join(folder, `sub/renamed-replayed${extname(name)}`)],
      ] as const) {
        const again = await runCli(['replay', renamed, '--models', TINY, '--dry-run', ...option])
        expect([again.code, again.stderr]).toEqual([0, ''])
        expect(again.stdout).toContain(`would write ${expected}: `)
      }
    },
    120_000,
  )

  it('makes one of several files again: a part of a folder, a text encoder', async () => {
    const folder = tempFolder()
    const pipe = join(folder, 'pipe')
    expect((await runCli(['convert', TUNED, '--to', 'diffusers', '-o', pipe])).code).toBe(0)
    const part = join(pipe, 'text_encoder/model.safetensors')
    const again = await runCli([
      'replay',
      part,
      '--models',
      TINY,
      '-o',
      join(folder, 'te.safetensors'),
      '--json',
    ])
    expect(JSON.parse(again.stdout).results[0]).toMatchObject({ operation: 'convert', identical: true })
  }, 60_000)

  it('puts the files of a folder of diffusers together again, wherever they lie', async () => {
    const folder = tempFolder()
    const [pipe, single] = [join(folder, 'pipe'), join(folder, 'single.safetensors')]
    await runCli(['convert', TUNED, '--to', 'diffusers', '-o', pipe])
    expect((await runCli(['convert', pipe, '--dtype', 'fp32', '-o', single])).code).toBe(0)
    const [beside] = JSON.parse((await runCli(['replay', single, '--json'])).stdout).results
    expect(beside).toMatchObject({
      identical: true,
      inputs: [
        { path: join(pipe, 'unet/diffusion_pytorch_model.safetensors') },
        { path: join(pipe, 'vae/diffusion_pytorch_model.safetensors') },
        { path: join(pipe, 'text_encoder/model.safetensors') },
      ],
    })
    // as downloaded one by one, under names of their own
    rmSync(join(folder, 'single-replayed.safetensors'))
    renameSync(join(pipe, 'unet/diffusion_pytorch_model.safetensors'), join(folder, 'the unet.safetensors'))
    renameSync(join(pipe, 'vae/diffusion_pytorch_model.safetensors'), join(folder, 'the vae.safetensors'))
    expect(JSON.parse((await runCli(['replay', single, '--json'])).stdout).results[0]).toMatchObject({
      identical: true,
      inputs: [{ path: join(folder, 'the unet.safetensors') }, {}, {}],
    })
  }, 60_000)

  describe('of a file whose input is gone', () => {
    async function resized(): Promise<{ folder: string; sum: string; made: string }> {
      const folder = tempFolder()
      const [sum, made] = [join(folder, 'sum.safetensors'), join(folder, 'made.safetensors')]
      await runCli(['lora', 'merge', STRIPES, OUTLINE, '-o', sum])
      expect((await runCli(['lora', 'resize', sum, '--rank', '4', '-o', made])).code).toBe(0)
      return { folder, sum, made }
    }

    it('makes the input again first, from the recipe inside, and leaves nothing of it', async () => {
      const { folder, sum, made } = await resized()
      rmSync(sum)
      const planned = await runCli(['replay', made, '--models', TINY, '--dry-run'])
      expect([planned.code, planned.stdout.replaceAll(TINY, 'TINY').split('\n').slice(1)]).toEqual([
        0,
        [
          '  input                       matched by  found',
          '  sum.safetensors                         missing; rebuilt first: lora merge',
          '    tiny-stripes.safetensors  sha256      TINY/tiny-stripes.safetensors',
          '    tiny-outline.safetensors  sha256      TINY/tiny-outline.safetensors',
          '',
        ],
      ])
      const { code, stdout, stderr } = await runCli(['replay', made, '--models', TINY, '--json'])
      expect([code, stderr]).toEqual([
        0,
        'sdtool: sum.safetensors is missing: rebuilding it (lora merge of tiny-stripes.safetensors, tiny-outline.safetensors)\n',
      ])
      expect(JSON.parse(stdout).results[0]).toMatchObject({
        identical: true,
        inputs: [{ name: 'sum.safetensors', path: null, madeAgain: { operation: 'lora merge' } }],
      })
      expect(readdirSync(folder).toSorted()).toEqual(['made-replayed.safetensors', 'made.safetensors'])
    }, 60_000)

    it('says which file is missing where that cannot be done', async () => {
      const { folder, sum, made } = await resized()
      rmSync(sum)
      const { code, stdout, stderr } = await runCli(['replay', made])
      expect([code, stdout]).toEqual([4, ''])
      expect(stderr.replaceAll(folder, 'DIR')).toMatch(
        /^sdtool: DIR\/made\.safetensors was made from "sum\.safetensors" \(\d+ bytes, SHA-256 [0-9a-f]{10}\.\.\.\), which is not in DIR, .*\n {2}.* It cannot be rebuilt, either: "sum\.safetensors" was made from "tiny-stripes\.safetensors"/,
      )
    }, 60_000)

    it('believes nothing but the hash of what it made', async () => {
      const { folder, sum, made } = await resized()
      const { model } = await contentsOf(made)
      const recipe = JSON.parse(model.metadata['sdtool.recipe']!)
      recipe.inputs[0].name = '../../outside.safetensors'
      recipe.inputs[0].recipe.options.ratios[1] = { unet: 0.5, text: 0.5 }
      await writeModel(join(folder, 'lying.safetensors'), {
        tensors: model.tensors,
        metadata: { 'sdtool.recipe': JSON.stringify(recipe) },
      })
      rmSync(sum)
      const { code, stderr } = await runCli([
        'replay',
        join(folder, 'lying.safetensors'),
        '--models',
        TINY,
        '--quiet',
      ])
      expect(code).toBe(4)
      expect(stderr).toContain(
        'sdtool: what lora merge makes from the inputs of "../../outside.safetensors" is not the file that the recipe names\n',
      )
      expect(readdirSync(folder).toSorted()).toEqual(['lying.safetensors', 'made.safetensors'])
    }, 60_000)
  })

  async function madeMerge(): Promise<{ folder: string; made: string } & Files> {
    const folder = tempFolder()
    const files = await models(folder)
    const made = join(folder, 'made.safetensors')
    expect((await runCli(['merge', files.a, files.b, '--alpha', '0.3', '-o', made])).code).toBe(0)
    return { folder, made, ...files }
  }

  it('finds an input that was renamed, by its hash', async () => {
    const { folder, made, b } = await madeMerge()
    renameSync(b, join(folder, 'other name.safetensors'))
    copyFileSync(join(folder, 'a.safetensors'), b) // another file of the old name and size
    const { code, stdout } = await runCli(['replay', made, '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout).results[0]).toMatchObject({
      identical: true,
      inputs: [
        { name: 'a.safetensors' },
        { name: 'b.safetensors', path: join(folder, 'other name.safetensors'), by: 'sha256' },
      ],
    })
  })

  it('refuses an input that has changed, or is gone', async () => {
    const { folder, made, a, b } = await madeMerge()
    copyFileSync(a, b)
    const changed = await runCli(['replay', made])
    expect([changed.code, changed.stdout]).toEqual([4, ''])
    expect(changed.stderr.replaceAll(folder, 'DIR')).toMatch(
      /^sdtool: DIR\/b\.safetensors is not the "b\.safetensors" of the recipe \(\d+ bytes, SHA-256 [0-9a-f]{10}\.\.\.\)\n {2}It was changed/,
    )
    renameSync(b, join(folder, 'b.txt.old'))
    writeFileSync(join(folder, 'b.txt.old'), 'gone')
    const gone = await runCli(['replay', made])
    expect(gone.code).toBe(4)
    expect(gone.stderr.replaceAll(folder, 'DIR')).toMatch(
      /^sdtool: DIR\/made\.safetensors was made from "b\.safetensors" \(\d+ bytes, SHA-256 .*\), which is not in DIR, .*\n/,
    )
  })

  it('takes a recipe from a JSON file, and then has nothing to compare with', async () => {
    const { folder, made } = await madeMerge()
    const { metadata } = (await contentsOf(made)).model
    writeFileSync(join(folder, 'recipe.json'), metadata['sdtool.recipe']!)
    const { code, stdout } = await runCli(['replay', join(folder, 'recipe.json'), '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout).results[0]).toMatchObject({
      identical: null,
      autoV3: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    const [one, two] = [made, join(folder, 'recipe-replayed.safetensors')].map((path) => readFileSync(path))
    expect(two!.byteLength).toBe(one!.byteLength)
  })

  it.each<[string, object, string]>([
    [
      'an unknown operation',
      { operation: 'conjure' },
      'the recipe is for "conjure" of sdtool 9.9.9, which this version cannot repeat',
    ],
    [
      'an unknown option',
      { options: { output: '/etc/passwd' } },
      'the recipe has an option "output" that this version of sdtool cannot repeat',
    ],
    [
      'a value of the wrong kind',
      { options: { dtype: { fp16: true } } },
      'the recipe has an option "dtype.fp16" that this version of sdtool cannot repeat',
    ],
  ])('refuses a recipe with %s', async (_, change, message) => {
    const folder = tempFolder()
    const { a } = await models(folder)
    const made = join(folder, 'made.safetensors')
    await runCli(['convert', a, '--dtype', 'fp16', '-o', made])
    const recipe = JSON.parse((await contentsOf(made)).model.metadata['sdtool.recipe']!)
    writeFileSync(join(folder, 'recipe.json'), JSON.stringify({ ...recipe, ...change }))
    const { code, stdout, stderr } = await runCli(['replay', join(folder, 'recipe.json')])
    expect([code, stdout]).toEqual([3, ''])
    expect(stderr).toContain(`sdtool: ${message}\n`)
  })

  it.each(REGISTERED.map(({ verb }) => verb))('refuses a recipe of %s without inputs', async (operation) => {
    const path = join(tempFolder(), 'recipe.json')
    const known = { version: 2, sdtool: '0.1.0', produced: '2026-01-02T03:04:05.000Z' }
    const options = { ratios: [{ unet: 1, text: 1 }] }
    for (const own of [{}, options]) {
      writeFileSync(path, JSON.stringify({ ...known, operation, inputs: [], options: own }))
      const { code, stderr } = await runCli(['replay', path])
      expect([code, stderr]).toEqual([
        3,
        expect.stringMatching(/^sdtool: the recipe has (?:no inputs|an option)/),
      ])
    }
  })

  it.each<[string, (recipe: { inputs: object[]; options: object }) => object, string]>([
    [
      'one model',
      ({ inputs }) => ({ inputs: inputs.slice(1) }),
      'weighted-sum needs 2 or more models; 1 was named',
    ],
    ['a VAE of no model', () => ({ options: { vae: 'q' } }), '--vae names a model that is not there'],
    [
      'a number of another method',
      () => ({ options: { density: 0.5 } }),
      'weighted-sum does not take density',
    ],
    [
      'two numbers',
      () => ({ options: { alpha: [0.5, 0.5] } }),
      'weighted-sum of 2 models takes 1 alpha; 2 were given',
    ],
    ['a list of three blocks', () => ({ options: { blocks: ['1', '2', '3'] } }), '--blocks has 3 numbers'],
  ])('refuses a merge of %s', async (_, change, message) => {
    const { folder, made } = await madeMerge()
    const recipe = JSON.parse((await contentsOf(made)).model.metadata['sdtool.recipe']!)
    writeFileSync(join(folder, 'recipe.json'), JSON.stringify({ ...recipe, ...change(recipe) }))
    const { code, stderr } = await runCli([
      'replay',
      join(folder, 'recipe.json'),
      '-o',
      join(folder, 'x.safetensors'),
    ])
    expect([code, stderr]).toEqual([
      3,
      expect.stringMatching(`^sdtool: the recipe cannot be repeated: (?:\\S+b\\.safetensors: )?${message}`),
    ])
  })

  it('says so where the result is another one', async () => {
    const { folder, made } = await madeMerge()
    const recipe = JSON.parse((await contentsOf(made)).model.metadata['sdtool.recipe']!)
    const lying = { ...recipe, options: { ...recipe.options, alpha: [0.4] } }
    const { model } = await contentsOf(made)
    await writeModel(join(folder, 'lying.safetensors'), {
      tensors: model.tensors,
      metadata: { 'sdtool.recipe': JSON.stringify(lying) },
    })
    const { code, stderr } = await runCli(['replay', join(folder, 'lying.safetensors'), '--quiet'])
    expect(code).toBe(4)
    expect(
      stderr.replaceAll(folder, 'DIR'),
    ).toBe(`sdtool: DIR/lying-replayed.safetensors is not the same as DIR/lying.safetensors: its tensors differ
  sdtool diff shows where. The file was made by sdtool 9.9.9, this is 9.9.9.
`)
  })

  it('names the engine that factors were computed by, where they come out otherwise', async () => {
    const folder = tempFolder()
    const made = join(folder, 'made.safetensors')
    expect((await runCli(['lora', 'resize', STRIPES, '--rank', '2', '-o', made])).code).toBe(0)
    const { model } = await contentsOf(made)
    const recipe = JSON.parse(model.metadata['sdtool.recipe']!)
    expect(recipe).toMatchObject({
      options: { rank: { method: 'fixed', limit: 2 }, dtype: 'fp16', seed: 0 },
      engine: 'sdtool wasm 1',
    })
    const other = {
      ...recipe,
      options: { ...recipe.options, dtype: 'bf16' },
      engine: 'onnxruntime 9.9 arm64',
    }
    await writeModel(join(folder, 'other.safetensors'), {
      tensors: model.tensors,
      metadata: { 'sdtool.recipe': JSON.stringify(other) },
    })
    const { code, stderr } = await runCli([
      'replay',
      join(folder, 'other.safetensors'),
      '--models',
      TINY,
      '-q',
    ])
    expect(code).toBe(4)
    expect(stderr).toContain(
      'Its matrices were multiplied by onnxruntime 9.9 arm64, these by sdtool wasm 1: on another processor, or with another version, the last bits may differ.\n',
    )
  })

  it('does not write over the file that it is to be held against', async () => {
    const { folder, made } = await madeMerge()
    const before = readFileSync(made)
    const { code, stdout, stderr } = await runCli(['replay', made, '-o', made, '--force'])
    expect([code, stdout, stderr.replaceAll(folder, 'DIR').split('\n')[0]]).toEqual([
      2,
      '',
      'sdtool: DIR/made.safetensors is an input of this run and would be overwritten',
    ])
    expect(readFileSync(made).equals(before)).toBe(true)
  })

  it('refuses a file without recipe', async () => {
    const { code, stderr } = await runCli(['replay', join(TINY, 'vivid.vae.safetensors')])
    expect(code).toBe(3)
    expect(stderr).toContain('has no sdtool recipe')
  })
})

describe('a recipe that cannot be repeated', () => {
  const INPUT = { name: 'v.safetensors', bytes: 1, autoV1: '00000000' }
  const SOUND = {
    version: 2,
    sdtool: '9.9.9',
    operation: 'prune',
    produced: '2026-01-01T00:00:00.000Z',
    inputs: [INPUT],
    options: {},
  }

  async function fileWith(recipe: unknown): Promise<string> {
    const path = join(tempFolder(), 'made.safetensors')
    const metadata = recipe === undefined ? {} : { 'sdtool.recipe': JSON.stringify(recipe) }
    await writeModel(path, { ...CLIP, metadata })
    return path
  }

  it.each<[string, unknown, string]>([
    ['none', undefined, 'RECIPE_NOT_FOUND'],
    ['one of a later form', { ...SOUND, version: 3 }, 'RECIPE_UNREADABLE'],
    ['one that is no object', 'prune', 'RECIPE_UNREADABLE'],
    ['an unknown operation', { ...SOUND, operation: 'frobnicate' }, 'RECIPE_UNKNOWN'],
    ['an unknown operation of the first form', { ...SOUND, version: 1, operation: 'x' }, 'RECIPE_UNKNOWN'],
    ['an unknown option', { ...SOUND, options: { sparsity: 0.5 } }, 'RECIPE_UNREADABLE'],
    ['an unknown value', { ...SOUND, options: { ema: 'perhaps' } }, 'RECIPE_UNREADABLE'],
    ['no inputs', { ...SOUND, inputs: [] }, 'RECIPE_INVALID'],
    ['inputs that are nowhere', SOUND, 'INPUT_NOT_FOUND'],
  ])('%s: replay and render --check refuse it with one code and one text', async (_, recipe, code) => {
    const path = await fileWith(recipe)
    const [replayed, checked] = await Promise.all([
      runCli(['replay', path, '--json']),
      runCli(['render', '--check', path, '--json']),
    ])
    expect(JSON.parse(replayed.stdout).error).toMatchObject({ code })
    expect(JSON.parse(checked.stdout).error).toEqual(JSON.parse(replayed.stdout).error)
    expect([checked.code, checked.stderr]).toEqual([replayed.code, replayed.stderr])
  })

  it.each<[string, (recipe: string) => unknown]>([
    ['alone', (recipe) => JSON.parse(recipe)],
    ['as a text in metadata', (recipe) => ({ 'sdtool.recipe': recipe })],
    ['as an object in metadata', (recipe) => ({ 'sdtool.recipe': JSON.parse(recipe) })],
    ['in a document of inspect', (recipe) => ({ metadata: { 'sdtool.recipe': recipe } })],
    ['in a header', (recipe) => ({ __metadata__: { 'sdtool.recipe': recipe } })],
  ])('in a JSON file, %s, is refused as in a model file', async (_, document) => {
    const path = join(tempFolder(), 'recipe.json')
    writeFileSync(path, JSON.stringify(document(JSON.stringify({ ...SOUND, version: 3 }))))
    const { stdout } = await runCli(['replay', path, '--json'])
    expect(JSON.parse(stdout).error.code).toBe('RECIPE_UNREADABLE')
  })
})
