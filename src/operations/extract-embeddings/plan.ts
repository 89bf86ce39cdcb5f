/** Embeddings inside of other files, and made of the words a model knows. */

import { tokenTensors } from '../../model/adapters/cloneofsimo.ts'
import {
  bundleName,
  describeEmbedding,
  type EmbeddingFile,
  type EmbeddingInfo,
  type EmbeddingPart,
  type EmbeddingRole,
} from '../../model/identify/embeddings.ts'
import type { Identity } from '../../model/identity.ts'
import { inNarrowerType } from '../../model/lora/difference.ts'
import { CLIP_VOCABULARY } from '../../model/networks/topology/text.ts'
import { refuse } from '../../system/errors.ts'
import { checkOperation } from '../../tensor/quantised/check.ts'
import { blockBytes, isFloat } from '../../tensor/values/dtype.ts'
import { type Evaluation, evaluateInto } from '../../tensor/values/expr.ts'
import { concatenated, reshape, tensorRows } from '../../tensor/values/slices.ts'
import type { PlainValue, Tensor, TensorTable } from '../../tensor/values/table.ts'
import { messages } from './messages.ts'

/** One embedding, ready to be written: a table of vectors for each text encoder. */
export interface FoundEmbedding {
  readonly name: string
  /** The text that called it in the source. */
  readonly token?: string
  /** [n, d] each; `single` where there is one encoder. */
  readonly parts: ReadonlyMap<EmbeddingRole, Tensor>
  /** Where it was, for people: "bundled", "rows 49408-49410 of the token table". */
  readonly from: string
  /** What the source says besides the vectors: step, sd_checkpoint. */
  readonly extras: Readonly<Record<string, PlainValue>>
}

export function vectorsOf({ parts }: FoundEmbedding): number {
  return Math.max(...[...parts.values()].map(({ shape }) => shape[0]!))
}

/** Embeddings carried under `bundle_emb.` in a LoRA or a checkpoint. @throws EMBEDDING_UNKNOWN (exit 3) */
export function bundledEmbeddings(table: TensorTable): FoundEmbedding[] {
  const groups = new Map<string, Map<string, Tensor>>()
  for (const [key, tensor] of table.tensors) {
    const name = bundleName(key)
    if (name === undefined) continue
    const group = groups.get(name) ?? new Map<string, Tensor>()
    groups.set(name, group.set(key, tensor))
  }
  return [...groups].flatMap(([name, tensors]) => {
    const info = describeEmbedding({ tensors, metadata: {} })
    if (info === undefined) throw refuse('EMBEDDING_UNKNOWN', messages.bundleUnknown(name))
    return [{ name, parts: partsOf(info.parts), from: messages.fromBundle, extras: {} }]
  })
}

/** The embeddings of an embedding file, each by itself. */
export function ownEmbeddings(file: EmbeddingFile, info: EmbeddingInfo, name: string): FoundEmbedding[] {
  const extras = file.extras ?? {}
  const roles = new Set(info.parts.map(({ role }) => role))
  const own = info.name ?? plainToken(info.token) ?? name
  const { snapshots } = info
  if (snapshots !== undefined) {
    return snapshots.map((parts, i) => {
      const from = messages.fromState(i + 1, snapshots.length)
      return { name: `${own}-${i + 1}`, ...tokenOf(info.token), parts: partsOf(parts), from, extras }
    })
  }
  // parts of one role are embeddings of their own; those of different roles belong together
  if (info.parts.length === roles.size)
    return [
      { name: own, ...tokenOf(info.token), parts: partsOf(info.parts), from: messages.fromFile, extras },
    ]
  return info.parts.map((part) => {
    const { token } = part
    return {
      name: plainToken(token) ?? own,
      ...tokenOf(token),
      parts: partsOf([part]),
      from: messages.fromFile,
      extras,
    }
  })
}

/** The name of a file for a token: `<cat-toy>` is called `cat-toy`. `*` is the token of all that have none. */
function plainToken(token: string | undefined): string | undefined {
  return token === undefined || token === '*' ? undefined : token.replace(/^<([^<>]+)>$/, '$1')
}

function tokenOf(token: string | undefined): Pick<FoundEmbedding, 'token'> {
  return token === undefined || token === '*' ? {} : { token }
}

