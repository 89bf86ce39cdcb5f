import * as v from 'valibot'
import { defined } from '../../system/defined.ts'
import { isJsonObject, type JsonObject, type JsonValue, parseJsonText } from '../../system/json.ts'

/** Metadata key of the recipe. */
export const RECIPE_KEY = 'sdtool.recipe'

/** Version 1 spelled options as the command line did; `operations/recipe-v1.ts` reads them. */
const VERSIONS = [1, 2] as const

export type RecipeVersion = (typeof VERSIONS)[number]

export interface RecipeInput {
  /** File name without folders: a path would tell strangers about a person's disk. */
  readonly name: string
  readonly bytes: number
  readonly sha256?: string
  readonly autoV1?: string
  readonly autoV3?: string
  /** A file beside it that said how it is meant: `adapter_config.json`. */
  readonly companion?: RecipeCompanion
  /** How that file was itself made, if sdtool made it. */
  readonly recipe?: Recipe
  /** It had a recipe, which was left out because the ancestry grew too long. */
  readonly recipeOmitted?: true
}

export interface RecipeCompanion {
  readonly name: string
  readonly sha256: string
}

/** How a file was made: the value of the metadata key `sdtool.recipe`. */
export interface Recipe {
  readonly version: RecipeVersion
  /** Version of the program. */
  readonly sdtool: string
  /** The verb: `convert`, `prune`. */
  readonly operation: string
  /** ISO 8601, UTC. */
  readonly produced: string
  readonly inputs: readonly RecipeInput[]
  readonly options: { readonly [key: string]: JsonValue }
  /** What computed products of matrices, which decides their last bits. Version 1 has it among its options. */
  readonly engine?: string
}

/** What a reader gives of a file: a torch file keeps texts beside its weights. */
interface WithMetadata {
  readonly metadata: Readonly<Record<string, string>>
  readonly extras: Readonly<Record<string, unknown>>
}

/** The text of the recipe in a file, whether it can be read or not. */
export function recipeText({ metadata, extras }: WithMetadata): string | undefined {
  const place = Object.hasOwn(metadata, RECIPE_KEY) ? metadata : extras
  const text = Object.hasOwn(place, RECIPE_KEY) ? place[RECIPE_KEY] : undefined
  return typeof text === 'string' ? text : undefined
}

export interface InputFile {
  /** May be a path; only the file name is kept. */
  readonly name: string
  readonly bytes: number
  readonly sha256?: string | undefined
  readonly autoV1?: string | undefined
  readonly autoV3?: string | undefined
  readonly companion?: RecipeCompanion | undefined
}

/** An input with the recipe that its own metadata carries. */
export function recipeInput(file: InputFile, metadata: Readonly<Record<string, string>>): RecipeInput {
  const { sha256, autoV1, autoV3, companion } = file
  const recipe = parseRecipe(Object.hasOwn(metadata, RECIPE_KEY) ? metadata[RECIPE_KEY] : undefined)
  return {
    name: file.name.split(/[/\\]/).at(-1)!,
    bytes: file.bytes,
    ...defined({ sha256, autoV1, autoV3, companion, recipe }),
  }
}

/**
 * @param facts.produced when the file is made; passed in, so that a test or a rebuild gives the same bytes
 * @param facts.options options that decide the result; those that are not set are left out
 */
export function buildRecipe(facts: {
  readonly sdtool: string
  readonly operation: string
  readonly produced: Date
  readonly inputs: readonly RecipeInput[]
  readonly options: Readonly<Record<string, JsonValue | undefined>>
  readonly version?: RecipeVersion
  readonly engine?: string
}): Recipe {
  const options = Object.entries(facts.options).filter((entry) => entry[1] !== undefined)
  return {
    version: facts.version ?? 1,
    sdtool: facts.sdtool,
    operation: facts.operation,
    produced: facts.produced.toISOString(),
    inputs: facts.inputs,
    options: Object.fromEntries(options) as Recipe['options'],
    ...defined({ engine: facts.engine }),
  }
}

/** Readers load the whole header at once, so a recipe stays small beside the list of tensors (some 300 KB for SDXL). */
const MAX_RECIPE_BYTES = 64 * 1024

/** Generations of ancestors worth telling; also what keeps validation from deep recursion. */
const MAX_GENERATIONS = 12

/**
 * The recipe as text. Where it would be longer than 64 KiB, the oldest ancestors are left out, generation by
 * generation, and their descendants say so (`recipeOmitted`).
 */
export function serialiseRecipe(recipe: Recipe): string {
  for (let generations = MAX_GENERATIONS; generations > 0; generations--) {
    const text = JSON.stringify(withGenerations(recipe, generations))
    if (Buffer.byteLength(text) <= MAX_RECIPE_BYTES) return text
  }
  return JSON.stringify(withGenerations(recipe, 0))
}

/** The recipe with at most so many generations of ancestors. */
function withGenerations(recipe: Recipe, generations: number): Recipe {
  const inputs = recipe.inputs.map((input): RecipeInput => {
    if (input.recipe === undefined) return input
    const { recipe: ancestor, ...own } = input
    return generations === 0
      ? { ...own, recipeOmitted: true }
      : { ...own, recipe: withGenerations(ancestor, generations - 1) }
  })
  return { ...recipe, inputs }
}

/** Reads the value of `sdtool.recipe`. Undefined for anything that is not a recipe of this version; never throws. */
export function parseRecipe(text: string | undefined): Recipe | undefined {
  return recipeOf(parseJsonText(text), MAX_GENERATIONS)
}

const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))
const autoV1 = v.pipe(v.string(), v.regex(/^[0-9a-f]{8}$/))

/** What is not as it should be counts as not being there. */
function ifSound<const Schema extends v.GenericSchema>(schema: Schema) {
  return v.fallback(v.optional(schema), undefined)
}

/** Only well-formed hashes: what is looked up on the network later must be hex and nothing else. */
const inputSchema = v.object({
  name: v.string(),
  bytes: v.pipe(v.number(), v.safeInteger()),
  sha256: ifSound(sha256),
  autoV1: ifSound(autoV1),
  autoV3: ifSound(sha256),
  companion: ifSound(v.object({ name: v.string(), sha256 })),
  recipe: v.optional(v.unknown()),
  recipeOmitted: ifSound(v.literal(true)),
})

const recipeSchema = v.object({
  version: v.picklist(VERSIONS),
  sdtool: v.string(),
  operation: v.string(),
  produced: v.string(),
  inputs: v.array(inputSchema),
  // as they are: their operation reads them, and refuses what it does not know
  options: v.custom<JsonObject>((value) => isJsonObject(value as JsonValue)),
  engine: ifSound(v.string()),
})

/** @param generations of ancestors that are read; older ones count as left out */
function recipeOf(value: unknown, generations: number): Recipe | undefined {
  const { success, output } = v.safeParse(recipeSchema, value)
  if (!success) return undefined
  const inputs: RecipeInput[] = []
  for (const { recipe, recipeOmitted, ...own } of output.inputs) {
    const isOmitted = recipeOmitted === true || (recipe !== undefined && generations === 0)
    const ancestor = isOmitted || recipe === undefined ? undefined : recipeOf(recipe, generations - 1)
    if (recipe !== undefined && ancestor === undefined && !isOmitted) return undefined
    inputs.push({ ...defined(own), ...(isOmitted ? { recipeOmitted: true } : defined({ recipe: ancestor })) })
  }
  return defined({ ...output, inputs })
}
