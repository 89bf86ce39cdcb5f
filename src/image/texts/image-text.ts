/** Texts in pictures, whatever holds them. */

export interface ImageText {
  readonly keyword: string
  readonly text: string
}

/** A workflow of ComfyUI is some 100 KB; much more is a bomb, or not text. */
export const MAX_TEXT_BYTES = 16 * 1024 * 1024

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Bytes that are UTF-8 or Latin-1: specifications name the one, programs write the other. Latin-1 that is UTF-8 by
 * chance is pairs of letters such as "Ã©", which nobody writes.
 */
export function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    return Buffer.from(bytes).toString('latin1')
  }
}

/** What fills a field of fixed length, or ends a text of C, is not part of it. */
export function withoutNuls(text: string): string {
  let [start, end] = [0, text.length]
  while (text[start] === '\0') start++
  while (end > start && text[end - 1] === '\0') end--
  return text.slice(start, end)
}
