/** `name.part.json`, which says what `name.part` is a part of, and the names of both. */
import { lstat, readFile, rm } from 'node:fs/promises'
import * as v from 'valibot'
import { EXIT, SdtoolError } from '../../system/errors.ts'
import { parseJsonText } from '../../system/json.ts'
import { writeNewFile } from '../../system/new-file.ts'
import { id, maybe, number, object, read, text } from '../api/tolerant.ts'
import { messages } from './messages.ts'

/** Which file a part is of. */
export interface PartIdentity {
  readonly versionId?: number
  readonly fileId?: number
  readonly sha256?: string
}

/** What the storage said about it. */
export interface Remote {
  readonly total?: number
  /** Strong ones only: they name exactly these bytes. */
  readonly etag?: string
}

const NOTE_VERSION = 1

/** `name.part.json` */
const noteFile = object({
  version: v.literal(NOTE_VERSION),
  versionId: maybe(id),
  fileId: maybe(id),
  sha256: maybe(text),
  remote: object({ total: maybe(number), etag: maybe(text) }),
  /** Of the process that writes the part. */
  pid: maybe(id),
})
type PartNote = v.InferOutput<typeof noteFile>

/** The names of the part of `target`, and of its note. */
export function partPaths(target: string): { readonly part: string; readonly note: string } {
  return { part: `${target}.part`, note: `${target}.part.json` }
}

/** Where a file is kept that was received whole, but is damaged, dangerous, or not what its name says. */
export function quarantinePath(target: string, kind: 'unsafe' | 'broken'): string {
  return `${target}.${kind}`
}

/** Every name that a download of `target` may write. */
export function partNames(target: string): readonly string[] {
  const { part, note } = partPaths(target)
  return [target, part, note, quarantinePath(target, 'unsafe'), quarantinePath(target, 'broken')]
}

/** By the hash where both have one. */
export function isOfSameFile({ sha256, versionId, fileId }: PartNote, identity: PartIdentity): boolean {
  return identity.sha256 !== undefined && sha256 !== undefined
    ? sha256 === identity.sha256
    : versionId === identity.versionId && fileId === identity.fileId
}

/** Notes are short; a longer file is another program's. */
const MAX_NOTE_BYTES = 64 * 1024

/** A note of ours; undefined if there is none. */
export async function readNote(note: string): Promise<PartNote | undefined | 'foreign'> {
  const info = await lstat(note).catch(() => undefined)
  if (!info) return undefined
  if (!info.isFile() || info.size > MAX_NOTE_BYTES) return 'foreign'
  return read(noteFile, parseJsonText(await readFile(note, 'utf8').catch(() => ''))) ?? 'foreign'
}

/** Removes a note whose part is gone. Never throws. */
export async function removeOrphan(target: string): Promise<void> {
  const { part, note } = partPaths(target)
  if (await lstat(part).catch(() => undefined)) return
  const found = await readNote(note)
  if (found === undefined || found === 'foreign' || isAlive(found.pid)) return
  await rm(note, { force: true }).catch(() => {})
}

/** Two writers would spoil each other's part. @throws PART_BUSY (exit 2) */
export function checkNotBusy(part: string, pid: number | undefined): void {
  if (!isAlive(pid)) return
  throw new SdtoolError('PART_BUSY', messages.partBusy(part, pid), {
    exitCode: EXIT.usage,
    hint: messages.waitOrRemoveNote(`${part}.json`),
  })
}

function isAlive(pid: number | undefined): boolean {
  if (pid === undefined || pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // it exists, but belongs to another user
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** PART_FOREIGN (exit 2) */
export function partForeign(part: string): SdtoolError {
  return new SdtoolError('PART_FOREIGN', messages.partForeign(part), {
    exitCode: EXIT.usage,
    hint: messages.anotherProgram,
  })
}

/** @param pid of the process, while it writes the part @throws what `writeNewFile` throws */
export async function writeNote(
  note: string,
  identity: PartIdentity,
  remote: Remote,
  pid?: number,
): Promise<void> {
  const json = JSON.stringify({ version: NOTE_VERSION, ...identity, remote, pid }, null, 2)
  await writeNewFile(note, `${json}\n`, { force: true, temporary: true })
}
