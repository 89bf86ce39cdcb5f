/** Whether files are still what they were when they were opened: size, time of the last change, inode. */
import type { BigIntStats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { SdtoolError } from './errors.ts'
import type { FileRef } from './file-ref.ts'

/** Of one state of one file. Plain text, so that it crosses to threads. */
export function stampOf({ ino, size, mtimeNs }: BigIntStats): string {
  return `${ino} ${size} ${mtimeNs}`
}

/** @throws INPUT_CHANGED for a file that is not the one it was, or gone */
export async function checkUnchanged(files: Iterable<FileRef>): Promise<void> {
  for (const file of files) {
    if (file.stamp === undefined) continue
    const now = await stat(file.path, { bigint: true }).catch(() => undefined)
    checkStamp(file, now && stampOf(now))
  }
}

/** @throws INPUT_CHANGED */
export function checkStamp({ path, stamp }: FileRef, now: string | undefined): void {
  if (stamp === undefined || stamp === now) return
  const what = now === undefined ? 'it is gone' : difference(stamp, now)
  throw new SdtoolError('INPUT_CHANGED', `${path} changed while it was read: ${what}`, {
    hint: 'Nothing was kept. Run again when it is complete and nothing writes to it.',
  })
}

function difference(before: string, now: string): string {
  const [ino, size] = before.split(' ')
  const [inoNow, sizeNow] = now.split(' ')
  if (ino !== inoNow) return 'another file has its name now'
  return size === sizeNow ? 'it was written to' : `it had ${size} bytes, and has ${sizeNow} now`
}
