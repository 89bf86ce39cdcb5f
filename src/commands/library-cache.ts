/** What was found out about model files, kept between runs: a file whose size and time are the same is not opened again. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { LibraryFacts } from '../model/library.ts'
import { isJsonObject, parseJsonText } from '../model/metadata/json-text.ts'
import type { Io } from '../report/io.ts'

/** What is known of a file: facts, or why it was refused; hashes once somebody has asked for them. */
export interface CachedFile {
  readonly bytes: number
  readonly mtimeMs: number
  readonly facts?: LibraryFacts
  readonly error?: { readonly code: string; readonly message: string }
  readonly autoV3?: string
  /** Content of components, by their ids. */
  readonly contents?: Readonly<Record<string, string>>
}

export interface LibraryCache {
  get(path: string, bytes: number, mtimeMs: number): CachedFile | undefined
  set(path: string, file: CachedFile): void
  /** Writes what is new. A cache that cannot be written costs time, nothing else. */
  save(): Promise<void>
}

/** Of the format; the version of sdtool is checked, too, as another one may see more in a file. */
const FORMAT = 1

/** `SDTOOL_CACHE`, or where the system wants such things. */
export function cacheFolder(env: Io['env']): string | undefined {
  if (env.SDTOOL_CACHE) return env.SDTOOL_CACHE
  const home = env.LOCALAPPDATA ?? env.XDG_CACHE_HOME ?? (env.HOME && join(env.HOME, '.cache'))
  return home ? join(home, 'sdtool') : undefined
}

export async function openCache({ env, version }: Pick<Io, 'env' | 'version'>): Promise<LibraryCache> {
  const folder = cacheFolder(env)
  const path = folder === undefined ? undefined : join(folder, 'library.json')
  const files = path === undefined ? new Map<string, CachedFile>() : await loaded(path, version)
  let changed = false
  return {
    get(name, bytes, mtimeMs) {
      const known = files.get(name)
      return known?.bytes === bytes && known.mtimeMs === mtimeMs ? known : undefined
    },
    set(name, file) {
      files.set(name, file)
      changed = true
    },
    async save() {
      if (!changed || path === undefined) return
      const text = JSON.stringify({ format: FORMAT, version, files: Object.fromEntries(files) })
      await written(path, text).catch(() => undefined)
    },
  }
}

async function loaded(path: string, version: string): Promise<Map<string, CachedFile>> {
  const json = parseJsonText(await readFile(path, 'utf8').catch(() => undefined))
  if (!isJsonObject(json) || json.format !== FORMAT || json.version !== version || !isJsonObject(json.files))
    return new Map()
  return new Map(Object.entries(json.files)) as unknown as Map<string, CachedFile>
}

/** Never half a file: two runs may end at the same time. */
async function written(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}`
  await writeFile(temporary, text)
  await rename(temporary, path)
}
