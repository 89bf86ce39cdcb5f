/** Baking the VAE of fixtures/tiny-sd, whose files torch and safetensors have written. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { contentsOf, floatsOf } from '../model-files.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const TINY = join(import.meta.dirname, '../../fixtures/tiny-sd')
const [BASE, VAE_PT, VAE] = ['tiny-sd.ckpt', 'vivid.vae.pt', 'vivid.vae.safetensors'].map((name) =>
  join(TINY, name),
) as [string, string, string]

async function bake(...args: string[]) {
  const folder = tempFolder()
  const out = join(folder, 'out.safetensors')
  const { code, stdout, stderr } = await runCli(['bake-vae', ...args, '-o', out])
  const clean = (text: string) =>
    text
      .replaceAll(folder, 'DIR')
      .replaceAll(TINY, 'TINY')
      .replace(/, \d+\.\d s$/gm, ', T s')
  return { code, stdout: clean(stdout), stderr: clean(stderr), out }
}

describe('sdtool bake-vae', () => {
  it('prints what it replaced; the VAE is the new one byte for byte, all else is the base', async () => {
    const { code, stdout, stderr, out } = await bake(BASE, VAE_PT)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toBe(`TINY/tiny-sd.ckpt: Stable Diffusion 1.x checkpoint of non-standard width, 33.6 MB
  action   what                    tensors   before    after  why
  keep     UNet                        686  11.1 MB  11.1 MB  unchanged
  keep     CLIP-L text encoder         197  5.43 MB  5.43 MB  unchanged
  replace  VAE                         248  5.21 MB  5.21 MB  from vivid.vae.pt, as fp16
  keep     EMA copy of the UNet        688  11.1 MB  11.1 MB  unchanged
  keep     noise schedule buffers       12  48.0 kB  48.0 kB  unchanged
  drop     training leftovers            0  27.2 kB        -  training state in the pickle, no weights
  - nothing says whether vivid.vae.pt is for Stable Diffusion 1.x and 2.x or Stable Diffusion XL: their VAEs have the same shapes
  - all 248 tensors of the VAE are baked in: 248 replaced, 0 added
  wrote DIR/out.safetensors: 33.6 MB -> 33.1 MB, 1831 tensors, T s
`)
    const [written, base, vae] = [await contentsOf(out), await contentsOf(BASE), await contentsOf(VAE)]
    expect(vae.bytes.size).toBe(248)
    for (const [name, bytes] of vae.bytes) {
      expect(Buffer.compare(written.bytes.get(`first_stage_model.${name}`)!, bytes), name).toBe(0)
    }
    for (const [name, bytes] of base.bytes) {
      if (name.startsWith('first_stage_model.')) continue
      expect(Buffer.compare(written.bytes.get(name)!, bytes), name).toBe(0)
    }
    expect(written.bytes.size).toBe(base.bytes.size)
    const recipe = JSON.parse(written.model.metadata['sdtool.recipe']!)
    expect(recipe).toMatchObject({ operation: 'bake-vae', options: {} })
    expect(recipe.inputs.map(({ name }: { name: string }) => name)).toEqual(['tiny-sd.ckpt', 'vivid.vae.pt'])
  })

  it('adds the VAE to a checkpoint without one, in the type asked for', async () => {
    const folder = tempFolder()
    const bare = join(folder, 'bare.safetensors')
    expect((await runCli(['prune', BASE, '--drop', 'vae', '-o', bare])).code).toBe(0)
    const { code, stdout, out } = await bake(bare, VAE, '--dtype', 'fp32')
    expect(code).toBe(0)
    expect(stdout).toContain(
      '  add     VAE                      248  0 bytes  10.4 MB  from vivid.vae.safetensors',
    )
    const [written, vae] = [await contentsOf(out), await contentsOf(VAE)]
    for (const name of vae.bytes.keys()) {
      expect(written.model.tensors.get(`first_stage_model.${name}`)?.dtype).toBe('F32')
      expect(floatsOf(written, `first_stage_model.${name}`)).toEqual(floatsOf(vae, name))
    }
  })

  it('names its output after both, without the ending that UIs take for a VAE', async () => {
    const { code, stdout } = await runCli(['bake-vae', BASE, VAE_PT, '--dry-run', '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout).results[0]).toMatchObject({
      status: 'planned',
      output: join(TINY, 'tiny-sd-vivid-vae.safetensors'),
    })
  })

  it('does nothing, exit 4, where the checkpoint has that VAE already', async () => {
    const { code, stdout, stderr } = await bake(BASE, BASE)
    expect([code, stdout]).toEqual([4, ''])
    expect(stderr).toBe(
      'sdtool: TINY/tiny-sd.ckpt already has the VAE of TINY/tiny-sd.ckpt, value for value\n',
    )
  })

  it('refuses the wrong order, and a missing argument', async () => {
    const swapped = await bake(VAE, BASE)
    expect([swapped.code, swapped.stdout]).toEqual([3, ''])
    expect(
      swapped.stderr,
    ).toBe(`sdtool: vivid.vae.safetensors is not a checkpoint that a VAE can be baked into: VAE, 4 latent channels
  The checkpoint comes first: sdtool bake-vae model vae.
`)
    const alone = await runCli(['bake-vae', BASE])
    expect(alone).toMatchObject({
      code: 2,
      stderr:
        'sdtool: a checkpoint and a VAE are needed\n  sdtool bake-vae model.safetensors vae.safetensors\n',
    })
  })
})
