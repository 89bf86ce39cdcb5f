/** Adapters of PEFT: what stands beside their file decides, in every command that opens one. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { contentsOf, floatsOf, writeModel } from '../model-files.ts'
import { CLIP, CLIP_LAYER, outer } from '../operations/merge-lora/small.ts'
import { floatTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const UP = Array.from({ length: 16 }, (_, i) => (i - 7) / 8)
const DOWN = [0.5, -1, 0.25, 2]
const SCALE = 4
const CONFIG = { peft_type: 'LORA', r: 1, lora_alpha: SCALE, use_rslora: false }
const LAYER = 'encoder.layers.0.mlp.fc1'
const SLOW = 60_000

interface Folder {
  readonly folder: string
  readonly base: string
  readonly lora: string
  readonly config: string
}

/** A text encoder, and beside it an adapter as PEFT 0.21 with transformers 5 saves it. */
async function peftFolder(
  config: object | string | undefined = CONFIG,
  file = 'adapter_model.safetensors',
): Promise<Folder> {
  const folder = tempFolder()
  mkdirSync(join(folder, 'lora'))
  const [base, lora, configPath] = [
    join(folder, 'base.safetensors'),
    join(folder, 'lora', file),
    join(folder, 'lora', 'adapter_config.json'),
  ]
  await writeModel(base, CLIP)
  await writeModel(lora, peftTable())
  if (config !== undefined)
    writeFileSync(configPath, typeof config === 'string' ? config : JSON.stringify(config))
  return { folder, base, lora, config: configPath }
}

function peftTable(path = LAYER) {
  return tableOf([
    floatTensor(`base_model.model.${path}.lora_A.weight`, [1, 4], DOWN),
    floatTensor(`base_model.model.${path}.lora_B.weight`, [16, 1], UP),
  ])
}

/** How often up @ down was added to the weight of the layer, by least squares. */
async function addedTo(path: string): Promise<number> {
  const key = `${CLIP_LAYER}mlp.fc1.weight`
  const source = CLIP.tensors.get(key)!.source as { data: Uint8Array }
  const before = new Float32Array(source.data.slice().buffer)
  const after = floatsOf(await contentsOf(path), key)
  const change = outer(UP, DOWN)
  const along = change.reduce((sum, value, i) => sum + value * (after[i]! - before[i]!), 0)
  return along / change.reduce((sum, value) => sum + value * value, 0)
}

/** alpha / rank times the norm of up @ down of the only module of a LoRA of kohya. */
async function strengthOf(path: string): Promise<number> {
  const file = await contentsOf(path)
  const names = [...file.model.tensors.keys()]
  const part = (ending: string) => floatsOf(file, names.find((name) => name.endsWith(ending))!)
  const [up, down, alpha] = [part('lora_up.weight'), part('lora_down.weight'), part('alpha')]
  const rank = down.length / 4
  let squares = 0
  for (let i = 0; i < 16; i++)
    for (let j = 0; j < 4; j++) {
      let sum = 0
      for (let k = 0; k < rank; k++) sum += up[i * rank + k]! * down[k * 4 + j]!
      squares += (alpha[0]! / rank) ** 2 * sum * sum
    }
  return Math.sqrt(squares)
}

const norm = (values: readonly number[]) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
const FULL = SCALE * norm(UP) * norm(DOWN)

type Run = (files: Folder, out: string) => Promise<number>

async function ok(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(args)
  expect([code, stderr]).toEqual([0, ''])
  return stdout
}

/** What each command makes of the adapter, in units of its full change. */
const STRENGTHS: Readonly<Record<string, Run>> = {
  async 'merge-lora'({ base, lora }, out) {
    await ok(['merge-lora', base, lora, '-o', out, '--quiet'])
    return (await addedTo(out)) / SCALE
  },
  async 'merge-lora, after convert elsewhere'({ folder, base, lora }, out) {
    const converted = join(folder, 'converted.safetensors')
    await ok(['convert', lora, '--dtype', 'fp16', '-o', converted, '--quiet'])
    await ok(['merge-lora', base, converted, '-o', out, '--quiet'])
    return (await addedTo(out)) / SCALE
  },
  async 'lora resize'({ lora }, out) {
    await ok(['lora', 'resize', lora, '--rank', '1', '--dtype', 'fp32', '-o', out, '--quiet'])
    return (await strengthOf(out)) / FULL
  },
  async 'lora merge'({ lora }, out) {
    await ok(['lora', 'merge', `${lora}:0.75`, `${lora}:0.25`, '-o', out, '--quiet'])
    return (await strengthOf(out)) / FULL
  },
  async 'lora check'({ lora }) {
    const { results } = JSON.parse(await ok(['lora', 'check', lora, '--json']))
    return results[0].norm / FULL
  },
}

describe('alpha / rank of adapter_config.json', () => {
  it.each(Object.entries(STRENGTHS))(
    '%s',
    async (_, strength) => {
      const files = await peftFolder()
      expect(await strength(files, join(files.folder, 'out.safetensors'))).toBeCloseTo(1, 5)
    },
    SLOW,
  )

  it('is shown by inspect', async () => {
    const { lora } = await peftFolder()
    const page = await ok(['inspect', lora])
    expect(page).toMatch(/alpha +4 by adapter_config\.json/)
    expect(page).not.toContain('scale 1')
  })

  it('belongs to an adapter of another name only if no other can be meant', async () => {
    const files = await peftFolder(CONFIG, 'style.safetensors')
    const out = join(files.folder, 'out.safetensors')
    expect(await STRENGTHS['merge-lora']!(files, out)).toBeCloseTo(1, 5)
    await writeModel(join(files.folder, 'lora', 'adapter_model.safetensors'), peftTable())
    const { code, stdout } = await runCli(['merge-lora', files.base, files.lora, '-o', out, '--force'])
    expect(code).toBe(0)
    expect(await addedTo(out)).toBeCloseTo(1, 5)
    expect(stdout).toContain('there is no adapter_config.json next to it')
  })
})

