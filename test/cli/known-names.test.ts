/** What is made of a model whose names are wrapped or shortened is what is made of the plain one. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { TensorTable } from '../../src/tensor/values/table.ts'
import { contentsOf, writeModel } from '../model-files.ts'
import { halves, narrowSd1 } from '../narrow-models.ts'
import { floatTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const SLOW = 120_000
const UNET = 'model.diffusion_model.'
const TEXT = 'cond_stage_model.transformer.'
const PLAIN = narrowSd1(halves)

/** How programs write the names of one checkpoint. */
const SPELLINGS: Readonly<Record<string, (name: string) => string>> = {
  'torch.compile of the UNet': (name) => name.replace(UNET, `${UNET}_orig_mod.`),
  'DDP of the UNet and the VAE': (name) =>
    name.replace(/^(model\.diffusion_model|first_stage_model)\./, '$1.module.'),
  'DataParallel of all': (name) => `module.${name}`,
  'a trainer, compiled': (name) => `model._orig_mod.${name}`,
  'ema-pytorch': (name) => `ema_model.${name}`,
  'transformers 5.6': (name) => name.replace(`${TEXT}text_model.`, TEXT),
  FSDP: (name) => name.replace(/^(\w+)\./, '$1._fsdp_wrapped_module.'),
  'transformers 5.6, compiled': (name) => `_orig_mod.${name.replace(`${TEXT}text_model.`, TEXT)}`,
}

function spelled(table: TensorTable, rename: (name: string) => string): TensorTable {
  return tableOf([...table.tensors.values()].map((tensor) => ({ ...tensor, name: rename(tensor.name) })))
}

const LAYER = 'lora_te_text_model_encoder_layers_0_self_attn_q_proj'

function lora(): TensorTable {
  const [rows, columns] = PLAIN.tensors.get(
    `${TEXT}text_model.encoder.layers.0.self_attn.q_proj.weight`,
  )!.shape
  const ones = (n: number) => new Array<number>(n).fill(0.5)
  return tableOf([
    floatTensor(`${LAYER}.lora_up.weight`, [rows!, 1], ones(rows!)),
    floatTensor(`${LAYER}.lora_down.weight`, [1, columns!], ones(columns!)),
    floatTensor(`${LAYER}.alpha`, [], [1]),
  ])
}

/** Commands that make a file of a model; every one is given `m.safetensors`, and writes `out`. */
const COMMANDS: Readonly<Record<string, (out: string) => readonly string[]>> = {
  convert: (out) => ['convert', 'm.safetensors', '--dtype', 'fp32', '-o', out],
  'convert --part': (out) => [
    'convert',
    'm.safetensors',
    '--to',
    'diffusers',
    '--part',
    'text_encoder',
    '-o',
    out,
  ],
  prune: (out) => ['prune', 'm.safetensors', '--drop', 'vae', '-o', out],
  merge: (out) => ['merge', 'm.safetensors', 'other.safetensors', '--alpha', '0.25', '-o', out],
  'merge, as the second': (out) => [
    'merge',
    'other.safetensors',
    'm.safetensors',
    '--alpha',
    '0.25',
    '-o',
    out,
  ],
  'merge-lora': (out) => ['merge-lora', 'm.safetensors', 'l.safetensors', '-o', out],
  'bake-vae': (out) => ['bake-vae', 'm.safetensors', 'other.safetensors', '-o', out],
  'bake-vae, as the source': (out) => ['bake-vae', 'other.safetensors', 'm.safetensors', '-o', out],
  'extract vae': (out) => ['extract', 'vae', 'm.safetensors', '-o', out],
  'extract unet': (out) => ['extract', 'unet', 'm.safetensors', '-o', out],
  'extract text': (out) => ['extract', 'text', 'm.safetensors', '-o', out],
}

