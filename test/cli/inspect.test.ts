/** What people and programs get of files of every kind; the small trained models of fixtures/tiny-sd. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempFolder } from '../temp-folder.ts'
import { runCli, runOnTerminal } from './run.ts'

const folder = join(import.meta.dirname, '../../fixtures/tiny-sd')
const file = (name: string) => join(folder, name)

async function json(...args: string[]): Promise<unknown[]> {
  return JSON.parse((await runCli(['inspect', '--json', ...args])).stdout).results
}

describe('a page on a terminal', () => {
  it.each(['tiny-sd.ckpt', 'tiny-outline.safetensors', 'sd-postcard.pt', 'vivid.vae.pt'])(
    'of %s fits into 80 columns, apart from words that are longer',
    async (name) => {
      const { stdout } = await runOnTerminal(['inspect', file(name)], 80)
      const long = stdout.split('\n').filter((line) => line.length > 80)
      expect(long.filter((line) => line.trim().includes(' '))).toEqual([])
    },
  )

  it('of prune wraps its reasons', async () => {
    const args = ['prune', file('tiny-sd.ckpt'), '--dry-run']
    const lines = (await runOnTerminal(args, 80)).stdout.split('\n')
    const table = lines.slice(
      1,
      lines.findIndex((line) => line.startsWith('  would write')),
    )
    expect(table.length).toBeGreaterThan(8)
    expect(Math.max(...table.map((line) => line.length))).toBeLessThanOrEqual(80)
  })

  it('has no column of keys if there is no room for it', async () => {
    const args = ['inspect', file('tiny-sd.ckpt')]
    const lines = (await runOnTerminal(args, 80)).stdout.split('\n')
    expect(lines).toContain('  component               tensors  parameters     size  dtype')
    expect(lines).toContain('  EMA copy of the UNet        688       5.6 M  11.1 MB  F16 (686), F32 (1), I32')
    expect((await runOnTerminal(args, 120)).stdout).toContain('first_stage_model.*')
  })

  it('has the same words as in a pipe, where each fact is one line', async () => {
    const args = ['inspect', file('tiny-outline.safetensors')]
    const [terminal, piped] = [await runOnTerminal(args, 60), await runCli(args)]
    const words = (text: string) => text.split(/\s+/).join(' ')
    expect(words(terminal.stdout)).toBe(words(piped.stdout))
    expect(terminal.stdout.split('\n').length).toBeGreaterThan(piped.stdout.split('\n').length)
  })
})

describe('JSON', () => {
  it('has a result for each file, whether one was named, several or a folder', async () => {
    const vae = file('vivid.vae.pt')
    expect(await json(vae)).toMatchObject([{ path: vae }])
    expect(await json(vae, file('sd-bad.pt'))).toMatchObject([{ path: vae }, { path: file('sd-bad.pt') }])
    expect((await json(folder)).length).toBeGreaterThan(5)
  })

  it.each([
    [
      'tiny-stripes.safetensors',
      'stable-diffusion-v1',
      ['attn2.to_k and to_v take 48 inputs', 'ss_base_model_version="sd_v1"'],
    ],
    ['sd-postcard.pt', null, ['vectors of width 48']],
    ['vivid.vae.safetensors', null, ['VAE, 4 latent channels']],
  ])('names the architecture of %s with its evidence, or null', async (name, id, evidence) => {
    const [{ architecture }] = (await json(file(name))) as [{ architecture: object }]
    expect(architecture).toMatchObject({ id, prediction: null, evidence })
  })
})

describe('keys and metadata of several files', () => {
  it('stand under the name of their file', async () => {
    const files = [file('sd-bad.safetensors'), file('sd-postcard.safetensors')]
    const { stdout } = await runCli(['inspect', ...files, '--keys'])
    const lines = stdout.split('\n')
    expect(lines[0]).toBe(files[0])
    expect(lines[1]).toMatch(/^ {2}name +dtype +shape$/)
    expect(lines).toContain(files[1])
    const one = await runCli(['inspect', files[0]!, '--keys'])
    expect(one.stdout).not.toContain(files[0])
  })
})

describe('a baked VAE', () => {
  /** With the VAE of tiny-sd in fp32, and others. 194 of its tensors have at most 32768 values. */
  async function modelFolder(): Promise<string> {
    const models = tempFolder()
    mkdirSync(join(models, 'vae'))
    copyFileSync(file('vivid.vae.pt'), join(models, 'vae', 'vivid.pt'))
    writeFileSync(join(models, 'vae', 'broken.safetensors'), 'no model')
    const vae = join(models, 'vae', 'plain.safetensors')
    await runCli(['prune', file('tiny-sd.ckpt'), '--keep', 'vae', '--dtype', 'fp32', '-o', vae])
    return models
  }

  it('is recognised among the VAEs of the user, whatever type they are in', async () => {
    const models = await modelFolder()
    const path = join(models, 'vae', 'plain.safetensors')
    const finding = async (...args: string[]) => {
      const [{ findings }] = (await json(file('tiny-sd.ckpt'), ...args)) as [{ findings: { code: string }[] }]
      return findings.filter(({ code }) => code.startsWith('baked-vae'))
    }
    expect(await finding('--models', models)).toMatchObject([
      {
        code: 'baked-vae',
        severity: 'info',
        message: `the baked VAE is that of "${path}": its 194 small tensors have the same values; --hashes compares all 248`,
      },
    ])
    expect(await finding('--models', models, '--hashes')).toMatchObject([
      {
        code: 'baked-vae',
        severity: 'info',
        message: `the baked VAE is that of "${path}": all 248 tensors have the same values`,
      },
    ])
    expect(await finding()).toEqual([])
  })
})
