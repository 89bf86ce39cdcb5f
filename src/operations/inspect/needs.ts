/** Which files of a person's folders are the text encoders and the VAE that a model is used with. */
import { resolve } from 'node:path'
import { openCache } from '../../library/caches/library-cache.ts'
import type { LibraryFacts } from '../../library/facts.ts'
import type { FolderKind } from '../../library/layouts.ts'
import { foldersFor, type ModelFolders } from '../../library/resolve.ts'
import type { FoundFile } from '../../library/scan.ts'
import type { Identity } from '../../model/identity.ts'
import { missingParts, type NeededPart } from '../../model/needs.ts'
import { type ComponentId, sameSelector } from '../../model/networks/components.ts'
import { type Environment, startProgress } from '../../system/world.ts'
import { type LibraryFile, libraryOf } from '../list/models.ts'
import { messages } from './messages.ts'

export interface FittingFile {
  readonly path: string
  /** Keys and shapes say so, or something in the file. Otherwise its name does, or nothing tells it from others. */
  readonly isSure: boolean
}

export interface Need {
  readonly part: NeededPart
  /** Those that are surely it first. Absent where no folders were named. */
  readonly files?: readonly FittingFile[]
}

export interface Needs {
  readonly parts: readonly Need[]
  /** Files that were looked at, and all there are. Absent where no folders were named. */
  readonly searched?: { readonly looked: number; readonly files: number }
}

/** Of files that nobody has looked at before; each costs some milliseconds. */
const MAX_LOOKED = 1000

/** Where such files usually are; they are looked at first, and others only if something was not found. */
const LIKELY: readonly FolderKind[] = ['text-encoder', 'vae']
/** Folders in which it is no use to look. */
const UNLIKELY: readonly FolderKind[] = [
  'lora',
  'embedding',
  'vision-encoder',
  'controlnet',
  'hypernetwork',
  'upscaler',
  'motion-module',
]

/** Undefined for a complete model, and for what is no model. @throws the reason of the signal */
export async function findNeeds(
  path: string,
  identity: Identity,
  folders: ModelFolders,
  environment: Environment,
): Promise<Needs | undefined> {
  const parts = missingParts(identity)
  if (parts.length === 0) return undefined
  if (folders.roots.length === 0) return { parts: parts.map((part) => ({ part })) }
  const { likely, others } = await candidates(path, folders)
  const first = await lookAt(likely.slice(0, MAX_LOOKED), environment)
  const found = needsIn(parts, first)
  const searched = { looked: first.length, files: likely.length + others.length }
  if (found.every(({ files }) => files?.some(({ isSure }) => isSure))) return { parts: found, searched }
  const rest = await lookAt(others.slice(0, MAX_LOOKED - first.length), environment)
  return {
    parts: needsIn(parts, [...first, ...rest]),
    searched: { ...searched, looked: first.length + rest.length },
  }
}

async function candidates(own: string, folders: ModelFolders) {
  const filesIn = async (kinds: readonly FolderKind[]) => {
    const places = folders.roots.flatMap((root) => foldersFor(kinds, root))
    return (await Promise.all(places.map((place) => scanned(place, folders)))).flat()
  }
  const likely = byPath(await filesIn(LIKELY))
  const unlikely = byPath(await filesIn(UNLIKELY))
  const all = byPath((await Promise.all(folders.roots.map((root) => scanned(root, folders)))).flat())
  for (const files of [likely, all]) files.delete(resolve(own))
  const others = [...all].filter(([path]) => !likely.has(path) && !unlikely.has(path))
  return { likely: [...likely.values()], others: others.map(([, file]) => file) }
}

/** A folder that cannot be searched is no reason not to show the page. */
function scanned(folder: string, folders: ModelFolders): Promise<readonly FoundFile[]> {
  return folders.scan(folder).catch((): readonly FoundFile[] => [])
}

function byPath(files: readonly FoundFile[]): Map<string, FoundFile> {
  return new Map(files.map((file) => [resolve(file.path), file]))
}

async function lookAt(files: readonly FoundFile[], environment: Environment): Promise<LibraryFile[]> {
  if (files.length === 0) return []
  const cache = await openCache(environment)
  const progress = startProgress(environment, messages.lookingForParts, 'count')
  try {
    return await libraryOf(files, cache, progress, environment)
  } finally {
    progress.end()
    await cache.save()
  }
}

function needsIn(parts: readonly NeededPart[], files: readonly LibraryFile[]): Need[] {
  return parts.map((part) => {
    const fitting = files.flatMap(({ path, facts }): FittingFile[] => {
      const fit = facts && fitOf(part, facts)
      return fit === undefined ? [] : [{ path, isSure: fit === 'sure' }]
    })
    return { part, files: fitting.sort((a, b) => Number(b.isSure) - Number(a.isSure)) }
  })
}

type Fit = 'sure' | 'possible' | undefined

function fitOf(part: NeededPart, facts: LibraryFacts): Fit {
  if (part.role === 'text') return facts.kind === 'text-encoder' ? encoderFit(part.id, facts) : undefined
  const { latents } = facts
  if (latents === undefined) return undefined
  if (latents.space === undefined) return latents.possible.includes(part.space) ? 'possible' : undefined
  if (latents.space !== part.space) return undefined
  return latents.weak ? 'possible' : 'sure'
}

/** Without the tower that sees, as llama.cpp keeps them, these have the layers of their relatives. */
const WITHOUT_TOWER: Readonly<Partial<Record<ComponentId, ComponentId>>> = {
  qwen3vl_4b: 'qwen3_4b',
  qwen3vl_8b: 'qwen3_8b',
}

function encoderFit(wanted: ComponentId, { parts }: LibraryFacts): Fit {
  const has = (id: ComponentId | undefined) =>
    parts.some((part) => id !== undefined && sameSelector(part.id, id))
  if (has(wanted)) return 'sure'
  return has(WITHOUT_TOWER[wanted]) ? 'possible' : undefined
}
