import { openCache } from '../library/caches/library-cache.ts'
import { checkFolder, scanFolder } from '../library/scan.ts'
import { libraryOf } from '../operations/list/models.ts'
import { startProgress } from '../system/world.ts'
import { environmentFor } from './environment.ts'
import { messages } from './messages.ts'
import type { CallOptions, ListedModel } from './types.ts'

/**
 * The model files below a folder and what each is, in order of their names. Files that have not changed are known from
 * the cache that `sdtool list` uses, too. A file that cannot be read is in the list with the reason.
 * @throws SdtoolError: NOT_A_FOLDER, MODEL_FOLDER_TOO_LARGE (exit 3); ENOENT
 */
export async function listModels(folder: string, options: CallOptions = {}): Promise<ListedModel[]> {
  const environment = environmentFor(options)
  await checkFolder(folder)
  const { files } = await scanFolder(folder, environment.signal)
  const cache = await openCache(environment)
  const progress = startProgress(environment, messages.openingModels, 'count')
  try {
    return await libraryOf(files, cache, progress, environment)
  } finally {
    progress.end()
    await cache.save()
  }
}
