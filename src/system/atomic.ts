import { randomBytes } from 'node:crypto'
import type { Stats } from 'node:fs'
import {
  chmod,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readlink,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
} from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { EXIT, SdtoolError, usage } from './errors.ts'
import type { FileRef } from './file-ref.ts'
import { messages } from './messages.ts'

/** A file that appears under its name only when it is whole. */
export interface AtomicFile {
  readonly path: string
  /** The sibling that is written: on the same file system, so that the rename is atomic. */
  readonly tempPath: string
  readonly handle: FileHandle
  /** Makes the bytes durable, then gives the file its name. */
  commit(): Promise<void>
  /** Removes what was written. Never throws. */
  abort(): Promise<void>
}

export interface AtomicOptions {
  /** Replace an existing file; the old one stays whole until the rename. */
  readonly force?: boolean
  /** For this run only: what a crash takes of it is no loss, so nobody waits for the disk. */
  readonly temporary?: boolean
  /** Stands in the name of the sibling, so that it can be told whose it is. */
  readonly owner?: string
  readonly bytes: number
  /** Files that must not be overwritten, not even with `force`. */
  readonly inputs: readonly FileRef[]
}

/** Longest name of a file on common file systems, in bytes. */
const MAX_NAME = 255

/**
 * Starts a file that replaces `path` at `commit`. Missing folders are made, and removed again by `abort`.
 * @throws what `checkOutput` and `makeFolders` throw, and what `cannotWrite` makes
 */
export async function createAtomic(path: string, options: AtomicOptions): Promise<AtomicFile> {
  await checkOutput(path, options)
  const tempPath = temporaryName(path, options.owner)
  const folders = await makeFolders(path)
  // what is private is private while it is written, too
  const mode = (await modeOf(path)) ?? DEFAULT_MODE
  const handle = await open(tempPath, 'wx', mode | OWNER_WRITES).catch(
    async (cause: NodeJS.ErrnoException) => {
      await folders.remove()
      throw cannotWrite(path, cause)
    },
  )
  let closed = false
  const close = async (): Promise<void> => {
    if (!closed) {
      closed = true
      await handle.close()
    }
  }
  return {
    path,
    tempPath,
    handle,
    async commit() {
      if (!options.temporary) await handle.sync()
      await close()
      await publish(tempPath, path, options.force ?? false)
      if (!options.temporary) await syncFolder(dirname(path))
    },
    async abort() {
      await close().catch(() => {})
      await rm(tempPath, { force: true }).catch(() => {})
      await folders.remove()
    },
  }
}

/** Of a new file; the umask of the person takes its share. */
const DEFAULT_MODE = 0o666
const OWNER_WRITES = 0o200
/** Who may read, write and run it; not whose rights it runs with. */
const PERMISSIONS = 0o777

/** Permissions of the file at a path, also through a link; undefined if there is none. */
async function modeOf(path: string): Promise<number | undefined> {
  const info = await stat(path).catch(() => undefined)
  return info && info.mode & PERMISSIONS
}

/**
 * Makes the missing folders above a path. `remove` removes those that are still empty, and never throws.
 * @throws OUTPUT_FOLDER, DISK_FULL (exit 1)
 */
export async function makeFolders(path: string): Promise<{ remove(): Promise<void> }> {
  const lowest = dirname(resolve(path))
  const highest = await mkdir(lowest, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    throw cannotWrite(path, cause)
  })
  return {
    async remove() {
      if (highest === undefined) return
      const above = dirname(highest)
      for (let folder = lowest; folder !== above; folder = dirname(folder)) {
        // not empty: something else was put there in the meantime, and stays
        if (
          !(await rmdir(folder).then(
            () => true,
            () => false,
          ))
        )
          return
      }
    },
  }
}

/** `.model.safetensors.1a2b3c4d.part`, with an owner before the digits; hidden, and within the length limit of names. */
function temporaryName(path: string, owner?: string): string {
  const ending = `${owner === undefined ? '' : `.${owner}`}.${randomBytes(4).toString('hex')}.part`
  const base = Buffer.from(basename(path)).subarray(0, MAX_NAME - ending.length - 1)
  // a cut through a multi-byte character leaves U+FFFD, which is harmless in a temporary name
  return join(dirname(path), `.${base.toString().replaceAll('\ufffd', '')}${ending}`)
}

/**
 * Everything that can be known to prevent an output before anything is written or made: for a dry run, and for the
 * run itself before it starts.
 * @throws USAGE if it is a folder, OUTPUT_IS_INPUT, OUTPUT_EXISTS, OUTPUT_NOT_A_FILE (exit 2), OUTPUT_FOLDER,
 *   DISK_FULL (exit 1)
 */
export async function checkOutput(path: string, { force, bytes, inputs }: AtomicOptions): Promise<void> {
  const target = await checkReplaceable(path)
  for (const input of inputs) await checkNoInput(path, target, input)
  // lstat, as a link to a file that is gone takes the name too
  const taken = await lstat(path).catch(() => undefined)
  if (taken && !force) throw outputExists(path)
  await checkSpace(path, bytes)
}

/**
 * Whether the path may be replaced by a file: only a file may, or nothing. A pipe, a device or a socket is not an old
 * file, and programs that wait at its other end would wait forever.
 * @returns what is there, through a link; undefined if there is nothing
 * @throws USAGE for a folder, OUTPUT_NOT_A_FILE (exit 2)
 */
