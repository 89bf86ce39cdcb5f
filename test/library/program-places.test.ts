import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { LAYOUTS } from '../../src/library/layouts.ts'
import { folderKindOf, misplacedFile, programPlaces } from '../../src/library/program-places.ts'
import type { Identity } from '../../src/model/identity.ts'
import { KINDS } from '../../src/model/kinds.ts'
import type { ComponentId } from '../../src/model/networks/components.ts'
import { COMPONENTS } from '../../src/model/networks/components.ts'
import { tempFolder } from '../temp-folder.ts'

type Placed = Pick<Identity, 'kind' | 'components'>

/** What such a file is made of, as far as its place depends on it. */
function file(kind: Identity['kind'], ...ids: ComponentId[]): Placed {
  return {
    kind,
    components: ids.map((id) => ({ id, role: COMPONENTS[id].role }) as Identity['components'][number]),
  }
}

const FILES = {
  'all-in-one': file('checkpoint', 'dit', 't5xxl', 'vae'),
  'bare transformer': file('dit', 'dit'),
  'bare UNet': file('unet', 'unet'),
  VAE: file('vae', 'vae'),
  'CLIP-L': file('text-encoder', 'clip_l'),
  'UMT5-XXL': file('text-encoder', 'umt5xxl'),
  'Qwen3 4B': file('text-encoder', 'qwen3_4b'),
  LoRA: file('lora', 'adapter'),
  embedding: file('embedding', 'embedding'),
  ControlNet: file('controlnet', 'controlnet'),
  upscaler: file('upscaler', 'weights'),
} satisfies Record<string, Placed>

/** ComfyUI's folder_paths.py, SwarmUI's Settings.cs, A1111's and Forge's folders, stable-diffusion.cpp's help. */
const PLACES: readonly (readonly [
  keyof typeof FILES,
  comfyui: string,
  a1111: string,
  swarmui: string,
  sdcpp: string,
])[] = [
  ['all-in-one', 'models/checkpoints', 'models/Stable-diffusion', 'Models/Stable-Diffusion', '--model'],
  [
    'bare transformer',
    'models/diffusion_models',
    'models/Stable-diffusion',
    'Models/diffusion_models',
    '--diffusion-model',
  ],
  [
    'bare UNet',
    'models/diffusion_models',
    'models/Stable-diffusion',
    'Models/diffusion_models',
    '--diffusion-model',
  ],
  ['VAE', 'models/vae', 'models/VAE', 'Models/VAE', '--vae'],
  ['CLIP-L', 'models/text_encoders', 'models/text_encoder', 'Models/clip', '--clip_l'],
  ['UMT5-XXL', 'models/text_encoders', 'models/text_encoder', 'Models/clip', '--t5xxl'],
  ['Qwen3 4B', 'models/text_encoders', 'models/text_encoder', 'Models/clip', '--llm'],
  ['LoRA', 'models/loras', 'models/Lora', 'Models/Lora', '--lora-model-dir'],
  ['embedding', 'models/embeddings', 'embeddings', 'Models/Embeddings', '--embd-dir'],
  ['ControlNet', 'models/controlnet', 'models/ControlNet', 'Models/controlnet', '--control-net'],
  ['upscaler', 'models/upscale_models', 'models/ESRGAN', 'Models/upscale_models', '--upscale-model'],
]

