import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { refuse, SdtoolError, usage } from '../errors.ts'
import { type Identity, identify } from '../model/identify.ts'
import type { KnownFile } from '../model/identity.ts'
import { withKnownNames } from '../model/names/known-names.ts'
import { MODEL_ENDINGS } from '../model/output-name.ts'
import type { Io } from '../report/io.ts'
import { openFileSource } from '../tensor/bytes.ts'
import { type ReadInto, readValues } from '../tensor/expr.ts'
import { openModel } from '../tensor/formats/open.ts'
import { openInputs } from '../tensor/jobs.ts'
import { checkUnchanged } from '../tensor/stamp.ts'
import { refuseDamaged, type SumCheck, sumCheck, summing } from '../tensor/stated-sums.ts'
import type { ModelFile, StatedSum, Tensor } from '../tensor/table.ts'
import { companionOf, mayHaveCompanion } from './companion.ts'
import { noteSkipped, scanFolder } from './folder-scan.ts'
import { readHints } from './hints.ts'

export interface ListedFile {
  readonly path: string
  /** Name below the folder that was walked; without folders for a file that was named itself. */
  readonly relative: string
  /** Why a bare name led to no file; other files are not stopped by it. */
  readonly problem?: SdtoolError
}

/** The files of a command line: as named, folders walked in order of names. */
export interface FileList {
  readonly files: readonly ListedFile[]
  /** A folder was among the arguments. */
  readonly walked: boolean
}

/**
 * @param find gives the path that a name stands for
 * @throws USAGE when nothing was named, FOLDER_EMPTY when folders hold no model file,
 * MODEL_FOLDER_TOO_LARGE
 */
export async function listFiles(
  args: readonly string[],
  find: (name: string) => Promise<string>,
  io: Pick<Io, 'signal' | 'stderr'>,
): Promise<FileList> {
  if (args.length === 0) throw usage('no file was named', 'Name one or more model files or folders.')
  const files = new Map<string, ListedFile>()
  let walked = false
  for (const arg of args) {
    if (arg === '') throw usage('a file name is empty')
    const info = await stat(arg).catch(() => undefined)
    if (!info?.isDirectory()) {
      const file = info ? { path: arg, relative: basename(arg) } : await lookUp(arg, find)
      files.set(file.path, file)
      continue
    }
    walked = true
    const { files: found, skipped } = await scanFolder(arg, io.signal)
    noteSkipped(skipped, io)
    if (found.length === 0) {
      throw refuse('FOLDER_EMPTY', `${arg}: no model file inside`, `Looked for ${MODEL_ENDINGS.join(', ')}.`)
    }
    for (const { path, name } of found) files.set(path, { path, relative: name })
  }
  return { files: [...files.values()], walked }
}

async function lookUp(name: string, find: (name: string) => Promise<string>): Promise<ListedFile> {
  try {
    const path = await find(name)
    return { path, relative: basename(path) }
  } catch (error) {
    if (!(error instanceof SdtoolError)) throw error
    return { path: name, relative: name, problem: error }
  }
}

export interface OpenedModel {
  /** Its tensors have the names that programs look for, whatever the file calls them. */
  readonly model: KnownFile
  readonly read: ReadInto
  /** Checksums of the container, held against what `read` reads; none of a file on a server. */
  readonly sums?: SumCheck
  /** Of a file on a server: makes these tensors ready to be read, unless that takes too much; then it says false. */
  prefetch?(tensors: readonly Tensor[]): Promise<boolean>
}

/** What may end the reading of a file. */
export type Interruptible = Pick<Io, 'signal'>

/**
 * Opens a model file for as long as `use` runs.
 * @param onDamage called for an entry that was read and does not match the checksum of its archive
 * @throws NOT_A_FILE, INPUT_CHANGED, ZIP_CRC, and what `openModel` throws
 */
export async function withModel<T>(
  path: string,
  { signal }: Interruptible,
  use: (opened: OpenedModel) => Promise<T>,
  onDamage: (run: StatedSum) => void = refuseDamaged,
): Promise<T> {
  const source = await openFileSource(path, signal)
  const inputs = openInputs()
  try {
    const model = withKnownNames(await openModel(source))
    const companion = await companionOf(path, model)
    const known = companion === undefined ? model : { ...model, companion }
    const sums = sumCheck(model.checksums?.stated ?? [], onDamage)
    const summed = new Set(model.checksums === undefined ? [] : [path])
    const result = await use({ model: known, read: summing(inputs.read, summed, sums.note), sums })
    await checkUnchanged([source.file])
    return result
  } finally {
    await inputs.close()
    await source.close()
  }
}

/** What lies beside a model file now and says how it is meant. */
export async function companionNow(path: string, io: Interruptible): Promise<ModelFile['companion']> {
  return (await mayHaveCompanion(path))
    ? withModel(path, io, async ({ model }) => model.companion)
    : undefined
}

/** Opens several model files, in order, for as long as `use` runs. */
export function withModels<T>(
  paths: readonly string[],
  io: Interruptible,
  use: (opened: readonly OpenedModel[]) => Promise<T>,
): Promise<T> {
  const open = ([path, ...rest]: readonly string[], opened: readonly OpenedModel[]): Promise<T> => {
    return path === undefined ? use(opened) : withModel(path, io, (next) => open(rest, [...opened, next]))
  }
  return open(paths, [])
}

/** What the file is, with the evidence that lies around it. */
export async function identifyFile(path: string, { model, read }: OpenedModel): Promise<Identity> {
  return identify(model, (tensor) => readValues(tensor, read), await readHints(path))
}
