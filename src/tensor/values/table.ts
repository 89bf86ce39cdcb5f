import type { FileRef } from '../../system/file-ref.ts'
import type { Matrix } from '../algebra/matrix.ts'
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

/** Part of a pickle that is not a weight: training state, callbacks, values that are no tensors. */
export interface Leftover {
  /** Path in the object, for example `optimizer_states`. */
  readonly path: string
  /** What it is: a class name, `tensor`, `dict`. */
  readonly what: string
  /** Bytes of the storages only it uses; 0 for plain values. */
  readonly bytes: number
}
