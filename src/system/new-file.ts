import { createAtomic } from './atomic.ts'
import { writeFully } from './bytes.ts'
import { defined } from './defined.ts'
import type { FileRef } from './file-ref.ts'
import { checkUnchanged } from './stamp.ts'

export interface NewFileOptions {
  /** Replaces an existing file. */
  readonly force?: boolean
  /** For this run only: it may be lost in a crash. */
  readonly temporary?: boolean
  /** Files it is made from: it must not be one of them, and they must not have changed. */
  readonly inputs?: readonly FileRef[]
}

/**
 * Writes a small file that appears under its name only when it is whole.
 * @throws INPUT_CHANGED (exit 1), and what `createAtomic` throws
 */
export async function writeNewFile(
  path: string,
  content: string | Uint8Array,
  { force, temporary, inputs = [] }: NewFileOptions = {},
): Promise<void> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  const options = { bytes: bytes.byteLength, inputs, ...defined({ force, temporary }) }
  const file = await createAtomic(path, options)
  try {
    await writeFully(file.handle, bytes)
    await checkUnchanged(inputs)
    await file.commit()
  } catch (error) {
    await file.abort()
    throw error
  }
}
