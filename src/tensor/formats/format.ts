import type { ByteSource } from '../../system/bytes.ts'
import type { FormatId, ModelFile } from '../values/table.ts'

/** One container. A new one is a file that exports this, and a line in `open.ts`. */
export interface Format {
  readonly id: FormatId
  /** For tables and messages: "safetensors", "torch zip". */
  readonly title: string
  /** Decides by content, never by extension. `head` is the first 512 bytes, fewer if the file is shorter. */
  matches(head: Uint8Array, source: ByteSource): boolean | Promise<boolean>
  /** Reads headers only. @throws SdtoolError with exit code 3 for anything malformed, unsafe or unsupported */
  open(source: ByteSource): Promise<ModelFile>
}
