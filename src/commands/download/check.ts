/** Checks a finished download before it gets its name, with sdtool's parsers and its scanner for pickles. */
import { open, readFile } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import { beginsLike, type FileKind, HEAD_BYTES, kindOfName } from '../../civitai/plan/file-kinds.ts'
import { openFileSource } from '../../system/bytes.ts'
import { refuse, type SdtoolError } from '../../system/errors.ts'
import { openModel } from '../../tensor/formats/open.ts'
import type { FormatId } from '../../tensor/values/table.ts'
import { messages } from './messages.ts'

const PICKLE_ENDINGS: ReadonlySet<string> = new Set(['.ckpt', '.pt', '.pth', '.bin', '.pkl'])
const PICKLED: ReadonlySet<FormatId> = new Set(['torch-zip', 'torch-legacy', 'pickle'])

/** @throws FILE_KIND (exit 3) for a name whose kind of file `checkDownloaded` cannot check */
export function checkKind(target: string): void {
  if (kindOfName(target)) return
  throw refuse('FILE_KIND', messages.unknownKind(basename(target)), messages.useAny)
}

/**
 * @param target the name the file will have, for messages and for what to expect in it
 * @throws PICKLE_DISGUISED, FILE_DISGUISED, and what `openModel` throws (exit 3) for a file that is damaged, dangerous, or not
 *   what its name says
 */
export async function checkDownloaded(partPath: string, target: string): Promise<void> {
  const kind = kindOfName(target)
  if (kind === undefined) return
  if (kind.proof === 'model') await checkModel(partPath, target)
  else await checkOther(partPath, target, kind)
}

async function checkModel(partPath: string, target: string): Promise<void> {
  const source = await openFileSource(partPath)
  try {
    const { format } = await openModel({ ...source, file: { path: target, size: source.file.size } })
    const ending = extname(target).toLowerCase()
    if (PICKLED.has(format) && !PICKLE_ENDINGS.has(ending))
      throw refuse('PICKLE_DISGUISED', messages.disguisedPickle(target), messages.doNotLoad)
  } finally {
    await source.close()
  }
}

/** A workflow has some 100 KB. Of a much larger file only the beginning is checked. */
const MAX_JSON_BYTES = 32 * 1024 * 1024

async function checkOther(partPath: string, target: string, kind: FileKind): Promise<void> {
  const { head, size } = await headOf(partPath)
  if (!beginsLike(kind, head)) throw notItsKind(target, kind)
  if (kind.proof !== 'json' || size > MAX_JSON_BYTES) return
  if (!isJson(new TextDecoder().decode(await readFile(partPath)))) throw notItsKind(target, kind)
}

/** Of any depth: its value is not used. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

async function headOf(path: string): Promise<{ readonly head: Buffer; readonly size: number }> {
  const handle = await open(path, 'r')
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
    return { head: buffer.subarray(0, bytesRead), size: (await handle.stat()).size }
  } finally {
    await handle.close()
  }
}

function notItsKind(target: string, { title }: FileKind): SdtoolError {
  return refuse('FILE_DISGUISED', messages.notItsKind(target, title()), messages.doNotOpen)
}
