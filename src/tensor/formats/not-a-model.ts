/** Files that are often found under the name of a model, and what to say of them. */
import { refuse, type SdtoolError } from '../../system/errors.ts'
import type { FileRef } from '../../system/file-ref.ts'
import { messages } from './messages.ts'

interface Stranger {
  readonly what: () => string
  readonly hint: () => string
  matches(head: Buffer): boolean
}

function startsWith(...bytes: readonly (number | string)[]): (head: Buffer) => boolean {
  const magic = Buffer.concat(
    bytes.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.of(part))),
  )
  return (head) => head.subarray(0, magic.byteLength).equals(magic)
}

function startsWithText(pattern: RegExp): (head: Buffer) => boolean {
  return (head) => pattern.test(head.toString('latin1'))
}

/** The start of a JSON text in which this stands. */
function jsonWith(pattern: RegExp): (head: Buffer) => boolean {
  return (head) => {
    const text = head.toString('latin1').replace(/^\xef\xbb\xbf/, '')
    return /^\s*[{[]\s*["{[\]}0-9]/.test(text) && pattern.test(text)
  }
}

function ofBrand(brand: RegExp): (head: Buffer) => boolean {
  return (head) => head.toString('latin1', 4, 8) === 'ftyp' && brand.test(head.toString('latin1', 8, 12))
}

const UNPACK = () => messages.unpackFirst
const CONVERT = () => messages.saveAsSafetensors
const DOWNLOAD = () => messages.downloadWithLogin
const GIVE_MODEL = () => messages.giveModel

/** Source of the magic numbers: the specifications of the formats, and the `file` utility. */
const STRANGERS: readonly Stranger[] = [
  {
    what: () => messages.webPage,
    hint: DOWNLOAD,
    matches: startsWithText(/^(\xef\xbb\xbf)?\s*<(?:!doctype|!--|\?xml|\/?[a-z][a-z0-9]*[\s>/])/i),
  },
  {
    what: () => messages.lfsPointer,
    hint: () => messages.pullLfs,
    matches: startsWith('version https://git-lfs'),
  },
  {
    what: () => messages.errorMessage,
    hint: DOWNLOAD,
    matches: jsonWith(/"(?:error|errors|message|detail|reason)"\s*:/),
  },
  {
    what: () => messages.shardIndex,
    hint: () => messages.nameShardFolder,
    matches: jsonWith(/"(?:weight_map|total_size)"\s*:/),
  },
  {
    what: () => messages.jsonRecipe,
    hint: () => messages.replayIt,
    matches: jsonWith(/"sdtool"\s*:/),
  },
  {
    what: () => messages.jsonWorkflow,
    hint: GIVE_MODEL,
    matches: jsonWith(/"(?:last_node_id|class_type|nodes)"\s*:/),
  },
  {
    what: () => messages.jsonConfig,
    hint: GIVE_MODEL,
    matches: jsonWith(/"(?:_class_name|architectures|model_type|peft_type|_diffusers_version)"\s*:/),
  },
  { what: () => messages.jsonFile, hint: GIVE_MODEL, matches: jsonWith(/^/) },
  // onnx.proto: ir_version is field 1, producer_name or the graph behind it
  {
    what: () => messages.onnxModel,
    hint: () => messages.giveExported,
    matches: (head) =>
      head[0] === 0x08 && head[1]! > 0 && head[1]! < 32 && (head[2] === 0x12 || head[2] === 0x3a),
  },
  // ISO/IEC 14496-12: the box of the file's type comes first
  { what: () => messages.avifImage, hint: GIVE_MODEL, matches: ofBrand(/^avi[fs]/) },
  { what: () => messages.heifImage, hint: GIVE_MODEL, matches: ofBrand(/^(?:hei|hev|mif|msf)/) },
  { what: () => messages.videoFile, hint: GIVE_MODEL, matches: ofBrand(/^/) },
  { what: () => messages.sevenZipArchive, hint: UNPACK, matches: startsWith('7z', 0xbc, 0xaf, 0x27, 0x1c) },
  { what: () => messages.rarArchive, hint: UNPACK, matches: startsWith('Rar!', 0x1a, 0x07) },
  { what: () => messages.gzipFile, hint: UNPACK, matches: startsWith(0x1f, 0x8b) },
  { what: () => messages.xzFile, hint: UNPACK, matches: startsWith(0xfd, '7zXZ', 0) },
  { what: () => messages.bzip2File, hint: UNPACK, matches: startsWith('BZh') },
  { what: () => messages.zstdFile, hint: UNPACK, matches: startsWith(0x28, 0xb5, 0x2f, 0xfd) },
  {
    what: () => messages.pngImage,
    hint: () => messages.embeddingsInImages,
    matches: startsWith(0x89, 'PNG'),
  },
  { what: () => messages.jpegImage, hint: GIVE_MODEL, matches: startsWith(0xff, 0xd8, 0xff) },
  { what: () => messages.gifImage, hint: GIVE_MODEL, matches: startsWith('GIF8') },
  {
    what: () => messages.webpImage,
    hint: GIVE_MODEL,
    matches: (head) => head.toString('latin1', 0, 4) === 'RIFF' && head.toString('latin1', 8, 12) === 'WEBP',
  },
  { what: () => messages.numpyArray, hint: CONVERT, matches: startsWith(0x93, 'NUMPY') },
  { what: () => messages.hdf5File, hint: CONVERT, matches: startsWith(0x89, 'HDF') },
  { what: () => messages.pdfDocument, hint: GIVE_MODEL, matches: startsWith('%PDF') },
  {
    what: () => messages.earlyTorchScript,
    hint: CONVERT,
    matches: startsWith('PYTORCH'),
  },
  {
    what: () => messages.mobileTorchScript,
    hint: CONVERT,
    matches: (head) => head.toString('latin1', 4, 8) === 'PTMF',
  },
  {
    what: () => messages.oldGgml,
    hint: () => messages.convertGgml,
    matches: startsWithText(/^(lmgg|tjgg|fmgg|algg)/),
  },
  { what: () => messages.elfProgram, hint: () => messages.doNotRun, matches: startsWith(0x7f, 'ELF') },
  { what: () => messages.windowsProgram, hint: () => messages.doNotRun, matches: startsWith('MZ') },
]

const USTAR_AT = 257

/** The refusal for a file that is plainly something else, or undefined. */
export function strangerError({ path, size }: FileRef, bytes: Uint8Array): SdtoolError | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (size === 0) return refuse('EMPTY_FILE', messages.emptyFile(path), DOWNLOAD())
  if (head.every((byte) => byte === 0))
    return refuse('EMPTY_FILE', messages.zeroBytes(path, head.length), DOWNLOAD())
  if (head.toString('latin1', USTAR_AT, USTAR_AT + 5) === 'ustar') return tarError(path, head)
  const stranger = STRANGERS.find(({ matches }) => matches(head))
  return stranger && refuse('NOT_A_MODEL', `${path}: ${stranger.what()}`, stranger.hint())
}

/** No format has a header and a tensor in fewer. */
const SMALLEST = 16

/** What is told of a text that is no model. */
const SHOWN = 40

/** The refusal for a file that nothing is known of. @param formats titles of those that are known */
export function unknownError({ path, size }: FileRef, bytes: Uint8Array, formats: string): SdtoolError {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = textOf(head)
  const isPlain = text !== undefined && !CONTROL.test(text)
  if (isPlain) {
    const start = text
      .trim()
      .split(/[\r\n]/)[0]!
      .slice(0, SHOWN)
    return refuse('UNKNOWN_FORMAT', messages.textFile(path, start), messages.giveModel)
  }
  if (size < SMALLEST) return refuse('UNKNOWN_FORMAT', messages.tooSmall(path, size), DOWNLOAD())
  const start = head.toString('hex', 0, 8).replace(/..(?=.)/g, '$& ')
  return refuse('UNKNOWN_FORMAT', messages.unknownFormat(path, start), messages.knownFormats(formats))
}

/**
 * What a text editor made of a binary file, or undefined: UTF-8 throughout, with control characters as no text has
 * them. Of a file that could not be read: a sound one may begin like that.
 */
export function savedAsText({ path }: FileRef, bytes: Uint8Array): SdtoolError | undefined {
  const text = textOf(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  if (text === undefined || !CONTROL.test(text)) return undefined
  if (text.includes('\ufffd'))
    return refuse('SAVED_AS_TEXT', messages.bytesReplaced(path), messages.copyAsBinary)
  // names may have letters of Latin-1; they have no second set of control characters, and do not begin a file
  const isOdd = /[\x80-\x9f]/.test(text) || /[\x80-\xff]/.test(text.slice(0, 8))
  if (!isOdd || /[\u0100-\uffff]/.test(text)) return undefined
  return refuse('SAVED_AS_TEXT', messages.bytesExpanded(path), messages.copyAsBinary)
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
const CONTROL = /[\x00-\x08\x0e-\x1f]/

/** The characters of UTF-8, of which the last one may be cut; undefined for other bytes. */
function textOf(head: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true })
  } catch {
    return undefined
  }
}

/** torch.save until 0.1 wrote tar archives: sys_info, pickle, tensors, storages. */
function tarError(path: string, head: Buffer): SdtoolError {
  const member = head.toString('latin1', 0, 100).replace(/\0[\s\S]*$/, '')
  if (['sys_info', 'pickle', 'tensors', 'storages'].includes(member.replace(/^\.\//, '')))
    return refuse('TORCH_TAR', messages.torchTar(path), messages.resaveTorchTar)
  return refuse('NOT_A_MODEL', messages.tarArchive(path), UNPACK())
}
