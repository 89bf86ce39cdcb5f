/** A folder of diffusers that is written whole or not at all. */

import { existsSync, readdirSync, statSync } from 'node:fs'
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isPipelineFolder } from '../../library/pipeline-folder.ts'
import { PIPELINE_INDEX } from '../../library/shards.ts'
import { EXIT, SdtoolError } from '../../system/errors.ts'
import { temporaryFolder } from '../../system/leftovers.ts'
import { messages as system } from '../../system/messages.ts'
import { messages } from './messages.ts'

/** A folder that gets its name when all of it is there. */
export interface StagedFolder {
  readonly path: string
  commit(): Promise<void>
  /** Removes what was written; nothing after `commit`. Never throws. */
  abort(): Promise<void>
}

/** A folder of somebody's other things is not replaced: how one of ours is told. */
export type IsOurs = (folder: string) => boolean

/** @throws what `checkFree` throws */
export async function stageFolder(
  target: string,
  force: boolean,
  isOurs: IsOurs = isPipelineFolder,
): Promise<StagedFolder> {
  checkFree(target, force, isOurs)
  await mkdir(dirname(target), { recursive: true })
  const { path, remove } = await temporaryFolder(dirname(target), `.${basename(target)}`)
  return {
    path,
    async commit() {
      checkFree(target, force, isOurs)
      const old = `${path}.old`
      const isThere = existsSync(target)
      // the new folder is for those whom the old one was for
      if (isThere) await chmod(path, statSync(target).mode & 0o777)
      if (isThere) await rename(target, old)
      await rename(path, target)
      if (isThere) await rm(old, { recursive: true, force: true })
    },
    abort: remove,
  }
}

/**
 * With `force` a folder of diffusers may be replaced, and an empty one; not somebody's folder of other things.
 * @throws OUTPUT_EXISTS, OUTPUT_NOT_A_PIPELINE (exit 2)
 */
export function checkFree(target: string, force: boolean, isOurs: IsOurs = isPipelineFolder): void {
  if (!existsSync(target)) return
  if (!force) throw outputError('OUTPUT_EXISTS', system.outputExists(target), messages.forceOrOther)
  const isFolder = statSync(target).isDirectory()
  if (isFolder && (isOurs(target) || readdirSync(target).length === 0)) return
  const text = isFolder ? messages.notDiffusersFolder(target, PIPELINE_INDEX) : messages.notFolder(target)
  throw outputError('OUTPUT_NOT_A_PIPELINE', text, messages.otherFolder)
}

function outputError(code: string, message: string, hint: string): SdtoolError {
  return new SdtoolError(code, message, { exitCode: EXIT.usage, hint })
}

export async function writeTexts(folder: string, texts: ReadonlyMap<string, string>): Promise<void> {
  for (const [name, text] of texts) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text, { flag: 'wx' })
  }
}
