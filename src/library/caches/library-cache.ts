/** What was found out about model files, kept between runs: a file whose size and time are the same is not opened again. */
import type { LibraryFacts } from '../../model/library.ts'
import type { Io } from '../../system/world.ts'
import { openCacheFile } from './cache-file.ts'

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

/** Of the format. */
const FORMAT = 1

/** Another version of sdtool may see more in a file. */
export async function openCache({ env, version }: Pick<Io, 'env' | 'version'>): Promise<LibraryCache> {
  const { entries, save } = await openCacheFile('library.json', `library ${FORMAT}, sdtool ${version}`, {
    env,
  })
  const files = entries as Map<string, unknown> as Map<string, CachedFile>
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
      if (changed) await save()
    },
  }
}
