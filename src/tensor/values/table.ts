import type { FileRef } from '../../system/file-ref.ts'
import type { MergeParameters } from '../merge/method.ts'
import type { Quantised } from '../quantised/formats.ts'
import type { DType } from './dtype.ts'

/**
 * Where the values of a tensor come from. Plain data without functions (it crosses threads by structured clone);
 * `expr.ts` evaluates it, one block of elements at a time.
 */
export type Source =
  /** Bytes in a file. Without `strides` they lie contiguous at `offset`, little-endian, row-major. */
  | StoredSource
  | { readonly kind: 'bytes'; readonly data: Uint8Array }
  /** The same values in the tensor's own dtype, rounded once. */
  | { readonly kind: 'cast'; readonly of: Tensor }
  | PatchedSource
  | ConcatSource

/**
 * Computed values, rounded once to the tensor's dtype. `base` is the weight that was changed: what the change did to
 * it, and what rounding took of the change, is counted while the tensor is written.
 */
export interface PatchedSource {
  readonly kind: 'patched'
  readonly base: Tensor
  /** The new values, of the size of `matrixOf(base)`. */
  readonly value: Matrix
}

/** Tensors of one type one behind the other: rows below rows (axis 0), or columns beside columns (axis 1). */
export interface ConcatSource {
  readonly kind: 'concat'
  readonly of: readonly Tensor[]
  readonly axis: 0 | 1
}

/** A run of bytes of a file with the CRC-32 that its container states. */
export interface StatedSum {
  readonly file: FileRef
  /** Of the entry of an archive. */
  readonly name: string
  readonly offset: number
  readonly bytes: number
  readonly crc32: number
}

export interface StoredSource {
  readonly kind: 'stored'
  readonly file: FileRef
  /** Byte of the first element. */
  readonly offset: number
  readonly nbytes: number
  /** In elements, one per dimension, none negative; only for views that are not row-major. */
  readonly strides?: readonly number[]
  /** Elements are big-endian in the file. */
  readonly bigEndian?: true
  /** The run it lies in, where the container states the CRC-32 of one. */
  readonly sum?: StatedSum
}

export interface Tensor {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly source: Source
  /** Its part in a weight that is stored in fewer bits; without it the values are what they are. */
  readonly quantised?: Quantised
}

/** A model file, or the plan of one: tensors in order, and text metadata. */
export interface TensorTable {
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly metadata: Readonly<Record<string, string>>
}

/** Something a person should know about a file or a plan. */
export interface Finding {
  /** Stable, for scripts: lower-case words with dashes. */
  readonly code: string
  readonly severity: 'info' | 'warning' | 'error'
  readonly message: string
  /** What the finding costs or saves. */
  readonly bytes?: number
}

/** Plain data of a pickle that is not a tensor (epoch, global_step, hyper parameters). */
export type PlainValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly PlainValue[]
  | { readonly [key: string]: PlainValue }

/** One global that a pickle names, and what the allow-list says of it. */
export interface PickleGlobal {
  readonly module: string
  readonly name: string
  /** Byte offset of the opcode in the pickle that first names it. */
  readonly offset: number
  /** `construct`: known data. `opaque`: kept without being built. `dangerous`: could run code. `unknown`: refused, as nothing is known of it. */
  readonly verdict: 'construct' | 'opaque' | 'dangerous' | 'unknown'
}

/** What the pickle inside a file would have done. */
export interface SecurityReport {
  readonly safe: boolean
  readonly globals: readonly PickleGlobal[]
}

export type FormatId = 'safetensors' | 'torch-zip' | 'torch-legacy' | 'pickle' | 'gguf'

/** A small file beside a model file without which that is read wrongly: `adapter_config.json` of PEFT. */
export interface Companion {
  readonly name: string
  /** Undefined where it was too large, or could not be read. */
  readonly text?: string
  readonly sha256?: string
}

/** An opened file: headers only, nothing of the tensor data has been read. */
export interface ModelFile extends TensorTable {
  readonly file: FileRef
  /** Where it is a folder: the files in it that the tensors are in. */
  readonly shards?: readonly FileRef[]
  readonly format: FormatId
  /** Bytes before the tensor data of a safetensors or GGUF file. */
  readonly headerBytes?: number
  /** Where the weights lie in the object of a pickle, if not at its top: `state_dict`, `model/module`. */
  readonly weightsAt?: string
  /**
   * Top-level values beside the weights (`epoch`, `global_step`), and the names of what was dropped with the
   * bytes of its storages (`optimizer_states`: training state of a checkpoint).
   */
  readonly extras: Readonly<Record<string, PlainValue>>
  readonly leftovers: readonly Leftover[]
  /** CRC-32s that the container states of its entries, and how many entries have none; absent for other containers. */
  readonly checksums?: { readonly stated: readonly StatedSum[]; readonly without: number }
  readonly findings: readonly Finding[]
  /** Only for pickle-based files. */
  readonly security?: SecurityReport
  readonly companion?: Companion
}

/** Part of a pickle that is not a weight: training state, callbacks, values that are not tensors. */
export interface Leftover {
  /** Path in the object, for example `optimizer_states`. */
  readonly path: string
  /** What it is: a class name, `tensor`, `dict`. */
  readonly what: string
  /** Bytes of the storages only it uses; 0 for plain values. */
  readonly bytes: number
}