export async function checkReplaceable(path: string): Promise<Stats | undefined> {
  const target = await stat(path).catch(() => undefined)
  if (target?.isDirectory()) throw usage(messages.outputIsFolder(path), messages.nameOutputFile)
  if (target === undefined || target.isFile()) return target
  throw new SdtoolError('OUTPUT_NOT_A_FILE', irreplaceable(path, target), {
    exitCode: EXIT.usage,
    hint: messages.nameAnotherOutput,
  })
}

function irreplaceable(path: string, info: Stats): string {
  if (info.isFIFO()) return messages.outputIsPipe(path)
  return info.isSocket() ? messages.outputIsSocket(path) : messages.outputIsDevice(path)
}

async function checkNoInput(path: string, target: Stats | undefined, input: FileRef): Promise<void> {
  const info = await stat(input.path).catch(() => undefined)
  const same = target && info && target.ino === info.ino && target.dev === info.dev
  if (same || (await destination(path)) === resolve(input.path) || resolve(path) === resolve(input.path)) {
    throw new SdtoolError('OUTPUT_IS_INPUT', messages.outputIsInput(path), {
      exitCode: EXIT.usage,
      hint: messages.nameAnotherOutput,
    })
  }
}

/** Where the path itself points to as a link, also if there is nothing any more. */
async function destination(path: string): Promise<string | undefined> {
  const to = await readlink(path).catch(() => undefined)
  return to === undefined ? undefined : resolve(dirname(path), to)
}

function outputExists(path: string): SdtoolError {
  return new SdtoolError('OUTPUT_EXISTS', messages.outputExists(path), {
    exitCode: EXIT.usage,
    hint: messages.forceOrOtherName,
  })
}

/**
 * The nearest existing folder above a path whose own folder may be missing.
 * @throws OUTPUT_FOLDER (exit 1) if a part of the path is not a folder
 */
async function nearestFolder(path: string): Promise<string> {
  for (let folder = dirname(resolve(path)); ; folder = dirname(folder)) {
    const info = await stat(folder).catch(() => undefined)
    if (info?.isDirectory()) return folder
    if (info || folder === dirname(folder)) {
      throw cannotWrite(path, Object.assign(new Error(messages.notAFolder(folder)), { code: 'ENOTDIR' }))
    }
  }
}

/** The disk that a file is on, or will be. */
export interface DiskSpace {
  /** The folder of the file, or the nearest one above that is there already. */
  readonly folder: string
  /** Equal for all folders of a disk. */
  readonly device: number
  /** Bytes that this user may still write; infinite where nobody knows. */
  readonly free: number
}

/**
 * The disk of a file that may not exist yet.
 * @throws OUTPUT_FOLDER (exit 1) if a part of the path is not a folder
 */
export async function diskSpace(path: string): Promise<DiskSpace> {
  const folder = await nearestFolder(path)
  const { bavail, bsize, blocks } = await statfs(folder)
  // file systems that do not count say that they have 0 blocks: some of FUSE, and cloud storages
  const free = blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize
  return { folder, device: (await stat(folder)).dev, free }
}

/** @throws DISK_FULL (exit 1) when the disk of `path` has no room for so many bytes, and what `diskSpace` throws */
export async function checkSpace(path: string, bytes: number): Promise<void> {
  const { folder, free } = await diskSpace(path)
  if (free < bytes) {
    throw new SdtoolError('DISK_FULL', messages.diskTooSmall(folder, free, basename(path), bytes), {
      hint: messages.makeSpace,
    })
  }
}

/** Codes of a path that cannot be written, whatever the free space. */
const UNWRITABLE: ReadonlySet<string> = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOTDIR',
  'EEXIST',
  'ENAMETOOLONG',
])

/** The error of the operating system as one of sdtool; other errors pass unchanged. */
export function cannotWrite(path: string, cause: NodeJS.ErrnoException): Error {
  if (cause.code === 'ENOSPC' || cause.code === 'EDQUOT') {
    return new SdtoolError('DISK_FULL', messages.diskFull(path, cause.code), {
      cause,
      hint: messages.makeSpace,
    })
  }
  if (cause.code !== undefined && UNWRITABLE.has(cause.code)) {
    return new SdtoolError('OUTPUT_FOLDER', messages.cannotWrite(path, cause.code), {
      cause,
      hint: messages.nameWritablePlace,
    })
  }
  return cause
}

/**
 * Gives a finished file its name.
 * Without `force` a hard link gives the name, as it fails where a rename would replace a file that appeared in the
 * meantime. File systems without links (exFAT) get the rename. With `force` the new file is for those whom the old one
 * was for: its permissions are kept.
 * @throws OUTPUT_EXISTS (exit 2), and what `checkReplaceable` throws
 */
export async function publish(tempPath: string, path: string, force: boolean): Promise<void> {
  if (!force) {
    try {
      await link(tempPath, path)
      await rm(tempPath)
      return
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') throw outputExists(path)
      if (await lstat(path).catch(() => undefined)) throw outputExists(path)
    }
  }
  const old = await checkReplaceable(path)
  // file systems without permissions may say no, and lose none
  if (old) await chmod(tempPath, old.mode & PERMISSIONS).catch(() => {})
  await rename(tempPath, path)
}

/** Makes the new name durable too. Not possible everywhere (Windows), and nothing is lost where it is not. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}
