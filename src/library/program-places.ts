/** Where programs look for a model, and whether a file lies where its program finds it. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import type { Identity } from '../model/identity.ts'
import type { Kind } from '../model/kinds.ts'
import { architectureById } from '../model/networks/architectures/registry.ts'
import type { ComponentId } from '../model/networks/components.ts'
import { type FolderKind, type FolderLayout, LAYOUTS } from './layouts.ts'

const FOLDER_KINDS: Readonly<Partial<Record<Kind, FolderKind>>> = {
  unet: 'diffusion-model',
  dit: 'diffusion-model',
  vae: 'vae',
  'text-encoder': 'text-encoder',
  'vision-encoder': 'vision-encoder',
  lora: 'lora',
  embedding: 'embedding',
  controlnet: 'controlnet',
  't2i-adapter': 'controlnet',
  upscaler: 'upscaler',
  hypernetwork: 'hypernetwork',
}

/** What of a file decides where it goes. */
type Placed = Pick<Identity, 'kind' | 'components' | 'architecture'>

/** What a folder for such a file is for; undefined where programs do not agree, or nothing is known. */
export function folderKindOf({ kind, components, architecture }: Placed): FolderKind | undefined {
  const hasUnet = components.some(({ role }) => role === 'unet')
  if (kind === 'checkpoint') return hasUnet ? 'checkpoint' : undefined
  // a network that reads the text itself is a whole model: programs load it either way
  if (architecture && architectureById(architecture.id)?.encoders?.length === 0) return undefined
  return FOLDER_KINDS[kind]
}

/** A program that takes a model, and where: a folder below its own, or an option. */
export interface ProgramPlace {
  readonly program: string
  readonly title: string
  readonly folder?: string
  readonly option?: string
}

/** leejet/stable-diffusion.cpp takes paths, whatever folder they are in. Source: its examples/common/common.cpp. */
const SDCPP = { program: 'stable-diffusion.cpp', title: 'stable-diffusion.cpp' } as const

const SDCPP_OPTIONS: Readonly<Partial<Record<FolderKind, string>>> = {
  checkpoint: '--model',
  'diffusion-model': '--diffusion-model',
  lora: '--lora-model-dir',
  vae: '--vae',
  embedding: '--embd-dir',
  'vision-encoder': '--clip_vision',
  controlnet: '--control-net',
  upscaler: '--upscale-model',
}

const SDCPP_ENCODERS: Readonly<Partial<Record<ComponentId, string>>> = {
  clip_l: '--clip_l',
  clip_g: '--clip_g',
  t5xxl: '--t5xxl',
  umt5xxl: '--t5xxl',
}

/** Qwen, Gemma, Mistral and the like. */
const LANGUAGE_MODEL = /^(?:qwen|gemma|mistral|ministral|llama|gpt)/

/** Every program that has a place for it; none for what `folderKindOf` does not know. */
export function programPlaces(identity: Placed): ProgramPlace[] {
  const kind = folderKindOf(identity)
  if (kind === undefined) return []
  const option = kind === 'text-encoder' ? encoderOption(identity) : SDCPP_OPTIONS[kind]
  const isTransformer = identity.components.some(({ id }) => id === 'dit')
  const folders = LAYOUTS.flatMap(({ id, title, titleForTransformers = title, folders }): ProgramPlace[] => {
    const [folder] = folders[kind]
    if (folder === undefined) return []
    return [{ program: id, title: isTransformer ? titleForTransformers : title, folder }]
  })
  return [...folders, ...(option === undefined ? [] : [{ ...SDCPP, option }])]
}

function encoderOption({ components }: Placed): string | undefined {
  const id = components.find(({ role }) => role === 'text')?.id
  if (id === undefined) return undefined
  return SDCPP_ENCODERS[id] ?? (LANGUAGE_MODEL.test(id) ? '--llm' : undefined)
}

/** A folder of a program, as far as a path is in one. */
interface OwnPlace {
  readonly layout: FolderLayout
  /** `models/checkpoints`. */
  readonly folder: string
}

/** A file in a folder from which its program does not read files of its kind. */
export interface Misplaced {
  readonly title: string
  readonly folder: string
  /** Where the program looks for it. */
  readonly right: string
}

/** `name.vae.pt` beside `name.ckpt`. Source: AUTOMATIC1111/stable-diffusion-webui, modules/sd_vae.py. */
const VAE_OF_CHECKPOINT = /\.vae\.\w+$/i

/** Undefined for a file that lies right, and for one that is in no folder that is surely a program's. */
export function misplacedFile(path: string, identity: Placed): Misplaced | undefined {
  const kind = folderKindOf(identity)
  const place = kind === undefined ? undefined : placeOf(path)
  if (kind === undefined || place === undefined) return undefined
  if (kind === 'vae' && VAE_OF_CHECKPOINT.test(path)) return undefined
  const { layout, folder } = place
  const right = layout.folders[kind]
  const also = layout.alsoReads?.[folder] ?? []
  if (right[0] === undefined || right.includes(folder) || also.includes(kind)) return undefined
  return { title: layout.title, folder, right: right[0] }
}

/** By the nearest of the folders above a file. */
function placeOf(path: string): OwnPlace | undefined {
  for (let at = dirname(resolve(path)); at !== dirname(at); at = dirname(at)) {
    for (const layout of LAYOUTS) {
      const folder = Object.values(layout.folders)
        .flat()
        .find((place) => isPlace(at, place, layout))
      if (folder !== undefined) return { layout, folder }
    }
  }
  return undefined
}

/** Systems that do not tell case apart have it in any. */
function isPlace(folder: string, place: string, { markers }: FolderLayout): boolean {
  const end = sep + place.replaceAll('/', sep)
  if (!folder.toLowerCase().endsWith(end.toLowerCase())) return false
  const root = folder.slice(0, -end.length)
  return markers.some((marker) => existsSync(join(root, marker)))
}
