import { basename, extname } from 'node:path'
import { embeddedSettings } from '../../model/adapters/peft/sources.ts'
import type { Identity } from '../../model/identify/identify.ts'
import { carryMetadata, type OutputFacts, sourceFacts } from '../../model/metadata/carry.ts'
import { modelspecId, resolutionOf } from '../../model/metadata/modelspec-facts.ts'
import {
  buildRecipe,
  RECIPE_KEY,
  type RecipeCompanion,
  type RecipeInput,
  type RecipeVersion,
  recipeInput,
  recipeText,
} from '../../model/metadata/recipe.ts'
import { statedOf } from '../../model/metadata/stated.ts'
import { defined } from '../../system/defined.ts'
import type { Hashes, HashName } from '../../system/hash.ts'
import type { JsonValue } from '../../system/json.ts'
import type { Environment } from '../../system/world.ts'
import type { DType } from '../../tensor/values/dtype.ts'
import type { ModelFile } from '../../tensor/values/table.ts'
import { layoutOf } from '../../tensor/write/layout.ts'
import { changesNothing, type Plan } from '../plan.ts'

/**
 * Inputs up to this size are always hashed: LoRAs, VAEs, embeddings, where it takes a second at most. SHA-256 of a
 * 7 GB checkpoint takes 5 to 20 s, several times as long as pruning it, so that is for `--hash`; AutoV1, which needs
 * 64 KiB of any file, always names the input.
 */
const ALWAYS_HASHED_BYTES = 512 * 1024 * 1024

export interface RecipeFacts {
  readonly verb: string
  readonly options: Readonly<Record<string, JsonValue | undefined>>
  /** Of the options; 1 where they are those of the command line. */
  readonly recipeVersion?: RecipeVersion
  /** What computed products of matrices, if there were any. */
  readonly engine?: string
  /** Hash large inputs, too. */
  readonly hash: boolean
  /** What went into the model besides its source, in order. */
  readonly additions?: readonly ModelFile[]
}

/** Metadata of an output whose inputs are hashed while it is written. */
export interface PendingMetadata {
  /** All of it but the hashes: zeros stand for them, so that it has the size of the final metadata. */
  readonly draft: Record<string, string>
  /** Hashes the inputs. */
  finish(
    hash: (model: ModelFile, wanted: readonly HashName[]) => Promise<Hashes>,
  ): Promise<Record<string, string>>
}

/** Metadata of an output: the source's own, the recipe with the inputs' hashes, the modelspec keys. */
export function outputMetadata(
  model: ModelFile,
  identity: Identity,
  plan: Plan,
  outputPath: string,
  operation: RecipeFacts,
  environment: Environment,
): PendingMetadata {
  const models = [model, ...(operation.additions ?? [])]
  const token = identity.embedding?.token
  const source = sourceFacts(token === undefined ? model.extras : { token, ...model.extras })
  const mergedFrom = models.length > 1 ? { mergedFrom: models.map(metadataTitle).join(', ') } : {}
  const facts = { ...outputFacts(model, identity, plan, outputPath), ...mergedFrom }
  return pendingMetadata(
    models,
    { ...source, ...embeddedSettings(model), ...model.metadata },
    facts,
    operation,
    environment,
  )
}

/** What such a file says of itself. */
export interface DerivedMetadata {
  readonly own: Readonly<Record<string, string>>
  readonly facts: Omit<OutputFacts, 'sameData' | 'title'>
}

/** Metadata of a file that is made from others and carries none of theirs on: what it says of itself, the recipe, modelspec. */
export function derivedMetadata(
  inputs: readonly ModelFile[],
  own: Readonly<Record<string, string>>,
  facts: Omit<OutputFacts, 'sameData'>,
  operation: RecipeFacts,
  environment: Environment,
): PendingMetadata {
  return pendingMetadata(inputs, own, { ...facts, sameData: false }, operation, environment)
}

