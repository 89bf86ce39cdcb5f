/** The files a recipe was made of, found by name or by hash, and proven to be the same. */
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { EXIT, SdtoolError } from '../errors.ts'
import type { RecipeInput } from '../model/recipe.ts'
import type { Io } from '../report/io.ts'
import type { HashName } from '../tensor/hash.ts'
import { hashWithProgress } from './hashing.ts'
import type { ModelFolders } from './model-folders.ts'

/** By what a file was known to be the input. */
export interface FoundInput {
  readonly path: string
  readonly by: HashName
}

export interface Search {
  /** The recipe's own file; inputs often lie beside it. */
  readonly near: string
  readonly folders: ModelFolders
  readonly quiet: boolean
  readonly io: Io
}

/** Strongest first. AutoV1 is of 64 KiB; with the size it tells files apart that have names of their own. */
const PROOFS = ['sha256', 'autoV3', 'autoV1'] as const satisfies readonly HashName[]

/**
 * The file of an input: of its name, or else any model file of its size, with its hash.
 * @throws INPUT_NOT_FOUND, INPUT_CHANGED, INPUT_WITHOUT_HASH (exit 4)
 */
export async function findInput(input: RecipeInput, search: Search): Promise<FoundInput> {
  const by = PROOFS.find((name) => input[name] !== undefined)
  if (by === undefined) {
    throw unverified(
      'INPUT_WITHOUT_HASH',
      `the recipe has no hash of ${input.name}, so nothing says which file it was`,
    )
  }
  const places = await candidates(search)
  const named = places.filter((path) => basename(path) === input.name)
  const others = places.filter((path) => basename(path) !== input.name)
  for (const path of [...named, ...others]) {
    if (await isInput(path, input, by, search)) return { path, by }
  }
  if (named.length > 0) {
    throw unverified(
      'INPUT_CHANGED',
      `${named[0]} is not the ${input.name} of the recipe: its size or ${by} is another one`,
      'Find the original, and name its folder with --models.',
    )
  }
  throw unverified(
    'INPUT_NOT_FOUND',
    `${input.name} (${input.bytes} bytes, ${by} ${input[by]}) is not here, under no name`,
    input.recipe === undefined
      ? 'Name the folder it is in with --models.'
      : 'It was made by sdtool itself: its own recipe is inside of this one.',
  )
}

/** Beside the recipe's file, in the folder of the shell, and in the model folders. */
async function candidates({ near, folders }: Search): Promise<string[]> {
  const paths = [...(await filesOf(dirname(near))), ...(await filesOf('.'))]
  for (const root of folders.roots) paths.push(...(await folders.scan(root)).map(({ path }) => path))
  return [...new Set(paths)]
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => join(folder, name))
}

async function isInput(
  path: string,
  input: RecipeInput,
  by: HashName,
  { quiet, io }: Search,
): Promise<boolean> {
  const info = await stat(path).catch(() => undefined)
  if (!info?.isFile() || info.size !== input.bytes) return false
  const hashes = await hashWithProgress(path, [by], quiet, io)
  return hashes[by] === (input as Partial<Record<HashName, string>>)[by]
}

function unverified(code: string, message: string, hint?: string): SdtoolError {
  return new SdtoolError(code, message, {
    exitCode: EXIT.unverified,
    ...(hint === undefined ? {} : { hint }),
  })
}
