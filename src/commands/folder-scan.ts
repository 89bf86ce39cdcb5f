/** The model files below a folder, found without getting lost in it. */
import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { refuse } from '../errors.ts'
import { MODEL_ENDINGS } from '../model/output-name.ts'

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

interface Scan {
  readonly root: string
  readonly signal: AbortSignal
  readonly maxEntries: number
  /** Real paths of the folders seen: a linked folder is read once, whatever points at it. */
  readonly seen: Set<string>
  readonly found: FoundFile[]
  entries: number
}

/**
 * Model files below a folder in order of names, through linked folders, too; none if there is no such folder.
 * Hidden folders are left out: they hold caches and trash. So are those that may not be read.
 * @throws MODEL_FOLDER_TOO_LARGE
 */
export async function scanFolder(
  root: string,
  signal: AbortSignal,
  maxEntries = MAX_ENTRIES,
): Promise<readonly FoundFile[]> {
  const real = await realpath(root).catch(() => undefined)
  if (real === undefined) return []
  const scan: Scan = { root, signal, maxEntries, seen: new Set([real]), found: [], entries: 0 }
  await visit(scan, '', real, 1)
  return scan.found
}

async function visit(scan: Scan, below: string, real: string, depth: number): Promise<void> {
  scan.signal.throwIfAborted()
  const entries = await readdir(real, { withFileTypes: true }).catch((): Dirent[] => [])
  scan.entries += entries.length
  if (scan.entries > scan.maxEntries) throw tooLarge(scan)
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    if (entry.name.startsWith('.') || SKIPPED.has(entry.name)) continue
    const name = below + entry.name
    const target = await targetOf(entry, real)
    if (target.kind === 'file' && isModelName(entry.name))
      scan.found.push({ path: join(scan.root, name), name })
    if (target.kind !== 'folder' || depth >= MAX_DEPTH || scan.seen.has(target.real)) continue
    scan.seen.add(target.real)
    await visit(scan, `${name}/`, target.real, depth + 1)
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

function isModelName(name: string): boolean {
  return MODEL_ENDINGS.some((ending) => name.toLowerCase().endsWith(ending))
}

function tooLarge({ root, maxEntries }: Scan): Error {
  return refuse(
    'MODEL_FOLDER_TOO_LARGE',
    `${root} holds more than ${maxEntries} files and folders`,
    'Name a folder closer to the models (--models or SDTOOL_MODELS), or give the path of the file.',
  )
}
