/** Formats the one writer can write: all but the values is known, with its place, before the first value is computed. */

import type { ByteSource } from '../../system/bytes.ts'
import type { ModelFile, TensorTable } from '../values/table.ts'
import type { FileLayout } from './layout.ts'

/** A run of bytes that belongs to no tensor. */
export interface Piece {
  readonly offset: number
  readonly data: Uint8Array
}

/** A file without the values of its tensors. */
export interface Frame {
  /** Offsets count from `dataStart`. Between entries there may be room for pieces. */
  readonly layout: FileLayout
  readonly dataStart: number
  /** Of the whole file. */
  readonly bytes: number
  /**
   * Everything else. Where `needsChecksums`, it is asked for when all values are written, with the CRC-32 of each entry.
   */
  readonly pieces: (checksums: readonly number[]) => readonly Piece[]
  readonly needsChecksums: boolean
}

export interface Container {
  /** @throws DTYPE_NOT_WRITABLE, NAME_NOT_WRITABLE, HEADER_TOO_LARGE (exit 3) */
  frame(table: TensorTable): Frame
  /** The ordinary reader, for the check of what was written. */
  open(source: ByteSource): Promise<ModelFile>
  /** Names of structure where metadata stand beside it: no metadata may have one as its key. */
  readonly reservedKeys?: ReadonlySet<string>
  /** The metadata of a table in what `open` gives; absent where the format has no place for them. */
  readonly metadataOf?: (written: ModelFile) => Readonly<Record<string, string>>
}
