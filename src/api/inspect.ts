import { openModelFolders } from '../library/model-folders.ts'
import { inspectFile } from '../operations/inspect/inspection.ts'
import { inspectionJson } from '../operations/inspect/json.ts'
import { environmentFor } from './environment.ts'
import type { InspectOptions, InspectResult } from './types.ts'

/**
 * What `sdtool inspect --json` says of a file.
 * @throws SdtoolError: what is wrong with the file (exit 3), ENOENT (exit 1)
 */
export async function inspect(path: string, options: InspectOptions = {}): Promise<InspectResult> {
  const environment = environmentFor(options)
  const { hashes = false, scan = false, tensors = false, models = [] } = options
  const folders = openModelFolders(models, { signal: environment.signal, note: () => {} })
  const found = await inspectFile(path, { hashes, scan, folders }, environment)
  if ('error' in found) throw found.error
  return inspectionJson(found, tensors ? [...found.model.tensors.values()] : undefined)
}
