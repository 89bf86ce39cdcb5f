/** JSON data, as it stands in the `sdtool.recipe` metadata value. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue }

export interface RecipeInput {
  /** File name without folders. */
  readonly name: string
  readonly bytes: number
  readonly sha256?: string
  readonly autoV1?: string
  readonly autoV3?: string
  /** How that file was itself made, if sdtool made it. */
  readonly recipe?: Recipe
}

/** How a file was made: the value of the metadata key `sdtool.recipe`. */
export interface Recipe {
  readonly version: 1
  readonly sdtool: string
  /** The verb: `convert`, `prune`. */
  readonly operation: string
  /** ISO 8601. */
  readonly produced: string
  readonly inputs: readonly RecipeInput[]
  readonly options: { readonly [key: string]: JsonValue }
}
