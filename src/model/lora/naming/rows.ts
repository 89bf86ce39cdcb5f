/** Modules of some rows of a layer, and of several such parts put together: the same change, exactly. */
import { concatenated, tensorRows } from '../../../tensor/values/slices.ts'
import type { Tensor } from '../../../tensor/values/table.ts'
import type { PartRole, Parts } from '../../adapters/algorithm.ts'

export interface Rows {
  readonly start: number
  readonly length: number
}

/** Parts whose first dimension is the outputs of the layer, by algorithm. */
const BY_OUTPUT: Readonly<Record<string, ReadonlySet<PartRole>>> = {
  lora: new Set(['lora_up', 'lora_up_bias', 'diff_b', 'magnitude', 'dora_scale']),
  loha: new Set(['hada_w1_a', 'hada_w2_a', 'diff_b', 'magnitude', 'dora_scale']),
  full: new Set(['diff', 'diff_b']),
  norm: new Set(['w_norm', 'b_norm']),
  'set-weight': new Set(['set_weight']),
}

/** Parts that mix the outputs of a layer, so that no part of them belongs to some of its rows. */
const WHOLE_ONLY: ReadonlySet<PartRole> = new Set([
  'reshape_weight',
  'hada_t1',
  'hada_t2',
  'bias',
  'bias_indices',
  'bias_values',
  'bias_size',
])

/** Whether a module can be taken apart by the outputs of its layer. @param outputs of the layer */
export function canTakeRows(algorithm: string, parts: Parts, outputs: number): boolean {
  const own = BY_OUTPUT[algorithm]
  if (own === undefined || [...parts.keys()].some((role) => WHOLE_ONLY.has(role))) return false
  return [...parts].every(([role, { shape }]) => !own.has(role) || shape[0] === outputs)
}

/** The module for these outputs of its layer. */
export function rowsOfModule(algorithm: string, parts: Parts, { start, length }: Rows): Parts {
  return mapOutputs(algorithm, parts, (tensor) => tensorRows(tensor, start, length))
}

/** The module of a layer whose outputs stand the other way round, second half first. */
export function swappedModule(algorithm: string, parts: Parts): Parts {
  return mapOutputs(algorithm, parts, (tensor) => {
    const half = tensor.shape[0]! / 2
    return concatenated(tensor.name, [tensorRows(tensor, half, half), tensorRows(tensor, 0, half)])
  })
}

function mapOutputs(algorithm: string, parts: Parts, of: (tensor: Tensor) => Tensor): Parts {
  const own = BY_OUTPUT[algorithm]!
  return new Map([...parts].map(([role, tensor]) => [role, own.has(role) ? of(tensor) : tensor]))
}

/** One of the LoRAs that are put together: what it is for, and its factors in the type of all. */
export interface Piece {
  readonly rows: Rows
  /** [length, r] */
  readonly up: Tensor
  /** [r, inputs] */
  readonly down: Tensor
}

/**
 * One LoRA of all outputs of a layer: the downs below each other, the ups along the diagonal, so that the change of each
 * piece stands in its own rows. Outputs of no piece are not changed.
 * @returns up [outputs, sum of r], down [sum of r, inputs]
 */
export function onDiagonal(pieces: readonly Piece[], outputs: number): { up: Tensor; down: Tensor } {
  const [{ up: first, down }] = pieces as [Piece, ...Piece[]]
  const { dtype } = first
  const width = pieces.reduce((sum, piece) => sum + piece.up.shape[1]!, 0)
  const bands: Tensor[] = []
  let [row, column] = [0, 0]
  for (const piece of sorted(pieces)) {
    const rank = piece.up.shape[1]!
    const { start, length } = piece.rows
    if (start > row) bands.push(zeros(dtype, start - row, width))
    bands.push(besideZeros(piece.up, column, width))
    ;[row, column] = [start + length, column + rank]
  }
  if (outputs > row) bands.push(zeros(dtype, outputs - row, width))
  return {
    up: concatenated(first.name, bands),
    down: concatenated(
      down.name,
      sorted(pieces).map((piece) => piece.down),
    ),
  }
}

/** The same where all pieces have one down: its rank is enough. */
export function onTop(pieces: readonly Piece[], outputs: number): { up: Tensor; down: Tensor } {
  const [{ up: first, down }] = pieces as [Piece, ...Piece[]]
  const bands: Tensor[] = []
  let row = 0
  for (const { up, rows } of sorted(pieces)) {
    if (rows.start > row) bands.push(zeros(first.dtype, rows.start - row, first.shape[1]!))
    bands.push(up)
    row = rows.start + rows.length
  }
  if (outputs > row) bands.push(zeros(first.dtype, outputs - row, first.shape[1]!))
  return { up: concatenated(first.name, bands), down }
}

function sorted(pieces: readonly Piece[]): Piece[] {
  return [...pieces].sort((a, b) => a.rows.start - b.rows.start)
}

function besideZeros(up: Tensor, column: number, width: number): Tensor {
  const [rows, rank] = up.shape as [number, number]
  const sides = [zeros(up.dtype, rows, column), up, zeros(up.dtype, rows, width - column - rank)]
  return concatenated(
    up.name,
    sides.filter(({ shape }) => shape[1]! > 0),
    1,
  )
}

/** Few rows of zeros, named many times: a large block of them takes no memory. */
const ZERO_ROWS = 16

function zeros(dtype: Tensor['dtype'], rows: number, columns: number): Tensor {
  const some = (count: number): Tensor => {
    const data = new Uint8Array(count * columns)
    const codes: Tensor = {
      name: 'zeros',
      dtype: 'F8_E4M3',
      shape: [count, columns],
      source: { kind: 'bytes', data },
    }
    return { ...codes, dtype, source: { kind: 'cast', of: codes } }
  }
  const block = some(ZERO_ROWS)
  const whole = Array.from({ length: Math.floor(rows / ZERO_ROWS) }, () => block)
  const rest = rows % ZERO_ROWS
  return concatenated('zeros', rest > 0 || rows === 0 ? [...whole, some(rest)] : whole)
}
