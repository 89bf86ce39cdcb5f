/** Networks of several files as one. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { goldenModel } from '../family-goldens.ts'
import { GOLDEN_FORMS } from '../golden-forms.ts'
import { contentsOf, writeModel } from '../model-files.ts'
import { floatTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(args)
  expect([code, stderr]).toEqual([0, ''])
  return stdout
}

describe('sdtool join', () => {
  const VAE = tableOf([
    floatTensor('encoder.conv_out.weight', [32, 32, 3, 3], Array(32 * 32 * 9).fill(0.25)),
    floatTensor('encoder.mid.block_1.norm1.weight', [32], Array(32).fill(1)),
    floatTensor('decoder.conv_in.weight', [32, 16, 3, 3], Array(32 * 16 * 9).fill(0.5)),
    floatTensor('decoder.mid.block_1.norm1.weight', [32], Array(32).fill(1)),
    ...[0, 1, 2, 3].flatMap((level) => [
      floatTensor(`encoder.down.${level}.block.0.norm1.weight`, [32], Array(32).fill(level)),
      floatTensor(`decoder.up.${level}.block.0.norm1.weight`, [32], Array(32).fill(level)),
    ]),
  ])

  async function files() {
    const folder = tempFolder()
    const path = (name: string) => join(folder, name)
    await writeModel(path('flux.safetensors'), { tensors: GOLDEN_FORMS.diffusers('flux'), metadata: {} })
    await writeModel(path('ae.safetensors'), VAE)
    return { folder, path }
  }

  it('puts a transformer of diffusers under the names that ComfyUI loads, and says what is missing', async () => {
    const { path } = await files()
    const text = await done('join', path('flux.safetensors'), '--vae', path('ae.safetensors'))
    const { bytes, model } = await contentsOf(path('flux-joined.safetensors'))
    for (const [name, { source }] of goldenModel('flux', 'native').tensors) {
      const written = bytes.get(`model.diffusion_model.${name}`)!
      expect(Buffer.compare(written, source.kind === 'bytes' ? source.data : Buffer.alloc(0)), name).toBe(0)
    }
    expect(model.tensors.has('vae.decoder.conv_in.weight')).toBe(true)
    expect(text).toContain('CLIP-L text encoder and T5-XXL text encoder are not in it')
  })

  it('is replayed from its recipe', async () => {
    const { path } = await files()
    await done(
      'join',
      path('flux.safetensors'),
      '--vae',
      path('ae.safetensors'),
      '-o',
      path('one.safetensors'),
    )
    await done('replay', path('one.safetensors'), '-o', path('two.safetensors'))
    expect(readFileSync(path('two.safetensors')).equals(readFileSync(path('one.safetensors')))).toBe(true)
  })

  it('tells what it would write, as JSON too', async () => {
    const { path } = await files()
    const args = ['join', path('flux.safetensors'), '--vae', path('ae.safetensors'), '--dry-run', '--json']
    const { results } = JSON.parse(await done(...args))
    expect(results).toMatchObject([{ status: 'planned', output: path('flux-joined.safetensors') }])
  })

  it.each<[string[], string]>([
    [[], 'no model was named'],
    [['flux.safetensors'], 'there is nothing to join it with'],
    [['flux.safetensors', 'ae.safetensors'], 'unexpected argument'],
  ])('%j is wrong usage', async (names, message) => {
    const { path } = await files()
    const { code, stderr } = await runCli(['join', ...names.map(path)])
    expect([code, stderr.split('\n')[0]]).toEqual([2, expect.stringContaining(message)])
  })
})
