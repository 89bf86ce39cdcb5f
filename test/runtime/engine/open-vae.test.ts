import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { LATENTS } from '../../../src/model/networks/architectures/latent-spaces.ts'
import type { EngineOptions } from '../../../src/runtime/engine/engine.ts'
import { openVae } from '../../../src/runtime/engine/open-vae.ts'
import { type CollapsedKeys, expandedKeys } from '../../collapsed-keys.ts'
import { inputModel } from '../../operations/input-models.ts'

/** Made by fixtures/goldens/vaes.py. */
const { native } = JSON.parse(readFileSync('fixtures/goldens/vaes.json', 'utf8')) as {
  native: Record<string, CollapsedKeys>
}

/** Nothing is asked of the engine before it is known what the autoencoder is. */
const NOTHING = {} as EngineOptions

describe('a VAE to draw with', () => {
  it.each(['wan21', 'hunyuan-video', 'cascade-a'])('%s is refused by its name', async (name) => {
    const vae = await inputModel('other.safetensors', Object.entries(expandedKeys(native[name]!)))
    await expect(openVae(vae, LATENTS.flux, NOTHING)).rejects.toMatchObject({
      code: 'NOT_RENDERABLE',
      exitCode: 3,
      message: `other.safetensors has layers that sdtool does not draw with: ${vae.identity.title}`,
    })
  })

  it('one for videos with few layers is refused as well', async () => {
    const keys = [
      ['decoder.1.weight', [256, 16, 3, 3]],
      ['decoder.7.conv.weight', [256, 256, 1, 1]],
      ['decoder.22.weight', [3, 64, 3, 3]],
    ] as const
    const vae = await inputModel('taew2_1.safetensors', keys)
    await expect(openVae(vae, LATENTS.flux, NOTHING)).rejects.toMatchObject({ code: 'NOT_RENDERABLE' })
  })
})
