/** Textual inversions that prompts name, from folders. */
import { stat } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import { foldersOfKind, type ModelFolders } from '../../library/resolve.ts'
import type { FoundFile } from '../../library/scan.ts'
import { type Interruptible, identifyFile, withModel } from '../../library/session.ts'
import { stemOf } from '../../model/file-name.ts'
import type { TextTower } from '../../runtime/engine/engine.ts'
import { chunksOf } from '../../runtime/prompt/chunks.ts'
import { type LoadedEmbedding, type LoadedRows, loadRows } from '../../runtime/prompt/embedding.ts'
import { clipTokenizer } from '../../runtime/prompt/tokenizer.ts'
import { SdtoolError, usage } from '../../system/errors.ts'
import { type ReadInto, readValues } from '../../tensor/values/expr.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import { cardAt } from '../extract-embeddings/picture.ts'
import { messages } from './messages.ts'

export interface EmbeddingSearch {
  readonly prompts: readonly string[]
  readonly towers: readonly TextTower[]
  /** Folders that were named; those of the model folders if there are none. */
  readonly named: readonly string[]
  readonly folders: ModelFolders
  readonly world: Interruptible
}

/** @throws USAGE (exit 2) for `--embeddings` with what is not a folder */
export async function checkEmbeddingFolders(named: readonly string[]): Promise<void> {
  for (const folder of named) {
    const info = await stat(folder).catch(() => undefined)
    if (info?.isDirectory()) continue
    throw usage(embeddingsProblem(folder, info !== undefined), messages.nameEmbeddingsFolder)
  }
}

function embeddingsProblem(folder: string, exists: boolean): string {
  if (folder === '') return messages.embeddingsNeedValue
  return exists ? messages.embeddingsNotAFolder(folder) : messages.embeddingsMissing(folder)
}

/**
 * The embeddings that stand in the prompts, in the order of their names. Those for other models are left out with a
 * note, as A1111 does.
 * @throws what reading the folders and files throws; the reason of the signal
 */
export async function findPromptEmbeddings(search: EmbeddingSearch): Promise<LoadedEmbedding[]> {
  const { prompts, folders, towers } = search
  const loaded: LoadedEmbedding[] = []
  for (const { name, path, load } of await candidates(search)) {
    const embedding = await load(towers)
    if (embedding) loaded.push({ ...embedding, name, path })
    else folders.note(messages.embeddingForOther(path))
  }
  const used = new Set(prompts.flatMap((prompt) => usedIn(prompt, loaded)))
  return loaded.filter((embedding) => used.has(embedding))
}

/** A file whose name may be in a prompt. */
interface Candidate {
  readonly name: string
  readonly path: string
  load(towers: readonly TextTower[]): Promise<LoadedRows | undefined>
}

/** In order of their names; of twins that with safe tensors, and a picture only where there is nothing else. */
async function candidates(search: EmbeddingSearch): Promise<Candidate[]> {
  const { named, folders } = search
  const places = new Set(
    named.length > 0 ? named : folders.roots.flatMap((root) => foldersOfKind('embedding', root)),
  )
  const files = new Map<string, Candidate>()
  for (const place of places) {
    const models = await folders.scan(place)
    for (const file of models) addFile(file, search, files)
    const stems = new Set(models.map(({ name }) => stemOf(basename(name))))
    for (const picture of await folders.scanPictures(place)) {
      search.world.signal.throwIfAborted()
      // beside a file of its name it is what that looks like
      if (!RE_PREVIEW.test(picture.name) && !stems.has(pictureStem(picture)))
        await addCard(picture, search, files)
    }
  }
  return [...files.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function addFile({ path, name }: FoundFile, search: EmbeddingSearch, files: Map<string, Candidate>): void {
  const stem = stemOf(basename(name))
  const isBetter = !files.has(stem) || path.endsWith('.safetensors')
  if (isBetter && mayBeIn(search, stem))
    files.set(stem, { name: stem, path, load: (towers) => loadFile(path, towers, search.world) })
}

/** What A1111 and other programs save beside a model to show what it is. */
const RE_PREVIEW = /\.preview\.[^.]+$/i

/** Its name stands in the picture, whatever the file is called: each has to be looked into. */
async function addCard(
  picture: FoundFile,
  search: EmbeddingSearch,
  files: Map<string, Candidate>,
): Promise<void> {
  const { path } = picture
  const card = await cardAt(path).catch((error: unknown) => {
    // most are pictures and no more; A1111 says nothing of them, either
    if (!(error instanceof SdtoolError)) throw error
    if (mayBeIn(search, pictureStem(picture)))
      search.folders.note(messages.embeddingUnreadable(path, error.message))
  })
  if (card === undefined || files.has(card.name) || !mayBeIn(search, card.name)) return
  const { name, info } = card
  const read = (tensor: Tensor) => readValues(tensor, NOTHING_TO_READ)
  files.set(name, { name, path, load: (towers) => loadRows(info, towers, read) })
}

function pictureStem({ name }: FoundFile): string {
  return basename(name, extname(name))
}

/** The vectors of a card are in memory. */
const NOTHING_TO_READ: ReadInto = () => Promise.reject(new Error('a picture has no tensors in files'))

function mayBeIn({ prompts }: EmbeddingSearch, name: string): boolean {
  return squeezed(prompts.join('\n')).includes(squeezed(name))
}

/** Tokens do not know of spaces between signs and words. */
function squeezed(text: string): string {
  return text.toLowerCase().replaceAll(/\s/g, '')
}

function loadFile(
  path: string,
  towers: readonly TextTower[],
  world: Interruptible,
): Promise<LoadedRows | undefined> {
  return withModel(path, world, async (opened) => {
    const { embedding } = await identifyFile(path, opened)
    return embedding && loadRows(embedding, towers, (tensor) => readValues(tensor, opened.read))
  })
}

function usedIn(prompt: string, embeddings: readonly LoadedEmbedding[]): LoadedEmbedding[] {
  const chunks = chunksOf(prompt, clipTokenizer(), embeddings)
  return chunks.flatMap((chunk) => chunk.embeddings.map(({ embedding }) => embedding))
}
