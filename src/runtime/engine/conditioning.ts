/** Prompts as the numbers that steer a denoiser. */

import { defined } from '../../system/defined.ts'
import { chunksOf, type PromptChunk } from '../prompt/chunks.ts'
import type { LoadedEmbedding } from '../prompt/embedding.ts'
import { emphasize } from '../prompt/emphasis.ts'
import { clipTokenizer, END_TOKEN } from '../prompt/tokenizer.ts'
import { timestepEmbedding } from '../sampling/timestep.ts'
import { CHUNK_TOKENS, type TextEncoder, type TextInput, type TextTower } from './engine.ts'
import { joinFloats } from './floats.ts'

export interface Conditioning {
  /** [77 * chunks, width]: outputs of all towers beside each other. */
  readonly context: Float32Array
  readonly chunks: number
  /** Of the first chunk, from the tower that has it. */
  readonly pooled?: Float32Array
}

export interface EncodeOptions {
  readonly embeddings: readonly LoadedEmbedding[]
  /** Layers left out at the end, as A1111 counts; that of the model if absent. */
  readonly clipSkip?: number
}

/**
 * Encodes prompts, one tower after the other, so that only one is in memory. Every tower is closed.
 * @param open opens a tower
 */
export async function encodePrompts(
  prompts: readonly string[],
  towers: readonly TextTower[],
  open: (tower: TextTower) => Promise<TextEncoder>,
  options: EncodeOptions,
): Promise<Conditioning[]> {
  const tokenizer = clipTokenizer()
  const chunked = prompts.map((prompt) => chunksOf(prompt, tokenizer, options.embeddings))
  const outputs: TowerOutput[][] = []
  for (const tower of towers) {
    const encoder = await open(tower)
    try {
      outputs.push(await encodeAll(chunked, encoder, options))
    } finally {
      await encoder.close()
    }
  }
  return chunked.map((chunks, i) =>
    joinTowers(
      outputs.map((own) => own[i]!),
      chunks.length,
    ),
  )
}

/** SD 2.x and XL always leave out a layer; as in A1111, nothing else can be asked of them. */
export function knowsClipSkip(towers: readonly TextTower[]): boolean {
  return towers.every(({ id, finalNorm }) => id === 'clip_l' && finalNorm)
}

interface TowerOutput {
  /** [77 * chunks, width]. */
  readonly hidden: Float32Array
  readonly width: number
  readonly pooled?: Float32Array
}

async function encodeAll(
  chunked: readonly (readonly PromptChunk<LoadedEmbedding>[])[],
  encoder: TextEncoder,
  { clipSkip }: EncodeOptions,
): Promise<TowerOutput[]> {
  const { tower } = encoder
  const all = chunked.flat()
  const inputs = all.map((chunk) => textInput(chunk, tower))
  const output = await encoder.encode(inputs, defined({ skip: clipSkip }))
  const size = CHUNK_TOKENS * output.width
  all.forEach(({ weights }, i) => {
    emphasize(output.hidden.subarray(i * size, (i + 1) * size), weights)
  })
  let first = 0
  return chunked.map(({ length }) => {
    const hidden = output.hidden.subarray(first * size, (first + length) * size)
    const pooledWidth = output.pooledWidth ?? 0
    const pooled = output.pooled?.subarray(first * pooledWidth, (first + 1) * pooledWidth)
    first += length
    return { hidden, width: output.width, ...(pooled && { pooled }) }
  })
}

/** Behind the first end token stands the padding of the tower. */
function textInput(
  { tokens, embeddings }: PromptChunk<LoadedEmbedding>,
  { id, padding, width }: TextTower,
): TextInput {
  const end = tokens.indexOf(END_TOKEN)
  const ids = tokens.map((token, i) => (i > end ? padding : token))
  const vectors = embeddings.flatMap(({ position, embedding }) => {
    const rows = embedding.rows.get(id)!
    return Array.from({ length: rows.length / width }, (_, i) => {
      return { position: position + i, values: rows.subarray(i * width, (i + 1) * width) }
    })
  })
  return { ids, vectors }
}

function joinTowers(outputs: readonly TowerOutput[], chunks: number): Conditioning {
  const total = outputs.reduce((sum, { width }) => sum + width, 0)
  const context = new Float32Array(CHUNK_TOKENS * chunks * total)
  let column = 0
  for (const { hidden, width } of outputs) {
    for (let row = 0; row < CHUNK_TOKENS * chunks; row++)
      context.set(hidden.subarray(row * width, (row + 1) * width), row * total + column)
    column += width
  }
  const pooled = outputs.find((output) => output.pooled)?.pooled
  return { context, chunks, ...(pooled && { pooled }) }
}

/**
 * All of one length, which keeps the graph of the denoiser the same: tokens that stand there several times change
 * nothing in attention. Source: ComfyUI, CONDCrossAttn.concat
 */
export function sameLength(conditionings: readonly Conditioning[]): Conditioning[] {
  const chunks = conditionings.reduce((common, own) => leastCommonMultiple(common, own.chunks), 1)
  return conditionings.map((own) => repeated(own, chunks))
}

function repeated(conditioning: Conditioning, chunks: number): Conditioning {
  const { context } = conditioning
  const longer = new Float32Array((context.length / conditioning.chunks) * chunks)
  for (let at = 0; at < longer.length; at += context.length) longer.set(context, at)
  return { ...conditioning, context: longer, chunks }
}

function leastCommonMultiple(a: number, b: number): number {
  let [x, y] = [a, b]
  while (y > 0) [x, y] = [y, x % y]
  return (a / x) * b
}

/** What A1111 makes of an empty negative prompt for SDXL; sizes stay. */
export function zeroed({ context, chunks, pooled }: Conditioning): Conditioning {
  return {
    context: new Float32Array(context.length),
    chunks,
    ...(pooled && { pooled: new Float32Array(pooled.length) }),
  }
}

const SIZE_FEATURES = 256

/**
 * The vector of SDXL: pooled text, then the size a training picture had, where it was cut, and the size wanted; height
 * before width, all that of the picture, cut nowhere. Source: sgm, GeneralConditioner; A1111, modules/sd_models_xl.py
 */
export function sizeVector(pooled: Float32Array, height: number, width: number): Float32Array {
  const sizes = timestepEmbedding([height, width, 0, 0, height, width], SIZE_FEATURES)
  return joinFloats([pooled, sizes])
}
