/** Whether files are still what they were when they were opened: size, time of the last change, inode. */
import type { BigIntStats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { SdtoolError } from './errors.ts'
import type { FileRef } from './file-ref.ts'
import { messages } from './messages.ts'

/** Of one state of one file. Plain text, so that it crosses to threads. */
export function stampOf({ ino, size, mtimeNs }: BigIntStats): string {
  return `${ino} ${size} ${mtimeNs}`
}

/** @throws INPUT_CHANGED (exit 1) for a file that is gone, or not the one it was */
export async function checkUnchanged(files: Iterable<FileRef>): Promise<void> {
  for (const file of files) {
    if (file.stamp === undefined) continue
    const now = await stat(file.path, { bigint: true }).catch(() => undefined)
    checkStamp(file, now && stampOf(now))
  }
}

/** @throws INPUT_CHANGED (exit 1) */
export function checkStamp({ path, stamp }: FileRef, now: string | undefined): void {
  if (stamp === undefined || stamp === now) return
  const message = now === undefined ? messages.inputGone(path) : change(path, stamp, now)
  throw new SdtoolError('INPUT_CHANGED', message, { hint: messages.runWhenComplete })
}

function change(path: string, before: string, now: string): string {
  const [ino, size] = before.split(' ')
  const [inoNow, sizeNow] = now.split(' ')
  if (ino !== inoNow) return messages.inputReplaced(path)
  return size === sizeNow ? messages.inputModified(path) : messages.inputResized(path, size!, sizeNow!)
}