describe('where programs look for a model', () => {
  it.each(PLACES)('%s', (name, comfyui, a1111, swarmui, sdcpp) => {
    const places = programPlaces(FILES[name]).map(({ program, folder, option }) => [
      program,
      folder ?? option,
    ])
    expect(Object.fromEntries(places)).toEqual({ comfyui, a1111, swarmui, 'stable-diffusion.cpp': sdcpp })
  })

  it('is in Forge alone, of the two that share their folders, for transformers', () => {
    const titles = (name: keyof typeof FILES) => programPlaces(FILES[name]).map(({ title }) => title)
    for (const name of ['all-in-one', 'bare transformer'] as const)
      expect([name, titles(name)[0]]).toEqual([name, 'Forge'])
    expect(titles('bare UNet')[0]).toBe('A1111, Forge')
  })

  it('is not said of what they do not agree about, or a model without its network', () => {
    for (const kind of ['taesd', 'ip-adapter', 'training', 'aesthetic', 'unknown'] as const)
      expect([kind, KINDS[kind], programPlaces(file(kind, 'weights'))]).toEqual([kind, KINDS[kind], []])
    expect(folderKindOf(file('checkpoint', 'clip_l', 'vae'))).toBeUndefined()
    // its language model is a part of its network
    const architecture = { id: 'hidream-o1' } as Identity['architecture'] & object
    expect(folderKindOf({ ...FILES['bare transformer'], architecture })).toBeUndefined()
    expect(
      folderKindOf({ ...FILES['bare transformer'], architecture: { ...architecture, id: 'z-image' } }),
    ).toBe('diffusion-model')
  })
})

/** A tree with one file that only such a program has. */
function programFolder(marker: string): string {
  const root = tempFolder()
  mkdirSync(dirname(join(root, marker)), { recursive: true })
  writeFileSync(join(root, marker), '')
  return root
}

/** Program, folder, file -> where it belongs; null where it lies right. */
const LYING: readonly (readonly [
  program: string,
  folder: string,
  keyof typeof FILES,
  right: string | null,
])[] = [
  ['comfyui', 'models/checkpoints', 'all-in-one', null],
  ['comfyui', 'models/checkpoints', 'bare transformer', 'models/diffusion_models'],
  ['comfyui', 'models/checkpoints/flux/new', 'bare transformer', 'models/diffusion_models'],
  ['comfyui', 'models/checkpoints', 'LoRA', 'models/loras'],
  ['comfyui', 'models/checkpoints', 'VAE', 'models/vae'],
  ['comfyui', 'models/diffusion_models', 'all-in-one', 'models/checkpoints'],
  ['comfyui', 'models/unet', 'bare transformer', null],
  ['comfyui', 'models/unet', 'all-in-one', 'models/checkpoints'],
  ['comfyui', 'models/clip', 'Qwen3 4B', null],
  ['comfyui', 'models/loras', 'embedding', 'models/embeddings'],
  ['comfyui', 'models/ipadapter', 'LoRA', null],
  ['a1111', 'models/Stable-diffusion', 'bare transformer', null],
  ['a1111', 'models/Stable-diffusion', 'LoRA', 'models/Lora'],
  ['a1111', 'models/Stable-diffusion', 'VAE', 'models/VAE'],
  ['a1111', 'models/VAE', 'CLIP-L', null],
  ['a1111', 'models/text_encoder', 'VAE', null],
  ['a1111', 'models/LyCORIS', 'LoRA', null],
  ['a1111', 'embeddings', 'LoRA', 'models/Lora'],
  ['swarmui', 'Models/Stable-Diffusion', 'bare transformer', 'Models/diffusion_models'],
  ['swarmui', 'Models/diffusion_models', 'all-in-one', 'Models/Stable-Diffusion'],
  ['swarmui', 'Models/Lora', 'LoRA', null],
]

describe('a file in a folder of a program', () => {
  it.each(LYING)('%s, %s: %s', (program, folder, name, right) => {
    const layout = LAYOUTS.find(({ id }) => id === program)!
    for (const marker of layout.markers) {
      const found = misplacedFile(join(programFolder(marker), folder, 'x.safetensors'), FILES[name])
      expect([marker, found?.right ?? null]).toEqual([marker, right])
    }
  })

  it('lies nowhere wrong in a folder that is not surely of the program', () => {
    for (const [, folder, name] of LYING)
      expect(misplacedFile(join(tempFolder(), folder, 'x.safetensors'), FILES[name])).toBeUndefined()
  })

  it('is a VAE beside a checkpoint by its name', () => {
    const path = join(programFolder('webui.py'), 'models/Stable-diffusion/x.vae.pt')
    expect(misplacedFile(path, FILES.VAE)).toBeUndefined()
  })
})
