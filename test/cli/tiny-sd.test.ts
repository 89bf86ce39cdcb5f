/** The trained model in fixtures/tiny-sd, as torch, a trainer and diffusers conventions made it. */
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const folder = join(import.meta.dirname, '../../fixtures/tiny-sd')

it.each([
  ['tiny-sd.ckpt', 'checkpoint', 'torch-zip'],
  ['tiny-sd-b.safetensors', 'checkpoint', 'safetensors'],
  ['tiny-stripes.safetensors', 'lora', 'safetensors'],
  ['tiny-outline.safetensors', 'lora', 'safetensors'],
  ['vivid.vae.safetensors', 'vae', 'safetensors'],
  ['vivid.vae.pt', 'vae', 'torch-zip'],
  ['sd-postcard.pt', 'embedding', 'torch-zip'],
  ['sd-bad.safetensors', 'embedding', 'safetensors'],
])('%s is a %s', async (file, kind, format) => {
  const { code, stdout } = await runCli(['inspect', join(folder, file), '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout).results).toMatchObject([{ kind, format }])
})

it('a training checkpoint is pruned to the EMA weights, which pass verification', async () => {
  const out = join(tempFolder(), 'pruned.safetensors')
  const { code, stderr } = await runCli(['prune', join(folder, 'tiny-sd.ckpt'), '-o', out, '--verify'])
  expect([code, stderr]).toEqual([0, ''])
  const [{ components }] = JSON.parse((await runCli(['inspect', out, '--json'])).stdout).results
  // 686 + 197 + 248: the tensors of SD 1.x
  expect(components.map(({ name, tensors }: { name: string; tensors: number }) => [name, tensors])).toEqual([
    ['unet', 686],
    ['clip_l', 197],
    ['vae', 248],
  ])
})
