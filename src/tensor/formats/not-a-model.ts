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

const UNPACK = () => messages.unpackFirst
const CONVERT = () => messages.saveAsSafetensors
const DOWNLOAD = () => messages.downloadWithLogin
const GIVE_MODEL = () => messages.giveModel

/** Source of the magic numbers: the specifications of the formats, and the `file` utility. */
const STRANGERS: readonly Stranger[] = [
  {
    what: () => messages.webPage,
    hint: DOWNLOAD,
    matches: startsWithText(/^(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|\?xml|!--)/i),
  },
  {
    what: () => messages.lfsPointer,
    hint: () => messages.pullLfs,
    matches: startsWith('version https://git-lfs'),
  },
  {
    what: () => messages.errorMessage,
    hint: DOWNLOAD,
    matches: startsWithText(/^\s*[{[]\s*["{[\]}0-9]/),
  },
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

/** torch.save until 0.1 wrote tar archives: sys_info, pickle, tensors, storages. */
function tarError(path: string, head: Buffer): SdtoolError {
  const member = head.toString('latin1', 0, 100).replace(/\0[\s\S]*$/, '')
  if (['sys_info', 'pickle', 'tensors', 'storages'].includes(member.replace(/^\.\//, '')))
    return refuse('TORCH_TAR', messages.torchTar(path), messages.resaveTorchTar)
  return refuse('NOT_A_MODEL', messages.tarArchive(path), UNPACK())
}
