/** Finds the files a model was made from, by the hashes in its recipe. */
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { EXIT, SdtoolError } from '../errors.ts'
import { MODEL_ENDINGS } from '../model/output-name.ts'
import type { Recipe, RecipeInput } from '../model/recipe.ts'
import type { Io } from '../report/io.ts'
import type { HashName } from '../tensor/hash.ts'
import { quoted } from '../tensor/text.ts'
import { hashWithProgress } from './hashing.ts'
import type { ModelFolders } from './model-folders.ts'

/** What shows that a file is the one of a recipe: all of it, all but its metadata, or 64 KiB and the length. */
const PROOFS = ['sha256', 'autoV3', 'autoV1'] as const

export type InputProof = (typeof PROOFS)[number]

export interface FoundInput {
  readonly input: RecipeInput
  readonly path: string
  readonly by: InputProof
}

export interface SearchPlaces {
  /** The model itself: its inputs often lie beside it. */
  readonly path: string
  readonly folders: ModelFolders
  readonly quiet: boolean
}

/**
 * The inputs of a recipe, in its order: beside the model first, then in the folder of the shell and in the model
 * folders. Files of the same name come before others of the same length, which may have been renamed.
 * @throws INPUT_NOT_FOUND, INPUT_CHANGED, INPUT_WITHOUT_HASH (exit 4), MODEL_FOLDER_TOO_LARGE
 */
export async function findInputs({ inputs }: Recipe, places: SearchPlaces, io: Io): Promise<FoundInput[]> {
  const files = await candidates(places)
  const found: FoundInput[] = []
  for (const input of inputs) found.push(await findInput(input, files, places, io))
  return found
}

interface Candidate {
  readonly path: string
  readonly name: string
  readonly bytes: number
}

async function candidates({ path, folders }: SearchPlaces): Promise<Candidate[]> {
  const beside = [...(await modelsIn(dirname(path))), ...(await modelsIn('.'))]
  const scanned: string[] = []
  for (const root of folders.roots) scanned.push(...(await folders.scan(root)).map((file) => file.path))
  const files: Candidate[] = []
  for (const file of new Set([...beside, ...scanned])) {
    const info = await stat(file).catch(() => undefined)
    if (info?.isFile()) files.push({ path: file, name: basename(file), bytes: info.size })
  }
  return files
}

async function modelsIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => []))
    .filter((name) => MODEL_ENDINGS.some((ending) => name.toLowerCase().endsWith(ending)))
    .map((name) => join(folder, name))
}

async function findInput(
  input: RecipeInput,
  files: readonly Candidate[],
  places: SearchPlaces,
  io: Io,
): Promise<FoundInput> {
  if (PROOFS.every((name) => input[name] === undefined)) throw withoutHash(input)
  const named = files.filter(({ name }) => name === input.name)
  const sameLength = files.filter(({ name, bytes }) => bytes === input.bytes && name !== input.name)
  for (const { path, bytes } of [...named, ...sameLength]) {
    const proof = await proofFor(input, path, bytes, places, io)
    if (proof !== undefined) return { input, path, by: proof }
  }
  throw named.length > 0 ? changed(input, named[0]!.path) : notFound(input, places)
}

/** Hashes what decides, and no more: the first hash of a file costs nothing, SHA-256 of a large one takes seconds. */
async function proofFor(
  input: RecipeInput,
  path: string,
  bytes: number,
  { quiet }: SearchPlaces,
  io: Io,
): Promise<InputProof | undefined> {
  const has = async (name: HashName, expected: string | undefined): Promise<boolean> => {
    return expected !== undefined && (await hashWithProgress(path, [name], quiet, io))[name] === expected
  }
  if (bytes === input.bytes) {
    if (input.autoV1 !== undefined && !(await has('autoV1', input.autoV1))) return undefined
    if (input.sha256 === undefined) return input.autoV1 === undefined ? undefined : 'autoV1'
    if (await has('sha256', input.sha256)) return 'sha256'
  }
  return (await has('autoV3', input.autoV3)) ? 'autoV3' : undefined
}

function hashText({ sha256, autoV1 }: RecipeInput): string {
  if (sha256 !== undefined) return `SHA-256 ${sha256.slice(0, 10)}...`
  return autoV1 === undefined ? 'no hash' : `AutoV1 ${autoV1}`
}

function withoutHash({ name }: RecipeInput): SdtoolError {
  return unproven(
    'INPUT_WITHOUT_HASH',
    `the recipe has no hash of ${quoted(name)}, so nothing says which file it was`,
  )
}

function changed(input: RecipeInput, path: string): SdtoolError {
  return unproven(
    'INPUT_CHANGED',
    `${path} is not the ${quoted(input.name)} of the recipe (${input.bytes} bytes, ${hashText(input)})`,
    'It was changed, or is another file of that name. Name the folder of the original with --models.',
  )
}

function notFound(input: RecipeInput, { path, folders }: SearchPlaces): SdtoolError {
  const searched = [dirname(path), ...folders.roots].join(', ')
  return unproven(
    'INPUT_NOT_FOUND',
    `${path} was made from ${quoted(input.name)} (${input.bytes} bytes, ${hashText(input)}), which is not in ${searched}`,
    input.recipe === undefined
      ? 'Name the folder it is in with --models.'
      : 'Name the folder it is in with --models, or make it again: its own recipe is inside of this one.',
  )
}

function unproven(code: string, message: string, hint?: string): SdtoolError {
  return new SdtoolError(code, message, {
    exitCode: EXIT.unverified,
    ...(hint === undefined ? {} : { hint }),
  })
}
