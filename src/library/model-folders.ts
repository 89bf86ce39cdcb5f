/** Folders of a person in which bare names are looked up. */

import type { ModelFolders } from './resolve.ts'
import { type FolderScan, type SkippedFolder, scanFolder } from './scan.ts'
import type { Interruptible } from './session.ts'

/** Of pictures that keep what is in their pixels. */
const CARD_ENDINGS = ['.png', '.webp'] as const

interface Listener extends Interruptible {
  /** Tells the person something about a choice that was made. */
  note(line: string): void
  /** Tells what of a folder was not looked into. */
  onSkipped?(skipped: readonly SkippedFolder[]): void
}

/** Nothing is read before the first name is looked up, and each folder once. */
export function openModelFolders(
  roots: readonly string[],
  { signal, note, onSkipped }: Listener,
): ModelFolders {
  const scans = new Map<string, Promise<FolderScan>>()
  return {
    roots,
    note,
    async scan(folder) {
      const scan = scans.get(folder) ?? scanFolder(folder, signal)
      scans.set(folder, scan)
      return (await scan).files
    },
    async noteSkipped() {
      for (const root of roots) onSkipped?.((await scans.get(root))?.skipped ?? [])
    },
    scanPictures: async (folder) => (await scanFolder(folder, signal, undefined, CARD_ENDINGS)).files,
  }
}