function pendingMetadata(
  models: readonly ModelFile[],
  source: Readonly<Record<string, string>>,
  facts: OutputFacts,
  { verb, options, recipeVersion: version, engine, hash: hashesLarge }: RecipeFacts,
  environment: Environment,
): PendingMetadata {
  const produced = environment.now()
  const metadataWith = (hashes: readonly Hashes[]): Record<string, string> => {
    const inputs = models.map((input, i) => describedInput(input, hashes[i]!))
    const made = { sdtool: environment.version, operation: verb, produced, inputs, options }
    const recipe = buildRecipe({
      ...made,
      ...(version && { version }),
      ...defined({ engine }),
    })
    return carryMetadata(source, recipe, facts)
  }
  const wanted = models.map((input) => wantedHashes(input, hashesLarge))
  return {
    draft: metadataWith(wanted.map(unknownHashes)),
    async finish(hash) {
      const hashes: Hashes[] = []
      // one after the other: the processors are for the tensors
      for (const [i, input] of models.entries()) hashes.push(await hash(input, wanted[i]!))
      return metadataWith(hashes)
    },
  }
}

function describedInput(model: ModelFile, hashes: Hashes): RecipeInput {
  const { path: name, size: bytes } = model.file
  const own = recipeText(model)
  const file = { name, bytes, ...hashes, companion: recipeCompanion(model.companion) }
  return recipeInput(file, own === undefined ? {} : { [RECIPE_KEY]: own })
}

function recipeCompanion(companion: ModelFile['companion']): RecipeCompanion | undefined {
  if (companion?.sha256 === undefined) return undefined
  return { name: companion.name, sha256: companion.sha256 }
}

/** Digits of the hashes that recipes have. */
const DIGITS = { sha256: 64, autoV1: 8, autoV3: 64 } as const

type RecipeHash = keyof typeof DIGITS

function unknownHashes(wanted: readonly RecipeHash[]): Hashes {
  return Object.fromEntries(wanted.map((name) => [name, '0'.repeat(DIGITS[name])]))
}

/** As kohya's `sai_model_spec.py` names what a model is merged from: the title, or else the name of the file. */
function metadataTitle({ file, metadata }: ModelFile): string {
  return metadata['modelspec.title'] || basename(file.path, extname(file.path))
}

/** Small inputs are always hashed in full, large ones only if asked. */
function wantedHashes({ file, shards }: ModelFile, hash: boolean): RecipeHash[] {
  if (shards !== undefined)
    return hash || file.size <= ALWAYS_HASHED_BYTES ? ['sha256', 'autoV1'] : ['autoV1']
  return hash || file.size <= ALWAYS_HASHED_BYTES ? ['sha256', 'autoV1', 'autoV3'] : ['autoV1']
}

/** As modelspec spells them. */
const SPEC_DTYPES: Partial<Record<DType, string>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  F8_E4M3: 'float8_e4m3fn',
  F8_E5M2: 'float8_e5m2',
}

function outputFacts(model: ModelFile, identity: Identity, plan: Plan, outputPath: string): OutputFacts {
  const architecture = modelspecId(identity)
  const resolution = resolutionOf(identity)
  const unetDtype = plannedDtype(identity, plan, 'unet')
  const vaeDtype = plannedDtype(identity, plan, 'vae')
  return {
    sameData: model.format === 'safetensors' && changesNothing(plan) && sameOrder(model, plan),
    title: basename(outputPath, extname(outputPath)),
    ...defined({ architecture, resolution }),
    stated: statedOf(identity),
    ...defined({ unetDtype, vaeDtype }),
  }
}

/** Type of a component in the output; undefined where it is mixed or not there. */
function plannedDtype(identity: Identity, { table }: Plan, role: 'unet' | 'vae'): string | undefined {
  const names = identity.components
    .filter((component) => component.role === role)
    .flatMap(({ names }) => names)
  const dtypes = new Set(names.map((name) => table.tensors.get(name)?.dtype))
  const [only] = dtypes
  return dtypes.size === 1 && only !== undefined ? SPEC_DTYPES[only] : undefined
}

function sameOrder(model: ModelFile, plan: Plan): boolean {
  const written = layoutOf(plan.table).entries.map(({ tensor }) => tensor.name)
  return [...model.tensors.keys()].every((name, i) => name === written[i])
}
