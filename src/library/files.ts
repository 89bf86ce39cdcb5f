import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { MODEL_ENDINGS } from '../model/file-name.ts'
import { refuse, SdtoolError, usage } from '../system/errors.ts'
import { messages } from './messages.ts'
import { type SkippedFolder, scanFolder } from './scan.ts'
import type { Interruptible } from './session.ts'
import { isShardFolder } from './shards.ts'

export interface ListedFile {
  readonly path: string
  /** Name below the folder that was walked; without folders for a file that was named itself. */
  readonly relative: string
  /** Why a bare name was not resolved; other files go on. */
  readonly problem?: SdtoolError
}

/** The files of a command line: as named, folders walked in order of names. */
export interface FileList {
  readonly files: readonly ListedFile[]
  /** A folder was among the arguments. */
  readonly walked: boolean
  /** Folders in those that were walked. */
  readonly skipped: readonly SkippedFolder[]
}

/**
 * @param find gives the path that a name stands for
 * @param endings of the files that are looked for in folders, in lower case
 * @throws USAGE (exit 2) when nothing was named, FOLDER_EMPTY when a folder holds no model file,
 * MODEL_FOLDER_TOO_LARGE (exit 3)
 */
export async function listFiles(
  args: readonly string[],
  find: (name: string) => Promise<string>,
  { signal }: Interruptible,
  endings: readonly string[] = MODEL_ENDINGS,
): Promise<FileList> {
  if (args.length === 0) throw usage(messages.noFileNamed, messages.nameFilesOrFolders)
  const files = new Map<string, ListedFile>()
  const skipped: SkippedFolder[] = []
  let walked = false
  for (const arg of args) {
    if (arg === '') throw usage(messages.emptyFileName)
    const info = await stat(arg).catch(() => undefined)
    if (!info?.isDirectory() || isShardFolder(arg)) {
      const file = info ? { path: arg, relative: basename(arg) } : await lookUp(arg, find)
      files.set(file.path, file)
      continue
    }
    walked = true
    const { files: found, skipped: left } = await scanFolder(arg, signal, undefined, endings)
    skipped.push(...left)
    if (found.length === 0) {
      throw refuse('FOLDER_EMPTY', messages.noModelInFolder(arg), messages.modelEndings(endings.join(', ')))
    }
    for (const { path, name } of found) files.set(path, { path, relative: name })
  }
  return { files: [...files.values()], walked, skipped }
}

async function lookUp(name: string, find: (name: string) => Promise<string>): Promise<ListedFile> {
  try {
    const path = await find(name)
    return { path, relative: basename(path) }
  } catch (error) {
    if (!(error instanceof SdtoolError)) throw error
    return { path: name, relative: name, problem: error }
  }
}
