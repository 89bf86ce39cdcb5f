/** Textual inversions that prompts name, from folders. */
import { basename } from 'node:path'
import { stemOf } from '../model/output-name.ts'
import type { TextTower } from '../runtime/engine.ts'
import { chunksOf } from '../runtime/text/chunks.ts'
import { type LoadedEmbedding, loadEmbedding } from '../runtime/text/embedding.ts'
import { clipTokenizer } from '../runtime/text/tokenizer.ts'
import { readValues } from '../tensor/expr.ts'
import { type Interruptible, identifyFile, withModel } from './files.ts'
import { type ModelFolders, placesOf } from './model-folders.ts'

export interface EmbeddingSearch {
  readonly prompts: readonly string[]
  readonly towers: readonly TextTower[]
  /** Folders that were named; those of the model folders if there are none. */
  readonly named: readonly string[]
  readonly folders: ModelFolders
  readonly io: Interruptible
}

/**
 * The embeddings that stand in the prompts, in the order of their names. Those for other models are left out with a
 * note, as A1111 does.
 */
export async function findEmbeddings(search: EmbeddingSearch): Promise<LoadedEmbedding[]> {
  const { prompts, folders, towers, io } = search
  const loaded: LoadedEmbedding[] = []
  for (const [name, path] of await namedFiles(search)) {
    const embedding = await load(name, path, towers, io)
    if (embedding) loaded.push(embedding)
    else folders.note(`${path} stands in the prompt, but is no embedding for this model`)
  }
  const used = new Set(prompts.flatMap((prompt) => usedIn(prompt, loaded)))
  return loaded.filter((embedding) => used.has(embedding))
}

/** Files whose name may be in a prompt; that with safe tensors where there are twins. */
async function namedFiles({ prompts, named, folders }: EmbeddingSearch): Promise<Map<string, string>> {
  const places = named.length > 0 ? named : folders.roots.flatMap((root) => placesOf('embedding', root))
  const text = squeezed(prompts.join('\n'))
  const files = new Map<string, string>()
  for (const place of new Set(places)) {
    for (const { path, name } of await folders.scan(place)) {
      const stem = stemOf(basename(name))
      const isBetter = !files.has(stem) || path.endsWith('.safetensors')
      if (text.includes(squeezed(stem)) && isBetter) files.set(stem, path)
    }
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Tokens do not know of spaces between signs and words. */
function squeezed(text: string): string {
  return text.toLowerCase().replaceAll(/\s/g, '')
}

function load(
  name: string,
  path: string,
  towers: readonly TextTower[],
  io: Interruptible,
): Promise<LoadedEmbedding | undefined> {
  return withModel(path, io, async (opened) => {
    const { embedding } = await identifyFile(path, opened)
    return (
      embedding && loadEmbedding(name, path, embedding, towers, (tensor) => readValues(tensor, opened.read))
    )
  })
}

function usedIn(prompt: string, embeddings: readonly LoadedEmbedding[]): LoadedEmbedding[] {
  const chunks = chunksOf(prompt, clipTokenizer(), embeddings)
  return chunks.flatMap((chunk) => chunk.embeddings.map(({ embedding }) => embedding))
}