/*
 * Matrices that are computed when they are needed, a block of rows at a time. Plain data without functions: they cross
 * to worker threads by structured clone. `algebra/matrix.ts` makes them and checks their shapes, `algebra/evaluate.ts`
 * gives their values.
 */

export interface MatrixSize {
  readonly rows: number
  readonly columns: number
}

export type Matrix =
  /** The values of a tensor, row-major. */
  | (MatrixSize & { readonly op: 'tensor'; readonly of: Tensor })
  /** Sum of factor * matrix, all of one size. */
  | (MatrixSize & { readonly op: 'sum'; readonly terms: readonly Term[] })
  /** a @ b. `b` is held whole, so it should be the small one. */
  | (MatrixSize & { readonly op: 'product'; readonly a: Matrix; readonly b: Matrix })
  /** a . b, elementwise. */
  | (MatrixSize & { readonly op: 'hadamard'; readonly a: Matrix; readonly b: Matrix })
  /** a / b, elementwise; 0 where b is 0. */
  | (MatrixSize & { readonly op: 'quotient'; readonly a: Matrix; readonly b: Matrix })
  /** Kronecker product: block (i, j) is a[i, j] * b. `b` is held whole. */
  | (MatrixSize & { readonly op: 'kron'; readonly a: Matrix; readonly b: Matrix })
  /** The values seen as an array of `shape`, its axes in the order `order`, flattened anew. */
  | (MatrixSize & {
      readonly op: 'permute'
      readonly of: Matrix
      readonly shape: readonly number[]
      readonly order: readonly number[]
    })
  /** Rows [start, start + rows) of another matrix. */
  | (MatrixSize & { readonly op: 'rows'; readonly of: Matrix; readonly start: number })
  /** Another matrix with its first element at [row, 0], zeros around it. */
  | (MatrixSize & { readonly op: 'place'; readonly of: Matrix; readonly row: number })
  /** Zeros, and `values` [n, 1] at the places whose coordinates in an array of `shape` are the columns of `indices` [axes, n]. */
  | (MatrixSize & {
      readonly op: 'scatter'
      readonly indices: Matrix
      readonly values: Matrix
      readonly shape: readonly number[]
    })
  /** Row r times by[r, 0]. */
  | (MatrixSize & { readonly op: 'scale-rows'; readonly of: Matrix; readonly by: Matrix })
  /** Column c times by[floor(c / repeat), 0]: one factor for each input channel of a convolution. */
  | (MatrixSize & {
      readonly op: 'scale-columns'
      readonly of: Matrix
      readonly by: Matrix
      readonly repeat: number
    })
  /** [rows, 1]: Euclidean norm of each row. */
  | (MatrixSize & { readonly op: 'row-norms'; readonly of: Matrix })
  /** [columns / group, 1]: norm of each group of neighbouring columns over all rows. */
  | (MatrixSize & { readonly op: 'column-norms'; readonly of: Matrix; readonly group: number })
  /** [O, size]: orthogonal blocks, one below the other, made of the trained ones. */
  | (MatrixSize & { readonly op: 'orthogonal'; readonly rotation: Rotation })
  /** Rows turned among each other by the blocks `turns`; in several stages with a butterfly permutation around each. */
  | (MatrixSize & {
      readonly op: 'rotate'
      readonly of: Matrix
      readonly turns: Matrix
      readonly size: number
      readonly stages: number
      readonly butterfly: boolean
      readonly chunk: number
    })
  /** What a merge method makes of a tensor of this shape in several models. */
  | (MatrixSize & {
      readonly op: 'combine'
      readonly method: string
      readonly of: readonly Matrix[]
      readonly shape: readonly number[]
      readonly parameters: MergeParameters
    })
  /** The first columns of a matrix. */
  | (MatrixSize & { readonly op: 'first-columns'; readonly of: Matrix })
  /** A matrix in place of the first columns of a wider one. */
  | (MatrixSize & { readonly op: 'over-columns'; readonly of: Matrix; readonly under: Matrix })

export interface Term {
  readonly factor: number
  readonly of: Matrix
}

/** Rotation of the rows of a matrix by orthogonal blocks: OFT, BOFT. */
export interface Rotation {
  /**
   * [stages * count * size, size]: the trained blocks B, one below the other. Or packed, [stages * count, size * (size -
   * 1) / 2]: what stands above their diagonals, row by row, with zeros elsewhere. One block alone is for all rows.
   */
  readonly blocks: Matrix
  readonly packed?: true
  readonly size: number
  /** OFT has one stage; BOFT several, with a butterfly permutation around each. */
  readonly stages: number
  /** OFT applies the transpose of its blocks, BOFT the blocks. */
  readonly butterfly: boolean
  /** Neighbouring rows that a butterfly moves together; 1 without it. */
  readonly chunk?: number
  /**
   * How a trained block becomes a rotation: `cayley` (I + Q)(I - Q)^-1 of Q = skew * (B - B^T), `neumann` the first
   * `terms` of its series as PEFT sums them, or `plain`: it is one already.
   */
  readonly form: 'cayley' | 'neumann' | 'plain'
  readonly terms?: number
  /** 1 without it. */
  readonly skew?: number
  /** All Q together are scaled down to this Frobenius norm if theirs is larger. */
  readonly constraint?: number
  /** The same for each Q alone. */
  readonly blockLimit?: number
  /** R becomes I + strength * (R - I). */
  readonly strength: number
}
