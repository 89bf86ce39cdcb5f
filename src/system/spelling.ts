/** What was typed, byte by byte: Node has decoded its arguments, and put U+FFFD for what is not UTF-8. */
import { isUtf8 } from 'node:buffer'
import { readFileSync, readlinkSync } from 'node:fs'
import { usage } from './errors.ts'
import { messages } from './messages.ts'
import type { World } from './world.ts'

/** The first name that is lost; undefined if all are there, or on systems whose names are always Unicode. */
export function misspeltName(count: number): World['misspelt'] {
  try {
    const folder = readlinkSync('/proc/self/cwd', { encoding: 'buffer' })
    if (!isUtf8(folder)) return { what: 'folder', name: shownBytes(folder) }
    const words = splitAtZero(readFileSync('/proc/self/cmdline'))
    const odd = words.slice(words.length - count).find((word) => !isUtf8(word))
    return odd && { what: 'argument', name: shownBytes(odd) }
  } catch {
    return undefined // no Linux
  }
}

/** Each word ends with a zero. */
function splitAtZero(bytes: Buffer): Buffer[] {
  const words: Buffer[] = []
  for (let at = 0, end = bytes.indexOf(0); end >= 0; at = end + 1, end = bytes.indexOf(0, at))
    words.push(bytes.subarray(at, end))
  return words
}

/** `caf\xe9.pt` */
export function shownBytes(name: Uint8Array): string {
  if (isUtf8(name)) return Buffer.from(name).toString()
  const text = Buffer.from(name).toString('latin1')
  return text.replaceAll(/[^\x20-\x7e]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** @throws USAGE (exit 2) for a command line that does not say what was typed */
export function checkSpelling({ misspelt }: Pick<World, 'misspelt'>): void {
  if (misspelt === undefined) return
  const { what, name } = misspelt
  const message = what === 'folder' ? messages.folderNotUtf8(name) : messages.argumentNotUtf8(name)
  throw usage(message, messages.renameToUtf8)
}