/** Tokens that were trained together with a LoRA and stand in its file. */
export function tokensInAdapter(table: TensorTable): FoundEmbedding[] {
  return tokenTensors(table).map((tensor) => {
    const { name: token, shape } = tensor
    const rows = reshape(tensor, [shape.length === 1 ? 1 : shape[0]!, shape.at(-1)!])
    const parts = new Map([['single', rows] as const])
    return { name: plainToken(token) ?? token, token, parts, from: messages.fromLora, extras: {} }
  })
}

function partsOf(parts: readonly EmbeddingPart[]): Map<EmbeddingRole, Tensor> {
  return new Map(parts.map((part) => [part.role, concatenateVectors(part)]))
}

function concatenateVectors({ tensors, dim }: EmbeddingPart): Tensor {
  const rows = tensors.map((tensor) =>
    reshape(tensor, [tensor.shape.length === 1 ? 1 : tensor.shape[0]!, dim]),
  )
  return rows.length === 1 ? rows[0]! : concatenated(rows[0]!.name, rows)
}

/** The table of token vectors of a text encoder. */
interface TokenTable {
  readonly role: EmbeddingRole
  readonly tensor: Tensor
}

const TOKEN_TABLE = /(?:^|\.)token_embedding\.weight$/

/** Encoder ids as embeddings name them. */
const ROLES: Readonly<Record<string, EmbeddingRole>> = {
  clip_l: 'clip_l',
  clip_g: 'clip_g',
  openclip_g: 'clip_g',
}

/** Tables of the CLIPs of a model; T5 is never trained in this way. */
export function tokenTables(table: TensorTable, { components }: Identity): TokenTable[] {
  const found = components.flatMap((component) => {
    const key = component.role === 'text' ? component.names.find((name) => TOKEN_TABLE.test(name)) : undefined
    if (key === undefined) return []
    return [{ role: ROLES[component.id] ?? 'single', tensor: table.tensors.get(key)! } as const]
  })
  return found.length === 1 ? [{ ...found[0]!, role: 'single' }] : found
}

/** @throws SCALED_FP8, QUANTISED (exit 3) */
function checkReadable(tables: readonly TokenTable[]): void {
  checkOperation(
    'embeddings',
    tables.map(({ tensor }) => tensor),
    messages.tokenTable,
  )
}

/** Consecutive rows of the token tables. */
interface Run {
  readonly start: number
  readonly length: number
}

/** More than embeddings have: so many rows that differ are another text encoder. */
const MAX_ROWS = 300

/**
 * Rows after CLIP's own vocabulary, one embedding for each run of them.
 * @throws TOKENS_TOO_MANY, SCALED_FP8, QUANTISED (exit 3)
 */
export function addedTokens(tables: readonly TokenTable[], stem: string, each: boolean): FoundEmbedding[] {
  const rows = Math.max(0, ...tables.map(({ tensor }) => tensor.shape[0]!)) - CLIP_VOCABULARY
  if (rows <= 0) return []
  if (rows > MAX_ROWS) throw tooMany(messages.tooManyAdded(rows, MAX_ROWS))
  checkReadable(tables)
  return runsAsEmbeddings(tables, [{ start: CLIP_VOCABULARY, length: rows }], stem, each)
}

/**
 * Rows of the vocabulary whose vectors are not those of the base.
 * @throws TOKENS_TOO_MANY, MIXED_ARCHITECTURES, MIXED_TYPES, SCALED_FP8, QUANTISED (exit 3)
 */
export async function changedTokens(
  tables: readonly TokenTable[],
  base: readonly TokenTable[],
  stem: string,
  each: boolean,
  evaluation: Evaluation,
): Promise<FoundEmbedding[]> {
  checkReadable([...tables, ...base])
  const changed = new Set<number>()
  for (const { role, tensor } of tables) {
    const other = base.find((table) => table.role === role)
    if (other === undefined || other.tensor.shape[1] !== tensor.shape[1]) throw otherBase(tensor)
    for (const row of await differingRows(tensor, other.tensor, evaluation)) changed.add(row)
  }
  if (changed.size > MAX_ROWS) throw tooMany(messages.tooManyChanged(changed.size, MAX_ROWS))
  return runsAsEmbeddings(tables, runsOf([...changed].sort((a, b) => a - b)), stem, each)
}

function tooMany(message: string): Error {
  return refuse('TOKENS_TOO_MANY', message)
}

