/** The path that each file of a download gets, no two the same. */
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { CivitaiFile, CivitaiVersion } from '../../civitai/api/shapes.ts'
import type { Site } from '../../civitai/http/hosts.ts'
import { kindOfName } from '../../civitai/plan/file-kinds.ts'
import { nameFor, nameKey, safeName, splitName } from '../../civitai/plan/file-name.ts'
import { partNames } from '../../civitai/transfer/part-note.ts'
import { usage } from '../../system/errors.ts'
import { messages } from './messages.ts'
import { type DownloadPlace, folderFor, folderKind, otherFolderKind } from './place.ts'

/** A file of the site that was chosen. */
export interface Wanted {
  /** The reference on the command line. */
  readonly text: string
  readonly site: Site
  readonly version: CivitaiVersion
  readonly file: CivitaiFile
}

/**
 * @param output of `-o`: a file for a single download, or a folder
 * @throws USAGE (exit 2)
 */
export async function targetsOf(
  wanted: readonly Wanted[],
  output: string | undefined,
  place: DownloadPlace,
): Promise<string[]> {
  const models = wanted.filter(({ file }) => file.type !== 'Config')
  const main = models.length > 0 ? models : wanted
  const single = output === undefined ? undefined : await singleTarget(output, main.length)
  const targets = new Map<Wanted, string>()
  const names = openNames()
  const take = (item: Wanted, target: string): void => {
    targets.set(item, names.take(target, item))
  }
  for (const item of main) take(item, single ?? namedTarget(item, place))
  for (const item of wanted.filter((one) => !main.includes(one))) {
    // programs look for a configuration under the name of its checkpoint
    const model = main.find(({ version }) => version.id === item.version.id)
    const own = namedTarget(item, place)
    take(item, model ? splitName(targets.get(model)!).stem + splitName(own).ending : own)
  }
  return wanted.map((item) => targets.get(item)!)
}

/**
 * Names of one run. Temporary names (`.part`, `.part.json`) are not given to other files, and a name without its ending
 * stands for one version: the sidecars of a model, which are named after it, say which that is.
 */
function openNames(): { take(target: string, item: Wanted): string } {
  const taken = new Set<string>()
  const versions = new Map<string, number>()
  const isFree = (target: string, { version, file }: Wanted): boolean => {
    const owner = file.type === 'Config' ? undefined : versions.get(nameKey(splitName(target).stem))
    return (
      (owner === undefined || owner === version.id) &&
      !partNames(target).some((name) => taken.has(nameKey(name)))
    )
  }
  return {
    take(target, item) {
      let free = target
      for (const name of candidates(target, item)) {
        free = name
        if (isFree(name, item)) break
      }
      for (const name of partNames(free)) taken.add(nameKey(name))
      if (item.file.type !== 'Config') versions.set(nameKey(splitName(free).stem), item.version.id)
      return free
    },
  }
}

/** Two files of a version often have the same name. */
function* candidates(target: string, { file, version }: Wanted): Generator<string> {
  const { stem, ending } = splitName(target)
  const named = `${stem}_${file.id ?? version.id}`
  yield target
  yield named + ending
  for (let i = 2; ; i++) yield `${named}_${i}${ending}`
}

/** An earlier download may be in the folder that its content asked for. */
function namedTarget({ file, version }: Wanted, place: DownloadPlace): string {
  const [name, kind] = [nameFor(file, version), folderKind(file, version)]
  const usual = join(folderFor(place, kind), name)
  const other = otherFolderKind(kind)
  if (other === undefined || place.layout === undefined || existsSync(usual)) return usual
  const moved = join(folderFor(place, other), name)
  return existsSync(moved) ? moved : usual
}

/** `-o` names a file if it ends like one and is not a folder. @throws USAGE (exit 2) */
async function singleTarget(output: string, count: number): Promise<string | undefined> {
  const isFolder = (await stat(output).catch(() => undefined))?.isDirectory() ?? false
  if (isFolder || kindOfName(output) === undefined) return undefined
  if (count > 1) throw usage(messages.oneFileForMany(output, count), messages.nameAFolder)
  return join(dirname(output), safeName(basename(output)) ?? basename(output))
}
