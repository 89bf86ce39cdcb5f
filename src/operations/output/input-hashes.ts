/** Hashes of inputs for a recipe, made while the output is written. */
import { basename } from 'node:path'
import { openHashCache } from '../../library/caches/hash-cache.ts'
import { hashModel } from '../../library/shards.ts'
import { defined } from '../../system/defined.ts'
import type { FileRef } from '../../system/file-ref.ts'
import type { Hashes, HashName } from '../../system/hash.ts'
import { type Environment, type Progress, startProgress } from '../../system/world.ts'
import { messages } from '../messages.ts'

export interface InputHashing {
  hashesOf(input: { readonly file: FileRef }, wanted: readonly HashName[]): Promise<Hashes>
  /** From now on what still goes on is shown: mostly it is done before the file is written. */
  show(): void
  stop(): void
}

export function startInputHashing(environment: Environment): InputHashing {
  const stop = new AbortController()
  const signal = AbortSignal.any([environment.signal, stop.signal])
  let isShown = false
  const hash = async (path: string, only: readonly HashName[]): Promise<Hashes> => {
    let progress: Progress | undefined
    const onProgress = (done: number, all: number): void => {
      if (!isShown) return
      progress ??= startProgress(environment, messages.hashing(basename(path)))
      progress.update(done, all)
    }
    return hashModel(path, { only, signal, onProgress }).finally(() => progress?.end())
  }
  return {
    hashesOf: ({ file }, wanted) => hashesOf(file, wanted, hash, environment),
    show() {
      isShown = true
    },
    stop: () => stop.abort(),
  }
}

/** Smaller files are hashed faster than a list of them is read. */
const REMEMBERED_BYTES = 64 * 1024 * 1024

async function hashesOf(
  { path, size }: FileRef,
  wanted: readonly HashName[],
  hash: (path: string, only: readonly HashName[]) => Promise<Hashes>,
  environment: Environment,
): Promise<Hashes> {
  if (size < REMEMBERED_BYTES || !wanted.includes('sha256')) return hash(path, wanted)
  const cache = await openHashCache(environment, hash)
  const { autoV1 } = await hash(path, ['autoV1'])
  const hashes = await cache.hashes(path)
  await cache.save()
  return { ...hashes, ...defined({ autoV1 }) }
}
