/** Looks at a finished download before it gets its name: by our own parser, and our own scanner for pickles. */
import { extname } from 'node:path'
import { refuse } from '../errors.ts'
import { MODEL_ENDINGS } from '../model/output-name.ts'
import { openFileSource } from '../tensor/bytes.ts'
import { openModel } from '../tensor/formats/open.ts'
import type { FormatId } from '../tensor/table.ts'

const PICKLE_ENDINGS: ReadonlySet<string> = new Set(['.ckpt', '.pt', '.pth', '.bin', '.pkl'])
const PICKLED: ReadonlySet<FormatId> = new Set(['torch-zip', 'torch-legacy', 'pickle'])

/** Whether a file of this name is one that `checkDownloaded` can judge. */
export function isModelName(name: string): boolean {
  return (MODEL_ENDINGS as readonly string[]).includes(extname(name).toLowerCase())
}

/**
 * @param target the name the file will have, for messages and for what to expect in it
 * @throws SdtoolError with exit code 3 for what is damaged, dangerous, or not what its name says
 */
export async function checkDownloaded(partPath: string, target: string): Promise<void> {
  if (!isModelName(target)) return
  const source = await openFileSource(partPath)
  try {
    const { format } = await openModel({ ...source, file: { path: target, size: source.file.size } })
    const ending = extname(target).toLowerCase()
    if (PICKLED.has(format) && !PICKLE_ENDINGS.has(ending))
      throw refuse(
        'PICKLE_DISGUISED',
        `${target}: a pickle, not what its name says`,
        'Do not load it with anything.',
      )
  } finally {
    await source.close()
  }
}
