/** The model files below a folder, found without getting lost in it. */
import type { Dirent } from 'node:fs'
import { realpath, stat, statfs } from 'node:fs/promises'
import { basename, join, sep } from 'node:path'
import { MODEL_ENDINGS } from '../model/file-name.ts'
import { refuse } from '../system/errors.ts'
import { messages } from './messages.ts'
import { isShard, shardIndex } from './shards.ts'
import { readFolder } from './unreadable-names.ts'

/** People sort models into folders, three or four deep; a program's own folder adds some. */
const MAX_DEPTH = 10
/** Large collections have some ten thousand files. More than this is the wrong folder, a disk or a home folder. */
const MAX_ENTRIES = 200_000
/** Folders of programs next to their models: many files, none of them a model of the user's. */
const SKIPPED: ReadonlySet<string> = new Set(['venv', 'node_modules', 'site-packages', '__pycache__'])

export interface FoundFile {
  readonly path: string
  /** Below the folder that was scanned, with `/` between its parts. */
  readonly name: string
}

/** Why a folder or a file was skipped. */
export const SKIP_REASONS = ['program', 'locked', 'deep', 'system', 'loop', 'spelling'] as const

export type SkipReason = (typeof SKIP_REASONS)[number]

export interface SkippedFolder {
  readonly path: string
  readonly why: SkipReason
}

const SKIPPED_TEXTS: Readonly<Record<SkipReason, (paths: string) => string>> = {
  program: (paths) => messages.skippedProgram(paths),
  locked: (paths) => messages.skippedUnreadable(paths),
  deep: (paths) => messages.skippedDeep(paths, MAX_DEPTH),
  system: (paths) => messages.skippedSystem(paths),
  loop: (paths) => messages.skippedLoop(paths),
  spelling: (paths) => messages.skippedSpelling(paths),
}

/** One sentence about paths that were skipped for the same reason. */
export function skippedText(why: SkipReason, paths: string): string {
  return SKIPPED_TEXTS[why](paths)
}

export interface FolderScan {
  /** In order of their names. */
  readonly files: readonly FoundFile[]
  readonly skipped: readonly SkippedFolder[]
}

/** Entries that are made up while they are read, without end. Source: Linux `magic.h`; proc, sysfs, cgroup, cgroup2. */
const SYSTEM_TYPES: ReadonlySet<number> = new Set([0x9fa0, 0x62656572, 0x27e0eb, 0x63677270])

/** Of shards; a walk for pictures alone does not meet any. */
const SHARD_ENDING = '.safetensors'

interface Scan {
  readonly root: string
  readonly realRoot: string
  readonly signal: AbortSignal
  readonly maxEntries: number
  readonly endings: readonly string[]
  /** Real paths of the folders seen: a linked folder is read once, whatever points at it. */
  readonly seen: Set<string>
  readonly found: FoundFile[]
  readonly skipped: SkippedFolder[]
  entries: number
}

/**
 * Model files below a folder, or those with other endings, in order of names, through linked folders, too; none if there
 * is no such folder.
 * Hidden folders are left out silently: they hold caches and trash. Everything else that is left out is in `skipped`.
 * @throws MODEL_FOLDER_TOO_LARGE (exit 3)
 */
export async function scanFolder(
  root: string,
  signal: AbortSignal,
  maxEntries = MAX_ENTRIES,
  endings: readonly string[] = MODEL_ENDINGS,
): Promise<FolderScan> {
  const realRoot = await realpath(root).catch(() => undefined)
  if (realRoot === undefined) return { files: [], skipped: [] }
  const seen = new Set([realRoot])
  const scan: Scan = { root, realRoot, signal, maxEntries, endings, seen, found: [], skipped: [], entries: 0 }
  await visit(scan, '', realRoot, 1)
  return { files: scan.found, skipped: scan.skipped }
}

async function visit(scan: Scan, below: string, real: string, depth: number): Promise<void> {
  scan.signal.throwIfAborted()
  const entries = await entriesOf(scan, below, real)
  scan.entries += entries.length
  if (scan.entries > scan.maxEntries) throw tooLarge(scan)
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  const isModel =
    scan.endings.includes(SHARD_ENDING) && shardIndex(entries.map(({ name }) => name)) !== undefined
  if (isModel) {
    const name = below.slice(0, -1)
    scan.found.push({ path: join(scan.root, name), name: name || basename(scan.root) })
  }
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue
    const name = below + entry.name
    const target = await targetOf(entry, real)
    if (target.kind === 'file' && hasEnding(entry.name, scan.endings) && !(isModel && isShard(entry.name)))
      scan.found.push({ path: join(scan.root, name), name })
    if (target.kind === 'folder') await enter(scan, name, target.real, depth)
  }
}

async function enter(scan: Scan, name: string, real: string, depth: number): Promise<void> {
  if (scan.seen.has(real)) return
  if (SKIPPED.has(name.slice(name.lastIndexOf('/') + 1))) return skip(scan, name, 'program')
  if (isAbove(real, scan.realRoot)) return skip(scan, name, 'loop')
  if (depth >= MAX_DEPTH) return skip(scan, name, 'deep')
  scan.seen.add(real)
  await visit(scan, `${name}/`, real, depth + 1)
}

function skip(scan: Scan, name: string, why: SkippedFolder['why']): void {
  scan.skipped.push({ path: join(scan.root, name.replace(/\/$/, '')), why })
}

/** A link to a folder that holds the one that is scanned: `root -> /` would lead through the whole disk. */
function isAbove(folder: string, root: string): boolean {
  return root.startsWith(folder.endsWith(sep) ? folder : folder + sep)
}

async function entriesOf(scan: Scan, below: string, real: string): Promise<Dirent[]> {
  const type = await statfs(real).then(
    (found) => found.type,
    () => 0,
  )
  if (SYSTEM_TYPES.has(type)) {
    skip(scan, below, 'system')
    return []
  }
  try {
    const { entries, unreadable } = await readFolder(real)
    const missed = unreadable.filter(({ shown, isFolder }) => isFolder || hasEnding(shown, scan.endings))
    for (const { shown } of missed) if (!shown.startsWith('.')) skip(scan, below + shown, 'spelling')
    return entries
  } catch {
    skip(scan, below, 'locked')
    return []
  }
}

type Target = { kind: 'file' | 'other' } | { kind: 'folder'; real: string }

async function targetOf(entry: Dirent, parent: string): Promise<Target> {
  const path = join(parent, entry.name)
  if (entry.isFile()) return { kind: 'file' }
  if (entry.isDirectory()) return { kind: 'folder', real: path }
  const info = entry.isSymbolicLink() ? await stat(path).catch(() => undefined) : undefined
  if (info?.isDirectory()) return { kind: 'folder', real: await realpath(path) }
  return { kind: info?.isFile() ? 'file' : 'other' }
}

function hasEnding(name: string, endings: readonly string[]): boolean {
  return endings.some((ending) => name.toLowerCase().endsWith(ending))
}

function tooLarge({ root, maxEntries }: Scan): Error {
  return refuse(
    'MODEL_FOLDER_TOO_LARGE',
    messages.folderTooLarge(root, maxEntries),
    messages.nameCloserFolder,
  )
}

/** @throws NOT_A_FOLDER (exit 3), ENOENT */
export async function checkFolder(folder: string): Promise<void> {
  const info = await stat(folder)
  if (!info.isDirectory()) throw refuse('NOT_A_FOLDER', messages.notAFolder(folder), messages.inspectAFile)
}
