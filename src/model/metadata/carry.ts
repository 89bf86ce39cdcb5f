import { refuse } from '../../system/errors.ts'
import type { PlainValue } from '../../tensor/values/table.ts'
import { PREDICTION_KEYS } from '../identify/prediction-statements.ts'
import { messages } from '../messages.ts'
import { parseRecipe, RECIPE_KEY, type Recipe, serialiseRecipe } from './recipe.ts'

/** What is known of a file that is about to be written. */
export interface OutputFacts {
  /** The bytes after the header are those of the source: same tensors, same order, same types. */
  readonly sameData: boolean
  /** Title for a file that has none: the file name without extension. */
  readonly title?: string
  /** A modelspec architecture id, `stable-diffusion-v1` or `stable-diffusion-v1/lora`; undefined: unknown. */
  readonly architecture?: string
  /** What the model is, wherever that was said: its metadata may be silent, or wrong. */
  readonly stated?: Readonly<Record<string, string>>
  /** Side of the square pictures it was trained for. */
  readonly resolution?: number
  /** `float16`, `bfloat16` ..., as modelspec spells them. */
  readonly unetDtype?: string
  readonly vaeDtype?: string
  /** Titles of all that was merged, with commas between. */
  readonly mergedFrom?: string
}

/** Version of Stability-AI/ModelSpec that the keys follow. */
const MODELSPEC_VERSION = '1.0.1'

/** Hashes of the tensor data that programs store in the file itself. They tell a lie as soon as a tensor changes. */
const HASHES_OF_DATA = ['modelspec.hash_sha256', 'sshs_model_hash', 'sshs_legacy_hash'] as const

/** Types of components, each if it has only one. */
const DTYPE_KEYS = ['modelspec.unet_dtype', 'modelspec.vae_dtype'] as const

/** Where such a hash is kept as what it is then, the hash of an ancestor: sites still find that one by it. */
export const SOURCE_PREFIX = 'sdtool.source.'

/** Facts beside the weights of a pickle are few and short: `epoch`, `global_step`, an embedding's `name` and `step`. */
const MAX_FACTS = 100
const MAX_FACT_LENGTH = 1000

/** A recipe nobody can read any more, for example of a later version. */
const UNREADABLE_RECIPE = 'sdtool.recipe.unreadable'

/** Half of the 100 MB that readers of safetensors allow the header; the list of tensors needs its share. */
const MAX_METADATA_BYTES = 50_000_000

/** Which code runs a model, by its architecture; first match wins. As kohya's `sai_model_spec.py` decides it. */
const IMPLEMENTATIONS: readonly (readonly [architecture: RegExp, implementation: string])[] = [
  [/^flux-1/, 'https://github.com/black-forest-labs/flux'],
  [/^stable-diffusion-v[12]\b.*\/lora$/, 'diffusers'],
  [/^stable-diffusion-/, 'https://github.com/Stability-AI/generative-models'],
]

/**
 * Metadata of an output. Everything the source has is kept, with these exceptions:
 *
 * - hashes of the tensor data go to `sdtool.source.*` unless the data stayed the same; the first one stays there,
 *   as it is the one under which the model was published
 * - `sdtool.recipe` is the recipe of this operation, with the source's recipe inside (`inputs[].recipe`)
 * - `modelspec.unet_dtype` and `vae_dtype` follow the tensors
 * - what is stated of the model takes the place of what the metadata said otherwise, which goes to `sdtool.source.*`
 * - `modelspec.merged_from` of a merge names what was merged now; what that was made from is in the recipe
 *
 * Modelspec keys that are missing are added where that gives all the specification demands; half of it would be
 * worse than none. What a person wrote (title, author, license, date ...) is never replaced.
 * @throws METADATA_TOO_LARGE (exit 3)
 */
export function carryMetadata(
  source: Readonly<Record<string, string>>,
  recipe: Recipe,
  facts: OutputFacts,
): Record<string, string> {
  const { [RECIPE_KEY]: previous, ...kept } = source
  const metadata: Record<string, string> = {
    // transformers refuses safetensors files that do not say what wrote them
    format: 'pt',
    ...modelspecDefaults(source, recipe, facts),
    ...withStatements(facts.sameData ? kept : withoutStaleFacts(kept), facts.stated),
    ...unreadable(previous),
    [RECIPE_KEY]: serialiseRecipe(recipe),
  }
  if (Object.hasOwn(metadata, 'modelspec.architecture')) Object.assign(metadata, dtypes(facts))
  if (facts.mergedFrom !== undefined) metadata['modelspec.merged_from'] = facts.mergedFrom
  checkSize(metadata)
  return metadata
}

