/** Names after what a file is: `DreamShaper_8.safetensors` for `model (3).safetensors`, and for its companions. */
import { lstat, readdir, rename } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import type { CivitaiVersion } from '../../civitai/api/shapes.ts'
import { nameKey, safeName } from '../../civitai/plan/file-name.ts'
import { sidecarStem } from '../../civitai/plan/sidecar-files.ts'
import { MODEL_ENDINGS } from '../../model/file-name.ts'
import { SdtoolError } from '../../system/errors.ts'
import { messages } from './messages.ts'

/** Files that programs keep next to a model, under its name. */
const COMPANION_ENDINGS: readonly string[] = [
  '.civitai.info',
  '.json',
  '.metadata.json',
  '.cm-info.json',
  '.api_info.json',
  '.yaml',
  '.txt',
  '.html',
  ...['png', 'jpg', 'jpeg', 'webp', 'gif'].flatMap((ending) => [`.${ending}`, `.preview.${ending}`]),
]

export interface FileRenaming {
  readonly from: string
  readonly to: string
  /** Files next to it that are renamed with it. */
  readonly companions: readonly { readonly from: string; readonly to: string }[]
}

/** What was done with a file. */
export interface FileActionResult {
  readonly written: readonly string[]
  readonly problems: readonly string[]
  readonly renaming?: FileRenaming
}

/**
 * Undefined if the file has that name already.
 * @param files all files of the run: none of them is a companion of another
 * @throws RENAME_SHARED (exit 1) where another model, of another ending, has the same companions
 */
export async function planRenaming(
  path: string,
  version: CivitaiVersion,
  files: readonly string[],
): Promise<FileRenaming | undefined> {
  const words = [version.modelName, version.name].map((text) => text.trim().replaceAll(/\s+/g, '_'))
  const name = safeName(`${words.filter(Boolean).join('_').replaceAll(/[\\/]/g, '_')}${extname(path)}`)
  if (name === undefined || name === basename(path)) return undefined
  const to = join(dirname(path), name)
  const beside = new Set(await readdir(dirname(path)))
  const own = new Set(files.map(nameKey)).add(nameKey(path))
  const companions = COMPANION_ENDINGS.map((ending) => ({
    from: sidecarStem(path) + ending,
    to: sidecarStem(to) + ending,
  })).filter(({ from }) => beside.has(basename(from)) && !own.has(nameKey(from)))
  const twin = [...beside].find((other) => isTwin(other, basename(path)))
  if (twin !== undefined && companions.length > 0) throw sharedCompanions(path, twin, companions[0]!.from)
  return { from: path, to, companions }
}

/** Another model file that differs in its ending only. */
function isTwin(other: string, name: string): boolean {
  const isModel = (MODEL_ENDINGS as readonly string[]).includes(extname(other).toLowerCase())
  return isModel && other !== name && nameKey(sidecarStem(other)) === nameKey(sidecarStem(name))
}

function sharedCompanions(path: string, twin: string, companion: string): SdtoolError {
  return new SdtoolError('RENAME_SHARED', messages.renameShared(path, basename(companion), twin))
}

/**
 * All of them or none: what was renamed before one failed gets its old name again.
 * @throws OUTPUT_EXISTS (exit 1) before anything is renamed, or what the file system says
 */
export async function renameFiles({ from, to, companions }: FileRenaming): Promise<void> {
  const all = [...companions, { from, to }]
  for (const one of all) {
    if (await isTaken(one)) throw new SdtoolError('OUTPUT_EXISTS', messages.renameTaken(from, to, one.to))
  }
  const done: (typeof all)[number][] = []
  try {
    for (const one of all) {
      await rename(one.from, one.to)
      done.unshift(one)
    }
  } catch (error) {
    for (const one of done) await rename(one.to, one.from)
    throw error
  }
}

/** By another file: one that only gets other capitals has its new name already, where case is ignored. */
async function isTaken({ from, to }: { readonly from: string; readonly to: string }): Promise<boolean> {
  const [own, there] = await Promise.all([lstat(from), lstat(to).catch(() => undefined)])
  return there !== undefined && (nameKey(from) !== nameKey(to) || own.ino !== there.ino)
}
