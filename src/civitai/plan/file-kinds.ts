/** Kinds of files that models are published as. Files of other kinds cannot be checked. */
import { messages } from './messages.ts'

/** What shows that a file is of its kind. */
export type ContentProof = 'model' | 'json' | 'text' | { readonly magic: readonly string[] }

export interface FileKind {
  /** With their dot, in lower case. Programs read files with one of them as files with another. */
  readonly endings: readonly string[]
  /** "a zip archive" */
  title(): string
  readonly proof: ContentProof
}

export const FILE_KINDS: readonly FileKind[] = [
  { endings: ['.safetensors', '.sft'], title: () => messages.safetensorsFile, proof: 'model' },
  { endings: ['.ckpt', '.pt', '.pth', '.bin', '.pkl'], title: () => messages.checkpoint, proof: 'model' },
  { endings: ['.gguf'], title: () => messages.ggufFile, proof: 'model' },
  // APPNOTE.TXT 4.3.7 and, for empty archives, 4.3.16; the other formats' own specifications
  { endings: ['.zip'], title: () => messages.zipArchive, proof: { magic: ['PK\x03\x04', 'PK\x05\x06'] } },
  { endings: ['.7z'], title: () => messages.sevenZipArchive, proof: { magic: ['7z\xbc\xaf\x27\x1c'] } },
  { endings: ['.rar'], title: () => messages.rarArchive, proof: { magic: ['Rar!\x1a\x07'] } },
  { endings: ['.yaml', '.yml'], title: () => messages.textFile, proof: 'text' },
  { endings: ['.json'], title: () => messages.jsonFile, proof: 'json' },
  { endings: ['.txt', '.md', '.csv'], title: () => messages.textFile, proof: 'text' },
  { endings: ['.png'], title: () => messages.pngPicture, proof: { magic: ['\x89PNG\r\n\x1a\n'] } },
  { endings: ['.jpg', '.jpeg'], title: () => messages.jpegPicture, proof: { magic: ['\xff\xd8\xff'] } },
  { endings: ['.webp'], title: () => messages.webpPicture, proof: { magic: ['RIFF'] } },
]

/** By the ending of a name; undefined for a kind that is not known here. */
export function kindOfName(name: string): FileKind | undefined {
  const plain = name.toLowerCase()
  return FILE_KINDS.find(({ endings }) => endings.some((ending) => plain.endsWith(ending)))
}

/** Enough to tell text from programs. */
export const HEAD_BYTES = 64 * 1024

/** Whether the first bytes are those of such a file; always true of models, which only their parser knows. */
export function beginsLike({ proof }: FileKind, head: Buffer): boolean {
  if (proof === 'model') return true
  if (proof === 'json' || proof === 'text') return isText(head)
  const start = head.toString('latin1', 0, 16)
  return proof.magic.some((magic) => start.startsWith(magic))
}

/** Of a script, which is text, but starts a program. */
const SHEBANG = '#!'

/** Text has no NUL, unless it is in the UTF-16 of Windows, which begins with a mark. */
function isText(head: Buffer): boolean {
  const isUtf16 = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)
  return isUtf16 || (!head.includes(0) && !head.toString('latin1', 0, 2).startsWith(SHEBANG))
}