/**
 * Plain values that a pickle keeps beside its weights, as metadata `sdtool.source.<key>`: safetensors has no other
 * place for them, and conversion must not lose how far a model was trained, or on what.
 */
export function sourceFacts(extras: Readonly<Record<string, PlainValue>>): Record<string, string> {
  const facts = Object.entries(extras)
    .filter(([, value]) => ['string', 'number', 'bigint', 'boolean'].includes(typeof value))
    .map(([key, value]) => [SOURCE_PREFIX + wellFormed(key), wellFormed(String(value))] as const)
    .filter(([key, value]) => key.length + value.length <= MAX_FACT_LENGTH)
  return Object.fromEntries(facts.slice(0, MAX_FACTS))
}

/** Pickles may hold halves of surrogate pairs; metadata is UTF-8, which cannot. */
function wellFormed(text: string): string {
  return text.replaceAll(/\p{Surrogate}/gu, '\ufffd')
}

/**
 * Metadata for a container that has names of its own where metadata stands: under `sdtool.source.<key>` what would
 * take the place of one.
 */
export function besideStructure(
  metadata: Readonly<Record<string, string>>,
  reserved: ReadonlySet<string>,
): Record<string, string> {
  const moved = Object.entries(metadata).map(([key, value]) => {
    let free = key
    while (reserved.has(free) || (free !== key && Object.hasOwn(metadata, free))) free = SOURCE_PREFIX + free
    return [free, value] as const
  })
  return Object.fromEntries(moved)
}

function unreadable(previous: string | undefined): Record<string, string> {
  return previous === undefined || parseRecipe(previous) !== undefined
    ? {}
    : { [UNREADABLE_RECIPE]: previous }
}

/** Statements in place of what the source said under the same keys, or under another name of one. */
function withStatements(
  source: Readonly<Record<string, string>>,
  stated: OutputFacts['stated'] = {},
): Record<string, string> {
  const kept: Record<string, string> = { ...source }
  const [key, oldKey] = PREDICTION_KEYS
  const meant = Object.hasOwn(stated, key) ? { [oldKey]: stated[key]! } : {}
  for (const [name, value] of Object.entries({ ...stated, ...meant })) {
    const said = Object.hasOwn(source, name) ? source[name]! : value
    if (said === value) continue
    delete kept[name]
    kept[SOURCE_PREFIX + name] ??= said
  }
  return { ...kept, ...stated }
}

/** Without what is no longer true of changed tensors; a type that is no longer one for all must not stay either. */
function withoutStaleFacts(source: Readonly<Record<string, string>>): Record<string, string> {
  const kept: Record<string, string> = { ...source }
  for (const key of HASHES_OF_DATA) {
    const value = kept[key]
    if (value === undefined) continue
    delete kept[key]
    kept[SOURCE_PREFIX + key] ??= value
  }
  for (const key of DTYPE_KEYS) delete kept[key]
  return kept
}

/** What the specification demands and allows, as far as it is known; nothing unless all it demands is. */
function modelspecDefaults(
  source: Readonly<Record<string, string>>,
  recipe: Recipe,
  { architecture: id, resolution, title }: OutputFacts,
): Record<string, string> {
  const architecture = source['modelspec.architecture'] ?? id
  const demanded = {
    'modelspec.sai_model_spec': MODELSPEC_VERSION,
    'modelspec.architecture': architecture,
    'modelspec.implementation': IMPLEMENTATIONS.find(([pattern]) => pattern.test(architecture ?? ''))?.[1],
    'modelspec.title': title,
    'modelspec.resolution': resolution === undefined ? undefined : `${resolution}x${resolution}`,
  }
  const known = Object.entries(demanded).filter((entry): entry is [string, string] => entry[1] !== undefined)
  const isComplete = Object.keys(demanded).every(
    (key) => Object.hasOwn(source, key) || known.some(([name]) => name === key),
  )
  if (!isComplete) return {}
  return {
    ...Object.fromEntries(known),
    'modelspec.date': recipe.produced,
  }
}

function dtypes({ unetDtype, vaeDtype }: OutputFacts): Record<string, string> {
  return {
    ...(unetDtype === undefined ? {} : { 'modelspec.unet_dtype': unetDtype }),
    ...(vaeDtype === undefined ? {} : { 'modelspec.vae_dtype': vaeDtype }),
  }
}

function checkSize(metadata: Readonly<Record<string, string>>): void {
  let bytes = 0
  for (const [key, value] of Object.entries(metadata))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value)
  if (bytes <= MAX_METADATA_BYTES) return
  throw refuse(
    'METADATA_TOO_LARGE',
    messages.metadataTooLarge(bytes, MAX_METADATA_BYTES),
    messages.removeLargest,
  )
}
