/** Whatever sdtool writes can be made again from its own metadata, to the last bit. */
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../../src/commands/registry.ts'
import { CLIP, rankOne } from '../model/merge-lora/small.ts'
import { contentsOf, writeModel } from '../model-files.ts'
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
    const document = JSON.parse(again.stdout)
    expect(document).toMatchObject({ command: 'replay', operation, identical: true })
    expect(document.result).toMatchObject({ command: operation, results: [{ status: 'written' }] })
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
      '  input         the same by  found',
      '  tiny-sd.ckpt  sha256       TINY/tiny-sd.ckpt',
      '  vivid.vae.pt  sha256       TINY/vivid.vae.pt',
    ])
    expect(lines.at(-2)).toMatch(/^ {2}identical: every tensor is the same, AutoV3 [0-9a-f]{12}$/)
  })

  it('every command that writes a recipe can be replayed', async () => {
    const writing: string[] = []
    for (const { name, load } of COMMANDS) if ((await load()).replay !== undefined) writing.push(name)
    expect(writing).toEqual(expect.arrayContaining(['convert', 'prune', 'merge-lora', 'merge', 'bake-vae']))
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
    expect(JSON.parse(stdout)).toMatchObject({
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
      /^sdtool: DIR\/made\.safetensors was made from "b\.safetensors" \(\d+ bytes, SHA-256 .*\), which is not in DIR\n/,
    )
  })

  it('takes a recipe from a JSON file, and then has nothing to compare with', async () => {
    const { folder, made } = await madeMerge()
    const { metadata } = (await contentsOf(made)).model
    writeFileSync(join(folder, 'recipe.json'), metadata['sdtool.recipe']!)
    const { code, stdout } = await runCli(['replay', join(folder, 'recipe.json'), '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
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
      'the recipe is of the operation "conjure", which this version of sdtool cannot repeat',
    ],
    [
      'an unknown option',
      { options: { output: '/etc/passwd' } },
      'the recipe has an option "output" that this version of sdtool cannot repeat',
    ],
    [
      'a value of the wrong kind',
      { options: { dtype: { fp16: true } } },
      'the recipe has an option "dtype" that this version of sdtool cannot repeat',
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

  it('refuses a file without recipe', async () => {
    const { code, stderr } = await runCli(['replay', join(TINY, 'vivid.vae.safetensors')])
    expect(code).toBe(3)
    expect(stderr).toContain('holds no recipe of sdtool')
  })
})
