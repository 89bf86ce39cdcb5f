/** Hashes of local files, remembered by path, size and time of change: a folder of 300 GB is read once. */
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { cacheFolder } from '../civitai/config.ts'
import type { Io } from '../report/io.ts'
import { hashWithProgress } from './hashing.ts'

export interface FileHashes {
  readonly sha256: string
  /** 64 digits. */
  readonly autoV3?: string
}

interface Entry extends FileHashes {
  readonly size: number
  readonly mtimeMs: number
}

export interface HashCache {
  /** From memory if the file has not changed, otherwise by reading it. */
  hashes(path: string, quiet: boolean): Promise<Required<FileHashes>>
  /** The same, where the SHA-256 is enough. */
  sha256(path: string, quiet: boolean): Promise<string>
  /** What is known without reading the file. */
  remember(path: string, hashes: FileHashes): Promise<void>
  save(): Promise<void>
}

const CACHE_VERSION = 1
const HEX64 = /^[0-9a-f]{64}$/

/** Opens the cache of the person; without a home folder nothing is remembered beyond the run. */
export async function openHashCache(io: Io): Promise<HashCache> {
  const folder = cacheFolder(io.env)
  const path = folder === undefined ? undefined : join(folder, 'hashes.json')
  const entries = path === undefined ? new Map<string, Entry>() : await load(path)
  let isChanged = false
  const keep = async (file: string, hashes: FileHashes): Promise<void> => {
    const { size, mtimeMs } = await stat(file)
    entries.set(resolve(file), { size, mtimeMs, ...hashes })
    isChanged = true
  }
  const known = async (file: string): Promise<Entry | undefined> => {
    const { size, mtimeMs } = await stat(file)
    const entry = entries.get(resolve(file))
    return entry && entry.size === size && entry.mtimeMs === mtimeMs ? entry : undefined
  }
  const hashes = async (file: string, quiet: boolean): Promise<Required<FileHashes>> => {
    const { sha256, autoV3 } = (await known(file)) ?? {}
    if (sha256 !== undefined && autoV3 !== undefined) return { sha256, autoV3 }
    const computed = await hashWithProgress(file, ['sha256', 'autoV3'], quiet, io)
    const all = { sha256: computed.sha256!, autoV3: computed.autoV3! }
    await keep(file, all)
    return all
  }
  return {
    hashes,
    sha256: async (file, quiet) => (await known(file))?.sha256 ?? (await hashes(file, quiet)).sha256,
    remember: keep,
    async save() {
      if (path === undefined || !isChanged) return
      isChanged = false
      // a cache that cannot be kept is no reason to fail
      await store(path, entries).catch(() => {})
    },
  }
}

async function load(path: string): Promise<Map<string, Entry>> {
  try {
    const json = JSON.parse(await readFile(path, 'utf8')) as { version?: unknown; files?: unknown }
    if (json.version !== CACHE_VERSION || typeof json.files !== 'object' || json.files === null)
      return new Map()
    return new Map(Object.entries(json.files as Record<string, Entry>).filter(([, entry]) => isEntry(entry)))
  } catch {
    return new Map()
  }
}

function isEntry(entry: Entry | null): boolean {
  return (
    typeof entry?.size === 'number' &&
    typeof entry.mtimeMs === 'number' &&
    HEX64.test(String(entry.sha256)) &&
    (entry.autoV3 === undefined || HEX64.test(String(entry.autoV3)))
  )
}

async function store(path: string, entries: ReadonlyMap<string, Entry>): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.new`
  try {
    await writeFile(temporary, JSON.stringify({ version: CACHE_VERSION, files: Object.fromEntries(entries) }))
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
}
