/**
 * Names that are not UTF-8: on Linux a name is any bytes. Node shows such bytes as U+FFFD, which names nothing on the
 * disk: these files can be reported, but not opened.
 */
import { isUtf8 } from 'node:buffer'
import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { sep } from 'node:path'
import { shownBytes } from '../system/spelling.ts'

const REPLACEMENT = '\ufffd'

export interface NamedEntries {
  readonly entries: Dirent[]
  /** What has a name that cannot be used. */
  readonly unreadable: readonly UnreadableEntry[]
}

export interface UnreadableEntry {
  /** With its odd bytes as `\xff`. */
  readonly shown: string
  readonly isFolder: boolean
}

/** What a folder holds. @throws the errors of the file system */
export async function readFolder(path: string): Promise<NamedEntries> {
  const entries = await readdir(path, { withFileTypes: true })
  if (!entries.some(({ name }) => name.includes(REPLACEMENT))) return { entries, unreadable: [] }
  const raw = await readdir(path, { encoding: 'buffer' })
  const sound = new Set(raw.filter((name) => isUtf8(name)).map(String))
  return {
    // several odd names look alike, and like one that is spelt with U+FFFD
    entries: entries.filter(({ name }, i) => {
      return sound.has(name) && entries.findIndex((entry) => entry.name === name) === i
    }),
    unreadable: await Promise.all(raw.filter((name) => !isUtf8(name)).map((name) => unreadable(path, name))),
  }
}

async function unreadable(folder: string, name: Buffer): Promise<UnreadableEntry> {
  const info = await stat(Buffer.concat([Buffer.from(folder + sep), name])).catch(() => undefined)
  return { shown: shownBytes(name), isFolder: info?.isDirectory() ?? false }
}
