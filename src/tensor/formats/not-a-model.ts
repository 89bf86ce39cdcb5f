/** Files that are often found under the name of a model, and what to say of them. */
import { refuse, type SdtoolError } from '../../system/errors.ts'
import type { FileRef } from '../../system/file-ref.ts'

interface Stranger {
  readonly what: string
  readonly hint: string
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

const UNPACK = 'Unpack it first.'
const CONVERT = 'Save its weights as .safetensors with the program that made it.'
const DOWNLOAD = 'Download the file again; the site may want a login or a token.'

/** Source of the magic numbers: the specifications of the formats, and the `file` utility. */
const STRANGERS: readonly Stranger[] = [
  {
    what: 'a web page (HTML), not a model: the download gave an error page',
    hint: DOWNLOAD,
    matches: startsWithText(/^(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|\?xml|!--)/i),
  },
  {
    what: 'a git-lfs pointer, not the model itself',
    hint: 'Run `git lfs pull`, or download the file from its page.',
    matches: startsWith('version https://git-lfs'),
  },
  {
    what: 'an error message (JSON or text), not a model',
    hint: DOWNLOAD,
    matches: startsWithText(/^\s*[{[]\s*["{[\]}0-9]/),
  },
  { what: 'a 7z archive', hint: UNPACK, matches: startsWith('7z', 0xbc, 0xaf, 0x27, 0x1c) },
  { what: 'a rar archive', hint: UNPACK, matches: startsWith('Rar!', 0x1a, 0x07) },
  { what: 'a gzip file', hint: UNPACK, matches: startsWith(0x1f, 0x8b) },
  { what: 'an xz file', hint: UNPACK, matches: startsWith(0xfd, '7zXZ', 0) },
  { what: 'a bzip2 file', hint: UNPACK, matches: startsWith('BZh') },
  { what: 'a zstd file', hint: UNPACK, matches: startsWith(0x28, 0xb5, 0x2f, 0xfd) },
  {
    what: 'a PNG picture',
    hint: 'Embeddings in pictures are read by name only as .png files of a WebUI.',
    matches: startsWith(0x89, 'PNG'),
  },
  { what: 'a JPEG picture', hint: 'Give a model file.', matches: startsWith(0xff, 0xd8, 0xff) },
  { what: 'a GIF picture', hint: 'Give a model file.', matches: startsWith('GIF8') },
  {
    what: 'a WebP picture',
    hint: 'Give a model file.',
    matches: (head) => head.toString('latin1', 0, 4) === 'RIFF' && head.toString('latin1', 8, 12) === 'WEBP',
  },
  { what: 'a numpy array (.npy)', hint: CONVERT, matches: startsWith(0x93, 'NUMPY') },
  { what: 'an HDF5 file (Keras)', hint: CONVERT, matches: startsWith(0x89, 'HDF') },
  { what: 'a PDF document', hint: 'Give a model file.', matches: startsWith('%PDF') },
  {
    what: 'a TorchScript archive of a mobile or very early torch',
    hint: CONVERT,
    matches: startsWith('PYTORCH'),
  },
  {
    what: 'a TorchScript file of mobile torch',
    hint: CONVERT,
    matches: (head) => head.toString('latin1', 4, 8) === 'PTMF',
  },
  {
    what: 'a GGML file from before GGUF',
    hint: 'Convert it to GGUF or .safetensors with the program that made it.',
    matches: startsWithText(/^(lmgg|tjgg|fmgg|algg)/),
  },
  { what: 'a program (ELF)', hint: 'Do not run it. Give a model file.', matches: startsWith(0x7f, 'ELF') },
  { what: 'a Windows program', hint: 'Do not run it. Give a model file.', matches: startsWith('MZ') },
]

const USTAR_AT = 257

/** The refusal for a file that is plainly something else, or undefined. */
export function strangerError({ path, size }: FileRef, bytes: Uint8Array): SdtoolError | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (size === 0) return refuse('EMPTY_FILE', `${path}: an empty file`, DOWNLOAD)
  if (head.every((byte) => byte === 0))
    return refuse(
      'EMPTY_FILE',
      `${path}: starts with ${head.length} zero bytes: a broken download or copy`,
      DOWNLOAD,
    )
  if (head.toString('latin1', USTAR_AT, USTAR_AT + 5) === 'ustar') return tarError(path, head)
  const stranger = STRANGERS.find(({ matches }) => matches(head))
  return stranger && refuse('NOT_A_MODEL', `${path}: ${stranger.what}`, stranger.hint)
}

/** torch.save until 0.1 wrote tar archives: sys_info, pickle, tensors, storages. */
function tarError(path: string, head: Buffer): SdtoolError {
  const member = head.toString('latin1', 0, 100).replace(/\0[\s\S]*$/, '')
  if (['sys_info', 'pickle', 'tensors', 'storages'].includes(member.replace(/^\.\//, '')))
    return refuse(
      'TORCH_TAR',
      `${path}: a tar archive of torch 0.1, too old to be read`,
      'Load and save it with a torch below 2.',
    )
  return refuse('NOT_A_MODEL', `${path}: a tar archive`, UNPACK)
}
