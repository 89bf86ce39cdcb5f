import { createAtomic } from '../../system/atomic.ts'
import { writeFully } from '../../system/bytes.ts'
import type { FileRef } from '../../system/file-ref.ts'
import { checkUnchanged } from '../../system/stamp.ts'

/** Writes a small file that appears under its name only when it is whole. @throws INPUT_CHANGED, and what `createAtomic` throws */
export async function writeNewFile(
  path: string,
  data: Uint8Array,
  { force, inputs }: { readonly force: boolean; readonly inputs: readonly FileRef[] },
): Promise<void> {
  const file = await createAtomic(path, { force, bytes: data.byteLength, inputs })
  try {
    await writeFully(file.handle, data)
    await checkUnchanged(inputs)
    await file.commit()
  } catch (error) {
    await file.abort()
    throw error
  }
}