/** Digests of what a command makes of the model. */
async function made(table: TensorTable, command: (out: string) => readonly string[]) {
  const folder = tempFolder()
  const inFolder = (name: string) => (name.endsWith('.safetensors') ? join(folder, name) : name)
  const other = tableOf(
    [...PLAIN.tensors.values()].map((tensor) => {
      const { source } = tensor
      if (source.kind !== 'bytes') throw new Error('values are in memory')
      return { ...tensor, source: { kind: 'bytes', data: source.data.map((byte) => byte ^ 0x11) } }
    }),
  )
  await writeModel(join(folder, 'm.safetensors'), table)
  await writeModel(join(folder, 'other.safetensors'), other)
  await writeModel(join(folder, 'l.safetensors'), lora())
  const { code, stderr } = await runCli(command('out.safetensors').map(inFolder))
  expect([code, stderr]).toEqual([0, ''])
  const { bytes, model } = await contentsOf(join(folder, 'out.safetensors'))
  const digest = (name: string) =>
    `${model.tensors.get(name)!.shape} ${Buffer.from(bytes.get(name)!).toString('base64')}`
  return new Map([...bytes.keys()].toSorted().map((name) => [name, digest(name)]))
}

describe('a model with other names becomes what the plain one does', () => {
  for (const [command, args] of Object.entries(COMMANDS)) {
    // every spelling once, and the two that change most with every command
    const spellings = Object.entries(SPELLINGS).slice(command === 'convert' ? 0 : -2)
    it(
      command,
      async () => {
        const plain = await made(PLAIN, args)
        for (const [spelling, rename] of spellings) {
          const own = await made(spelled(PLAIN, rename), args)
          expect([...own.keys()], spelling).toEqual([...plain.keys()])
          for (const [name, digest] of plain)
            expect(own.get(name) === digest, `${spelling}: ${name}`).toBe(true)
        }
      },
      SLOW,
    )
  }
})

describe('names that alone change', () => {
  const compiled = spelled(PLAIN, SPELLINGS['torch.compile of the UNet']!)

  it('are a reason to convert, into a file of another name', async () => {
    const folder = tempFolder()
    const path = join(folder, 'm.safetensors')
    await writeModel(path, compiled)
    const { code, stdout } = await runCli(['convert', path])
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/rename +UNet +682 .*the names programs look for/),
    ])
    const { model } = await contentsOf(join(folder, 'm-converted.safetensors'))
    expect([...model.tensors.keys()].toSorted()).toEqual([...PLAIN.tensors.keys()].toSorted())
    expect((await runCli(['convert', join(folder, 'm-converted.safetensors')])).code).toBe(4)
  })

  it('are no difference between two models', async () => {
    const folder = tempFolder()
    const [a, b] = [join(folder, 'a.safetensors'), join(folder, 'b.safetensors')]
    await writeModel(a, PLAIN)
    await writeModel(b, compiled)
    expect((await runCli(['diff', a, b, '--exit-code'])).code).toBe(0)
  })

  it('are listed as the file has them', async () => {
    const path = join(tempFolder(), 'm.safetensors')
    await writeModel(path, compiled)
    const { stdout } = await runCli(['inspect', path, '--json', '--keys', '*time_embed.0.weight'])
    const { tensors, findings } = JSON.parse(stdout).results[0]
    expect(tensors.map(({ name }: { name: string }) => name)).toEqual([
      `${UNET}_orig_mod.time_embed.0.weight`,
    ])
    expect(findings[0]).toMatchObject({ code: 'wrapped-names', severity: 'warning' })
  })

  it('are made again by replay', async () => {
    const folder = tempFolder()
    const path = join(folder, 'm.safetensors')
    await writeModel(path, compiled)
    await runCli(['convert', path])
    const again = join(folder, 'again.safetensors')
    const { code, stderr } = await runCli(['replay', join(folder, 'm-converted.safetensors'), '-o', again])
    expect([code, stderr]).toEqual([0, ''])
    expect(readFileSync(again).equals(readFileSync(join(folder, 'm-converted.safetensors')))).toBe(true)
  })
})
