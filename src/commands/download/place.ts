/** Where a file from Civitai belongs in the folders of a program. */
import { existsSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { baseModelByName } from '../../civitai/api/base-models.ts'
import type { CivitaiFile, CivitaiVersion } from '../../civitai/api/shapes.ts'
import { kindOfName } from '../../civitai/plan/file-kinds.ts'
import { type FolderKind, type FolderLayout, insideModels, LAYOUTS } from '../../library/layouts.ts'
import { usage } from '../../system/errors.ts'
import { messages } from './messages.ts'

/** Values of `--layout`. Forge keeps its models where A1111 does. */
export const LAYOUT_NAMES = ['a1111', 'forge', 'comfyui', 'swarmui', 'flat'] as const
export type LayoutName = (typeof LAYOUT_NAMES)[number]

/** By the type of the file: a VAE that is shipped with a checkpoint must not land among the checkpoints. */
const BY_FILE_TYPE: Readonly<Record<string, FolderKind>> = {
  VAE: 'vae',
  'Text Encoder': 'text-encoder',
  'Vision Encoder': 'vision-encoder',
  CLIPVision: 'vision-encoder',
  'Diffusion Model': 'diffusion-model',
  UNet: 'diffusion-model',
  ControlNet: 'controlnet',
  Upscaler: 'upscaler',
  Negative: 'embedding',
  'Enhancement LoRA': 'lora',
}

/** By the type of the model, for files of these types. A configuration goes where its checkpoint is. */
const FILES_OF_THE_MODEL: ReadonlySet<string> = new Set(['Model', 'Pruned Model', 'Config'])
const BY_MODEL_TYPE: Readonly<Record<string, FolderKind>> = {
  Checkpoint: 'checkpoint',
  LORA: 'lora',
  LoCon: 'lora',
  DoRA: 'lora',
  TextualInversion: 'embedding',
  Hypernetwork: 'hypernetwork',
  VAE: 'vae',
  Controlnet: 'controlnet',
  Upscaler: 'upscaler',
  MotionModule: 'motion-module',
  TextEncoder: 'text-encoder',
  CLIP: 'text-encoder',
  CLIPVision: 'vision-encoder',
  UNet: 'diffusion-model',
}

/** Undefined for training data, archives, workflows and the like: no program loads them from a folder of its models. */
export function folderKind(
  { type, name }: Pick<CivitaiFile, 'type' | 'name'>,
  { modelType, baseModel }: Pick<CivitaiVersion, 'modelType' | 'baseModel'>,
): FolderKind | undefined {
  const proof = kindOfName(name)?.proof
  if (type !== 'Config' && proof !== undefined && proof !== 'model') return undefined
  if (Object.hasOwn(BY_FILE_TYPE, type)) return BY_FILE_TYPE[type]
  const known = FILES_OF_THE_MODEL.has(type) && Object.hasOwn(BY_MODEL_TYPE, modelType)
  if (!known) return undefined
  const isBare = baseModel !== undefined && baseModelByName(baseModel)?.isBare
  return modelType === 'Checkpoint' && isBare ? 'diffusion-model' : BY_MODEL_TYPE[modelType]
}

/** The site calls a model a checkpoint, whether it has text encoders and a VAE or not: only its content says which. */
const EITHER: readonly (readonly [FolderKind, FolderKind])[] = [
  ['checkpoint', 'diffusion-model'],
  ['diffusion-model', 'checkpoint'],
]

/** What a file may turn out to be for that is planned for folders of a kind. */
export function otherFolderKind(planned: FolderKind | undefined): FolderKind | undefined {
  return EITHER.find(([kind]) => kind === planned)?.[1]
}

export interface DownloadPlace {
  readonly root: string
  /** Undefined: everything into `root` itself. */
  readonly layout?: FolderLayout
}

/**
 * The folder for downloads: `-o` as it is; otherwise the first model folder, in the layout that was named or found
 * there; otherwise the current folder.
 * @throws USAGE (exit 2)
 */
export function downloadPlace(
  output: string | undefined,
  name: LayoutName | undefined,
  roots: readonly string[],
): DownloadPlace {
  if (output !== undefined) {
    if (name !== undefined && name !== 'flat') throw usage(messages.outputAndLayout, messages.useModels)
    return { root: output }
  }
  const root = roots[0] ?? '.'
  if (name === 'flat') return { root }
  const layout = name === undefined ? detected(root, roots.length > 0) : layoutOf(name)
  return { root, ...(layout && { layout }) }
}

function layoutOf(name: LayoutName): FolderLayout | undefined {
  return LAYOUTS.find(({ id }) => id === (name === 'forge' ? 'a1111' : name))
}

/** The program with most of its folders below `root`, if any; undefined for a current folder that was not named. */
function detected(root: string, isNamed: boolean): FolderLayout | undefined {
  if (!isNamed) return undefined
  const counted = LAYOUTS.map((layout) => {
    const places = Object.values(layout.folders).flat()
    return { layout, count: places.filter((place) => existsSync(below(root, place))).length }
  })
  const best = counted.reduce((a, b) => (b.count > a.count ? b : a))
  return best.count > 0 ? best.layout : undefined
}

/** The program whose models a file is among: by the nearest folder above it that has folders of one. */
export function layoutAround(path: string): FolderLayout | undefined {
  for (let folder = dirname(resolve(path)); ; folder = dirname(folder)) {
    const layout = detected(folder, true)
    if (layout || folder === dirname(folder)) return layout
  }
}

/** A place of a program below its folder; `root` may also be the `models` in it. */
function below(root: string, place: string): string {
  if (basename(resolve(root)).toLowerCase() !== 'models') return join(root, place)
  const inside = insideModels(place)
  return inside === undefined ? join(root, '..', place) : join(root, inside)
}

/** Where files of a kind go: the first of the program's folders for them that exists, or its usual one. */
export function folderFor({ root, layout }: DownloadPlace, kind: FolderKind | undefined): string {
  const places = kind === undefined ? [] : (layout?.folders[kind] ?? []).map((place) => below(root, place))
  return places.find((place) => existsSync(place)) ?? places[0] ?? root
}
