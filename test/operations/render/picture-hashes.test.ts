import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import {
  hashedEmbedding,
  hashedLora,
  hashedModel,
  hashedVae,
} from '../../../src/operations/render/picture-hashes.ts'
import { QUIET_WORLD } from '../../quiet-world.ts'

const folder = join(import.meta.dirname, '../../../fixtures/tiny-sd')
const world = QUIET_WORLD

/** By Node, in one piece. */
function sha256(name: string, from = 0): string {
  return createHash('sha256')
    .update(readFileSync(join(folder, name)).subarray(from))
    .digest('hex')
}

function headerEnd(name: string): number {
  return 8 + Number(readFileSync(join(folder, name)).readBigUInt64LE(0))
}

it('checkpoints and VAEs: ten digits of SHA-256; only a VAE keeps its ending', async () => {
  expect(await hashedModel(join(folder, 'tiny-sd-b.safetensors'), world)).toEqual({
    name: 'tiny-sd-b',
    hash: sha256('tiny-sd-b.safetensors').slice(0, 10),
  })
  expect(await hashedVae(join(folder, 'vivid.vae.pt'), world)).toEqual({
    name: 'vivid.vae.pt',
    hash: sha256('vivid.vae.pt').slice(0, 10),
  })
})

it('LoRAs: twelve digits of what follows the header, of the whole file if it is no safetensors', async () => {
  const name = 'tiny-stripes.safetensors'
  const lora = await hashedLora('stripes', join(folder, name), {}, world)
  expect(lora).toEqual({ name: 'stripes', hash: sha256(name, headerEnd(name)).slice(0, 12) })
  const { hash } = await hashedLora('x', join(folder, 'vivid.vae.pt'), {}, world)
  expect(hash).toBe(sha256('vivid.vae.pt').slice(0, 12))
})

it('LoRAs whose trainer wrote the hash: that one, if it is one', async () => {
  const path = join(folder, 'tiny-stripes.safetensors')
  const known = 'ab'.repeat(32)
  expect((await hashedLora('x', path, { sshs_model_hash: known }, world)).hash).toBe('abababababab')
  expect((await hashedLora('x', path, { sshs_model_hash: 'x, Version: y' }, world)).hash).not.toContain('x')
})

it('embeddings: twelve digits of SHA-256', async () => {
  expect(await hashedEmbedding('sd-bad', join(folder, 'sd-bad.pt'), world)).toEqual({
    name: 'sd-bad',
    hash: sha256('sd-bad.pt').slice(0, 12),
  })
})
