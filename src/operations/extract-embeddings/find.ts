/** The embeddings in a file, or of a prompt, each under a name of its own. */
import { basename } from 'node:path'
import { stemOf } from '../../model/file-name.ts'
import { parseAttention } from '../../runtime/prompt/attention.ts'
import { composedPrompts } from '../../runtime/prompt/composition.ts'
import { splitTags, withoutComments } from '../../runtime/prompt/tags.ts'
import { clipTokenizer } from '../../runtime/prompt/tokenizer.ts'
import { refuse, type SdtoolError, unverified, usage } from '../../system/errors.ts'
import { checkOperation } from '../../tensor/quantised/check.ts'
import { newEvaluation, type ReadInto } from '../../tensor/values/expr.ts'
import { messages as shared } from '../messages.ts'
import type { InputModel } from '../operation.ts'
import { messages } from './messages.ts'
import type { ExtractEmbeddingsOptions } from './options.ts'
import {
  addedTokens,
  bundledEmbeddings,
  changedTokens,
  type FoundEmbedding,
  ownEmbeddings,
  promptEmbedding,
  tokensInAdapter,
  tokenTables,
} from './plan.ts'

/**
 * @param inputs the file, and its base where there is one
 * @throws USAGE (exit 2); NO_EMBEDDINGS (exit 4); PROMPT_WEIGHTS (exit 3), and what reading tokens throws
 */
export async function findEmbeddings(
  inputs: readonly InputModel[],
  options: ExtractEmbeddingsOptions,
  read: ReadInto,
): Promise<FoundEmbedding[]> {
  checkPrompt(options, inputs.length > 1)
  const found = await embeddingsIn(inputs, options, read)
  if (found.length === 0) throw noEmbeddings(inputs.length)
  return namedOnce(found, options.name)
}

/** @throws USAGE (exit 2) */
export function checkPrompt({ prompt, name }: ExtractEmbeddingsOptions, hasBase: boolean): void {
  if (prompt === undefined) return
  if (name === undefined) throw usage(messages.promptNeedsName, messages.nameIsWord)
  if (hasBase) throw usage(messages.promptAndBase)
}

async function embeddingsIn(
  [source, base]: readonly InputModel[],
  { prompt, name, each = false }: ExtractEmbeddingsOptions,
  read: ReadInto,
): Promise<FoundEmbedding[]> {
  const { file, identity, name: path } = source!
  const stem = stemOf(basename(path))
  const tables = tokenTables(file, identity)
  if (prompt !== undefined && tables.length === 0)
    checkOperation('embeddings', file.tensors.values(), shared.theFile)
  if (prompt !== undefined) return [promptEmbedding(tables, tokensOf(prompt), name!)]
  const { embedding } = identity
  if (embedding !== undefined && embedding.layout !== 'bundle') return ownEmbeddings(file, embedding, stem)
  const changed =
    base === undefined
      ? []
      : await changedTokens(tables, tokenTables(base.file, base.identity), stem, each, newEvaluation(read))
  const trained = identity.adapter === undefined ? [] : tokensInAdapter(file)
  return [...bundledEmbeddings(file), ...trained, ...addedTokens(tables, stem, each), ...changed]
}

/**
 * Without the comments of the prompt.
 * @throws PROMPT_WEIGHTS (exit 3): weights, AND and tags act outside of the tokens, and no vector can hold them
 */
function tokensOf(whole: string): number[] {
  const prompt = withoutComments(whole)
  const [tag] = splitTags(prompt).tags
  const acting = tag?.text ?? (composedPrompts(prompt).length > 1 ? 'AND' : undefined)
  if (acting !== undefined)
    throw refuse('PROMPT_WEIGHTS', messages.notInEmbedding(acting), messages.leaveItOut)
  const weighted = parseAttention(prompt).some((part) => part === 'BREAK' || part.weight !== 1)
  if (weighted) throw refuse('PROMPT_WEIGHTS', messages.weightsInPrompt, messages.leaveThemOut)
  return clipTokenizer().encode(prompt)
}

/** @param files of the run: one alone has no base */
export function noEmbeddings(files: number): SdtoolError {
  const hint = files === 1 ? messages.lookedForWithoutBase : messages.lookedFor
  return unverified('NO_EMBEDDINGS', messages.noEmbeddings, hint)
}

/** Characters that file systems, or the prompt, would not take. */
const UNFIT = /[\\/:*?"<>|\p{Cc}\p{Cf}]|^\.+/gu

/** Every embedding under a name that can be a file's, no two under the same. */
function namedOnce(embeddings: readonly FoundEmbedding[], wanted: string | undefined): FoundEmbedding[] {
  const taken = new Map<string, number>()
  return embeddings.map((embedding) => {
    const plain = (wanted ?? embedding.name).replace(UNFIT, '_').trim() || 'embedding'
    const count = (taken.get(plain) ?? 0) + 1
    taken.set(plain, count)
    return { ...embedding, name: count === 1 ? plain : `${plain}-${count}` }
  })
}