function otherBase({ name }: Tensor): Error {
  return refuse('MIXED_ARCHITECTURES', messages.otherBase(name))
}

const WALK_ROWS = 1024

/** Rows that both have and that differ once both are in the narrower of their types. */
async function differingRows(a: Tensor, b: Tensor, evaluation: Evaluation): Promise<number[]> {
  const [left, right] = inNarrowerType(a, b)
  if (left.dtype !== right.dtype) throw refuse('MIXED_TYPES', messages.mixedTypes(a.name, a.dtype, b.dtype))
  const [rows, width] = [Math.min(a.shape[0]!, b.shape[0]!), a.shape[1]!]
  const rowBytes = blockBytes(left.dtype, 0, width)
  const found: number[] = []
  for (let row = 0; row < rows; row += WALK_ROWS) {
    const count = Math.min(WALK_ROWS, rows - row)
    const sides = [left, right].map(() => Buffer.alloc(count * rowBytes)) as [Buffer, Buffer]
    await evaluateInto(left, row * width, (row + count) * width, sides[0], evaluation)
    await evaluateInto(right, row * width, (row + count) * width, sides[1], evaluation)
    if (sides[0].equals(sides[1])) continue
    for (let r = 0; r < count; r++) {
      const [begin, end] = [r * rowBytes, (r + 1) * rowBytes]
      if (sides[0].compare(sides[1], begin, end, begin, end) !== 0) found.push(row + r)
    }
  }
  return found
}

function runsOf(rows: readonly number[]): Run[] {
  const runs: { start: number; length: number }[] = []
  for (const row of rows) {
    const last = runs.at(-1)
    if (last !== undefined && last.start + last.length === row) last.length++
    else runs.push({ start: row, length: 1 })
  }
  return runs
}

function runsAsEmbeddings(
  tables: readonly TokenTable[],
  runs: readonly Run[],
  stem: string,
  each: boolean,
): FoundEmbedding[] {
  const single = each
    ? runs.flatMap(({ start, length }) => Array.from({ length }, (_, i) => ({ start: start + i, length: 1 })))
    : runs
  return single.map((run) => {
    const { start, length } = run
    const rows = length === 1 ? `${start}` : `${start}-${start + length - 1}`
    const parts = new Map(
      tables.flatMap(({ role, tensor }) => rowsIn(tensor, run).map((part) => [role, part] as const)),
    )
    return {
      name: `${stem}-token-${rows}`,
      parts,
      from: length === 1 ? messages.fromRow(start) : messages.fromRows(start, start + length - 1),
      extras: {},
    }
  })
}

/** One encoder's table may have fewer rows than the other's. */
function rowsIn(tensor: Tensor, { start, length }: Run): Tensor[] {
  const end = Math.min(start + length, tensor.shape[0]!)
  return end > start ? [tensorRows(tensor, start, end - start)] : []
}

/** Tokens of one chunk of a prompt. */
const MAX_PROMPT_TOKENS = 75

/**
 * An embedding that stands for a prompt: the vectors of its tokens. In a prompt it gives what the words give.
 * @throws PROMPT_EMPTY, PROMPT_TOO_LONG, NO_TOKEN_TABLE, SCALED_FP8, QUANTISED (exit 3)
 */
export function promptEmbedding(
  tables: readonly TokenTable[],
  tokens: readonly number[],
  name: string,
): FoundEmbedding {
  if (tables.length === 0) throw refuse('NO_TOKEN_TABLE', messages.noTokenTable)
  checkReadable(tables)
  if (tokens.length === 0) throw refuse('PROMPT_EMPTY', messages.promptEmpty)
  if (tokens.length > MAX_PROMPT_TOKENS)
    throw refuse(
      'PROMPT_TOO_LONG',
      messages.promptTooLong(tokens.length, MAX_PROMPT_TOKENS),
      messages.makeTwo,
    )
  const parts = new Map(
    tables.map(({ role, tensor }) => {
      if (!isFloat(tensor.dtype))
        throw refuse('NO_TOKEN_TABLE', messages.tableNotFloat(tensor.name, tensor.dtype))
      return [
        role,
        concatenated(
          tensor.name,
          tokens.map((token) => tensorRows(tensor, token, 1)),
        ),
      ] as const
    }),
  )
  return { name, parts, from: messages.fromPrompt, extras: {} }
}
