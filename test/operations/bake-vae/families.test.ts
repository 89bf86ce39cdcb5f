/** VAEs of transformers into files of a whole model: each into those of its own latents only. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { identify } from '../../../src/model/identify/identify.ts'
import type { Model } from '../../../src/model/model.ts'
import { type Architecture, dit } from '../../../src/model/networks/architectures/architecture.ts'
import { flux2 } from '../../../src/model/networks/architectures/flux2.ts'
import { kandinsky5 } from '../../../src/model/networks/architectures/kandinsky5.ts'
import { DIT_ARCHITECTURES } from '../../../src/model/networks/architectures/proof.ts'
import { qwenImage } from '../../../src/model/networks/architectures/qwen-image.ts'
import type { DitNetwork } from '../../../src/model/networks/template/network.ts'
import type { Shape } from '../../../src/model/networks/topology/match.ts'
import { VAE_16, vaeTopology } from '../../../src/model/networks/topology/vae.ts'
import { type BakePlan, planBakeVae } from '../../../src/operations/bake-vae/plan.ts'
import { SdtoolError } from '../../../src/system/errors.ts'
import { type CollapsedKeys, expandedKeys } from '../../collapsed-keys.ts'
import { componentKeys, tableOf, valuesOf } from '../../model/tables.ts'

type Keys = readonly (readonly [string, Shape])[]

/** Made by fixtures/goldens/vaes.py. */
const GOLDEN = JSON.parse(readFileSync('fixtures/goldens/vaes.json', 'utf8')) as Readonly<
  Record<'native' | 'diffusers', Readonly<Record<string, CollapsedKeys>>>
>

const keysOf = (group: 'native' | 'diffusers', name: string): Keys =>
  Object.entries(expandedKeys(GOLDEN[group][name]!))

/** VAEs by whose latents they make. */
const VAES: Readonly<Record<string, Keys>> = {
  flux: [...vaeTopology(VAE_16)],
  flux2: keysOf('diffusers', 'flux2'),
  wan21: keysOf('native', 'wan21'),
  wan22: keysOf('native', 'wan22'),
  'hunyuan-video': keysOf('native', 'hunyuan-video'),
  cosmos: keysOf('diffusers', 'cosmos'),
  ltx: keysOf('native', 'ltx'),
}

const BASES: readonly Architecture[] = DIT_ARCHITECTURES.filter(({ latent }) =>
  Object.hasOwn(VAES, latent.space),
)

/** Whether a Z-Image can be run in fp16 is measured. */
const values = valuesOf({ 'model.diffusion_model.layers.28.ffn_norm1.weight': Array(3840).fill(1) })

async function model(name: string, keys: Iterable<readonly [string, Shape]>): Promise<Model> {
  const file = tableOf(keys, { dtype: 'BF16' })
  return { name, file, identity: await identify(file, values) }
}

const base = ({ network }: Architecture, vae: Keys = []) =>
  model('base.safetensors', [
    ...componentKeys(dit(network as DitNetwork)),
    ...vae.map(([name, shape]) => [`vae.${name}`, shape] as const),
  ])

function refusal(one: Model, other: Model): string | undefined {
  try {
    planBakeVae(one, other)
    return undefined
  } catch (error) {
    if (error instanceof SdtoolError) return error.code
    throw error
  }
}

const PAIRS = BASES.flatMap((architecture) =>
  Object.keys(VAES).map((space) => ({ title: architecture.title, architecture, space })),
)

describe('bake-vae', () => {
  it.each(PAIRS)('$title with a VAE of $space', async ({ architecture, space }) => {
    const vae = await model(`${space}.safetensors`, VAES[space]!)
    const wanted = architecture.latent.space
    const expected = space === wanted ? undefined : 'VAE_WRONG_ARCHITECTURE'
    expect(refusal(await base(architecture), vae)).toBe(expected)
    expect(refusal(await base(architecture, VAES[wanted]), vae)).toBe(expected)
  })

  it('a video VAE replaces the one that is there, tensor by tensor', async () => {
    const { table, baked } = planBakeVae(
      await base(qwenImage, VAES.wan21),
      await model('wan.safetensors', VAES.wan21!),
    )
    expect(baked.filter(({ before }) => before !== undefined)).toHaveLength(VAES.wan21!.length)
    expect(table.tensors.get('vae.decoder.middle.0.residual.0.gamma')?.shape).toEqual([384, 1, 1, 1])
  })

  it('stands where ComfyUI looks for it in a file that had none', async () => {
    const { table, baked } = planBakeVae(await base(qwenImage), await model('wan.safetensors', VAES.wan21!))
    expect(baked.map(({ after }) => after.name).filter((name) => !name.startsWith('vae.'))).toEqual([])
    expect(table.tensors.has('vae.conv2.weight')).toBe(true)
  })

  it('that of Flux.2 takes the names of the file, its statistics included', async () => {
    const { baked } = planBakeVae(await base(flux2), await model('ae.safetensors', VAES.flux2!))
    const names = baked.map(({ after }) => after.name)
    expect(names).toContain('vae.decoder.mid.attn_1.q.weight')
    expect(names).toContain('vae.bn.running_mean')
    expect(names).toHaveLength(VAES.flux2!.length)
  })

  it('that of Wan takes the names of the file, from those of diffusers', async () => {
    const vae = await model('wan.safetensors', keysOf('diffusers', 'wan21'))
    const named = ({ baked }: BakePlan) => baked.map(({ after }) => after.name)
    const own = VAES.wan21!.map(([name]) => `vae.${name}`).toSorted()
    for (const one of [await base(qwenImage, VAES.wan21), await base(qwenImage)])
      expect(named(planBakeVae(one, vae)).toSorted()).toEqual(own)
  })

  it('says where it cannot know whether a VAE is complete', async () => {
    const codes = async (vae: Keys, own: Keys = []) =>
      planBakeVae(await base(kandinsky5, own), await model('vae.safetensors', vae)).findings.map(
        ({ code }) => code,
      )
    const hunyuan = VAES['hunyuan-video']!
    expect(await codes(hunyuan)).toContain('vae-unchecked')
    expect(await codes(hunyuan, hunyuan)).not.toContain('vae-unchecked')
    const { findings } = planBakeVae(await base(qwenImage), await model('wan.safetensors', VAES.wan21!))
    expect(findings.map(({ code }) => code)).not.toContain('vae-unchecked')
  })

  it('refuses names of diffusers that it cannot change', async () => {
    const vae = await model('hunyuan.safetensors', keysOf('diffusers', 'hunyuan-video'))
    expect(refusal(await base(kandinsky5, VAES['hunyuan-video']), vae)).toBe('VAE_MISFIT')
    expect(refusal(await base(kandinsky5), vae)).toBe('VAE_MISFIT')
  })

  it('refuses a VAE that lacks a tensor of the one that is there', async () => {
    const part = VAES.wan21!.filter(([name]) => name !== 'conv2.weight')
    const vae = await model('wan.safetensors', part)
    expect(refusal(await base(qwenImage, VAES.wan21), vae)).toBe('VAE_INCOMPLETE')
  })
})
