/** VAEs whose shapes fit and whose latents do not. Scales: the configurations of the published VAEs of diffusers. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { VAE_16, VAE_KL_F8, vaeTopology } from '../../src/model/networks/topology/vae.ts'
import type { TensorTable } from '../../src/tensor/values/table.ts'
import { writeModel } from '../model-files.ts'
import { halves, narrowSd1, narrowSd2, narrowSd3, narrowXl } from '../narrow-models.ts'
import { tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const NARROW = { widths: [32, 32, 32, 32] }
const VAE_4 = vaeTopology({ ...VAE_KL_F8, ...NARROW })
const VAE_16_NARROW = vaeTopology({ ...VAE_16, ...NARROW })

/** SD 3 with the VAE that it has. */
function sd3(): TensorTable {
  const tensors = [...narrowSd3(halves).tensors.values(), ...halves(VAE_16_NARROW, 'first_stage_model.')]
  return tableOf(tensors)
}

const MODELS = {
  sd1: () => narrowSd1(halves),
  sd2: () => narrowSd2(halves),
  xl: () => narrowXl(halves),
  sd3,
} as const

type ModelName = keyof typeof MODELS

async function model(folder: string, name: ModelName): Promise<string> {
  const path = join(folder, `${name}.safetensors`)
  await writeModel(path, MODELS[name]())
  return path
}

interface Source {
  readonly channels?: 16
  readonly fileName?: string
  readonly metadata?: Record<string, string>
  /** Of a config.json beside it. */
  readonly scale?: number
}

/** A VAE in a file of its own, with other values than those of the models. */
async function vaeFile(folder: string, { channels, fileName, metadata, scale }: Source): Promise<string> {
  const own = join(folder, 'vae')
  mkdirSync(own)
  const path = join(own, fileName ?? (scale ? 'diffusion_pytorch_model.safetensors' : 'new.safetensors'))
  const tensors = halves(channels ? VAE_16_NARROW : VAE_4, '')
  const flipped = tensors.map((tensor, i) =>
    i > 0 || tensor.source.kind !== 'bytes'
      ? tensor
      : { ...tensor, source: { ...tensor.source, data: tensor.source.data.map((byte) => byte ^ 1) } },
  )
  await writeModel(path, tableOf(flipped, metadata))
  if (scale !== undefined)
    writeFileSync(
      join(own, 'config.json'),
      JSON.stringify({ scaling_factor: scale, latent_channels: channels ?? 4 }),
    )
  return path
}

/** Every command that takes a VAE for a model. */
const TAKERS: readonly (readonly [string, (base: string, vae: string, out: string) => string[]])[] = [
  ['bake-vae', (base, vae, out) => ['bake-vae', base, vae, '-o', out]],
  ['merge --vae', (base, vae, out) => ['merge', base, base, '--vae', vae, '-o', out]],
  [
    'render --vae',
    (base, vae) => ['render', base, '--vae', vae, '-p', 'a', '--steps', '1', '--size', '64x64'],
  ],
]

describe.each(TAKERS)('%s', (verb, args) => {
  it.each<[ModelName, ModelName]>([
    ['sd1', 'xl'],
    ['sd2', 'xl'],
    ['xl', 'sd1'],
    ['xl', 'sd2'],
  ])('%s does not take the VAE of a whole %s, exit 4', async (base, other) => {
    const folder = tempFolder()
    const out = join(folder, 'out.safetensors')
    const { code, stdout, stderr } = await runCli(
      args(await model(folder, base), await model(folder, other), out),
    )
    expect([code, stdout]).toEqual([4, ''])
    const [scale, own] = other === 'xl' ? ['0.13025', '0.18215'] : ['0.18215', '0.13025']
    expect(stderr).toMatch(new RegExp(`is a VAE of .*${scale}.* it is inside a .*; .* needs one of .*${own}`))
    expect(existsSync(out)).toBe(false)
  })

  it.each<[ModelName, Source]>([
    ['sd1', { scale: 0.13025 }],
    ['xl', { scale: 0.18215 }],
    ['sd1', { metadata: { 'modelspec.architecture': 'stable-diffusion-xl-v1-base/vae' } }],
    ['xl', { metadata: { 'sdtool.latents': 'sd' } }],
  ])('%s does not take a VAE file that says otherwise: %j', async (base, source) => {
    const folder = tempFolder()
    const paths = [await model(folder, base), await vaeFile(folder, source)] as const
    const { code, stderr } = await runCli(args(...paths, join(folder, 'out.safetensors')))
    expect([code, stderr]).toEqual([4, expect.stringContaining(' is a VAE of ')])
  })

  it.skipIf(verb === 'render --vae')('warns where only a name says so', async () => {
    const folder = tempFolder()
    const vae = await vaeFile(folder, { fileName: 'sdxl_vae.safetensors' })
    const base = await model(folder, 'sd1')
    const other = join(folder, 'b.safetensors')
    await writeModel(other, narrowSd1(halves, {}))
    const { stdout } = await runCli([
      ...args(base, vae, join(folder, 'o.safetensors')),
      '--dry-run',
      '--json',
    ])
    const { findings } = JSON.parse(stdout).results[0]
    expect(findings.map(({ code }: { code: string }) => code)).toContain('vae-other-latents')
  })
})

describe('a VAE of 16 channels', () => {
  it.each<[string, Source, number]>([
    ['of Flux', { channels: 16, scale: 0.3611 }, 4],
    ['of SD 3', { channels: 16, scale: 1.5305 }, 0],
    ['of nobody knows whom', { channels: 16 }, 0],
  ])('%s into SD 3', async (_, source, expected) => {
    const folder = tempFolder()
    const [base, vae] = [await model(folder, 'sd3'), await vaeFile(folder, source)]
    const { code, stdout } = await runCli(['bake-vae', base, vae, '-o', join(folder, 'o.safetensors')])
    expect(code).toBe(expected)
    if (source.scale === undefined) expect(stdout).toContain('is for Stable Diffusion 3 or Flux.1')
  })
})

describe('what is known of a VAE', () => {
  it.each<[ModelName, ModelName, number]>([
    ['xl', 'sd1', 4],
    ['sd1', 'sd2', 0],
  ])('goes with it when it is extracted: of %s, into %s', async (from, into, expected) => {
    const folder = tempFolder()
    const vae = join(folder, 'plain-name.safetensors')
    expect((await runCli(['extract', 'vae', await model(folder, from), '-o', vae])).code).toBe(0)
    const { code, stdout } = await runCli([
      'bake-vae', await model(folder, into), vae, '--dtype', 'fp32', '-o', join(folder, 'out.safetensors'),
    ]) // biome-ignore format: one line
    expect(code).toBe(expected)
    expect(stdout).not.toContain('nothing says')
  })

  it('goes with it from a folder of diffusers', async () => {
    const folder = tempFolder()
    const vae = await vaeFile(folder, { scale: 0.13025 })
    const out = join(folder, 'plain-name.safetensors')
    expect((await runCli(['convert', vae, '--dtype', 'fp32', '-o', out])).code).toBe(0)
    expect((await runCli(['bake-vae', await model(folder, 'sd1'), out])).code).toBe(4)
  })
})
