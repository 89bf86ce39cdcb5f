/**
 * A prompt of any length as chunks of 75 tokens, each with its begin and end.
 * Source: A1111, modules/sd_hijack_clip.py, `tokenize_line`
 */
import { parseAttention } from './attention.ts'
import { END_TOKEN, START_TOKEN, type Tokenizer } from './tokenizer.ts'

const CAPACITY = 75

const COMMA = 267
/** A1111 moves up to this many tokens behind a comma to the next chunk, rather than cutting a phrase. */
const BACKTRACK = 20

/** A word that stands for vectors (textual inversion). */
export interface PromptEmbedding {
  readonly name: string
  /** Tokens it takes up. */
  readonly vectors: number
}

export interface Placed<E> {
  /** Of the first vector, in the 77 places of the chunk. */
  readonly position: number
  readonly embedding: E
}

export interface PromptChunk<E> {
  /** 77: begin, tokens, end, ends as padding. 0 where a vector goes. */
  readonly tokens: readonly number[]
  /** 77, of which those of begin, end and padding are 1. */
  readonly weights: readonly number[]
  readonly embeddings: readonly Placed<E>[]
}

interface OpenChunk<E> {
  tokens: number[]
  weights: number[]
  embeddings: Placed<E>[]
}

/** At least one chunk. Names of embeddings are found among the tokens, longer names first. */
export function chunksOf<E extends PromptEmbedding>(
  prompt: string,
  tokenizer: Tokenizer,
  embeddings: readonly E[] = [],
): PromptChunk<E>[] {
  const find = embeddingFinder(embeddings, tokenizer)
  const builder = chunkBuilder<E>()
  for (const segment of parseAttention(prompt)) {
    if (segment === 'BREAK') {
      builder.close()
      continue
    }
    const tokens = tokenizer.encode(segment.text)
    for (let i = 0; i < tokens.length; ) {
      builder.makeRoom(tokens[i]!)
      const found = find(tokens, i)
      if (found) builder.addEmbedding(found.embedding, segment.weight)
      else builder.add(tokens[i]!, segment.weight)
      i += found?.length ?? 1
    }
  }
  return builder.finish()
}

interface ChunkBuilder<E> {
  /** Closes the chunk if the next token does not fit; what follows its last comma moves on, if it is not much. */
  makeRoom(next: number): void
  add(token: number, weight: number): void
  addEmbedding(embedding: E, weight: number): void
  close(): void
  finish(): PromptChunk<E>[]
}

function chunkBuilder<E extends PromptEmbedding>(): ChunkBuilder<E> {
  const chunks: PromptChunk<E>[] = []
  let open: OpenChunk<E> = { tokens: [], weights: [], embeddings: [] }
  let comma = -1
  const close = (): void => {
    chunks.push(closed(open))
    open = { tokens: [], weights: [], embeddings: [] }
    comma = -1
  }
  const add = (token: number, weight: number): void => {
    open.tokens.push(token)
    open.weights.push(weight)
  }
  const closeAtComma = (): void => {
    const cut = comma + 1
    const [kept, moved] = [before(open, cut), behind(open, cut)]
    open = kept
    close()
    open = moved
  }
  return {
    add,
    close,
    makeRoom(next) {
      const isFull = open.tokens.length === CAPACITY
      if (next === COMMA) comma = open.tokens.length
      else if (isFull && comma !== -1 && CAPACITY - comma <= BACKTRACK) closeAtComma()
      if (open.tokens.length === CAPACITY) close()
    },
    addEmbedding(embedding, weight) {
      if (open.tokens.length + embedding.vectors > CAPACITY) close()
      open.embeddings.push({ position: open.tokens.length + 1, embedding })
      for (let i = 0; i < embedding.vectors; i++) add(0, weight)
    },
    finish() {
      if (open.tokens.length > 0 || chunks.length === 0) close()
      return chunks
    },
  }
}

function before<E>({ tokens, weights, embeddings }: OpenChunk<E>, cut: number): OpenChunk<E> {
  return {
    tokens: tokens.slice(0, cut),
    weights: weights.slice(0, cut),
    embeddings: embeddings.filter(({ position }) => position <= cut),
  }
}

/** A1111 forgets that embeddings move with their places; here they do. */
function behind<E>({ tokens, weights, embeddings }: OpenChunk<E>, cut: number): OpenChunk<E> {
  return {
    tokens: tokens.slice(cut),
    weights: weights.slice(cut),
    embeddings: embeddings
      .filter(({ position }) => position > cut)
      .map((placed) => ({ ...placed, position: placed.position - cut })),
  }
}

function closed<E>({ tokens, weights, embeddings }: OpenChunk<E>): PromptChunk<E> {
  const missing = CAPACITY - tokens.length
  return {
    tokens: [START_TOKEN, ...tokens, ...Array<number>(missing).fill(END_TOKEN), END_TOKEN],
    weights: [1, ...weights, ...Array<number>(missing).fill(1), 1],
    embeddings,
  }
}

type EmbeddingFinder<E> = (
  tokens: readonly number[],
  at: number,
) => { readonly embedding: E; readonly length: number } | undefined

function embeddingFinder<E extends PromptEmbedding>(
  embeddings: readonly E[],
  tokenizer: Tokenizer,
): EmbeddingFinder<E> {
  const named = embeddings
    .map((embedding) => ({ embedding, ids: tokenizer.encode(embedding.name) }))
    .filter(({ ids }) => ids.length > 0)
    .sort((a, b) => b.ids.length - a.ids.length)
  return (tokens, at) => {
    const found = named.find(({ ids }) => ids.every((id, i) => tokens[at + i] === id))
    return found && { embedding: found.embedding, length: found.ids.length }
  }
}
