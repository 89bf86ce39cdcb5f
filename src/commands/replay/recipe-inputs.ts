/** Finds the files a model was made from, by the hashes in its recipe. */
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { isPipelineFolder } from '../../library/pipeline-folder.ts'
import type { ModelFolders } from '../../library/resolve.ts'
import { readCompanion } from '../../library/session.ts'
import { isShardFolder, modelStat } from '../../library/shards.ts'
import { MODEL_ENDINGS } from '../../model/file-name.ts'
import { PIPELINE_FOLDERS } from '../../model/layouts/pipeline.ts'
import type { Recipe, RecipeInput } from '../../model/metadata/recipe.ts'
import { hashWithProgress } from '../../operations/hashing.ts'
import { type SdtoolError, unverified } from '../../system/errors.ts'
import type { HashName } from '../../system/hash.ts'
import { printable, quoted } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import { MAX_HEADER_BYTES } from '../../tensor/formats/safetensors.ts'
import { messages } from './messages.ts'

/** What shows that a file is the one of a recipe: all of it, all but its metadata, or 64 KiB and the length. */
const PROOFS = ['sha256', 'autoV3', 'autoV1'] as const

export type InputProof = (typeof PROOFS)[number]

export interface FoundInput {
  readonly input: RecipeInput
  readonly path: string
  readonly by: InputProof
}

/** An input that was not found, with the error to report. */
export interface LostInput {
  readonly input: RecipeInput
  readonly problem: SdtoolError
}

export interface SearchPlaces {
  /** The model itself: its inputs are often next to it. */
  readonly path: string
  /** What the inputs went into, for messages; the model itself without it. */
  readonly of?: string
  readonly folders: ModelFolders
}

/**
 * The inputs of a recipe, in its order: next to the model first, then in the folder of the shell and in the model
 * folders. Files of the same name come before others of the same length, which may have been renamed.
 * @throws INPUT_NOT_FOUND, INPUT_CHANGED, INPUT_WITHOUT_HASH (exit 4), MODEL_FOLDER_TOO_LARGE
 */
export async function findInputs(recipe: Recipe, places: SearchPlaces, world: World): Promise<FoundInput[]> {
  return (await searchInputs(recipe, places, world)).map((one) => {
    if ('problem' in one) throw one.problem
    return one
  })
}

/** The same, with what was found and what was not. @throws MODEL_FOLDER_TOO_LARGE (exit 3) */
export async function searchInputs(
  { inputs }: Recipe,
  places: SearchPlaces,
  world: World,
): Promise<(FoundInput | LostInput)[]> {
  const files = await candidates(places, endingsOf(inputs))
  const found: (FoundInput | LostInput)[] = []
  for (const input of inputs) found.push(await findInput(input, files, places, world))
  return found
}

/** An embedding may come from a picture. */
function endingsOf(inputs: readonly RecipeInput[]): ReadonlySet<string> {
  return new Set([...MODEL_ENDINGS, ...inputs.map(({ name }) => extname(name).toLowerCase())])
}

interface Candidate {
  readonly path: string
  readonly name: string
  readonly bytes: number
}

async function candidates(
  { path, folders }: SearchPlaces,
  endings: ReadonlySet<string>,
): Promise<Candidate[]> {
  const isWanted = (name: string) => endings.has(extname(name).toLowerCase())
  const near = [...new Set([dirname(path), '.', ...folders.roots])]
  const beside: string[] = []
  for (const folder of near) beside.push(...(await filesIn(folder)))
  const scanned: string[] = []
  for (const root of folders.roots) scanned.push(...(await folders.scan(root)).map((file) => file.path))
  const files: Candidate[] = []
  for (const file of new Set([
    ...beside.filter((name) => isWanted(name) || isShardFolder(name)),
    ...scanned,
  ])) {
    const info = await stat(file).catch(() => undefined)
    if (info?.isFile() || isShardFolder(file)) {
      const known = await modelStat(file).catch(() => undefined)
      if (known) files.push({ path: file, name: basename(file), bytes: known.bytes })
    }
  }
  return files
}

