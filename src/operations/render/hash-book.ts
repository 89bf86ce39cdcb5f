/** Hashes of the files of a run, for the text in its pictures. */
import { basename } from 'node:path'
import type { HashedFile } from '../../image/infotext/write.ts'
import { stemOf } from '../../model/file-name.ts'
import type { LoadedEmbedding } from '../../runtime/prompt/embedding.ts'
import type { Environment } from '../../system/world.ts'
import type { RenderSource, UsedLora } from './model.ts'
import { hashedEmbedding, hashedLora, hashedModel, hashedVae } from './picture-hashes.ts'

/** Files by which a picture can be made again. */
export interface PictureHashes {
  readonly model: HashedFile
  readonly vae?: HashedFile
  readonly loras: readonly HashedFile[]
  readonly embeddings: readonly HashedFile[]
}

/** Reads each file once, one after the other, while the networks run in processes of their own. */
export interface HashBook {
  model(path: string): Promise<HashedFile>
  vae(path: string): Promise<HashedFile>
  lora(lora: UsedLora): Promise<HashedFile>
  embedding(embedding: LoadedEmbedding): Promise<HashedFile>
  /** Of a run that failed. */
  stop(): void
}

export function hashBook({ signal }: Pick<Environment, 'signal'>): HashBook {
  const stop = new AbortController()
  const hashing = { signal: AbortSignal.any([signal, stop.signal]) }
  const known = new Map<string, Promise<HashedFile>>()
  let last: Promise<unknown> = Promise.resolve()
  const once = (key: string, hash: () => Promise<HashedFile>): Promise<HashedFile> => {
    const found = known.get(key) ?? last.then(hash)
    known.set(key, found)
    last = found.catch(() => {})
    return found
  }
  return {
    model: (path) => once(path, () => hashedModel(path, hashing)),
    vae: (path) => once(path, () => hashedVae(path, hashing)),
    lora: (lora) => once(lora.path, () => hashedLora(mentionedName(lora), lora.path, lora.metadata, hashing)),
    embedding: ({ name, path }) => once(path, () => hashedEmbedding(name, path, hashing)),
    stop: () => stop.abort(),
  }
}

/** A LoRA as a prompt of A1111 would name it: without folders and ending. */
export function mentionedName({ name }: Pick<UsedLora, 'name'>): string {
  return stemOf(basename(name))
}

export async function pictureHashes(
  { path, vae, loras }: Pick<RenderSource, 'path' | 'vae' | 'loras'>,
  embeddings: readonly LoadedEmbedding[],
  book: HashBook,
): Promise<PictureHashes> {
  const [model, ownVae] = [book.model(path), vae && book.vae(vae.name)]
  const [ofLoras, ofEmbeddings] = [loras.map(book.lora), embeddings.map(book.embedding)]
  return {
    model: await model,
    ...(ownVae && { vae: await ownVae }),
    loras: await Promise.all(ofLoras),
    embeddings: await Promise.all(ofEmbeddings),
  }
}
