import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DIFFUSERS_FAMILIES } from '../../../src/model/layouts/diffusers-families.ts'
import { DIT_ARCHITECTURES } from '../../../src/model/networks/architectures/proof.ts'

interface Golden {
  readonly class: string
  readonly config: Readonly<Record<string, unknown>>
}

/** Made by fixtures/goldens/transformer_configs.py: what diffusers writes for the published models. */
const GOLDENS: Readonly<Record<string, Golden>> = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../fixtures/goldens/transformer-configs.json'), 'utf8'),
)

const CASES = Object.entries(GOLDENS)
  .filter(([model]) => !model.startsWith('vae/'))
  .map(([model, golden]) => {
    const [id, variant] = model.split('/') as [string, string?]
    const architecture = DIT_ARCHITECTURES.find((one) => one.id === id)
    return { model, golden, architecture: architecture!, variant }
  })

describe.each(CASES)('the configuration of $model', ({ golden, architecture, variant }) => {
  const family = DIFFUSERS_FAMILIES[architecture.id]!
  const { dims } = architecture.variants.find(({ id }) => id === variant) ?? {}
  const member = { dims: { ...architecture.network.dims, ...dims }, ...(variant && { variant }) }

  it('is that of diffusers', () => {
    expect(family.transformer(member)).toBe(golden.class)
    expect(family.config(member)).toEqual(golden.config)
  })

  it('names the variants of the architecture', () => {
    if (variant !== undefined) expect(architecture.variants.map(({ id }) => id)).toContain(variant)
  })
})

it('every family of diffusers is of the registry', () => {
  const ids = DIT_ARCHITECTURES.map(({ id }) => id)
  expect(Object.keys(DIFFUSERS_FAMILIES).filter((id) => !ids.includes(id))).toEqual([])
})
