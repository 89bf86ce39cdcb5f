/** Hashes of local files, remembered by path, size and time of change: a folder of 300 GB is read once. */
import { resolve } from 'node:path'
import * as v from 'valibot'
import type { Hashes, HashName } from '../../system/hash.ts'
import type { Environment } from '../../system/world.ts'
import { modelStat } from '../shards.ts'
import { openCacheFile } from './cache-file.ts'

export interface FileHashes {
  readonly sha256: string
  /** 64 digits. */
  readonly autoV3?: string
  readonly blake3?: string
}

/** Hashes a file that is not known. */
export type HashNow = (path: string, only: readonly HashName[]) => Promise<Hashes>

export interface HashCache {
  /** From memory if the file has not changed, otherwise by reading it. */
  hashes(path: string): Promise<{ readonly sha256: string; readonly autoV3: string }>
  /** The same, where the SHA-256 is enough. */
  sha256(path: string): Promise<string>
  /** By reading the file once more, if it was not asked for before. */
  blake3(path: string): Promise<string>
  /** What is known without reading the file. */
  remember(path: string, hashes: FileHashes): Promise<void>
  save(): Promise<void>
}

const hex64 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))

const entry = v.object({
  size: v.number(),
  mtimeMs: v.number(),
  sha256: v.exactOptional(hex64),
  autoV3: v.exactOptional(hex64),
  blake3: v.exactOptional(hex64),
})

type Entry = v.InferOutput<typeof entry>

/** Opens the cache of the person; without a home folder nothing is remembered beyond the run. */
export async function openHashCache(world: Pick<Environment, 'env'>, now: HashNow): Promise<HashCache> {
  const { entries, save } = await openCacheFile('hashes.json', 'hashes 1', entry, world)
  let isChanged = false
  const known = async (file: string): Promise<Partial<FileHashes>> => {
    const { bytes: size, mtimeMs } = await modelStat(file)
    return hashesOf(entries.get(resolve(file)), size, mtimeMs)
  }
  const keep = async (file: string, hashes: Partial<FileHashes>): Promise<void> => {
    const { bytes: size, mtimeMs } = await modelStat(file)
    entries.set(resolve(file), { size, mtimeMs, ...(await known(file)), ...hashes })
    isChanged = true
  }
  const hashes: HashCache['hashes'] = async (file) => {
    const { sha256, autoV3 } = await known(file)
    if (sha256 !== undefined && autoV3 !== undefined) return { sha256, autoV3 }
    const computed = await now(file, ['sha256', 'autoV3'])
    const all = { sha256: computed.sha256!, autoV3: computed.autoV3! }
    await keep(file, all)
    return all
  }
  return {
    hashes,
    sha256: async (file) => (await known(file)).sha256 ?? (await hashes(file)).sha256,
    async blake3(file) {
      const { blake3 } = await known(file)
      if (blake3 !== undefined) return blake3
      const computed = await now(file, ['blake3'])
      await keep(file, { blake3: computed.blake3! })
      return computed.blake3!
    },
    remember: keep,
    async save() {
      if (!isChanged) return
      isChanged = false
      await save()
    },
  }
}

/** What an entry says of a file that still has this size and time. */
function hashesOf(known: Entry | undefined, size: number, mtimeMs: number): Partial<FileHashes> {
  if (known?.size !== size || known.mtimeMs !== mtimeMs) return {}
  const { size: _size, mtimeMs: _time, ...hashes } = known
  return hashes
}
