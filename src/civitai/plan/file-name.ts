/** Untrusted names, made safe as file names on any system. */
import { resolve } from 'node:path'
import { SdtoolError } from '../../system/errors.ts'
import type { CivitaiFile, CivitaiVersion } from '../api/shapes.ts'
import { kindOfName } from './file-kinds.ts'
import { messages } from './messages.ts'

/** In bytes, of common file systems; what is put behind names (`.part.json`, `.civitai.info`) must fit, too. */
const MAX_NAME_BYTES = 255
const ROOM_FOR_ENDINGS = 24

/** No file can have these names on Windows, whatever their ending. */
const DEVICE_NAME = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)$/i

/** Not allowed on Windows, separators, and what could act on a terminal or hide an ending. */
const BAD_CHARACTERS = /[<>:"/\\|?*]|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu

/** Longer names are shortened before anything else. */
const MAX_GIVEN = 1000

/** Without its middle: the ending of an absurdly long text is needed. */
function shortened(text: string): string {
  return text.length > MAX_GIVEN ? text.slice(0, MAX_GIVEN / 2) + text.slice(-MAX_GIVEN / 2) : text
}

/** The last part of a path of any system, harmless as a file name; undefined if nothing is left of it. */
export function safeName(text: string): string | undefined {
  const last = text.split(/[/\\]/).at(-1) ?? ''
  const plain = shortened(last)
    .normalize('NFC')
    .replaceAll(BAD_CHARACTERS, '_')
    .replace(/^[\s.~-]+/, '')
    .replace(/[\s.]+$/, '')
  if (plain.replaceAll('_', '') === '') return undefined
  const { stem, ending } = splitName(plain)
  const free = DEVICE_NAME.test(stem.split('.')[0]!.trimEnd()) ? `_${stem}` : stem
  return cut(free, MAX_NAME_BYTES - ROOM_FOR_ENDINGS - Buffer.byteLength(ending)) + ending
}

/** At most so many bytes of UTF-8, whole characters only. */
function cut(text: string, bytes: number): string {
  const whole = Buffer.from(text)
  if (whole.byteLength <= bytes) return text
  return whole
    .subarray(0, bytes)
    .toString('utf8')
    .replace(/\ufffd+$/, '')
    .trimEnd()
}

/** An ending is short and plain: `v1.5 final` has none. */
export function splitName(name: string): { readonly stem: string; readonly ending: string } {
  const ending = /(?<=.)\.[A-Za-z0-9_]{1,12}$/.exec(name)?.[0] ?? ''
  return { stem: name.slice(0, name.length - ending.length), ending }
}

/** Endings by the format the site gives, for files without a name. */
const ENDINGS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    SafeTensor: '.safetensors',
    PickleTensor: '.ckpt',
    GGUF: '.gguf',
    Diffusers: '.zip',
    'Core ML': '.zip',
    ONNX: '.zip',
  }),
)

/** The name of a file unless the user chooses another. */
export function nameFor(file: CivitaiFile, version: CivitaiVersion): string {
  const given = safeName(unescaped(file.name))
  const byFormat = ENDINGS.get(file.format ?? '')
  if (given !== undefined && hasEnding(given, byFormat)) return given
  const ending = byFormat ?? '.bin'
  return (
    safeName(`${given ?? `${version.modelName}_${version.name}`}${ending}`) ??
    `civitai_${version.id}${ending}`
  )
}

/** In `my.lora.final` and `mine.fp16` what follows the dot is not an ending where the site gives the format. */
function hasEnding(name: string, byFormat: string | undefined): boolean {
  const { ending } = splitName(name)
  if (ending === '') return false
  if (kindOfName(name) !== undefined || byFormat === undefined) return true
  // an archive of a folder may be named by what is in it
  return byFormat === '.zip' && !/\d/.test(ending)
}

/** Some were uploaded under a name of an address: `%E3%83%9F%E3%82%AF.safetensors`. */
function unescaped(name: string): string {
  if (!/%[89a-f][0-9a-f]/i.test(name)) return name
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

/** Equal for paths that some file system takes for the same: those of Windows and macOS ignore case, and how an accent is put together. */
export function nameKey(path: string): string {
  return resolve(path).normalize('NFC').toLowerCase()
}

/**
 * A server that sends a zip for a .safetensors sends another file.
 * @throws CIVITAI_OTHER_FILE (exit 1)
 */
export function checkSameClass(planned: string, delivered: string | undefined): void {
  if (delivered === undefined) return
  const [one, two] = [planned, delivered].map(kindOfName)
  if (one === undefined || two === undefined || one === two) return
  throw new SdtoolError('CIVITAI_OTHER_FILE', messages.otherKindOfFile(planned, delivered), {
    hint: messages.chooseById,
  })
}

/**
 * The name in a Content-Disposition, or in the address of a storage, which gets one to send back: `filename*` first
 * (RFC 6266), then `filename`, whose raw UTF-8 arrives as Latin-1. Not safe yet.
 */
export function deliveredName(disposition: string | undefined, url: URL): string | undefined {
  const asked =
    url.searchParams.get('response-content-disposition') ?? url.searchParams.get('b2ContentDisposition')
  for (const header of [disposition, asked ?? undefined]) {
    const name = header === undefined ? undefined : dispositionName(header)
    if (name) return name
  }
  return undefined
}

function dispositionName(header: string): string | undefined {
  const extended = /(?:^|;)\s*filename\*\s*=\s*(?:utf-8)'[^']*'([^;]+)/i.exec(header)?.[1]
  if (extended !== undefined) {
    try {
      return decodeURIComponent(extended.trim())
    } catch {
      // not encoded as it should be: the plain one may do
    }
  }
  const plain = /(?:^|;)\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]+))/i.exec(header)
  if (!plain) return undefined
  const text = plain[1]?.replaceAll(/\\(.)/g, '$1') ?? plain[2]!.trim()
  return utf8FromLatin1(text)
}

/** Header bytes come as Latin-1; if they are UTF-8, that is what was meant. */
function utf8FromLatin1(text: string): string {
  if (!/[\x80-\xff]/.test(text) || /[^\0-\xff]/.test(text)) return text
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'latin1'))
  } catch {
    return text
  }
}