describe('without a configuration', () => {
  it.each([
    ['merge-lora', ({ base, lora }: Folder) => ['merge-lora', base, lora, '--dry-run']],
    ['inspect', ({ lora }: Folder) => ['inspect', lora]],
    ['lora check', ({ lora }: Folder) => ['lora', 'check', lora]],
    ['lora resize', ({ lora }: Folder) => ['lora', 'resize', lora, '--rank', '1', '--dry-run']],
    ['lora merge', ({ lora }: Folder) => ['lora', 'merge', lora, lora, '--dry-run']],
  ])('%s says that the strength is not known', async (_, argsOf) => {
    const files = await peftFolder(undefined)
    rmSync(files.config, { force: true })
    const { code, stdout } = await runCli(argsOf(files))
    expect(code).toBe(0)
    expect(stdout).toContain('PEFT wrote this file without an alpha')
  })
})

describe('a configuration that cannot be followed', () => {
  const BAD: readonly (readonly [string, string])[] = [
    ['is no JSON', '{"r": 1,'],
    ['is huge', ' '.repeat(5 * 1024 * 1024)],
    ['is deep', '['.repeat(100_000)],
    ['has rank 0', JSON.stringify({ ...CONFIG, r: 0 })],
    ['has texts for numbers', JSON.stringify({ ...CONFIG, lora_alpha: '4' })],
    ['is of another adapter', JSON.stringify({ ...CONFIG, r: 8 })],
    ['is of a kind that is not read', JSON.stringify({ ...CONFIG, peft_type: 'VERA' })],
  ]

  it.each(BAD)('%s: one line, exit 3, nothing written', async (_, text) => {
    const files = await peftFolder(text)
    const out = join(files.folder, 'out.safetensors')
    for (const args of [
      ['merge-lora', files.base, files.lora, '-o', out],
      ['lora', 'resize', files.lora, '--rank', '1', '-o', out],
      ['lora', 'merge', files.lora, files.lora, '-o', out],
      ['lora', 'check', files.lora],
    ]) {
      const { code, stdout, stderr } = await runCli(args)
      expect([code, stdout]).toEqual([3, ''])
      expect(stderr.split('\n')[0]).toMatch(/^sdtool: .*adapter_config\.json: .{10,300}$/)
      expect(stderr.split('\n').length).toBe(3)
    }
    const inspected = await runCli(['inspect', files.lora, '--json'])
    expect(inspected.stdout.length).toBeLessThan(20_000)
    expect(readdirSync(files.folder).toSorted()).toEqual(['base.safetensors', 'lora'])
  })
})

describe('the recipe of a merge', () => {
  async function merged(config: object | undefined) {
    const files = await peftFolder(config)
    if (config === undefined) rmSync(files.config, { force: true })
    const out = join(files.folder, 'out.safetensors')
    await ok(['merge-lora', files.base, files.lora, '-o', out, '--quiet'])
    return { ...files, out }
  }

  function replay({ folder, out }: { folder: string; out: string }) {
    const args = ['replay', out, '-o', join(folder, 'again.safetensors'), '--models', folder, '--force']
    return runCli(args)
  }

  it('names the configuration by its hash', async () => {
    const { out } = await merged(CONFIG)
    const { metadata } = (await contentsOf(out)).model
    const { inputs } = JSON.parse(metadata['sdtool.recipe']!)
    expect(inputs[1].companion).toEqual({
      name: 'adapter_config.json',
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })

  it(
    'is followed only with the same one',
    async () => {
      const files = await merged(CONFIG)
      expect((await replay(files)).code).toBe(0)
      writeFileSync(files.config, JSON.stringify({ ...CONFIG, lora_alpha: 2 }))
      const changed = await replay(files)
      expect([changed.code, changed.stderr]).toEqual([
        4,
        expect.stringContaining('is not the one of the recipe'),
      ])
      renameSync(files.config, `${files.config}.old`)
      const gone = await replay(files)
      expect([gone.code, gone.stderr]).toEqual([4, expect.stringContaining('which is missing')])
      renameSync(`${files.config}.old`, files.config)
      writeFileSync(files.config, JSON.stringify(CONFIG))
      expect((await replay(files)).code).toBe(0)
    },
    SLOW,
  )

  it('is not followed with one that was not there', async () => {
    const files = await merged(undefined)
    writeFileSync(files.config, JSON.stringify(CONFIG))
    const { code, stderr } = await replay(files)
    expect([code, stderr]).toEqual([4, expect.stringContaining('the recipe does not mention it')])
  })
})

it('a copy of the configuration as it was goes into what convert makes', async () => {
  const { folder, lora, config } = await peftFolder()
  const out = join(folder, 'converted.safetensors')
  await ok(['convert', lora, '--dtype', 'fp16', '-o', out, '--quiet'])
  const { metadata } = (await contentsOf(out)).model
  expect(metadata.lora_adapter_metadata).toBe(readFileSync(config, 'utf8'))
})