/** Files of a folder, and the weights of the folders of diffusers in it. */
async function filesIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder).catch(() => [])).map((name) => join(folder, name))
  const pipelines = names.filter(isPipelineFolder)
  const parts = pipelines.flatMap((pipeline) => PIPELINE_FOLDERS.map((part) => join(pipeline, part)))
  const inside: string[] = []
  for (const part of parts) {
    for (const name of await readdir(part).catch(() => [])) inside.push(join(part, name))
  }
  return [...names, ...inside]
}

async function findInput(
  input: RecipeInput,
  files: readonly Candidate[],
  places: SearchPlaces,
  world: World,
): Promise<FoundInput | LostInput> {
  if (PROOFS.every((name) => input[name] === undefined)) return { input, problem: withoutHash(input) }
  const named = files.filter(({ name }) => name === input.name)
  const sameLength = files.filter(({ name, bytes }) => bytes === input.bytes && name !== input.name)
  let problem: SdtoolError | undefined
  for (const { path, bytes } of [...named, ...sameLength]) {
    const proof = await proofFor(input, path, bytes, world)
    if (proof === undefined) continue
    const other = await companionProblem(input, path, world)
    if (other === undefined) return { input, path, by: proof }
    problem ??= other
  }
  if (problem !== undefined) return { input, problem }
  problem = named.length > 0 ? changed(input, named[0]!.path) : notFound(input, places)
  return { input, problem }
}

/**
 * What shows that a file is an input; undefined if nothing does. Hashes what decides, and no more: the first hash of a
 * file costs nothing, SHA-256 of a large one takes seconds.
 */
export async function proofFor(
  input: RecipeInput,
  path: string,
  bytes: number,
  world: World,
): Promise<InputProof | undefined> {
  const has = async (name: HashName, expected: string | undefined): Promise<boolean> => {
    return expected !== undefined && (await hashWithProgress(path, [name], world))[name] === expected
  }
  if (bytes === input.bytes) {
    if (input.autoV1 !== undefined && !(await has('autoV1', input.autoV1))) return undefined
    if (input.sha256 === undefined) return input.autoV1 === undefined ? undefined : 'autoV1'
    if (await has('sha256', input.sha256)) return 'sha256'
  }
  // files of the same tensors differ by their headers at most
  if (Math.abs(bytes - input.bytes) > MAX_HEADER_BYTES) return undefined
  return (await has('autoV3', input.autoV3)) ? 'autoV3' : undefined
}

/** The error if the companion of a file is not that of the recipe; undefined if it is. */
async function companionProblem(
  { companion }: RecipeInput,
  path: string,
  world: World,
): Promise<SdtoolError | undefined> {
  const now = await readCompanion(path, world)
  if (companion?.sha256 === now?.sha256) return undefined
  const name = printable((companion ?? now)!.name, 80)
  const message =
    companion === undefined
      ? messages.newCompanion(name, path)
      : now === undefined
        ? messages.missingCompanion(name, path)
        : messages.otherCompanion(name, path, companion.sha256.slice(0, 10))
  return unverified('INPUT_CHANGED', message, messages.restoreCompanion)
}

function hashText({ sha256, autoV1 }: RecipeInput): string {
  if (sha256 !== undefined) return messages.sha256(sha256.slice(0, 10))
  return autoV1 === undefined ? messages.noHash : messages.autoV1(autoV1)
}

function withoutHash({ name }: RecipeInput): SdtoolError {
  return unverified('INPUT_WITHOUT_HASH', messages.inputWithoutHash(quoted(name)))
}

function changed(input: RecipeInput, path: string): SdtoolError {
  const message = messages.otherInput(path, quoted(input.name), input.bytes, hashText(input))
  return unverified('INPUT_CHANGED', message, messages.nameOriginalFolder)
}

function notFound(input: RecipeInput, { path, of = path, folders }: SearchPlaces): SdtoolError {
  const here = resolve('.')
  const searched = [...new Set([resolve(dirname(path)), here, ...folders.roots])].join(', ')
  const message = messages.inputNotFound(of, quoted(input.name), input.bytes, hashText(input), searched)
  // Civitai finds files by these hashes
  const hash = input.sha256?.slice(0, 10) ?? input.autoV1
  const hint = hash === undefined ? messages.nameFolder : messages.nameFolderOrDownload(hash)
  return unverified('INPUT_NOT_FOUND', message, hint)
}
