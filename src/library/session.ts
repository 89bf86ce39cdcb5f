/** Model files while they are open, with the files that belong to them. */
import { existsSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Identity, identify } from '../model/identify/identify.ts'
import type { KnownFile } from '../model/identity.ts'
import { withKnownNames } from '../model/layouts/known-names.ts'
import { type ByteSource, openFileSource } from '../system/bytes.ts'
import { refuse } from '../system/errors.ts'
import { checkUnchanged } from '../system/stamp.ts'
import { openModel } from '../tensor/formats/open.ts'
import { type ReadInto, readValues } from '../tensor/values/expr.ts'
import type { ModelFile, StatedSum, Tensor } from '../tensor/values/table.ts'
import { openInputs } from '../tensor/write/jobs.ts'
import { refuseDamaged, type SumCheck, sumCheck, summing } from '../tensor/write/stated-sums.ts'
import { companionOf, mayHaveCompanion } from './companion.ts'
import { readHints } from './hints.ts'
import { messages } from './messages.ts'
import { isShardFolder, joinedShards, PIPELINE_INDEX, shardsOf } from './shards.ts'

export interface OpenedModel {
  /** Its tensors have the names that programs look for, whatever the file calls them. */
  readonly model: KnownFile
  readonly read: ReadInto
  /** Checksums of the container, compared with what `read` reads; none of a file on a server. */
  readonly sums?: SumCheck
  /** Of a file on a server: makes these tensors ready to be read, unless that takes too much; then it says false. */
  prefetch?(tensors: readonly Tensor[]): Promise<boolean>
}

/** What may end the reading of a file. */
export interface Interruptible {
  readonly signal: AbortSignal
}

/** A model file that is open until it is closed. */
export interface OpenFile extends OpenedModel {
  /** @throws INPUT_CHANGED (exit 1) where the file is not the one that was opened any more */
  checkUnchanged(): Promise<void>
  close(): Promise<void>
}

/** @throws NOT_A_FILE (exit 3) for a folder that is not one model */
function checkNoFolder(path: string): void {
  if (existsSync(join(path, PIPELINE_INDEX)))
    throw refuse('NOT_A_FILE', messages.pipelineFolder(path), messages.convertFirst(path))
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() && !isShardFolder(path))
    throw refuse('NOT_A_FILE', messages.isFolder(path), messages.nameFileInIt)
}

/**
 * Opens a model file, or a folder of the shards of one. Only headers are read.
 * @param onDamage called for an entry that was read and does not match the checksum of its archive
 * @throws NOT_A_FILE (exit 3), and what `openModel` throws; reading throws ZIP_CRC (exit 3)
 */
export async function openModelFile(
  path: string,
  { signal }: Interruptible,
  onDamage: (run: StatedSum) => void = refuseDamaged,
): Promise<OpenFile> {
  checkNoFolder(path)
  const list = isShardFolder(path) ? await shardsOf(path) : undefined
  const inputs = openInputs()
  const sources: ByteSource[] = []
  const close = async (): Promise<void> => {
    await inputs.close()
    for (const source of sources) await source.close()
  }
  const opened = async (file: string): Promise<ModelFile> => {
    const source = await openFileSource(file, signal)
    sources.push(source)
    return openModel(source)
  }
  try {
    const files: ModelFile[] = []
    for (const file of list?.files ?? [path]) files.push(await opened(file))
    const model = withKnownNames(list === undefined ? files[0]! : joinedShards(path, list, files))
    const companion = await companionOf(path, model)
    const known = companion === undefined ? model : { ...model, companion }
    const sums = sumCheck(model.checksums?.stated ?? [], onDamage)
    const summed = new Set(files.flatMap(({ file, checksums }) => (checksums ? [file.path] : [])))
    const read = onlyOf(path, files, summing(inputs.read, summed, sums.note))
    const unchanged = () => checkUnchanged(sources.map(({ file }) => file))
    return { model: known, read, sums, checkUnchanged: unchanged, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** `readAny` reads several files, each by its own checksums. */
function onlyOf(path: string, files: readonly Pick<ModelFile, 'file'>[], read: ReadInto): ReadInto {
  const own = new Set(files.map(({ file }) => file.path))
  return async (file, offset, target) => {
    if (!own.has(file.path)) throw new TypeError(`${file.path} is not the file that is open here, ${path}`)
    return read(file, offset, target)
  }
}

/**
 * Opens a model file for as long as `use` runs.
 * @param onDamage called for an entry that was read and does not match the checksum of its archive
 * @throws what `openModelFile` throws, and INPUT_CHANGED (exit 1) at the end
 */
export async function withModel<T>(
  path: string,
  world: Interruptible,
  use: (opened: OpenedModel) => Promise<T>,
  onDamage: (run: StatedSum) => void = refuseDamaged,
): Promise<T> {
  const { checkUnchanged, close, ...opened } = await openModelFile(path, world, onDamage)
  try {
    const result = await use(opened)
    await checkUnchanged()
    return result
  } finally {
    await close()
  }
}

/** The `adapter_config.json` that belongs to a file, read now. @throws what `withModel` throws */
export async function readCompanion(path: string, world: Interruptible): Promise<ModelFile['companion']> {
  return (await mayHaveCompanion(path))
    ? withModel(path, world, async ({ model }) => model.companion)
    : undefined
}

/** Opens several model files, in order, for as long as `use` runs. @throws what `withModel` throws */
export function withModels<T>(
  paths: readonly string[],
  world: Interruptible,
  use: (opened: readonly OpenedModel[]) => Promise<T>,
): Promise<T> {
  const open = ([path, ...rest]: readonly string[], opened: readonly OpenedModel[]): Promise<T> => {
    return path === undefined ? use(opened) : withModel(path, world, (next) => open(rest, [...opened, next]))
  }
  return open(paths, [])
}

/**
 * Reads tensors of any of these files, each compared with the checksums of its own container.
 * @throws TypeError for a file that is not open
 */
export function readAny(opened: readonly OpenedModel[]): ReadInto {
  const readers = new Map(
    opened.flatMap(({ model, read }) =>
      [model.file, ...(model.shards ?? [])].map(({ path }) => [path, read] as const),
    ),
  )
  return async (file, offset, target) => {
    const read = readers.get(file.path)
    if (read === undefined) throw new TypeError(`${file.path} is not open`)
    return read(file, offset, target)
  }
}

/** What the file is, with the evidence around it. @throws what `identify` throws */
export async function identifyFile(path: string, { model, read }: OpenedModel): Promise<Identity> {
  const [shard] = model.shards ?? []
  // what lies beside the files of a folder is about the folder
  const hints =
    shard === undefined
      ? await readHints(path)
      : { ...(await readHints(shard.path)), fileName: basename(path) }
  return identify(model, (tensor) => readValues(tensor, read), hints)
}
