/** sdtool lora convert: what is written where, and what is refused. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { TensorTable } from '../../src/tensor/values/table.ts'
import { contentsOf, writeModel } from '../model-files.ts'
import { floatTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const STRIPES = join(import.meta.dirname, '../../fixtures/tiny-sd/tiny-stripes.safetensors')

async function saved(path: string, table: TensorTable): Promise<string> {
  await writeModel(path, table)
  return path
}

it('writes a folder for each network that PEFT has a file for, with its configuration', async () => {
  const out = join(tempFolder(), 'stripes')
  const { code, stdout } = await runCli(['lora', 'convert', STRIPES, '--to', 'peft', '-o', out])
  expect(code).toBe(0)
  expect(stdout).toContain('text_encoder: 144 tensors')
  const config = JSON.parse(readFileSync(join(out, 'unet', 'adapter_config.json'), 'utf8'))
  expect(config).toMatchObject({
    peft_type: 'LORA',
    r: 8,
    lora_alpha: 4,
    rank_pattern: {},
    alpha_pattern: {},
  })
  const targets = new RegExp(`^(?:${config.target_modules})$`)
  const { model } = await contentsOf(join(out, 'unet', 'adapter_model.safetensors'))
  const modules = [...model.tensors.keys()].map((key) =>
    key.replace(/^base_model\.model\./, '').replace(/\.lora_[AB]\.weight$/, ''),
  )
  expect(modules.filter((module) => !targets.test(module))).toEqual([])
})

it('names alphas and ranks of single modules for PEFT from the start of their paths', async () => {
  const folder = tempFolder()
  const module = (name: string, rank: number, alpha: number) => [
    floatTensor(`${name}.lora_down.weight`, [rank, 4], new Array(4 * rank).fill(1)),
    floatTensor(`${name}.lora_up.weight`, [4, rank], new Array(4 * rank).fill(1)),
    floatTensor(`${name}.alpha`, [], [alpha]),
  ]
  const table = tableOf([
    ...module('lora_unet_double_blocks_0_img_attn_proj', 2, 2),
    ...module('lora_unet_double_blocks_0_txt_attn_proj', 2, 2),
    ...module('lora_unet_final_layer_linear', 1, 3),
  ], { 'modelspec.architecture': 'flux-1-dev/lora' }) // biome-ignore format: short
  const path = await saved(join(folder, 'odd.safetensors'), table)
  const { code } = await runCli(['lora', 'convert', path, '--to', 'peft'])
  expect(code).toBe(0)
  const config = JSON.parse(readFileSync(join(folder, 'odd-peft', 'adapter_config.json'), 'utf8'))
  expect(config).toMatchObject({
    r: 2,
    lora_alpha: 2,
    rank_pattern: { '^proj_out': 1 },
    alpha_pattern: { '^proj_out': 3 },
  })
})

it('does not replace a folder of other things, and replaces its own where it may', async () => {
  const folder = tempFolder()
  const mine = join(folder, 'mine')
  mkdirSync(mine)
  writeFileSync(join(mine, 'notes.txt'), 'mine')
  const other = await runCli(['lora', 'convert', STRIPES, '--to', 'peft', '-o', mine, '--force'])
  expect([other.code, existsSync(join(mine, 'notes.txt'))]).toEqual([2, true])
  const own = join(folder, 'own')
  const codes: number[] = []
  for (const more of [[], [], ['--force']]) {
    codes.push((await runCli(['lora', 'convert', STRIPES, '--to', 'peft', '-o', own, ...more])).code)
  }
  expect(codes).toEqual([0, 2, 0])
})

it('keeps the metadata, and says the strength that is in the factors now', async () => {
  const out = join(tempFolder(), 'out.safetensors')
  await runCli(['lora', 'convert', STRIPES, '--to', 'diffusers', '-o', out])
  const [before, after] = [await contentsOf(STRIPES), await contentsOf(out)]
  expect(after.model.metadata).toMatchObject({ ss_network_dim: '8', ss_network_alpha: '8' })
  expect(Object.keys(before.model.metadata).filter((key) => !(key in after.model.metadata))).toEqual([])
  const { stdout } = await runCli(['inspect', out])
  expect(stdout).not.toContain('no tensor stores it')
})

it('has nothing to do where the names are those already', async () => {
  const { code, stdout } = await runCli(['lora', 'convert', STRIPES, '--to', 'kohya'])
  expect(code).toBe(4)
  expect(stdout).toContain('all names are those of kohya already')
  expect(stdout).not.toContain('would write')
})

it('refuses kinds that the other programs do not read, and leaves nothing behind', async () => {
  const folder = tempFolder()
  const module = 'lora_unet_double_blocks_0_img_attn_proj'
  const hada = (part: string, shape: [number, number]) => floatTensor(`${module}.hada_${part}`, shape, new Array(shape[0] * shape[1]).fill(1)) // biome-ignore format: short
  const table = tableOf([hada('w1_a', [4, 1]), hada('w1_b', [1, 4]), hada('w2_a', [4, 1]), hada('w2_b', [1, 4])], { 'modelspec.architecture': 'flux-1-dev/lora' }) // biome-ignore format: short
  const path = await saved(join(folder, 'hada.safetensors'), table)
  for (const to of ['diffusers', 'peft']) {
    const { code, stderr } = await runCli(['lora', 'convert', path, '--to', to])
    expect(code).toBe(3)
    expect(stderr).toMatch(/programs that read the names of (diffusers|PEFT) do not read LoHa/)
    expect(existsSync(join(folder, `hada-${to}`))).toBe(false)
  }
  expect((await runCli(['lora', 'convert', path, '--to', 'comfyui'])).code).toBe(0)
})

it('asks for the names that are wanted', async () => {
  const { code, stderr } = await runCli(['lora', 'convert', STRIPES])
  expect(code).toBe(2)
  expect(stderr).toContain('--to is missing')
})
