/** Bare names: `sdtool prune dreamshaper` finds the file in the user's model folders. */
import { existsSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { basename, isAbsolute, join, sep } from 'node:path'
import { MODEL_ENDINGS } from '../model/file-name.ts'
import { EXIT, SdtoolError } from '../system/errors.ts'
import { nearestNames } from '../system/nearest.ts'
import { type FolderKind, insideModels, LAYOUTS } from './layouts.ts'
import { messages } from './messages.ts'
import type { FoundFile } from './scan.ts'

/** What a name should be; folders for such files are searched first. */
export type ModelKind = 'checkpoint' | 'lora' | 'vae' | 'embedding' | 'any'

const SEARCHED_FIRST: Readonly<Record<Exclude<ModelKind, 'any'>, readonly FolderKind[]>> = {
  checkpoint: ['checkpoint', 'diffusion-model'],
  lora: ['lora'],
  vae: ['vae'],
  embedding: ['embedding'],
}

/** Where bare names are looked up. Nothing is read before the first one, and each folder once. */
export interface ModelFolders {
  readonly roots: readonly string[]
  scan(folder: string): Promise<readonly FoundFile[]>
  /** Pictures that may carry an embedding. */
  scanPictures(folder: string): Promise<readonly FoundFile[]>
  /** Reports a choice that was made. */
  note(line: string): void
  /** Reports the folders that were skipped. */
  noteSkipped(): Promise<void>
}

/**
 * The path a person means by a name. What exists as a path is that path, with or without its ending, and what looks
 * like one is never looked up.
 * Otherwise `foo`, `foo.safetensors` or `styles/foo` is searched in the model folders: first in those of its kind,
 * then everywhere, with the case it was written in before any other.
 * @throws ENOENT, MODEL_NOT_FOUND (exit 1), NAME_AMBIGUOUS (exit 2), MODEL_FOLDER_TOO_LARGE (exit 3)
 */
export async function resolveModel(name: string, kind: ModelKind, folders: ModelFolders): Promise<string> {
  if (existsSync(name)) return name
  const here = MODEL_ENDINGS.map((ending) => name + ending).filter((path) => existsSync(path))
  if (here.length > 0) return oneOf(name, here, folders)
  if (!isBareName(name)) return name
  if (folders.roots.length === 0) throw noFolders(name)
  for (const places of [folders.roots.flatMap((root) => foldersOfKind(kind, root)), folders.roots]) {
    const files = await filesIn(places, folders)
    const found = await distinct(matching(name, files))
    if (found.length > 0) return oneOf(name, found, folders)
  }
  throw await notFound(name, folders)
}

/** The paths of several names, before work begins that takes minutes. @throws ENOENT (exit 1), and what `resolveModel` throws */
export async function resolveExisting(
  names: readonly string[],
  kind: ModelKind,
  folders: ModelFolders,
): Promise<string[]> {
  const paths: string[] = []
  for (const name of names) {
    const path = await resolveModel(name, kind, folders)
    assertExists(path)
    paths.push(path)
  }
  return paths
}

/** @throws ENOENT (exit 1) */
export function assertExists(path: string): void {
  if (!existsSync(path)) throw new SdtoolError('ENOENT', messages.doesNotExist(path))
}

/** `styles/foo` may be looked up; `./foo`, `/foo`, `../foo`, `~/foo`, `C:\foo` say where the file is. */
function isBareName(name: string): boolean {
  const parts = name.split('/')
  return !isAbsolute(name) && !parts.some((part) => ['', '.', '..', '~'].includes(part))
}

/**
 * Folders for files of a kind below a folder, which may be that of a program, its `models`, or one of those in it.
 * Whether they exist is for the scan to see.
 */
export function foldersOfKind(kind: ModelKind, root: string): string[] {
  return foldersFor(kind === 'any' ? undefined : SEARCHED_FIRST[kind], root)
}

/** The same for several kinds of folders, or for all. */
export function foldersFor(kinds: readonly FolderKind[] | undefined, root: string): string[] {
  const places = LAYOUTS.flatMap(({ folders }) => {
    return (kinds ?? (Object.keys(folders) as FolderKind[])).flatMap((kind) => folders[kind])
  })
  const all = places.flatMap((place) => {
    const inside = insideModels(place)
    return [
      join(root, place),
      ...(inside === undefined ? [] : [join(root, inside)]),
      ...(basename(place) === basename(root) ? [root] : []),
    ]
  })
  return [...new Set(all)]
}

async function filesIn(places: readonly string[], folders: ModelFolders): Promise<FoundFile[]> {
  const files: FoundFile[] = []
  for (const place of places) files.push(...(await folders.scan(place)))
  return files
}

const same = (text: string): string => text
const folded = (text: string): string => text.normalize('NFC').toLowerCase()

/** Whole names before names without ending, and both in their own case before any. */
function matching(wanted: string, files: readonly FoundFile[]): FoundFile[] {
  for (const spelling of [same, folded]) {
    for (const part of [same, stemOf]) {
      const name = spelling(wanted.replaceAll(sep, '/'))
      const found = files.filter((file) => `/${spelling(part(file.name))}`.endsWith(`/${name}`))
      if (found.length > 0) return found
    }
  }
  return []
}

function endingOf(name: string): string {
  return MODEL_ENDINGS.find((ending) => name.toLowerCase().endsWith(ending)) ?? ''
}

function stemOf(name: string): string {
  return name.slice(0, name.length - endingOf(name).length)
}

/** A file that is linked from several places is one file. */
async function distinct(files: readonly FoundFile[]): Promise<string[]> {
  const byRealPath = new Map<string, string>()
  for (const { path } of files) {
    const real = await realpath(path).catch(() => path)
    if (!byRealPath.has(real)) byRealPath.set(real, path)
  }
  return [...byRealPath.values()]
}

function oneOf(name: string, paths: readonly string[], folders: ModelFolders): string {
  if (paths.length === 1) return paths[0]!
  const twins = new Set(paths.map(stemOf)).size === 1
  const safe = paths.filter((path) => endingOf(path) === '.safetensors')
  if (!twins || safe.length !== 1) throw ambiguous(name, paths)
  const others = paths.filter((path) => path !== safe[0]).map((path) => basename(path))
  folders.note(messages.preferredFile(name, safe[0]!, others.join(', ')))
  return safe[0]!
}

/** A longer list helps nobody choose. */
const MAX_LISTED = 8

function ambiguous(name: string, paths: readonly string[]): SdtoolError {
  const listed = paths.slice(0, MAX_LISTED).join(', ')
  const message = messages.ambiguousName(name, listed, paths.length - MAX_LISTED)
  return new SdtoolError('NAME_AMBIGUOUS', message, { exitCode: EXIT.usage, hint: messages.giveMoreOfPath })
}

function noFolders(name: string): SdtoolError {
  const hint = messages.noModelFolders
  return new SdtoolError('ENOENT', messages.doesNotExist(name), endingOf(name) ? {} : { hint })
}

async function notFound(name: string, folders: ModelFolders): Promise<SdtoolError> {
  const searched = folders.roots.map((root) => (existsSync(root) ? root : messages.missingFolder(root)))
  const files = await filesIn(folders.roots, folders)
  await folders.noteSkipped()
  const names = files.map((file) => stemOf(basename(file.name)))
  const nearest = nearestNames(stemOf(basename(name)), names)
  const hint =
    nearest.length > 0 ? messages.similarNames(nearest.join(', ')) : messages.noSimilarName(files.length)
  return new SdtoolError('MODEL_NOT_FOUND', messages.modelNotFound(name, searched.join(', ')), { hint })
}
