import type { ModelFolders } from '../../library/resolve.ts'

export interface InspectionOptions {
  readonly hashes: boolean
  readonly scan: boolean
  /** The file is on a server: its header is read, and a few small tensors. */
  readonly remote?: boolean
  /** Where files are that a VAE may be a copy of. */
  readonly folders: ModelFolders
}
