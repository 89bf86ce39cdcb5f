import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { VAE_16, vaeTopology } from '../../src/model/networks/topology/vae.ts'
import { type CollapsedKeys, expandedKeys } from '../collapsed-keys.ts'
import { publishedKeys } from '../published-keys.ts'
import { writeSparse } from '../sparse-models.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

function golden(name: string) {
  return JSON.parse(readFileSync(`fixtures/goldens/${name}.json`, 'utf8'))
}

/** Keys of transformers and of llama.cpp. */
const ENCODERS = golden('encoders').encoders as Readonly<
  Record<string, Readonly<Record<string, CollapsedKeys>>>
>
const VAES = golden('vaes').native as Readonly<Record<string, CollapsedKeys>>

function encoder(id: string, names = 'transformers') {
  return Object.entries(expandedKeys(ENCODERS[id]![names]!))
}

/** A person's folder: names say nothing, but for one VAE whose name is all there is. */
function library() {
  const root = tempFolder()
  const write = (path: string, keys: Iterable<readonly [string, readonly number[]]>) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeSparse(join(root, path), keys)
  }
  write('models/text_encoders/1.safetensors', encoder('qwen3_4b'))
  write('models/text_encoders/2.safetensors', encoder('t5xxl'))
  write('models/text_encoders/3.safetensors', encoder('t5xxl', 'llama.cpp'))
  write('models/vae/ae.safetensors', vaeTopology(VAE_16))
  write('models/vae/unknown16.safetensors', vaeTopology(VAE_16))
  write('models/vae/4.safetensors', Object.entries(expandedKeys(VAES.wan21!)))
  write('odd/5.safetensors', encoder('qwen25_7b'))
  write('models/loras/6.safetensors', encoder('qwen3_8b'))
  return { root, write }
}

async function inspected(path: string, ...args: string[]) {
  const env = { SDTOOL_CACHE: join(dirname(path), 'cache') }
  const { code, stdout } = await runCli(['inspect', path, '--json', ...args], undefined, env)
  expect(code).toBe(0)
  return JSON.parse(stdout).results[0]
}

/** Name of each part with its files, those that are surely it marked with a bang. */
function found({ needs }: Awaited<ReturnType<typeof inspected>>, root: string) {
  const parts = needs.parts as {
    name: string
    latents: string | null
    files: { path: string; sure: boolean }[] | null
  }[]
  return Object.fromEntries(
    parts.map(({ name, latents, files }) => [
      latents ?? name,
      files?.map(({ path, sure }) => relative(root, path) + (sure ? '!' : '')) ?? null,
    ]),
  )
}

const AE = ['models/vae/ae.safetensors', 'models/vae/unknown16.safetensors']
const T5 = ['models/text_encoders/2.safetensors!', 'models/text_encoders/3.safetensors!']

/** Key list -> what its pipeline in diffusers has for a text encoder and a VAE, and where that is in the library. */
const NEEDS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'flux-dev': { clip_l: [], t5xxl: T5, 'Flux.1': AE },
  chroma: { t5xxl: T5, 'Flux.1': AE },
  'sd3.5-large': {
    clip_l: [],
    clip_g: [],
    t5xxl: T5,
    'Stable Diffusion 3': ['models/vae/unknown16.safetensors'],
  },
  'z-image': { qwen3_4b: ['models/text_encoders/1.safetensors!'], 'Flux.1': AE },
  'flux2-klein-4b': { qwen3_4b: ['models/text_encoders/1.safetensors!'], 'Flux.2': [] },
  'flux2-klein-9b': { qwen3_8b: [], 'Flux.2': [] },
  'flux2-dev': { mistral3_24b: [], 'Flux.2': [] },
  'qwen-image': { qwen25_7b: ['odd/5.safetensors!'], 'Wan 2.1': ['models/vae/4.safetensors!'] },
}

describe('inspect of a bare transformer', () => {
  it.each(Object.entries(NEEDS))('%s: finds what goes with it by what files are', async (model, parts) => {
    const { root, write } = library()
    write('x/x.safetensors', publishedKeys(model, 'native'))
    const result = await inspected(join(root, 'x/x.safetensors'), '--models', root)
    expect(found(result, root)).toEqual(parts)
  })

  it('says what it looked at, once where everything is in its place, and asks for folders where it has none', async () => {
    const { root, write } = library()
    write('x/x.safetensors', publishedKeys('qwen-image', 'native'))
    const path = join(root, 'x/x.safetensors')
    // in the folders for LoRAs it does not look
    expect((await inspected(path, '--models', root)).needs).toMatchObject({ looked: 7, files: 7 })
    // the next call opens none of them again
    const { files } = JSON.parse(readFileSync(join(dirname(path), 'cache/library.json'), 'utf8'))
    expect(Object.keys(files)).toHaveLength(7)
    write('models/text_encoders/7.safetensors', encoder('qwen25_7b'))
    const result = await inspected(path, '--models', root)
    expect(result.needs).toMatchObject({ looked: 7, files: 8 })
    expect(found(result, root)).toMatchObject({ qwen25_7b: ['models/text_encoders/7.safetensors!'] })
    const { needs } = await inspected(path)
    expect(needs).toMatchObject({ looked: null, files: null })
    expect(needs.parts.map(({ files }: { files: unknown }) => files)).toEqual([null, null])
    const { stdout } = await runCli(['inspect', path])
    expect(stdout).toContain('--models or SDTOOL_MODELS names folders')
  })

  it('shows it on the page, with the program that would not find it where it is', async () => {
    const { root, write } = library()
    mkdirSync(join(root, 'custom_nodes'))
    write('models/checkpoints/x.safetensors', publishedKeys('chroma', 'native'))
    const path = join(root, 'models/checkpoints/x.safetensors')
    writeFileSync(join(dirname(path), 'x.civitai.info'), '{"baseModel": "ZImageTurbo"}')
    const { stdout } = await runCli(['inspect', path, '--models', root])
    expect(stdout.replaceAll(`${root}/`, '')).toContain(
      [
        '  Needs',
        '    T5-XXL text encoder  models/text_encoders/2.safetensors, models/text_encoders/3.safetensors',
        '    VAE of Flux.1        perhaps models/vae/ae.safetensors, perhaps models/vae/unknown16.safetensors',
        '                         looked at 7 model files',
        '',
        '  Findings',
        '    ! the place of this diffusion transformer in ComfyUI is models/diffusion_models: it does not look for one in models/checkpoints',
        '    ! the .civitai.info beside it says that it is for ZImageTurbo, but it is for Chroma',
      ].join('\n'),
    )
    expect(stdout).toContain('ComfyUI models/diffusion_models')
    const { findings, places } = await inspected(path)
    expect(findings.map(({ code }: { code: string }) => code)).toEqual(['misplaced', 'other-base'])
    expect(places).toContainEqual({
      program: 'comfyui',
      title: 'ComfyUI',
      folder: 'models/diffusion_models',
      option: null,
    })
  })
})

describe('inspect of a complete model', () => {
  it('needs nothing', async () => {
    const { needs, places } = await inspected(join('fixtures/tiny-sd', basename('tiny-sd.ckpt')))
    expect(needs).toBeNull()
    expect(places.map(({ folder, option }: Record<string, string>) => folder ?? option)).toEqual([
      'models/Stable-diffusion',
      'models/checkpoints',
      'Models/Stable-Diffusion',
      '--model',
    ])
  })
})
