/** The path that each file of a download gets, no two the same. */
import { stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { nameFor, safeName, splitName } from '../civitai/file-name.ts'
import type { Site } from '../civitai/hosts.ts'
import type { CivitaiFile, CivitaiVersion } from '../civitai/shapes.ts'
import { usage } from '../errors.ts'
import { MODEL_ENDINGS } from '../model/output-name.ts'
import { folderFor, folderKind, type Place } from './download-place.ts'

/** A file of the site that a person wants. */
export interface Wanted {
  /** What the person named. */
  readonly text: string
  readonly site: Site
  readonly version: CivitaiVersion
  readonly file: CivitaiFile
}

/**
 * @param output of `-o`: a file for a single download, or a folder
 * @throws USAGE
 */
export async function targetsOf(
  wanted: readonly Wanted[],
  output: string | undefined,
  place: Place,
): Promise<string[]> {
  const models = wanted.filter(({ file }) => file.type !== 'Config')
  const main = models.length > 0 ? models : wanted
  const single = output === undefined ? undefined : await singleTarget(output, main.length)
  const targets = new Map<Wanted, string>()
  const taken = new Set<string>()
  const take = (item: Wanted, target: string): void => {
    const free = taken.has(key(target)) ? withId(target, item) : target
    taken.add(key(free))
    targets.set(item, free)
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

/** File systems of Windows and macOS take names that differ in case for the same. */
function key(path: string): string {
  return resolve(path).toLowerCase()
}

/** Two files of a version often have the same name. */
function withId(target: string, { file, version }: Wanted): string {
  const { stem, ending } = splitName(target)
  return `${stem}_${file.id ?? version.id}${ending}`
}

function namedTarget({ file, version }: Wanted, place: Place): string {
  return join(folderFor(place, folderKind(file, version.modelType)), nameFor(file, version))
}

/** What the site has besides model files. */
const FILE_ENDINGS: readonly string[] = [...MODEL_ENDINGS, '.zip', '.yaml', '.yml', '.json', '.txt']

/** `-o` names a file if it ends like one and is no folder. @throws USAGE */
async function singleTarget(output: string, count: number): Promise<string | undefined> {
  const isFolder = (await stat(output).catch(() => undefined))?.isDirectory() ?? false
  if (isFolder || !FILE_ENDINGS.some((ending) => output.toLowerCase().endsWith(ending))) return undefined
  if (count > 1)
    throw usage(`-o ${output} names one file for ${count} downloads`, 'Name a folder: -o downloads/')
  return join(dirname(output), safeName(basename(output)) ?? basename(output))
}
